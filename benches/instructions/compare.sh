#!/usr/bin/env bash
# Counts the instructions of the hot paths at another commit, then here, and fails where it takes over 5 % more here.
set -euo pipefail
cd "$(dirname "$0")/../.."
base=$(git rev-parse --verify "$1^{commit}")
work=$PWD/target/instructions
export CARGO_TARGET_DIR=$work/build GUNGRAUN_HOME=$work/results
# Whole-program optimization takes longest of all and matters to both alike.
count() {
    cargo bench --quiet --locked --config 'profile.bench.lto="off"' --config profile.bench.codegen-units=16 \
        -p discovery-bench --bench instructions -- "$@"
}

rm -rf "$work/base" "$work/results"
mkdir -p "$work/base"
git archive "$base" | tar -x -C "$work/base"
if [ ! -e "$work/base/benches/instructions" ]; then
    echo "$base counts no instructions yet, so there is nothing to compare with"
    count
    exit
fi
(cd "$work/base" && count --save-baseline=base)
# Both trees look alike to Cargo: what was built of the one must not pass for the other.
members=$(cargo tree --workspace --depth 0 --prefix none --format '{p}' | sed -n 's/^\(discovery[^ ]*\) .*/-p \1/p')
# shellcheck disable=SC2086 # one word each
cargo clean --quiet --release $members
count --baseline=base --callgrind-limits='ir=5%'
