#!/usr/bin/env bash
# sema4 0.1.3 (Node.js): behind `reset` a RateLimit lets everybody through at once whom it has ever let through.
#
# Expected: `reset` "releases all acquired semaphores immediately and resets the timeouts connected to them" (README): of a limit of two in an
# interval two more may pass then.
# Seen: it gives back one place for each call since the beginning, also for those whose interval had long ended, and whose places had come back by
# themselves. Of a limit of two, ten calls in five intervals and a reset let twelve pass at once, and the limit stays that wide. Without a reset the
# list of these timers only grows, one entry a call.
#
# Usage: findings/sema4-lets-more-through-behind-each-reset.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund sema4@0.1.3

cat >limit.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { setTimeout as wait } from 'timers/promises';
import { RateLimit } from 'sema4';

const LIMIT = 2;
// The interval of the last calls does not end while these are counted.
async function passing(limit) {
    let passed = 0;
    for (let call = 0; call < 50; call += 1) {
        limit.apply().then(() => { passed += 1; });
    }
    await wait(0);
    return passed;
}

const fresh = await passing(new RateLimit(LIMIT, { interval: 5000 }));
const used = new RateLimit(LIMIT, { interval: 20 });
for (let call = 0; call < 5 * LIMIT; call += 1) await used.apply();
await wait(200);
used.delay = 5000;
used.reset();
const first = await passing(used);
console.log(`of 50 at once: fresh ${fresh}; behind ten calls whose time is over, and a reset, ${first}`);
assert.strictEqual(fresh, LIMIT);
assert.strictEqual(first, LIMIT + 5 * LIMIT);
process.exit();
JAVASCRIPT
node limit.mjs
echo "as described"
