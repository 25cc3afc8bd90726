#!/usr/bin/env bash
# User-space instructions per request: the production code from accept to close, replayed over the
# simulated ring (server/examples/replay.rs) under callgrind. Only what runs inside the engine is
# counted, which is where requests are parsed, handled and answered, and the tasks of handlers that wait;
# the simulation is not, and neither is the core's loop around the engine.
#
# Usage: scripts/instructions.sh [FEW MANY]
#        scripts/instructions.sh axum [FEW MANY]
#        scripts/instructions.sh websocket [FEW MANY]
#        scripts/instructions.sh http2 [FEW MANY]
#
# With `axum` it counts one axum application instead (server/examples/replay_axum.rs): over Ringgate, as
# `axum::serve` serves it (hyper's connection, without tokio's loop around it), called alone with requests
# that are made already, and the same answers by handlers of Ringgate.
#
# With `websocket` it counts messages of 64 bytes that a WebSocket sends back (server/examples/replay_websocket.rs).
# With `http2` it counts requests as h2load sends them, one stream at a time and 32 (server/examples/replay_http2.rs).
#
# Without either each pipeline is counted without limits and with `max_threads`, so that the difference is what the
# gate costs a request that finds a free slot; and with an access log, of which the part of the core is counted.
#
# Each figure is the difference of two runs divided by the difference of their requests, so that start
# and end cancel out. The same build gives the same figure, but for a few instructions of the allocator.
set -euo pipefail
cd "$(dirname "$0")/.."

what=plaintext
few=1600 many=17600
if [[ ${1-} == axum ]]; then
    what=axum few=400 many=3600
    shift
elif [[ ${1-} == websocket || ${1-} == http2 ]]; then
    what=$1
    shift
fi
few=${1:-$few}
many=${2:-$many}
if ! [[ $few =~ ^[1-9][0-9]*$ && $many =~ ^[1-9][0-9]*$ ]] || ((few >= many)); then
    echo "usage: scripts/instructions.sh [axum|websocket|http2] [FEW MANY], two numbers of requests, the second larger" >&2
    exit 2
fi
if ! command -v valgrind >/dev/null; then
    echo "valgrind is missing: apt-get install valgrind" >&2
    exit 1
fi

program=replay
[[ $what == axum ]] && program=replay_axum
[[ $what == websocket ]] && program=replay_websocket
[[ $what == http2 ]] && program=replay_http2
cargo build --quiet --release --package ringgate --example "$program"
replay=${CARGO_TARGET_DIR:-target}/release/examples/$program
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# count ARGUMENT...: prints the requests that were answered, and the instructions they took.
count() {
    local out="$scratch/callgrind.$*" log="$scratch/log.$*" answered instructions
    answered=$(valgrind --tool=callgrind --callgrind-out-file="$out" \
        --toggle-collect='*Engine*on_event*' --toggle-collect='*Engine*before_wait*' \
        --toggle-collect='*task*first*Work*poll*' --toggle-collect='*counted_poll*' \
        "$replay" "$@" 2>"$log" | grep -oE '^[0-9]+') || {
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

# each LABEL ARGUMENT...: prints the instructions of a request, the first FEW and the first MANY of them apart.
# The argument `N` stands for the number of requests.
each() {
    local label=$1 requests_few instructions_few requests_many instructions_many
    shift
    read -r requests_few instructions_few <<<"$(count "${@/#N/$few}")"
    read -r requests_many instructions_many <<<"$(count "${@/#N/$many}")"
    awk -v label="$label" -v requests=$((requests_many - requests_few)) \
        -v instructions=$((instructions_many - instructions_few)) 'BEGIN {
            printf "%s %7.1f instructions per request (%d over %d requests)\n",
                label, instructions / requests, instructions, requests
        }'
}

if [[ $what == axum ]]; then
    for scenario in plain json path post; do
        for pipeline in 1 16; do
            for side in ringgate hyper native; do
                each "$(printf '%-5s pipeline %2d, %-8s' $scenario $pipeline $side)" $side $scenario N $pipeline
            done
        done
        each "$(printf '%-5s alone %-16s' $scenario)" alone $scenario N
    done
    exit
fi
if [[ $what == websocket ]]; then
    for pipeline in 1 16; do
        each "$(printf 'pipeline %2d:' $pipeline)" N $pipeline
    done
    exit
fi
if [[ $what == http2 ]]; then
    for streams in 1 32; do
        each "$(printf 'streams %2d:' $streams)" N $streams
    done
    exit
fi
for pipeline in 1 16; do
    for max_threads in 0 64; do
        named=$max_threads
        ((max_threads)) || named=none
        each "$(printf 'pipeline %2d, max_threads %-4s:' $pipeline $named)" N $pipeline $max_threads
    done
    for format in combined json; do
        each "$(printf 'pipeline %2d, access log %-8s:' $pipeline $format)" N $pipeline 0 0 $format
    done
done
