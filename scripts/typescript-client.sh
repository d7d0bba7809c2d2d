#!/usr/bin/env bash
# Has a public generator, pinned in tools/typescript-client, make a client of an OpenAPI document, compiles a program that uses it, and
# runs that against a server. Usage: typescript-client.sh OPENAPI.json URL TOKEN CUSTOMER
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tool=$root/tools/typescript-client

# The install is shared by all runs and made once, so only one run at a time may look at it.
mkdir -p "$root/build"
exec 9>"$root/build/typescript-client.lock"
flock 9
if ! cmp -s "$tool/package-lock.json" "$tool/node_modules/.installed"; then
  npm ci --prefix "$tool" --no-audit --no-fund --ignore-scripts --loglevel=error >&2
  cp "$tool/package-lock.json" "$tool/node_modules/.installed"
fi
flock -u 9

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$tool"/{package.json,tsconfig.json,use.ts,globals.d.ts} "$work"
ln -s "$tool/node_modules" "$work/node_modules"
cd "$work"
node node_modules/openapi-typescript/bin/cli.js "$1" -o shop.d.ts >&2
node node_modules/typescript/bin/tsc -p tsconfig.json
node use.js "$2" "$3" "$4"
