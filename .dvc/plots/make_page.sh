#!/bin/sh
# Makes page.html beside it, the page that `dvc plots` fills; README.md says why.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

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
for package in vega@5.33.1 vega-lite@5.23.0 vega-embed@6.29.0; do
  archive=$(npm pack --silent --pack-destination "$work" "$package")
  printf '<script>\n/*! %s, BSD-3-Clause, (c) University of Washington Interactive Data Lab */\n' \
    "$package" >> page.html
  tar -xzOf "$work/$archive" "package/build/${package%@*}.min.js" \
    | grep -v '^//# sourceMappingURL=' >> page.html
  printf '</script>\n' >> page.html
done
cat >> page.html <<'TAIL'
</head>
<body>
{plot_divs}
</body>
</html>
TAIL
