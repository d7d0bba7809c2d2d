#!/usr/bin/env bash
# Formatting, go vet, and golangci-lint with the rules of .golangci.yaml.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(git ls-files -co --exclude-standard '*.go' | xargs -r ls -d 2>/dev/null | xargs -r gofmt -l)
if [[ -n $unformatted ]]; then
  echo "lint: run \`make fmt\`; these files are not formatted:" >&2
  echo "$unformatted" >&2
  exit 1
fi

go vet ./...

# The linter is pinned in a module of its own, so that it weighs on nobody who imports Partita.
mkdir -p bin
go build -C tools -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
bin/golangci-lint run ./...
