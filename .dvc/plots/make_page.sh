#!/bin/sh
# Makes page.html, which `dvc plots` fills, and LICENSES.txt beside it; README.md says why.
set -eu
cd "$(dirname "$0")"
packages="vega@5.33.1 vega-lite@5.23.0 vega-embed@6.29.0"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2086
npm install --silent --ignore-scripts --prefix "$work" $packages

cat > page.html <<'HEAD'
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>Plots</title>
<style>
body { font-family: sans-serif; margin: 1.5em; }
body > div { margin-bottom: 1.5em; overflow-x: auto; }
</style>
HEAD
for package in $packages; do
  name=${package%@*}
  printf '<script>\n/*! %s, BSD-3-Clause, (c) University of Washington Interactive Data Lab */\n' \
    "$package" >> page.html
  grep -v '^//# sourceMappingURL=' "$work/node_modules/$name/build/$name.min.js" >> page.html
  printf '</script>\n' >> page.html
done
cat >> page.html <<'TAIL'
</head>
<body>
{plot_divs}
</body>
</html>
TAIL

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
