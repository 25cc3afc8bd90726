#!/usr/bin/env bash
# User-space instructions per request: the production code from accept to close, replayed over the
# simulated ring (server/examples/replay.rs) under callgrind. Only what runs inside the engine is
# counted, which is where requests are parsed, handled and answered; the simulation is not, and neither
# is the core's loop around the engine.
#
# Usage: scripts/instructions.sh [FEW MANY]
#
# Each pipeline is counted without limits and with `max_threads`, so that the difference is what the
# gate costs a request that finds a free slot.
#
# Each figure is the difference of two runs divided by the difference of their requests, so that start
# and end cancel out. The same build gives the same figure, but for a few instructions of the allocator.
set -euo pipefail
cd "$(dirname "$0")/.."

few=${1:-1600}
many=${2:-17600}
if ! [[ $few =~ ^[1-9][0-9]*$ && $many =~ ^[1-9][0-9]*$ ]] || ((few >= many)); then
    echo "usage: scripts/instructions.sh [FEW MANY], two numbers of requests, the second larger" >&2
    exit 2
fi
if ! command -v valgrind >/dev/null; then
    echo "valgrind is missing: apt-get install valgrind" >&2
    exit 1
fi

cargo build --quiet --release --package ringgate --example replay
replay=${CARGO_TARGET_DIR:-target}/release/examples/replay
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# count REQUESTS PIPELINE MAX_THREADS: prints the requests that were answered, and the instructions they took.
count() {
    local out="$scratch/callgrind.$1.$2.$3" log="$scratch/log.$1.$2.$3" answered instructions
    answered=$(valgrind --tool=callgrind --callgrind-out-file="$out" \
        --toggle-collect='*Engine*on_event*' --toggle-collect='*Engine*before_wait*' \
        "$replay" "$1" "$2" "$3" 2>"$log" | grep -oE '^[0-9]+') || {
        cat "$log" >&2
        exit 1
    }
    instructions=$(awk '$1 == "summary:" || $1 == "totals:" { print $2; exit }' "$out")
    if [[ -z $instructions || $instructions == 0 ]]; then
        echo "callgrind saw nothing of the engine: were on_event and before_wait renamed or inlined?" >&2
        exit 1
    fi
    echo "$answered $instructions"
}

for pipeline in 1 16; do
    for max_threads in 0 64; do
        read -r requests_few instructions_few <<<"$(count "$few" "$pipeline" "$max_threads")"
        read -r requests_many instructions_many <<<"$(count "$many" "$pipeline" "$max_threads")"
        awk -v pipeline="$pipeline" -v max_threads="$max_threads" \
            -v requests=$((requests_many - requests_few)) \
            -v instructions=$((instructions_many - instructions_few)) 'BEGIN {
                printf "pipeline %2d, max_threads %-4s %7.1f instructions per request (%d over %d requests)\n",
                    pipeline, (max_threads ? max_threads : "none") ":", instructions / requests,
                    instructions, requests
            }'
    done
done
