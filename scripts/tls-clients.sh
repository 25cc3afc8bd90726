#!/usr/bin/env bash
# Other people's TLS clients against a release server: one line a case, an end at the first surprise.
#
# Usage: scripts/tls-clients.sh [small|full] [CASE...]
#        small (the default): openssl s_client, curl and Python's ssl module.
#        full: also h2load, Chromium, testssl.sh and sslyze, as far as they are installed; sslyze is
#        installed into a folder of its own for the run. Cases are named by the words that lines begin
#        with; without any all are run.
#
# Needs openssl, curl, jq and python3. Builds with --release, or takes the binaries from RINGGATE_BIN.
set -euo pipefail
cd "$(dirname "$0")/.."

size=small
case ${1:-} in
small | full)
    size=$1
    shift
    ;;
esac
source scripts/common.sh
for tool in openssl python3; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done

servers=()
finish() {
    local server
    for server in "${servers[@]}"; do
        kill "$server" 2>/dev/null || true
    done
    wait "${servers[@]}" 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

# A root for clients, one that nobody trusts, and two certificates of the server side by side.
make_certificate() { # NAME KEY-TYPE SUBJECT [ARGUMENTS...]
    local name=$1 type=$2 subject=$3
    shift 3
    openssl req -x509 -nodes -days 2 -newkey "$type" -subj "$subject" -keyout "$scratch/$name.key" \
        -out "$scratch/$name.pem" "$@" 2>/dev/null
}
ec=(ec -pkeyopt ec_paramgen_curve:P-256)
names=(-addext subjectAltName=DNS:localhost,IP:127.0.0.1)
make_certificate ecdsa "${ec[0]}" /CN=localhost "${ec[@]:1}" "${names[@]}"
make_certificate rsa rsa:2048 /CN=localhost "${names[@]}"
for root in root strangers; do
    make_certificate "$root" "${ec[0]}" "/CN=$root" "${ec[@]:1}"
    openssl req -new -nodes -newkey "${ec[0]}" "${ec[@]:1}" -subj /CN=client -keyout "$scratch/of-$root.key" \
        -out "$scratch/of-$root.csr" 2>/dev/null
    printf 'extendedKeyUsage=clientAuth\n' >"$scratch/client.ext"
    openssl x509 -req -in "$scratch/of-$root.csr" -CA "$scratch/$root.pem" -CAkey "$scratch/$root.key" \
        -CAcreateserial -days 2 -extfile "$scratch/client.ext" -out "$scratch/of-$root.pem" 2>/dev/null
done
cat "$scratch/ecdsa.pem" "$scratch/rsa.pem" >"$scratch/trusted.pem"

# Starts a server and sets `port`.
start() { # NAME ARGUMENTS...
    local name=$1
    shift
    : >"$scratch/$name.log"
    "$bin/ringgate" --listen https://127.0.0.1:0 --control "$scratch/$name.sock" --cores 2 --demo on \
        --certificate "$scratch/ecdsa.pem" --certificate-key "$scratch/ecdsa.key" \
        --certificate "$scratch/rsa.pem" --certificate-key "$scratch/rsa.key" "$@" 2>"$scratch/$name.log" &
    servers+=($!)
    port=
    for _ in $(seq 100); do
        port=$(sed -nE 's#.*https://127.0.0.1:([0-9]+).*#\1#p' "$scratch/$name.log" | head -1)
        [[ -n $port ]] && return
        sleep 0.1
    done
    echo "the server does not start:" >&2
    cat "$scratch/$name.log" >&2
    exit 1
}
start open
open=$port
start closed --client-ca "$scratch/root.pem" --client-certificates require
closed=$port

python3 scripts/tls-clients.py "$scratch" "$open" "$closed" "$size" "$@" || {
    echo "the server's log ends:" >&2
    tail -n 20 "$scratch/open.log" "$scratch/closed.log" >&2
    exit 1
}
# Whatever the clients did, both servers are there and their books balance.
for name in open closed; do
    "$bin/ringgate" ctl --control "$scratch/$name.sock" status --json | jq -e '.phase == "running"' >/dev/null || {
        echo "the server $name is not running any more" >&2
        exit 1
    }
done
