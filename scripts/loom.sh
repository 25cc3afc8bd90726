#!/usr/bin/env bash
# What threads meet by under loom, in every interleaving: the gate's word and lock (server/src/admission/loom.rs), and how
# a core is reached that may be asleep, or has ended (runtime/src/models.rs).
# In a target directory of its own, since everything is built with another cfg.
#
# Usage: scripts/loom.sh [TEST]
#
# LOOM_MAX_PREEMPTIONS bounds how often a thread may be interrupted in one run; the default here finds
# every fault that was put into the gate on purpose, and takes seconds. Without a bound it takes longer.
set -euo pipefail
cd "$(dirname "$0")/.."

export RUSTFLAGS="${RUSTFLAGS:-} --cfg model_checked"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom"
export LOOM_MAX_PREEMPTIONS="${LOOM_MAX_PREEMPTIONS:-3}"
cargo test --locked --package ringgate-runtime --lib -- "models::${1:-}" --test-threads 2
cargo test --locked --package ringgate --lib -- "admission::loom::${1:-}" --test-threads 2
