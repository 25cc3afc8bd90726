#!/usr/bin/env bash
# epic-locks 1.0.7 (Node.js) lets readers that waited for a writer in one by one, each behind the end of the other.
#
# Expected: its README of the `ReadersWriterLock`: "Multiple readers", a "single writer", and it "queues reads while writing": `read` is to "run a job
# with shared read access".
# Seen: of five readers that wait for a writer one reads at a time, in five turns, since with the end of the writer one alone is taken out
# of the queue, and the next with the end of this one. A sixth that comes meanwhile reads at once, before those that have waited. Five
# readers that wait for nobody read together.
#
# Behind each write the requests of a whole page stand in a row, five times as long as without it.
#
# Usage: findings/epic-locks-lets-readers-in-one-by-one-behind-a-writer.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund epic-locks@1.0.7

cat >readers.mjs <<'JAVASCRIPT'
import assert from 'node:assert';
import { mock } from 'node:test';
import { ReadersWriterLock } from 'epic-locks';

mock.timers.enable({ apis: ['setTimeout'] });
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
/** The readers in the order of their begin, with how many read then, where five wait and perhaps a sixth comes later. */
async function readers(first, sixth) {
    const lock = new ReadersWriterLock();
    const begun = [];
    let reading = 0;
    let ended = 0;
    const read = async (name) => {
        await lock.read(async () => {
            reading += 1;
            begun.push(`${name} (${reading})`);
            await wait(100);
            reading -= 1;
        });
        ended += 1;
    };
    lock[first](() => wait(100));
    for (const name of ['1st', '2nd', '3rd', '4th', '5th']) read(name);
    for (let now = 0; ended < 5 + (sixth ? 1 : 0); now += 10) {
        if (sixth && now === 150) read('late');
        mock.timers.tick(10);
        await new Promise((resolve) => setImmediate(resolve));
    }
    return begun;
}

const together = await readers('read', false);
console.log(`behind a reader: ${together.join(', ')}`);
assert.deepStrictEqual(together, ['1st (1)', '2nd (2)', '3rd (3)', '4th (4)', '5th (5)']);
const apart = await readers('write', false);
console.log(`behind a writer: ${apart.join(', ')}`);
assert.deepStrictEqual(apart, ['1st (1)', '2nd (1)', '3rd (1)', '4th (1)', '5th (1)']);
const late = await readers('write', true);
console.log(`and with a late one: ${late.join(', ')}`);
assert.deepStrictEqual(late.slice(0, 2), ['1st (1)', 'late (2)']);
JAVASCRIPT
node --no-warnings readers.mjs
echo "as described"
