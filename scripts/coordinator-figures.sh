#!/usr/bin/env bash
# What the coordinator costs and saves, one line a figure: the time to drain with 10,000 idle connections,
# the p99 with and without balance, what a resize adds to the p99, and the p99 of the others while a core
# is blocked. Says what should be and exits with 1 if it is not so. For a quiet machine with two CPUs or
# more: the load generator runs on the same ones.
#
# Usage: scripts/coordinator-figures.sh [SIZE [FIGURE...]]
#        SIZE multiplies windows and connections: 1 takes at most two minutes a figure, 0.1 only shows
#        that it works. FIGURE is drain, balance, resize or blocked; all of them if none is named.
#
# Needs jq and curl. Builds with --release, or takes the binaries from RINGGATE_BIN (a folder).
set -euo pipefail
cd "$(dirname "$0")/.."

size=${1:-1}
figures=("${@:2}")
((${#figures[@]})) || figures=(drain balance resize blocked)
if ! [[ $size =~ ^[0-9]+(\.[0-9]+)?$ ]]; then
    echo "usage: scripts/coordinator-figures.sh [SIZE [drain|balance|resize|blocked]...]" >&2
    exit 2
fi
command -v jq >/dev/null || { echo "jq is missing: apt-get install jq" >&2; exit 1; }
bin=${RINGGATE_BIN:-}
if [[ -z $bin ]]; then
    cargo build --quiet --release --package ringgate --package ringgate-bench
    bin=${CARGO_TARGET_DIR:-target}/release
fi

scratch=$(mktemp -d)
control=$scratch/control.sock
server='' client=''
failed=0
calculate() { awk "BEGIN { $1 }"; }
# scaled WHOLE LEAST: a number times SIZE.
scaled() { calculate "n = int($1 * $size); print n < $2 ? $2 : n"; }
ctl() { "$bin/ringgate" ctl --control "$control" "$@"; }
status() { ctl status --json | jq -r "$1"; }
stop() {
    [[ -z $client ]] || kill "$client" 2>/dev/null || true
    client=''
    [[ -n $server ]] || return 0
    ctl stop >/dev/null 2>&1 || true
    # One with a blocked core ends all the same; its exit code says that it had to cut.
    wait "$server" 2>/dev/null || true
    server=''
}
finish() {
    stop
    rm -rf "$scratch"
}
trap finish EXIT

start() { # ARGUMENTS...
    stop
    # What the last one said is not what this one says.
    : >"$scratch/log"
    "$bin/ringgate" --listen 127.0.0.1:0 --control "$control" --idle-timeout 10m \
        "$@" 2>>"$scratch/log" &
    server=$!
    await 'listening' grep -q 'listening on' "$scratch/log"
    address=$(grep -oE 'http://[0-9.:]+' "$scratch/log" | head -1)
}
# await WHAT COMMAND...: until the command succeeds, at most half a minute.
await() {
    local what=$1 i
    shift
    for ((i = 0; i < 1500; i++)); do
        "$@" && return 0
        sleep 0.02
    done
    echo "not in time: $what; the server's log ends:" >&2
    tail -5 "$scratch/log" >&2
    exit 1
}
has_open() { (($(status .totals.connections.open) >= $1)); }
# load ARGUMENTS...: prints the p99 in microseconds; every request has to be answered.
load() {
    "$bin/ringgate-bench" load --json --timeout 30s "$@" >"$scratch/report" 2>"$scratch/err" || {
        cat "$scratch/err" >&2
        return 1
    }
    jq -e '.issued == .ok' "$scratch/report" >/dev/null || {
        echo "requests failed: $(jq -c '{issued, ok, status, refused, reset, cut, timeout}' "$scratch/report")" >&2
        return 1
    }
    jq .latency_us.p99 "$scratch/report"
}
# median NUMBERS...
median() { printf '%s\n' "$@" | sort -g | awk '{ a[NR] = $1 } END { print (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2 }'; }
# verdict CONDITION TEXT: prints the text, and fails if the condition does not hold.
verdict() {
    if [[ $(calculate "print ($1)") == 1 ]]; then
        echo "$2"
    else
        echo "$2  <-- NOT AS IT SHOULD BE"
        failed=1
    fi
}

drain() {
    local connections grace begin took code
    connections=$(scaled 10000 50)
    for grace in 0s 2s; do
        start --cores 2 --keepalive-grace "$grace"
        "$bin/ringgate-bench" load --url "$address/plaintext" --connections 1 --rate 1 --duration 10m \
            --idle "$connections" --source-addresses 8 >/dev/null 2>"$scratch/err" &
        client=$!
        await "$connections idle connections: $(cat "$scratch/err")" has_open "$connections"
        begin=$EPOCHREALTIME
        ctl drain >/dev/null
        code=0
        wait "$server" || code=$?
        took=$(calculate "printf \"%.0f\", ($EPOCHREALTIME - $begin) * 1000")
        server=''
        verdict "$code == 0 && $took < ${grace%s} * 1000 + 1000" \
            "drain: $connections idle connections, keepalive_grace $grace: $took ms until the process had ended with $code"
        stop
    done
}

# All connections are made while there is one core; then there are two. Each request takes 1 ms of CPU, and
# all of them nine tenths of one core.
balance() {
    local seconds mode p99=() on off spread
    seconds=$(scaled 30 4)
    for mode in off on; do
        start --cores 1 --core-slots 2 --balance "$mode"
        ("$bin/ringgate-bench" load --json --url "$address/spin?ms=1" --connections 64 --rate 900 \
            --duration "$((seconds + 3))s" --warm-up 3s --timeout 30s >"$scratch/$mode.json" 2>"$scratch/err") &
        client=$!
        await "64 connections" has_open 64
        ctl resize 2 --wait >/dev/null
        sleep 2.5
        spread=$(status '[.cores[].connections.open | tostring] | join(" and ")')
        wait "$client" || { cat "$scratch/err" >&2; exit 1; }
        client=''
        p99+=("$(jq .latency_us.p99 "$scratch/$mode.json")")
        jq -e '.issued == .ok and .reconnects == 0' "$scratch/$mode.json" >/dev/null || failed=1
        echo "balance: $mode: connections $spread, p99 $(calculate "printf \"%.2f\", ${p99[-1]} / 1000") ms"
    done
    off=${p99[0]} on=${p99[1]}
    verdict "$on < $off" "balance: p99 with it is $(calculate "printf \"%.2f\", $on / $off") of that without"
}

# How many requests a second are a fifth of what two cores do; its windows are compared with each other.
fifth() {
    load --url "$address/plaintext" --connections 32 --threads 1 --duration "$(scaled 5000 500)ms" >/dev/null
    jq '.requests_per_second / 5 | floor' "$scratch/report"
}

resize() {
    local rate window pairs pair quiet moved differences=() resizes worst
    window=$(scaled 5 1)
    pairs=$(scaled 8 2)
    start --cores 2 --core-slots 2
    rate=$(fifth)
    for ((pair = 0; pair < pairs; pair++)); do
        quiet=$(load --url "$address/plaintext" --connections 64 --rate "$rate" --duration "${window}s")
        (
            for ((n = 0; n < window; n++)); do
                sleep 0.25
                ctl resize 1 --wait >/dev/null
                sleep 0.5
                ctl resize 2 --wait >/dev/null
                sleep 0.1
            done
        ) &
        resizes=$!
        moved=$(load --url "$address/plaintext" --connections 64 --rate "$rate" --duration "${window}s")
        wait "$resizes"
        differences+=("$(calculate "print ($moved - $quiet) / 1000")")
    done
    worst=$(printf '%s\n' "${differences[@]}" | sort -g | tail -1)
    verdict "$(median "${differences[@]}") <= 5" \
        "resize: two a second at $rate requests/s (a fifth of the capacity) add $(median "${differences[@]}") ms to the p99 (median of $pairs pairs of windows; most $worst ms)"
}

blocked() {
    local rate window pairs pair free stuck=() calm=() ratio
    window=$(scaled 5 1)
    pairs=$(scaled 6 2)
    for ((pair = 0; pair < pairs; pair++)); do
        start --cores 2 --core-slots 2
        [[ -n ${rate:-} ]] || rate=$(fifth)
        free=$(load --url "$address/plaintext" --connections 32 --rate "$rate" --duration "${window}s")
        calm+=("$free")
        curl --silent --max-time 600 "$address/block?ms=600000" >/dev/null &
        client=$!
        await "a blocked core that is helped" is_helped
        stuck+=("$(load --url "$address/plaintext" --connections 32 --rate "$rate" --duration "${window}s")")
        stop
    done
    ratio=$(calculate "printf \"%.2f\", $(median "${stuck[@]}") / $(median "${calm[@]}")")
    verdict "$ratio <= 2" \
        "blocked: p99 of the others $(median "${stuck[@]}") us while a core is blocked, $(median "${calm[@]}") us before: $ratio times ($pairs pairs of windows, $rate requests/s)"
}
is_helped() { [[ $(status '[.listeners[].helper_core // empty] | length') -ge 1 ]]; }

for figure in "${figures[@]}"; do
    case $figure in
    drain | balance | resize | blocked) "$figure" ;;
    *) echo "no such figure: $figure; there are drain, balance, resize and blocked" >&2; exit 2 ;;
    esac
done
exit "$failed"
