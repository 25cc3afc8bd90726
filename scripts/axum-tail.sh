#!/usr/bin/env bash
# The tail of latencies at a fixed rate: the same axum application over axum::serve and over Ringgate, each on one pinned
# CPU, asked for JSON on 64 connections at random times (an open loop, so that each stall is charged for).
#
# Usage: scripts/axum-tail.sh [ROUNDS [RATE]]
#
# Without RATE it is 80 % of what axum::serve answers in a closed loop on the same CPU. Cells of two seconds take turns,
# and each row is the median over its cells, with the range of the 99.9th percentile; `busy` is how much of its CPU the
# server used. Needs two CPUs with nothing else to do: 0 for the servers, 1 for the load.
#
# PEERS and BENCH name the programs, which are built otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-10} rate=${2:-}
if ! [[ $rounds =~ ^[1-9][0-9]*$ && $rate =~ ^[0-9]*$ ]]; then
    echo "usage: scripts/axum-tail.sh [ROUNDS [RATE]], two numbers" >&2
    exit 2
fi
if [[ -z ${PEERS-} ]]; then
    cargo build --quiet --release --manifest-path bench/peers/Cargo.toml
    PEERS=bench/peers/target/release/ringgate-peers
fi
if [[ -z ${BENCH-} ]]; then
    cargo build --quiet --release --package ringgate-bench
    BENCH=${CARGO_TARGET_DIR:-target}/release/ringgate-bench
fi
scratch=$(mktemp -d)
declare -A pid=() port=()
trap 'kill "${pid[@]}" 2>/dev/null || true; rm -rf "$scratch"' EXIT

# A port that is free now.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

for side in axum ringgate-axum; do
    port[$side]=$(free_port)
    taskset -c 0 "$PEERS" "$side" --listen "127.0.0.1:${port[$side]}" >"$scratch/$side.log" 2>&1 &
    pid[$side]=$!
    for _ in {1..100}; do
        curl --silent --fail --max-time 1 -o /dev/null "http://127.0.0.1:${port[$side]}/json" && break
        sleep 0.1
    done
done

# Processor time of a server so far, in milliseconds.
cpu_ms() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000 / hz }' "/proc/${pid[$1]}/stat"
}

# load SIDE FLAG...: one cell; prints one object.
load() {
    local side=$1 before after
    shift
    before=$(cpu_ms "$side")
    "$BENCH" load --url "http://127.0.0.1:${port[$side]}/json" -c 64 -d 2s --warm-up 300ms --cpu 1 --json "$@" >"$scratch/cell"
    after=$(cpu_ms "$side")
    jq -e '.issued == .ok and .issued > 0' "$scratch/cell" >/dev/null || {
        echo "requests failed: $(jq -c '{issued, ok, status, refused, reset, cut, timeout}' "$scratch/cell")" >&2
        exit 1
    }
    jq -c --arg side "$side" --argjson ms "$(awk "BEGIN { print $after - $before }")" \
        '{side: $side, busy: ($ms / 10 / .elapsed_seconds), rps: .requests_per_second} + .latency_us' "$scratch/cell"
}

if [[ -z $rate ]]; then
    load axum >/dev/null
    rate=$(load axum | jq '.rps * 0.8 | floor')
fi
echo "$rate requests a second, $rounds rounds"
for ((round = 0; round < rounds; round++)); do
    sides=(axum ringgate-axum)
    ((round % 2)) && sides=(ringgate-axum axum)
    for side in "${sides[@]}"; do
        load "$side" --rate "$rate" --arrivals random >>"$scratch/cells"
    done
done
jq -s -r 'def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 | . * 10 | round / 10;
    group_by(.side)[] | "\(.[0].side): p50 \(map(.p50) | median) us, p99 \(map(.p99) | median), p99.9 \(map(.p99_9) | median)"
    + " [\(map(.p99_9) | min), \(map(.p99_9) | max)], busy \(map(.busy) | median) %"' "$scratch/cells"
