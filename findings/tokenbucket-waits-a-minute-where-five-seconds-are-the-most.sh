#!/usr/bin/env bash
# tokenbucket 0.3.2 (Node.js) waits for a minute where it may wait for five seconds at most.
#
# Expected: its README: `maxWait` is "the maximum time that we would wait for enough tokens to be added", and `ExceedsMaxWait` is the error if
# the time "exceed the time set in `maxWait`". Without `spread` "it will wait the interval, and then add all the tokensToAddPerInterval at once".
# Seen: from an empty bucket that gets 15 tokens each minute, one token with a `maxWait` of 5000 comes after 60 s. The wait that is compared
# with the limit is that of a bucket that fills evenly, a fifteenth of a minute, though this one fills only at the end of it. With
# `spread` the token is there after 4 s, and 15 tokens are refused with `ExceedsMaxWait` in both.
#
# A request whose caller allows five seconds hangs for a minute, and no error says so.
#
# Usage: findings/tokenbucket-waits-a-minute-where-five-seconds-are-the-most.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund tokenbucket@0.3.2

cat >waits.js <<'JAVASCRIPT'
const assert = require('assert');
const { mock } = require('node:test');
mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000000 });
const TokenBucket = require('tokenbucket');

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What becomes of a wish for tokens of an empty bucket, and after how many seconds. */
async function wish(spread, tokens) {
    const bucket = new TokenBucket({ size: 15, tokensToAddPerInterval: 15, interval: 'minute', maxWait: 5000, tokensLeft: 0, spread });
    const start = Date.now();
    let end;
    bucket.removeTokens(tokens).then(() => { end = 'given'; }, (error) => { end = error.name; });
    await turn();
    while (end === undefined) {
        mock.timers.tick(100);
        await turn();
    }
    return `${end} after ${Math.floor((Date.now() - start) / 1000)} s`;
}

(async () => {
    const seen = [];
    for (const [spread, tokens] of [[true, 1], [true, 15], [false, 15], [false, 1]]) {
        const said = await wish(spread, tokens);
        seen.push(said);
        console.log(`${tokens} of 15 a minute, ${spread ? 'with' : 'without'} spread: ${said}`);
    }
    assert.deepStrictEqual(seen, ['given after 4 s', 'ExceedsMaxWait after 0 s', 'ExceedsMaxWait after 0 s', 'given after 60 s']);
})();
JAVASCRIPT
node --no-warnings waits.js
echo "as described"
