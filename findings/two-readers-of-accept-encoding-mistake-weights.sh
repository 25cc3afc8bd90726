#!/usr/bin/env bash
# Two readers of Accept-Encoding for Node.js: encoding-negotiator 3.0.0 offers the coding that the client has refused, and accept-encoding 0.1.0 knows
# none that has a weight.
#
# Expected: `*` stands for a coding that is not listed (RFC 9110 section 12.5.3), and a weight of 0 means "not acceptable" (section 12.4.2);
# `gzip;q=1.0` is the same as `gzip`, and codings have no case (section 8.4.1).
# Seen: of gzip and br encoding-negotiator picks gzip for `gzip;q=0, *`, since it takes the first one that the server has for a star. `GZIP` and `gzip
# ;q=1` are unknown to it. accept-encoding says that gzip is not accepted for `gzip;q=1.0, br`, for `GZIP` and for `*`. negotiator 1.0.1 is right with
# all.
#
# Usage: findings/two-readers-of-accept-encoding-mistake-weights.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund encoding-negotiator@3.0.0 accept-encoding@0.1.0 negotiator@1.0.0

cat >codings.mjs <<'JAVASCRIPT'
import assert from 'assert';
import accept_encoding from 'accept-encoding';
import { negotiateEncoding } from 'encoding-negotiator';
import Negotiator from 'negotiator';

for (const [field, picked, gzip, right] of [
    ['gzip, br;q=0.5', 'gzip', true, 'gzip'],
    ['gzip;q=0, *', 'gzip', false, 'br'],
    ['*;q=0.5, gzip;q=0', 'gzip', false, 'br'],
    ['gzip;q=1.0, br;q=0.5', 'gzip', false, 'gzip'],
    ['gzip ;q=1', null, false, 'gzip'],
    ['GZIP', null, false, 'gzip'],
    ['*', 'gzip', false, 'gzip'],
]) {
    const headers = { 'accept-encoding': field };
    const said = [negotiateEncoding(field, ['gzip', 'br']), accept_encoding({ headers }, 'gzip')];
    const [negotiator] = new Negotiator({ headers }).encodings(['gzip', 'br']);
    console.log(`${field}: encoding-negotiator ${said[0]}; accept-encoding, whether gzip is accepted: ${said[1]}; negotiator ${negotiator}`);
    assert.deepStrictEqual([...said, negotiator], [picked, gzip, right]);
}
JAVASCRIPT
node codings.mjs
echo "as described"
