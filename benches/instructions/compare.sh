#!/usr/bin/env bash
# Counts the instructions of the hot paths at another commit, then here, and fails where it takes over 5 % more here.
# Without an argument that commit is the one where HEAD left origin/main, or HEAD's first parent where it never did;
# of a shallow clone the parent is fetched. Where there is none, the counts are shown and compared with nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

commit() {
    git rev-parse --quiet --verify "$1^{commit}" 2>/dev/null
}

left_main() {
    local fork
    fork=$(git merge-base origin/main HEAD 2>/dev/null) && [ "$fork" != "$(commit HEAD)" ] && echo "$fork"
}

parent() {
    commit HEAD^1 || { git fetch --quiet --deepen=1 2>/dev/null && commit HEAD^1; }
}

work=$PWD/target/instructions
export CARGO_TARGET_DIR=$work/build GUNGRAUN_HOME=$work/results
# Whole-program optimization takes longest of all and matters to both alike.
count() {
    cargo bench --quiet --locked --config 'profile.bench.lto="off"' --config profile.bench.codegen-units=16 \
        -p discovery-bench --bench instructions -- "$@"
}

rm -rf "$work/base" "$work/results"
if [ -n "${1-}" ]; then
    base=$(commit "$1") || { echo "there is no commit $1" >&2; exit 1; }
elif ! base=$(left_main || parent); then
    echo "there is no commit before this one, so there is nothing to compare with"
    count
    exit
fi
if git diff --quiet "$base" -- '*.rs' '*Cargo.toml' Cargo.lock && [ -z "$(git ls-files --others --exclude-standard '*.rs')" ]; then
    echo "nothing that is compiled has changed since $base"
    exit
fi
mkdir -p "$work/base"
git archive "$base" | tar -x -C "$work/base"
if [ ! -e "$work/base/benches/instructions" ]; then
    echo "$base counts no instructions yet, so there is nothing to compare with"
    count
    exit
fi
echo "comparing with $(git log -1 --format='%h %s' "$base")"
(cd "$work/base" && count --save-baseline=base)
# Both trees look alike to Cargo: what was built of the one must not pass for the other.
members=$(cargo tree --workspace --depth 0 --prefix none --format '{p}' | sed -n 's/^\(discovery[^ ]*\) .*/-p \1/p')
# shellcheck disable=SC2086 # one word each
cargo clean --quiet --release $members
count --baseline=base --callgrind-limits='ir=5%'
