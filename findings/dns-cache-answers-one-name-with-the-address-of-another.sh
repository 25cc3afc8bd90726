#!/usr/bin/env bash
# dns-cache 2.0.0 (Node.js) answers for the host `web6` with the address of `web`, and takes no heed of the order that is asked for.
#
# Expected: "All following DNS look-ups will be cached and re-used automatically" (its README): the same question has the same answer.
# `dns.lookup` takes its second argument as the family if it is a number, and with `order` IPv4 or IPv6 first (Node.js, `dns.lookup`).
# Seen: behind `lookup('web', 6)`, `lookup('web6')` says 2001:db8::1, an address of `web`, and nobody is asked: the family is put behind the
# name to make the key. Behind a question with `order: 'ipv4first'`, one with `ipv6first` has the answer of the first. A question
# that is repeated is answered from the cache rightly, and `web6` too if it comes with options.
#
# A service named for its number, or for its family as `localhost6` is, gets the requests of its neighbour for as long as an entry lives.
#
# Usage: findings/dns-cache-answers-one-name-with-the-address-of-another.sh
# Needs Node.js 20 and npm with its registry. The names are resolved by the script. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund dns-cache@2.0.0

cat >names.js <<'JAVASCRIPT'
const assert = require('assert');
const dns = require('dns');

const hosts = { web: { 4: '192.0.2.1', 6: '2001:db8::1' }, web6: { 4: '192.0.2.66', 6: '2001:db8::66' } };
let asked = 0;
dns.lookup = (host, options, callback) => {
    asked += 1;
    const { family, order } = typeof options === 'number' ? { family: options } : { ...options };
    const version = family || (order === 'ipv6first' ? 6 : 4);
    callback(null, hosts[host][version], version);
};
require('dns-cache')(10000);
const lookup = (host, ...options) => new Promise((resolve) => dns.lookup(host, ...options, (error, address) => resolve(address)));

(async () => {
    const seen = [];
    const questions = [['web'], ['web'], ['web', 6], ['web6'], ['web6', {}], ['web', { order: 'ipv4first' }], ['web', { order: 'ipv6first' }]];
    for (const question of questions) {
        const before = asked;
        const address = await lookup(...question);
        seen.push(address);
        console.log(`${JSON.stringify(question)}: ${address}, ${asked > before ? 'asked' : 'from the cache'}`);
    }
    assert.deepStrictEqual(seen.slice(0, 3), ['192.0.2.1', '192.0.2.1', '2001:db8::1']);
    assert.deepStrictEqual(seen.slice(3), ['2001:db8::1', '192.0.2.66', '192.0.2.1', '192.0.2.1']);
    assert.strictEqual(asked, 4);
})();
JAVASCRIPT
node names.js
echo "as described"
