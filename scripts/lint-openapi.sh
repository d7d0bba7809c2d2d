#!/usr/bin/env bash
# Checks OpenAPI documents with a public linter, pinned in tools/openapi-lint. Usage: lint-openapi.sh FILE...
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
linter=$root/tools/openapi-lint
"$root/scripts/npm-install.sh" openapi-lint

export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
exec node "$linter/node_modules/@redocly/cli/bin/cli.js" lint --config "$linter/redocly.yaml" --format stylish "$@"
