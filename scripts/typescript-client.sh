#!/usr/bin/env bash
# Has a public generator, pinned in tools/typescript-client, make a client of an OpenAPI document, compiles a program that uses it, and
# runs that against a server. Usage: typescript-client.sh OPENAPI.json URL TOKEN CUSTOMER
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tool=$root/tools/typescript-client
"$root/scripts/npm-install.sh" typescript-client

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$tool"/{package.json,tsconfig.json,use.ts,globals.d.ts} "$work"
ln -s "$tool/node_modules" "$work/node_modules"
cd "$work"
node node_modules/openapi-typescript/bin/cli.js "$1" -o shop.d.ts >&2
node node_modules/typescript/bin/tsc -p tsconfig.json
node use.js "$2" "$3" "$4"
