#!/bin/sh
# Makes page.html, which `dvc plots` fills, of page.css, page.js and the libraries that page.html
# contains. With --libraries also brings those anew, and LICENSES.txt beside them; README.md says why.
set -eu
cd "$(dirname "$0")"
packages="vega@5.33.1 vega-lite@5.23.0 vega-embed@6.29.0"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ "${1:-}" = --libraries ]; then
  # shellcheck disable=SC2086
  npm install --silent --ignore-scripts --prefix "$work" $packages
  for package in $packages; do
    name=${package%@*}
    printf '<script>\n/*! %s, BSD-3-Clause, (c) University of Washington Interactive Data Lab */\n' \
      "$package"
    grep -v '^//# sourceMappingURL=' "$work/node_modules/$name/build/$name.min.js"
    printf '</script>\n'
  done > "$work/libraries.html"
else
  sed -n '/^<!-- libraries -->$/,/^<!-- end of libraries -->$/p' page.html | sed '1d;$d' \
    > "$work/libraries.html"
fi

{
  cat <<'HEAD'
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh_tag}
<title>Waste classifier</title>
<link rel="icon" href="data:,">
HEAD
  printf '<style>\n'
  cat page.css
  printf '</style>\n<!-- libraries -->\n'
  cat "$work/libraries.html"
  printf '<!-- end of libraries -->\n<script>\n'
  cat page.js
  printf '</script>\n</head>\n<body>\n{plot_divs}\n</body>\n</html>\n'
} > "$work/page.html"
mv "$work/page.html" page.html
[ "${1:-}" = --libraries ] || exit 0

# What a build contains of other packages stands in its source map.
node - "$work/node_modules" $packages > LICENSES.txt <<'JS'
const fs = require("fs");
const [modules, ...packages] = process.argv.slice(2);
const names = new Set();
for (const name of packages.map((text) => text.split("@")[0])) {
  names.add(name);
  const map = JSON.parse(fs.readFileSync(`${modules}/${name}/build/${name}.min.js.map`));
  for (const source of map.sources) {
    const found = source.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/);
    if (found) names.add(found[1]);
  }
}
console.log("page.html contains these packages, unchanged but for source map comments.");
console.log("All that are called vega are of one project, under the licence printed for vega-lite.");
for (const name of [...names].sort()) {
  const folder = `${modules}/${name}`;
  const { version, license, author } = JSON.parse(fs.readFileSync(`${folder}/package.json`));
  const file = fs.readdirSync(folder).find((entry) => /^licen[sc]e/i.test(entry));
  console.log(`\n${"-".repeat(80)}\n${name} ${version}, ${license}\n`);
  if (file) console.log(fs.readFileSync(`${folder}/${file}`, "utf8").trim());
  else console.log(`No licence file of its own; by ${author.name || author}.`);
}
JS
