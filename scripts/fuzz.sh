#!/usr/bin/env bash
# Fuzzes every parser: each Fuzz function that there is, for a share of the time, 60 s in all or as
# FUZZ_SECONDS says. To build counts too, but each gets a second at least. What it finds is written to
# the package's testdata/fuzz, and fails from then on.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-60}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

targets=() # of the form PACKAGE FUNCTION
for dir in $(git grep -lE '^func Fuzz[A-Z]' -- '*_test.go' ':!bench' | xargs -n1 dirname | sort -u); do
  program=$work/${dir//\//_}.test
  go test -c -fuzz=. -o "$program" "./$dir" # once for all functions of the package
  for name in $(cd "$dir" && "$program" -test.list '^Fuzz' | grep '^Fuzz'); do
    targets+=("$dir $name $program")
  done
done
if [[ ${#targets[@]} -lt 20 ]]; then
  echo "fuzz: only ${#targets[@]} functions were found: the search for them is broken" >&2
  exit 1
fi
share=$(((seconds - SECONDS) * 1000 / ${#targets[@]}))
share=$((share < 1000 ? 1000 : share))ms
echo "fuzz: ${#targets[@]} functions, $share each"
mkdir -p bin/fuzz
for target in "${targets[@]}"; do
  read -r dir name program <<<"$target"
  cache=$PWD/bin/fuzz/${dir//\//_}
  mkdir -p "$cache"
  if ! out=$(cd "$dir" && "$program" -test.run='^$' -test.fuzz="^$name\$" -test.fuzztime="$share" -test.fuzzminimizetime=5s -test.fuzzcachedir="$cache" -test.parallel=2 2>&1); then
    if grep -q 'context deadline exceeded' <<<"$out" && ! grep -q 'testdata/fuzz' <<<"$out"; then
      continue # its time was over in the middle of a try: nothing was found
    fi
    echo "$out"
    echo "fuzz: $name in ./$dir found a fault; what was put in is in $dir/testdata/fuzz" >&2
    exit 1
  fi
  echo "fuzz: $dir $name $(grep -oE 'execs: [0-9]+' <<<"$out" | tail -1)"
done
