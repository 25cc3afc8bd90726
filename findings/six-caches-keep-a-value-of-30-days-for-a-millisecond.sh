#!/usr/bin/env bash
# Six caches for Node.js keep a value for a millisecond that is to be kept for 30 days:
#
#   receptacle 1.3.2, ttl 1.3.1, map-expire 1.0.2, @avanio/expire-cache 0.6.10, promise-memoize 1.2.1, @openally/timestore 3.0.0
#
# promise-memoize does so even for `Infinity`, which its README calls the default, "i.e. cache forever".
#
# Expected: receptacle takes "any valid `ms` string for a timeout", of which `30 days` is one; ttl and map-expire take milliseconds,
# @avanio/expire-cache a date; none tells of a limit.
# Seen: the value is gone 50 ms later. setTimeout takes no more than 2,147,483,647 ms, which is 24.8 days, and makes 1 ms of all that is above
# (Node.js, documentation of timers). Values of 20 days are kept. run-cache 1.6.1 and timed-kvs 0.3.7 keep both.
#
# A cache of sessions or certificates that is to last a month holds nothing at all, and nobody is told but by the warning of Node.js.
#
# Usage: findings/six-caches-keep-a-value-of-30-days-for-a-millisecond.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund receptacle@1.3.2 ttl@1.3.1 map-expire@1.0.2 @avanio/expire-cache@0.6.10 promise-memoize@1.2.1 \
    @openally/timestore@3.0.0 run-cache@1.6.1 timed-kvs@0.3.7

cat >month.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { setTimeout as wait } from 'timers/promises';
import * as expire_cache from '@avanio/expire-cache';
import { TimeStore } from '@openally/timestore';
import MapExpire from 'map-expire/MapExpire.js';
import promise_memoize from 'promise-memoize';
import Receptacle from 'receptacle';
import * as run_cache from 'run-cache';
import * as timed_kvs from 'timed-kvs';
import Ttl from 'ttl';

const DAY = 86_400_000;
// Each puts a value for a number of days, and gives a function that says whether it is still there.
const caches = {
    'receptacle': (days) => { const cache = new Receptacle().set('key', 1, { ttl: `${days} days` }); return () => cache.get('key') === 1; },
    'ttl': (days) => { const cache = new Ttl({ ttl: days * DAY }); cache.put('key', 1); return () => cache.get('key') === 1; },
    'map-expire': (days) => { const map = new MapExpire(); map.set('key', 1, days * DAY); return () => map.get('key') === 1; },
    '@avanio/expire-cache': (days) => {
        const cache = new expire_cache.ExpireTimeoutCache();
        cache.set('key', 1, new Date(Date.now() + days * DAY));
        return () => cache.get('key') === 1;
    },
    'promise-memoize': (days) => {
        let calls = 0;
        const cached = promise_memoize(async () => { calls += 1; }, { maxAge: days * DAY });
        cached();
        return () => { cached(); return calls === 1; };
    },
    '@openally/timestore': (days) => { const store = new TimeStore({ ttl: days * DAY }).add('key'); return () => store.has('key'); },
    'run-cache': (days) => {
        const key = `key of ${days}`;
        run_cache.RunCache.set({ key, value: 'value', ttl: days * DAY });
        return async () => await run_cache.RunCache.get(key) === 'value';
    },
    'timed-kvs': (days) => { const store = new timed_kvs.TimedKVS({ expires: days * DAY }); store.set('key', 1); return () => store.get('key') === 1; },
};

const right = ['run-cache', 'timed-kvs'];
for (const [name, put] of Object.entries(caches)) {
    const [short, long] = [put(20), put(30)];
    await wait(50);
    const kept = [await short(), await long()];
    console.log(`${name}: 20 days ${kept[0] ? 'kept' : 'gone'}, 30 days ${kept[1] ? 'kept' : 'gone'}`);
    assert.deepStrictEqual(kept, [true, right.includes(name)]);
}
const forever = caches['promise-memoize'](Infinity);
await wait(50);
assert.strictEqual(forever(), false);
console.log('promise-memoize: Infinity gone');
process.exit();
JAVASCRIPT
node --no-warnings month.mjs
echo "as described"
