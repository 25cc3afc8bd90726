#!/usr/bin/env bash
# A storm of upgrades under load: keep-alive and a connection per request, GET and POST, while the server
# is upgraded again and again. Fails unless every request is answered, exactly once and right, every
# keep-alive client has the socket it began with, and the pid changed each time.
#
# Usage: scripts/upgrade-storm.sh [--tls] [--http2] [--resizes N] [--websockets N] [UPGRADES [SECONDS_BETWEEN [REQUESTS]]]
#        20 upgrades, one every 2 s, for as long as they take; with REQUESTS each of the four loads
#        issues that many, and upgrades go on until the last of them is done. With --resizes the cores
#        become any number from 0 to 8 so many times after each upgrade. With --tls all of it is over
#        TLS: the kept connections replace their keys now and then, of the others one load makes full
#        handshakes and one resumes; as each request of these is a handshake, they issue a tenth.
#        With --http2 all of it is over HTTP/2, 8 streams at a time on each connection, and a fifth load has
#        QUIET (200, an environment variable) connections that share as many requests a second, so that idle
#        connections move as well.
#        With --websockets there are so many WebSockets instead, on which RATE messages a second (2000, an
#        environment variable) go to the server and come back, on one WebSocket after the other: none may be
#        lost, doubled or out of order, and no WebSocket may end.
#
# Needs jq and curl, with --tls openssl. Builds with --release, or takes the binaries from RINGGATE_BIN (a folder).
set -euo pipefail
cd "$(dirname "$0")/.."

tls=
http2=()
resizes=0
websockets=0
while [[ ${1:-} == --* ]]; do
    case $1 in
    --tls) tls=yes ;;
    --http2) http2=(--http2) ;;
    --resizes)
        resizes=${2:-}
        shift
        ;;
    --websockets)
        websockets=${2:-?}
        shift
        ;;
    *) resizes=? ;;
    esac
    shift || break
done
upgrades=${1:-20}
between=${2:-2}
requests=${3:-}
if ! [[ $resizes =~ ^[0-9]+$ && $websockets =~ ^[0-9]+$ && $upgrades =~ ^[1-9][0-9]*$ && $between =~ ^[0-9]+(\.[0-9]+)?$ && ($requests == "" || $requests =~ ^[1-9][0-9]*$) ]]; then
    echo "usage: scripts/upgrade-storm.sh [--tls] [--http2] [--resizes N] [--websockets N] [UPGRADES [SECONDS_BETWEEN [REQUESTS]]]" >&2
    exit 2
fi
if ((${#http2[@]} && websockets)); then
    echo "--http2 and --websockets exclude each other" >&2
    exit 2
fi
source scripts/common.sh

finish() {
    ctl stop 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

listen=127.0.0.1:0
certificate=()
if [[ -n $tls ]]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout "$scratch/key.pem" -out "$scratch/certificate.pem" \
        2>/dev/null
    listen=https://127.0.0.1:0
    certificate=(--certificate "$scratch/certificate.pem" --certificate-key "$scratch/key.pem")
fi
"$bin/ringgate" --listen "$listen" --control "$control" --cores "${CORES:-2}" --core-slots 8 \
    --idle-timeout 10m "${certificate[@]}" 2>"$scratch/log" &
for _ in $(seq 100); do
    [[ -S $control ]] && grep -q 'listening on' "$scratch/log" && break
    sleep 0.1
done
address=$(grep -oE 'https?://[0-9.:]+' "$scratch/log" | head -1)
pid() { ctl status --json | jq .pid; }

# Every load has to outlast the last upgrade. With many WebSockets one takes longer.
seconds=$(awk -v n="$upgrades" -v s="$between" -v w="$websockets" 'BEGIN { print int(n * (s + 1 + (w > 0))) + (w > 0 ? 10 : 5) }')
if [[ -n $requests ]]; then
    amount=(--requests "$requests")
    fresh=("${amount[@]}")
    [[ -z $tls ]] || fresh=(--requests $((requests / 10 + 1)))
else
    amount=(--duration "${seconds}s")
    fresh=("${amount[@]}")
fi
load() { # NAME ARGUMENTS...
    local name=$1
    shift
    "$bin/ringgate-bench" load --json "${http2[@]}" "$@" >"$scratch/$name.json" \
        2>"$scratch/$name.err" &
    loads+=($!)
}
loads=()
kept=(--connections 8) full=(--connections 8) resumed=(--connections 8)
if [[ -n $tls ]]; then
    # More handshakes at a time than a core begins in a turn: some wait while cores come and go.
    kept+=(--tls-key-updates 100)
    full=(--connections 32 --tls-full-handshakes)
    resumed=(--connections 32 --tls-resume)
fi
if ((websockets)); then
    names=(websockets)
    load websockets "${amount[@]}" --url "ws${address#http}/ws" --connections "$websockets" \
        --rate "${RATE:-2000}" --timeout 30s ${tls:+--tls-key-updates 100}
else
    names=(keepalive-get keepalive-post close-get close-post)
    if ((${#http2[@]})); then
        kept+=(--streams 8)
        quiet=${QUIET:-200}
        names+=(keepalive-quiet)
        load keepalive-quiet --duration "${seconds}s" --url "$address/plaintext" --verify plaintext \
            --connections "$quiet" --rate "$quiet" ${tls:+--tls-key-updates 100}
    fi
    load keepalive-get "${amount[@]}" --url "$address/plaintext" --verify plaintext "${kept[@]}"
    load keepalive-post "${amount[@]}" --url "$address/echo" --method post --body 300 --verify echo "${kept[@]}"
    load close-get "${fresh[@]}" --url "$address/plaintext" --mode close --verify plaintext \
        --source-addresses 20 "${full[@]}"
    load close-post "${fresh[@]}" --url "$address/echo" --mode close --method post --body 300 --verify echo \
        --source-addresses 20 "${resumed[@]}"
fi

is_loaded() {
    local load
    for load in "${loads[@]}"; do
        kill -0 "$load" 2>/dev/null && return 0
    done
    return 1
}
all_loaded() {
    local load
    for load in "${loads[@]}"; do
        kill -0 "$load" 2>/dev/null || return 1
    done
}
# Random numbers of cores, one after the other, so that all of them take the time between two upgrades.
resize_at_random() {
    local pause nth cores
    pause=$(awk -v s="$between" -v n="$resizes" 'BEGIN { print s / (n + 1) }')
    for ((nth = 0; nth < resizes; nth++)); do
        cores=$((RANDOM % 9))
        ctl resize "$cores" >>"$scratch/resizes" 2>&1 || {
            echo "resize to $cores failed: $(tail -1 "$scratch/resizes")" >&2
            exit 1
        }
        resized=$((resized + 1))
        sleep "$pause"
    done
    # An upgrade wants cores that can take over.
    if ((resizes)); then ctl resize "${CORES:-2}" >>"$scratch/resizes" 2>&1; fi
    sleep "$pause"
}
# All WebSockets are open before the first upgrade.
for ((nth = 0; nth < 600; nth++)); do
    (($(ctl status --json | jq .totals.connections.open) < websockets)) || break
    sleep 0.1
done
pids=$(pid)
done=0
resized=0
while ((done < upgrades)) || { [[ -n $requests ]] && is_loaded; }; do
    resize_at_random
    ctl upgrade >>"$scratch/upgrades" 2>&1 || {
        echo "upgrade $((done + 1)) failed: $(tail -1 "$scratch/upgrades")" >&2
        tail -20 "$scratch/log" >&2
        exit 1
    }
    done=$((done + 1))
    pids+=$'\n'$(pid)
done
failed=0
if [[ -z $requests ]] && ! all_loaded; then
    echo "a load ended before the last upgrade" >&2
    failed=1
fi
for load in "${loads[@]}"; do
    wait "$load" || failed=1
done

different=$(sort -u <<<"$pids" | wc -l)
printf '%s upgrades, %s different pids, %s resizes\n' "$done" "$different" "$resized"
((different == done + 1)) || failed=1
for name in "${names[@]}"; do
    report=$scratch/$name.json
    if ((websockets)); then
        jq -r '"websockets: \(.connections) of them, sent \(.sent) received \(.received) lost \(.lost) doubled \(.doubled) out of order \(.out_of_order) wrong \(.wrong) ended \(.ended) \(.first_error // "") unclosed \(.unclosed) p99 \(.latency_us.p99) us max \(.latency_us.max) us" + (if .tls then " key updates \(.tls.key_updates) \(.tls.first_error // "")" else "" end)' "$report" ||
            { cat "$scratch/$name.err" >&2; failed=1; continue; }
        jq -e '.sent > 0 and .received == .sent and .doubled + .out_of_order + .wrong + .unclosed == 0 and .ended == {}' \
            "$report" >/dev/null || failed=1
        continue
    fi
    jq -r --arg name "$name" '"\($name): issued \(.issued) ok \(.ok) refused \(.refused) reset \(.reset) cut \(.cut) timeout \(.timeout) stream_reset \(.stream_reset) tls_failed \(.tls_failed) wrong \(.wrong) doubled \(.doubled) local \(.local) connects \(.connects) reconnects \(.reconnects) p99 \(.latency_us.p99) us max \(.latency_us.max) us" + (if .tls then " handshakes \(.tls.handshakes_full) full \(.tls.handshakes_resumed) resumed, key updates \(.tls.key_updates) \(.tls.first_error // "")" else "" end) + (if .http2 then " sent again \(.http2.refused_streams + .http2.unprocessed) \(.http2.first_error // "")" else "" end)' "$report" ||
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
if ((websockets)); then echo "no message was lost"; else echo "no request was lost"; fi
