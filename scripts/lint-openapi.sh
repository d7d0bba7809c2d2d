#!/usr/bin/env bash
# Checks OpenAPI documents with a public linter, pinned in tools/openapi-lint. Usage: lint-openapi.sh FILE...
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
linter=$root/tools/openapi-lint

# The install is shared by all runs and made once, so only one run at a time may look at it.
mkdir -p "$root/build"
exec 9>"$root/build/openapi-lint.lock"
flock 9
if ! cmp -s "$linter/package-lock.json" "$linter/node_modules/.installed"; then
  npm ci --prefix "$linter" --no-audit --no-fund --ignore-scripts --loglevel=error >&2
  cp "$linter/package-lock.json" "$linter/node_modules/.installed"
fi
flock -u 9

export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
exec node "$linter/node_modules/@redocly/cli/bin/cli.js" lint --config "$linter/redocly.yaml" --format stylish "$@"
