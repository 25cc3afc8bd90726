#!/usr/bin/env bash
# A storm of upgrades under load: keep-alive and a connection per request, GET and POST, while the server
# is upgraded again and again. Fails unless every request is answered, exactly once and right, every
# keep-alive client has the socket it began with, and the pid changed each time.
#
# Usage: scripts/upgrade-storm.sh [UPGRADES [SECONDS_BETWEEN [REQUESTS]]]
#        20 upgrades, one every 2 s, for as long as they take; with REQUESTS each of the four loads
#        issues that many, and upgrades go on until the last of them is done.
#
# Needs jq and curl. Builds with --release, or takes the binaries from RINGGATE_BIN (a folder).
set -euo pipefail
cd "$(dirname "$0")/.."

upgrades=${1:-20}
between=${2:-2}
requests=${3:-}
if ! [[ $upgrades =~ ^[1-9][0-9]*$ && $between =~ ^[0-9]+(\.[0-9]+)?$ && ($requests == "" || $requests =~ ^[1-9][0-9]*$) ]]; then
    echo "usage: scripts/upgrade-storm.sh [UPGRADES [SECONDS_BETWEEN [REQUESTS]]]" >&2
    exit 2
fi
source scripts/common.sh

finish() {
    ctl stop 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

"$bin/ringgate" --listen 127.0.0.1:0 --control "$control" --cores "${CORES:-2}" --idle-timeout 10m \
    2>"$scratch/log" &
for _ in $(seq 100); do
    [[ -S $control ]] && grep -q 'listening on' "$scratch/log" && break
    sleep 0.1
done
address=$(grep -oE 'http://[0-9.:]+' "$scratch/log" | head -1)
pid() { ctl status --json | jq .pid; }

if [[ -n $requests ]]; then
    amount=(--requests "$requests")
else
    seconds=$(awk -v n="$upgrades" -v s="$between" 'BEGIN { print int(n * (s + 0.5)) + 2 }')
    amount=(--duration "${seconds}s")
fi
load() { # NAME ARGUMENTS...
    local name=$1
    shift
    "$bin/ringgate-bench" load --json --connections 8 "${amount[@]}" "$@" >"$scratch/$name.json" \
        2>"$scratch/$name.err" &
    loads+=($!)
}
loads=()
load keepalive-get --url "$address/plaintext" --verify plaintext
load keepalive-post --url "$address/echo" --method post --body 300 --verify echo
load close-get --url "$address/plaintext" --mode close --verify plaintext --source-addresses 20
load close-post --url "$address/echo" --mode close --method post --body 300 --verify echo \
    --source-addresses 20

is_loaded() {
    local load
    for load in "${loads[@]}"; do
        kill -0 "$load" 2>/dev/null && return 0
    done
    return 1
}
pids=$(pid)
done=0
while ((done < upgrades)) || { [[ -n $requests ]] && is_loaded; }; do
    sleep "$between"
    ctl upgrade >>"$scratch/upgrades" 2>&1 || {
        echo "upgrade $((done + 1)) failed: $(tail -1 "$scratch/upgrades")" >&2
        tail -20 "$scratch/log" >&2
        exit 1
    }
    done=$((done + 1))
    pids+=$'\n'$(pid)
done
failed=0
for load in "${loads[@]}"; do
    wait "$load" || failed=1
done

different=$(sort -u <<<"$pids" | wc -l)
printf '%s upgrades, %s different pids\n' "$done" "$different"
((different == done + 1)) || failed=1
for name in keepalive-get keepalive-post close-get close-post; do
    report=$scratch/$name.json
    jq -r --arg name "$name" '"\($name): issued \(.issued) ok \(.ok) refused \(.refused) reset \(.reset) cut \(.cut) timeout \(.timeout) wrong \(.wrong) doubled \(.doubled) local \(.local) connects \(.connects) reconnects \(.reconnects) p99 \(.latency_us.p99) us max \(.latency_us.max) us"' "$report" ||
        { cat "$scratch/$name.err" >&2; failed=1; continue; }
    jq -e '.issued == .ok and .issued > 0' "$report" >/dev/null || failed=1
    if [[ $name == keepalive-* ]]; then
        jq -e '.reconnects == 0 and .connects == .connections' "$report" >/dev/null || failed=1
    fi
done
ctl status | sed -n 1,4p
if ((failed)); then
    echo "FAILED; the server's log ends:" >&2
    tail -40 "$scratch/log" >&2
    exit 1
fi
echo "no request was lost"
