# What the scripts that drive a server of their own share; sourced by them, from the repository's root.
# Builds with --release, or takes the binaries from RINGGATE_BIN (a folder). Sets bin, scratch (a folder
# that the caller removes) and control, and defines ctl.
# shellcheck shell=bash

for tool in jq curl; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install $tool" >&2; exit 1; }
done
bin=${RINGGATE_BIN:-}
if [[ -z $bin ]]; then
    cargo build --quiet --release --package ringgate --package ringgate-bench
    bin=${CARGO_TARGET_DIR:-target}/release
fi
scratch=$(mktemp -d)
control=$scratch/control.sock
ctl() { "$bin/ringgate" ctl --control "$control" "$@"; }
