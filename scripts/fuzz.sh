#!/usr/bin/env bash
# Fuzzes the parsers with libFuzzer (docs/fuzzing.md), on the stable toolchain and with all assertions. The parsers hold no
# unsafe code, so AddressSanitizer, which is what a nightly toolchain is otherwise needed for, is left out.
#
# Usage: scripts/fuzz.sh [build | SECONDS] [TARGET...]
#        SECONDS: how long each target runs (default 8, as in CI). build: none yet. TARGET: all by default.
# JOBS: targets at a time (one a CPU). KEEP=1: what reached new code joins server/fuzz/corpus.
#
# Prints how many inputs each target was given. Ends with 1 if one failed: the input is then in target/fuzz/failed, and
# the output says how to give it again.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-8}
shift || true
case $seconds in
build) seconds=0 ;;
'' | *[!0-9]*) sed -n '5,7s/^# *//p' "$0" >&2 && exit 64 ;;
esac
mapfile -t all < <(sed -nE 's|^path = "fuzz_targets/(.*)\.rs"$|\1|p' server/fuzz/Cargo.toml)
(($#)) || set -- "${all[@]}"

CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}/fuzz")
export CARGO_TARGET_DIR
host=$(rustc -vV | sed -n 's/^host: //p')
# What libFuzzer learns from, as LLVM's SanitizerCoverage puts it into the code. Named for the host, so that build
# scripts and macros go without.
coverage=(--cfg=fuzzing -Cdebug-assertions -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4)
coverage+=(-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table)
coverage+=(-Cllvm-args=-sanitizer-coverage-trace-compares)
RUSTFLAGS="${RUSTFLAGS:-} ${coverage[*]}" \
    cargo build --locked --release --target "$host" --manifest-path server/fuzz/Cargo.toml "${@/#/--bin=}"
((seconds)) || exit 0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The corpus of a target is kept in one archive.
for target; do
    mkdir -p "$scratch/$target/known" "$scratch/$target/new"
    if [[ -e server/fuzz/corpus/$target.tar.gz ]]; then
        tar -xzf "server/fuzz/corpus/$target.tar.gz" -C "$scratch/$target/known"
    fi
    if [[ -d server/fuzz/seeds/$target ]]; then
        cp server/fuzz/seeds/"$target"/* "$scratch/$target/known"
    fi
done

failed=$CARGO_TARGET_DIR/failed
export scratch seconds failed programs="$CARGO_TARGET_DIR/$host/release"
mkdir -p "$failed"
fuzz() {
    local kept=server/fuzz/corpus/$1.tar.gz dictionary=server/fuzz/http.dict log=$scratch/$1/log
    [[ ! -e server/fuzz/$1.dict ]] || dictionary=server/fuzz/$1.dict
    if ! "$programs/$1" -dict="$dictionary" -max_len=4096 -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=1024 -artifact_prefix="$failed/$1-" -print_final_stats=1 -verbosity=1 \
        "$scratch/$1/new" "$scratch/$1/known" >"$log" 2>&1; then
        grep -vE '^#[0-9]|^MS:|^INFO|^"' "$log" | tail -n 40
        echo "failed: $1; again: $programs/$1 $(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)"
        return 1
    fi
    awk -v target="$1" '$1 == "stat::number_of_executed_units:" { units = $2 } $1 ~ /^#/ { for (i = 3; i < NF; i++) {
        if ($i == "cov:") cov = $(i + 1); if ($i == "corp:") corp = $(i + 1) } }
        END { printf "%12d inputs  %6d edges  %s of corpus  %s\n", units, cov, corp, target }' "$log"
    [[ ${KEEP:-} == 1 ]] || return 0
    mkdir -p "$scratch/$1/merged" server/fuzz/corpus
    "$programs/$1" -merge=1 -max_len=4096 "$scratch/$1/merged" "$scratch/$1/known" "$scratch/$1/new" >>"$log" 2>&1
    tar -C "$scratch/$1/merged" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - . | gzip -9n >"$kept"
}
export -f fuzz
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -I{} bash -euo pipefail -c 'fuzz {}' || exit 1
