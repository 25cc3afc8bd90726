#!/usr/bin/env bash
# User-space instructions per request: the production code from accept to close, played over the
# simulated ring (`ringgate-bench replay`) under callgrind. Only the engine's work on events is
# counted, which is where requests are parsed, handled and answered, and the tasks of handlers that wait;
# the simulation is not, and neither is the core's loop around the engine. What that costs is told apart, as `turn`: the
# turns of a core between the events and the ring, without either. One request at a time takes two turns; a busy core
# shares each among all that has come meanwhile.
#
# Usage: scripts/instructions.sh [FEW MANY]
#        scripts/instructions.sh check
#        scripts/instructions.sh axum [FEW MANY]
#        scripts/instructions.sh websocket [FEW MANY]
#        scripts/instructions.sh http2 [FEW MANY]
#
# With `check` it counts what scripts/instructions.txt holds figures of, and fails if one of them is more than 2 %
# above its figure there. That is what CI runs; binaries are taken from RINGGATE_BIN (a folder) if it is set.
#
# With `axum` it counts one axum application instead (server/examples/replay_axum.rs): over Ringgate, as
# `axum::serve` serves it (hyper's connection, without tokio's loop around it), called alone with requests
# that are made already, and the same answers by handlers of Ringgate.
#
# With `websocket` it counts messages of 64 bytes that a WebSocket sends back (server/examples/replay_websocket.rs).
# With `http2` it counts requests as h2load sends them, one stream at a time and 32.
#
# Without any of these each pipeline is counted without limits and with `max_threads`, so that the difference is what
# the gate costs a request that finds a free slot; and with what operators switch on: an access log, of which the part
# of the core is counted, a rate, a trusted proxy by its field and by its PROXY header, ids.
#
# Each figure is the difference of two runs divided by the difference of their requests, so that start
# and end cancel out. The same build gives the same figure, but for a few instructions of the allocator.
set -euo pipefail
cd "$(dirname "$0")/.."

what=http1
few=1600 many=17600
case ${1-} in
    axum)
        what=axum few=400 many=3600
        shift
        ;;
    check)
        what=check few=640 many=3840
        shift
        ;;
    websocket | http2)
        what=$1
        shift
        ;;
esac
few=${1:-$few}
many=${2:-$many}
if ! [[ $few =~ ^[1-9][0-9]*$ && $many =~ ^[1-9][0-9]*$ ]] || ((few >= many)); then
    echo "usage: scripts/instructions.sh [check|axum|websocket|http2] [FEW MANY], two numbers of requests, the second larger" >&2
    exit 2
fi
if ! command -v valgrind >/dev/null; then
    echo "valgrind is missing: apt-get install valgrind" >&2
    exit 1
fi

case $what in
    axum | websocket)
        cargo build --quiet --release --package ringgate --example "replay_$what"
        replay=("${CARGO_TARGET_DIR:-target}/release/examples/replay_$what")
        ;;
    *)
        bin=${RINGGATE_BIN:-}
        if [[ -z $bin ]]; then
            cargo build --quiet --release --package ringgate-bench
            bin=${CARGO_TARGET_DIR:-target}/release
        fi
        replay=("$bin/ringgate-bench" replay)
        ;;
esac
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# What is counted: from these functions on until they return, and within them not from these on. Patterns that begin alike up
# to a star hide each other (valgrind 3.19), so the turn's functions have their full names.
of_requests=(--toggle-collect='*Engine*on_event*' --toggle-collect='*task*first*Work*poll*' --toggle-collect='*counted_poll*')
of_turns=(--toggle-collect='ringgate_runtime::core::turn::<impl ringgate_runtime::core::Core>::turn'
    --toggle-collect='<ringgate::connection::engine::Engine as ringgate_runtime::core::event::Sink>::on_event'
    --toggle-collect='ringgate_runtime::driver::simulated::ring::SimulatedDriver::enter'
    --toggle-collect='ringgate_runtime::driver::simulated::ring::SimulatedDriver::completions')
counted=("${of_requests[@]}")

# count ARGUMENT...: prints the requests that were answered, and the instructions they took.
count() {
    local out="$scratch/callgrind.$*" log="$scratch/log.$*" answered instructions
    answered=$(valgrind --tool=callgrind --callgrind-out-file="$out" "${counted[@]}" \
        "${replay[@]}" "$@" 2>"$log" | grep -oE '^[0-9]+') || {
        cat "$log" >&2
        exit 1
    }
    instructions=$(awk '$1 == "summary:" || $1 == "totals:" { print $2; exit }' "$out")
    if [[ -z $instructions || $instructions == 0 ]]; then
        echo "callgrind saw nothing of the engine: was on_event, or the turn of a core, renamed or inlined?" >&2
        exit 1
    fi
    echo "$answered $instructions"
}

# per_request ARGUMENT...: prints the instructions of a request, and how many over how many requests that are, the first
# FEW and the first MANY of them apart. The argument `N` stands for the number of requests.
per_request() {
    local requests_few instructions_few requests_many instructions_many
    read -r requests_few instructions_few <<<"$(count "${@/#N/$few}")"
    read -r requests_many instructions_many <<<"$(count "${@/#N/$many}")"
    awk -v requests=$((requests_many - requests_few)) -v instructions=$((instructions_many - instructions_few)) \
        'BEGIN { printf "%.1f %d %d\n", instructions / requests, instructions, requests }'
}

# each LABEL ARGUMENT...: the same as a line to be read.
each() {
    local label=$1 figure instructions requests
    shift
    read -r figure instructions requests <<<"$(per_request "$@")"
    printf '%s %7.1f instructions per request (%d over %d requests)\n' "$label" "$figure" "$instructions" "$requests"
}

if [[ $what == check ]]; then
    figures=scripts/instructions.txt
    lines=$(grep -v '^#' "$figures")
    while read -r _ arguments; do
        # shellcheck disable=SC2086 # they are words
        per_request $arguments >"$scratch/figure.$arguments" &
    done <<<"$lines"
    wait
    failed=0
    while read -r before arguments; do
        read -r now _ <"$scratch/figure.$arguments"
        printf '%-16s %7.1f, was %s\n' "$arguments" "$now" "$before"
        if awk "BEGIN { exit !($now > $before * 1.02) }"; then
            failed=1
        elif awk "BEGIN { exit !($now < $before * 0.98) }"; then
            echo "  less than before: write $now into $figures, so that it stays"
        fi
    done <<<"$lines"
    if ((failed)); then
        echo "a request costs more than 2 % more instructions than $figures says: make it cheaper, or say there what it" \
            "costs now and in the commit what for" >&2
    fi
    exit "$failed"
fi
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
        each "$(printf 'streams %2d:' $streams)" http2 N $streams
    done
    counted=("${of_turns[@]}")
    for streams in 1 32; do
        each "$(printf 'streams %2d, turn:' $streams)" http2 N $streams
    done
    exit
fi
for pipeline in 1 16; do
    for options in '' '--max-threads 64' '--access-log combined' '--access-log json' '--request-rate' \
        '--forwarded' '--forwarded --request-rate' '--proxy-header' '--proxy-header --request-rate' '--request-id' '--access-log combined --request-id'; do
        # shellcheck disable=SC2086 # they are words
        each "$(printf 'pipeline %2d %-36s' $pipeline "$options")" http1 N $pipeline $options
    done
done
counted=("${of_turns[@]}")
for pipeline in 1 16; do
    each "$(printf 'pipeline %2d %-36s' $pipeline turn)" http1 N $pipeline
done
