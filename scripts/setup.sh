#!/usr/bin/env bash
# Installs what the tests need and this machine lacks. Does nothing where all is there.
set -euo pipefail

declare -A package=(
  [chromium]=chromium      # the page's tests look at it in a real browser
  [promtool]=prometheus    # checks what /metrics says
  [node]=nodejs            # runs the OpenAPI linter
  [npm]=npm                # fetches the OpenAPI linter
  [gcc]=gcc                # the race detector needs cgo
  [curl]=curl              # the README's tour
  [git]=git
  [redis-server]=redis-server  # the shared cache
  [haproxy]=haproxy        # the balancer of examples/compose
  [initdb]=postgresql      # the store of many nodes
)

# has tells whether a tool is there. Debian keeps PostgreSQL's server outside the PATH.
has() {
  command -v "$1" >/dev/null && return
  [[ $1 == initdb ]] && compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

command -v go >/dev/null || {
  echo "setup: Go is missing. Install Go $(sed -n 's/^go //p' go.mod) or newer from https://go.dev/dl/." >&2
  exit 1
}

missing=()
for tool in "${!package[@]}"; do
  has "$tool" || missing+=("${package[$tool]}")
done
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
  echo "setup: these are missing and there is no apt-get here; install them by hand: ${missing[*]}" >&2
  exit 1
fi
if ((EUID)); then
  echo "setup: these are missing; run as root: apt-get install -y ${missing[*]}" >&2
  exit 1
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

for tool in "${!package[@]}"; do
  has "$tool" || { echo "setup: ${package[$tool]} was installed, but $tool is still not found." >&2; exit 1; }
done
