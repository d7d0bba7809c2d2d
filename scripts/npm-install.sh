#!/usr/bin/env bash
# Installs the npm packages that a folder of tools/ pins, where they are not there yet. Usage: npm-install.sh FOLDER
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tool=$root/tools/$1

# The install is shared by all runs and made once, so only one run at a time may look at it.
mkdir -p "$root/build"
exec 9>"$root/build/$1.lock"
flock 9
if ! cmp -s "$tool/package-lock.json" "$tool/node_modules/.installed"; then
  npm ci --prefix "$tool" --no-audit --no-fund --ignore-scripts --loglevel=error >&2
  cp "$tool/package-lock.json" "$tool/node_modules/.installed"
fi
