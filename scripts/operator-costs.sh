#!/usr/bin/env bash
# What each convenience of operators costs a request: processor time of the whole server, user and kernel, with one option
# against the same server without it, in rounds that take turns; nginx with and without its access log beside it.
#
# Usage: scripts/operator-costs.sh [ROUNDS [SECONDS]]
#
# One worker on CPU 0 each, the load on CPU 1 (32 connections, GET /plaintext). The access logs go to files on the disk of
# TMPDIR. Rows are medians over the rounds: processor time a request, its ratio to the same server without the option in
# the same round with the range of these, requests a second, and for access logs the lines that are missing. Needs two
# CPUs with nothing else to do, jq, and nginx for its two rows.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-10} seconds=${2:-2}
if ! [[ $rounds =~ ^[1-9][0-9]*$ && $seconds =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: scripts/operator-costs.sh [ROUNDS [SECONDS]], two numbers" >&2
    exit 2
fi
source scripts/common.sh
declare -A pid=() port=() log=()
trap 'kill "${pid[@]}" 2>/dev/null || true; rm -rf "$scratch"' EXIT

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# serve SIDE FLAG...: starts a server of its own.
serve() {
    local side=$1
    shift
    port[$side]=$(free_port)
    taskset -c 0 "$bin/ringgate" --listen "127.0.0.1:${port[$side]}" --cores 1 --control "$scratch/$side.sock" \
        --log-file "$scratch/$side.log" "$@" 2>"$scratch/$side.err" &
    pid[$side]=$!
}

# nginx SIDE LOG: the same answer by nginx, its log as given.
nginx_with() {
    local side=$1
    port[$side]=$(free_port)
    mkdir "$scratch/$side"
    cat >"$scratch/$side/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $scratch/$side/pid;
error_log $scratch/$side/error.log;
events { worker_connections 1024; }
http {
    access_log $2;
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:${port[$side]};
        location = /plaintext { default_type text/plain; return 200 "Hello, World!"; }
    }
}
CONF
    taskset -c 0 nginx -p "$scratch/$side" -c "$scratch/$side/nginx.conf" 2>"$scratch/$side.err" &
    pid[$side]=$!
}

serve none
serve combined --access-log "$scratch/combined.access"
serve json --access-log "$scratch/json.access" --access-log-format json
serve proxies --trusted-proxies 127.0.0.0/8 --request-id X-Request-Id --access-log "$scratch/proxies.access"
serve trusted --trusted-proxies 127.0.0.0/8
serve per-address --trusted-proxies 127.0.0.0/8 --per-address 1000
serve rate --request-rate 1000000/s
sides=(none combined json trusted per-address rate proxies)
declare -A against=([none]=none [combined]=none [json]=none [trusted]=none [per-address]=none [rate]=none [proxies]=combined)
log=([combined]=$scratch/combined.access [json]=$scratch/json.access [proxies]=$scratch/proxies.access)
if command -v nginx >/dev/null; then
    nginx_with nginx off
    nginx_with nginx-combined "$scratch/nginx.access combined"
    sides+=(nginx nginx-combined)
    against+=([nginx]=nginx [nginx-combined]=nginx)
    log[nginx-combined]=$scratch/nginx.access
fi
for side in "${sides[@]}"; do
    for _ in {1..100}; do
        curl --silent --fail --max-time 1 -o /dev/null "http://127.0.0.1:${port[$side]}/plaintext" && continue 2
        sleep 0.1
    done
    echo "$side does not answer:" >&2
    cat "$scratch/$side.err" >&2
    exit 1
done

# Processor time of a server so far, with that of its children, in milliseconds.
cpu_ms() {
    local of
    for of in "${pid[$1]}" $(pgrep -P "${pid[$1]}" || true); do
        sed 's/.*) //' "/proc/$of/stat"
    done | awk -v hz="$(getconf CLK_TCK)" '{ sum += $12 + $13 } END { print sum * 1000 / hz }'
}

lines() { [[ -z ${log[$1]-} ]] && echo null || wc -l <"${log[$1]}"; }

# Waits until a log has been written as far as it will be, and makes it empty, so that the disk does not fill.
settle() {
    [[ -z ${log[$1]-} ]] && return
    local before=-1 now
    now=$(lines "$1")
    while [[ $now != "$before" ]]; do
        sleep 0.3
        before=$now
        now=$(lines "$1")
    done
}

for ((round = 0; round < rounds; round++)); do
    for ((place = 0; place < ${#sides[@]}; place++)); do
        side=${sides[(place + round) % ${#sides[@]}]}
        [[ -n ${log[$side]-} ]] && : >"${log[$side]}"
        before=$(cpu_ms "$side")
        "$bin/ringgate-bench" load --url "http://127.0.0.1:${port[$side]}/plaintext" -c 32 -d "${seconds}s" --cpu 1 \
            -H "X-Forwarded-For: 192.0.2.7" --json >"$scratch/cell"
        jq -e '.issued == .ok and .issued > 0' "$scratch/cell" >/dev/null || {
            echo "requests failed: $(jq -c '{issued, ok, status, refused, reset, cut, timeout}' "$scratch/cell")" >&2
            exit 1
        }
        settle "$side"
        jq -c --arg side "$side" --arg against "${against[$side]}" --argjson round "$round" \
            --argjson ms "$(awk "BEGIN { print $(cpu_ms "$side") - $before }")" --argjson lines "$(lines "$side")" \
            '{$side, $against, $round, us: ($ms * 1000 / .ok), rps: .requests_per_second, missing: (if $lines then .ok - $lines else null end)}' \
            "$scratch/cell" >>"$scratch/cells"
    done
done
jq -s -r 'def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
    def places(n): . * pow(10; n) | round / pow(10; n);
    . as $cells
    | (map({key: "\(.side) \(.round)", value: .us}) | from_entries) as $us
    | group_by(.side)[]
    | map(.us / $us["\(.against) \(.round)"]) as $ratios
    | "\(.[0].side): \(map(.us) | median | places(2)) us, \($ratios | median | places(3)) of \(.[0].against)"
    + " [\($ratios | min | places(2)), \($ratios | max | places(2))], \(map(.rps) | median | floor) a second"
    + if .[0].missing == null then "" else ", missing lines \(map(.missing) | max)" end' \
    "$scratch/cells"
