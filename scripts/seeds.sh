#!/usr/bin/env bash
# Plays very many seeds of every simulation, in parallel and with all assertions (docs/proof.md).
#   scripts/seeds.sh [ci | full | COUNT | build] [FIRST]
# ci: 10^5 in all; full: 10^7; build: none yet. FIRST: the first seed (1). JOBS: processes at a time (one a CPU).
# Says how many were played in how long, and in which states which events have never come.
# Exit code 1: a seed failed, and the output says how to play it again; 2: in 10^5 seeds or more an event has never come in a
# state, though server/tests/unvisited.txt does not excuse it.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-ci} in
ci) count=100000 ;;
full) count=10000000 ;;
build) count=0 ;;
*[!0-9]*) sed -n '3,7s/^# *//p' "$0" >&2 && exit 64 ;;
*) count=$1 ;;
esac
first=${2:-1}

# test binary, test, and its part of all seeds
simulations=(
    'simulation whatever_goes_wrong 25'
    'simulation whatever_is_short 5'
    'simulation an_accept_that_is_to_be_tried_again 3'
    'simulated_baton listeners_that_move_at_random 12'
    'simulated_ends large_bodies_arrive_whole 5'
    'simulated_gate whatever_happens 22'
    'simulated_inquiries no_connection_that_moves_at_random 12'
    'simulated_sender what_was_taken_comes_before 6'
    'simulated_streams whatever_clients_do 4'
    'simulated_streams whatever_happens_to_connections 4'
    'simulated_world whatever_happens_to_everybody 3'
)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/visited" "$scratch/logs"

tests=(--test visited)
for binary in $(printf '%s\n' "${simulations[@]}" | cut -d' ' -f1 | sort -u); do
    tests+=(--test "$binary")
done
if ! cargo test --locked --profile seeds --package ringgate "${tests[@]}" --no-run 2>"$scratch/build.log"; then
    cat "$scratch/build.log"
    exit 1
fi
((count)) || exit 0
# Executable tests/simulated_gate.rs (target/seeds/deps/simulated_gate-0123456789abcdef)
declare -A program
while IFS=/ read -r name path; do
    program[$name]=$path
done < <(sed -nE 's|^ *Executable tests/([a-z0-9_]+)(/main)?\.rs \((.*)\)$|\1/\3|p' "$scratch/build.log")

parts=$(printf '%s\n' "${simulations[@]}" | awk '{ sum += $3 } END { print sum }')
batches=$scratch/batches
for line in "${simulations[@]}"; do
    read -r name test part <<<"$line"
    last=$((first + (count * part + parts - 1) / parts - 1))
    # What a process plays before the next begins.
    batch=$(((last - first) / 20 + 1))
    ((batch >= 100)) || batch=100
    for ((from = first; from <= last; from += batch)); do
        echo "${program[$name]} $test $from $((from + batch <= last ? from + batch - 1 : last))"
    done
done | shuf --random-source=<(yes) >"$batches"

began=$SECONDS
play() {
    local log
    log=$scratch/logs/$(basename "$1" | cut -d- -f1).$2.$3
    RINGGATE_TEST_SEEDS="$3-$4" RINGGATE_TEST_VISITED="$scratch/visited/$$" \
        "$1" --nocapture "$2" >"$log" 2>&1 && grep -q '^played ' "$log" && rm "$log" && return
    mv "$log" "$log.failed"
    # So that xargs ends.
    return 255
}
export -f play
export scratch
status=0
# Those that run already end by themselves.
xargs -P "${JOBS:-$(nproc)}" -L 1 bash -c 'play "$@"' play <"$batches" 2>"$scratch/xargs.log" || status=1
took=$((SECONDS - began))
if ((status)); then
    for log in "$scratch"/logs/*.failed; do
        echo "$log" | sed -E 's|.*/([a-z0-9_]+)\.([a-z0-9_]+)\..*|failed: --test \1 \2|'
        tail -n 40 "$log"
    done
    exit 1
fi
awk -v took="$took" '{ seeds[$2] += $4 - $3 + 1; all += $4 - $3 + 1 }
    END { for (test in seeds) printf "%10d  %s\n", seeds[test], test; printf "%10d  seeds in %d s\n", all, took }' \
    "$batches" | sort -k2
RINGGATE_TEST_VISITED="$scratch/visited" "${program[visited]}" --nocapture || {
    # Fewer seeds come to fewer states.
    ((count < 100000)) || exit 2
}
