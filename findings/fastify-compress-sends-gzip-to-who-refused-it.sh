#!/usr/bin/env bash
# @fastify/compress 9.2.0 (Node.js), by @fastify/accept-negotiator 2.1.2, answers in an encoding that the client has refused by
# name, if the client takes others.
#
# Expected: a weight of 0 means "not acceptable" (RFC 9110 section 12.4.2), and `*` stands for codings that the field does not
# name (section 12.5.3). Names of codings have no case (section 8.4.1).
# Seen: for `gzip;q=0, *` and for `br;q=0, gzip;q=0, *` the answer is in gzip. Asked with the names it serves, the negotiator picks
# the first one for `*` without a look at the rest of the field: `br;q=0, *;q=0.5` picks br. `gzip;q=0` alone and `*;q=0` are obeyed. The
# negotiator, which is what @fastify/static asks too, takes `GZIP` for unknown. negotiator 1.0.0 reads all of them.
#
# A client or a proxy that cannot undo gzip gets bytes that it cannot read.
#
# Usage: findings/fastify-compress-sends-gzip-to-who-refused-it.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "overrides": { "@fastify/accept-negotiator": "2.1.2" } }' >package.json
npm install --silent --no-audit --no-fund fastify@5.12.8 @fastify/compress@9.2.0 @fastify/accept-negotiator@2.1.2 negotiator@1.0.0

cat >negotiate.js <<'JAVASCRIPT'
const assert = require('assert');
const fastify = require('fastify')();
const { negotiate } = require('@fastify/accept-negotiator');
const Negotiator = require('negotiator');

(async () => {
    await fastify.register(require('@fastify/compress'), { threshold: 0, encodings: ['br', 'gzip'] });
    fastify.get('/', (request, reply) => reply.type('text/plain').send('neutral '.repeat(100)));
    for (const [field, answered, picked, right] of [
        ['gzip', 'gzip', 'gzip', 'gzip'],
        ['gzip;q=0', undefined, null, undefined],
        ['gzip;q=0, *', 'gzip', 'br', 'br'],
        ['br;q=0, *;q=0.5', 'gzip', 'br', 'gzip'],
        ['br;q=0, gzip;q=0, *', 'gzip', 'br', undefined],
        ['br;q=0, gzip;q=0, *;q=0.5', 'gzip', 'br', undefined],
        ['GZIP', 'gzip', null, 'gzip'],
        ['*;q=0', undefined, null, undefined],
    ]) {
        const answer = await fastify.inject({ url: '/', headers: { 'accept-encoding': field } });
        const said = [answer.headers['content-encoding'], negotiate(field, ['br', 'gzip'])];
        const by_other = new Negotiator({ headers: { 'accept-encoding': field } }).encodings(['br', 'gzip'])[0];
        console.log(`${field}: answered in ${said[0]}, picked ${said[1]}; negotiator ${by_other}`);
        assert.strictEqual(answer.statusCode, 200);
        assert.deepStrictEqual([...said, by_other], [answered, picked, right]);
    }
})();
JAVASCRIPT
node negotiate.js
echo "as described"
