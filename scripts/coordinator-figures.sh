#!/usr/bin/env bash
# What the coordinator costs and saves, one line a figure: the time to drain with 10,000 idle connections,
# the p99 with and without balance, what its moves cost, what a resize adds to the p99, the p99 of the
# others while a core is blocked, and how soon the old process of an upgrade answers when the new one is
# killed. Says what should be and exits with 1 if it is not so. For a quiet machine with two CPUs or more:
# the load generator runs on the same ones.
#
# Usage: scripts/coordinator-figures.sh [SIZE [FIGURE...]]
#        SIZE multiplies windows, connections and repetitions: 1 takes at most two minutes a figure, 0.1
#        only shows that it works. FIGURE is drain, balance, moves, resize, blocked or killed; all of them
#        if none is named.
#
# Needs jq and curl. Builds with --release, or takes the binaries from RINGGATE_BIN (a folder).
set -euo pipefail
cd "$(dirname "$0")/.."

size=${1:-1}
figures=("${@:2}")
((${#figures[@]})) || figures=(drain balance moves resize blocked killed)
if ! [[ $size =~ ^[0-9]+(\.[0-9]+)?$ ]]; then
    echo "usage: scripts/coordinator-figures.sh [SIZE [drain|balance|moves|resize|blocked|killed]...]" >&2
    exit 2
fi
source scripts/common.sh

server='' client=''
failed=0
calculate() { awk "BEGIN { $1 }"; }
# scaled WHOLE LEAST: a number times SIZE.
scaled() { calculate "n = int($1 * $size); print n < $2 ? $2 : n"; }
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
most() { printf '%s\n' "$@" | sort -g | tail -1; }
milliseconds() { calculate "printf \"%.2f\", $1 / 1000"; } # of microseconds
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

# lopsided MODE IDLE LEFT_OUT LATE SECONDS ARGUMENTS...: a server of one core with --balance MODE and IDLE
# unused connections; an open loop on 64 more for LEFT_OUT + SECONDS; LATE seconds after all are there a
# second core. Sets p99 and slowest (microseconds) of what was due after LEFT_OUT, and spread.
lopsided() {
    local mode=$1 idle=$2 left_out=$3 late=$4 seconds=$5
    shift 5
    start --cores 1 --core-slots 2 --balance "$mode"
    "$bin/ringgate-bench" load --json --url "$address$1" --connections 64 --idle "$idle" --source-addresses 8 \
        --duration "$((left_out + seconds))s" --warm-up "${left_out}s" --timeout 30s "${@:2}" \
        >"$scratch/report" 2>"$scratch/err" &
    client=$!
    await "$((idle + 64)) connections" has_open $((idle + 64))
    sleep "$late"
    ctl resize 2 --wait >/dev/null
    case $mode in
    on) await "an even pool" is_even ;;
    off) sleep 1.5 ;;
    esac
    spread=$(status '[.cores[].connections.open | tostring] | join(" and ")')
    wait "$client" || { cat "$scratch/err" >&2; exit 1; }
    client=''
    jq -e '.issued == .ok and .reconnects == 0' "$scratch/report" >/dev/null || {
        echo "requests failed with balance $mode" >&2
        failed=1
    }
    p99=$(jq .latency_us.p99 "$scratch/report")
    slowest=$(jq .latency_us.max "$scratch/report")
}

is_even() { status '[.cores[].connections.open] | max * 4 <= min * 5' | grep -q true; }

# Four tenths of what two cores can do, all on connections of the first, once those have moved that do. The
# requests block their core and burn nothing: cores that burn CPU would compete with the load generator,
# which spins, for the two CPUs, and balance would seem to be what is slow.
balance() {
    local pairs pair mode p99 slowest spread off=() on=() ratio
    pairs=$(scaled 3 1)
    for ((pair = 0; pair < pairs; pair++)); do
        for mode in off on; do
            lopsided "$mode" 0 3 0 "$(scaled 5 2)" '/block?ms=2' --rate 400 --arrivals random
            case $mode in
            off) off+=("$p99") ;;
            on) on+=("$p99") ;;
            esac
        done
    done
    ratio=$(calculate "printf \"%.2f\", $(median "${on[@]}") / $(median "${off[@]}")")
    verdict "$ratio <= 1" \
        "balance: p99 $(milliseconds "$(median "${on[@]}")") ms with $spread connections, $(milliseconds "$(median "${off[@]}")") ms without balance: $ratio times (medians of $pairs pairs of windows, 400 requests/s of 2 ms on two cores)"
}

# What it costs those that are served while half of many idle connections move.
moves() {
    local pairs pair mode p99 slowest spread idle off worst more=() most=()
    pairs=$(scaled 6 1)
    idle=$(scaled 10000 1000)
    for ((pair = 0; pair < pairs; pair++)); do
        lopsided off "$idle" 1 1 2 /plaintext --rate 1000
        off=$p99 worst=$slowest
        lopsided on "$idle" 1 1 2 /plaintext --rate 1000
        more+=("$(calculate "print ($p99 - $off) / 1000")")
        most+=("$(calculate "print ($slowest - $worst) / 1000")")
    done
    verdict "$(median "${more[@]}") <= 5" \
        "moves: of $idle idle connections to $spread add $(median "${more[@]}") ms to the p99 of the two seconds in which they happen, and $(median "${most[@]}") ms to the slowest (medians of $pairs pairs of windows, 1000 requests/s)"
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
    worst=$(most "${differences[@]}")
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

# The new process of an upgrade is killed once it serves, while the old one has a request to finish: from
# the kill to the first answer that a fresh connection gets. What the dying one accepts dies with it.
killed() {
    local times time new begin refused=0 lost=0 took=() answer
    times=$(scaled 20 3)
    start --cores 2 --graceful-timeout 10m
    curl --silent --max-time 600 "$address/sleep?ms=600000" >/dev/null &
    client=$!
    await "a running request" is_running
    for ((time = 0; time < times; time++)); do
        ctl upgrade >/dev/null
        new=$(status .pid)
        [[ $new != "$server" ]] || { echo "the process is the same after an upgrade" >&2; exit 1; }
        begin=$EPOCHREALTIME
        kill -KILL "$new"
        until answers; do
            [[ -n $answer ]] && lost=$((lost + 1)) || refused=$((refused + 1))
        done
        took+=("$(calculate "printf \"%.1f\", ($EPOCHREALTIME - $begin) * 1000")")
        await "the control socket of the old process" is_back
    done
    verdict "$(most "${took[@]}") <= 100 && $refused == 0" \
        "killed: the old process answered a fresh connection $(median "${took[@]}") ms after the kill of the new one, at most $(most "${took[@]}") ms ($times times; $refused connections refused, $lost accepted by the dying process)"
    stop
}
is_running() { [[ $(status .totals.requests.running) -ge 1 ]]; }
is_back() { [[ $(status .pid 2>/dev/null) == "$server" ]]; }
# One request on a connection of its own, without starting a program. Sets answer: empty if the
# connection was refused.
answers() {
    local at=${address#http://} line=''
    answer=''
    { exec 3<>"/dev/tcp/${at%:*}/${at#*:}"; } 2>/dev/null || return 1
    answer=connected
    printf 'GET /plaintext HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n' >&3 || true
    read -r -t 10 line <&3 2>/dev/null || true
    exec 3>&-
    [[ $line == 'HTTP/1.1 200'* ]]
}

for figure in "${figures[@]}"; do
    case $figure in
    drain | balance | moves | resize | blocked | killed) "$figure" ;;
    *) echo "no such figure: $figure; there are drain, balance, moves, resize, blocked and killed" >&2; exit 2 ;;
    esac
done
exit "$failed"
