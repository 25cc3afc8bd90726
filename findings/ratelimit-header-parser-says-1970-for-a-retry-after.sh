#!/usr/bin/env bash
# Two readers of rate limits do not tell when a client may come again, where the server says it in Retry-After.
#
#   ratelimit-header-parser 0.1.0 (Node.js): `Retry-After: 30` beside X-RateLimit-Remaining is half a minute past midnight of the first of
#   January 1970, and a date there is an invalid one.
#   ratelimit-headers 0.1.0 (Python): `Retry-After: 60` beside X-RateLimit-Remaining is not read at all.
#
# Expected: Retry-After is a number of seconds "to delay after the response is received", or a date (RFC 9110 section 10.2.3). `reset`
# is a Date of when the limit is reset (README of the first, which reads Retry-After where there is no reset); `retry_after` is the "seconds
# until retry" (README of the second).
# Seen: as above; the second one reads Retry-After if no other field is there, or beside the fields RateLimit-*. A quota with its policy,
# `RateLimit-Limit: 100, 100;w=60`, as drafts 3 to 6 have it, has no limit for the second one. Without Retry-After both read the reset well.
#
# Servers say Retry-After when they refuse, so it is then that a client that waits until `reset` comes at once, and again and again.
#
# Usage: findings/ratelimit-header-parser-says-1970-for-a-retry-after.sh
# Needs Node.js 20, npm, python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund ratelimit-header-parser@0.1.0
cat >reset.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { parseRateLimit } from 'ratelimit-header-parser';

const common = { 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0' };
const later = new Date(Date.now() + 30_000).toUTCString();
for (const [name, value, seen] of [
    ['x-ratelimit-reset', '30', 'in 30 seconds'],
    ['retry-after', '30', '1970-01-01T00:00:30.000Z'],
    ['retry-after', later, 'an invalid date'],
]) {
    const { reset } = parseRateLimit({ ...common, [name]: value });
    const ahead = Math.round((reset - Date.now()) / 1000);
    const said = Number.isNaN(ahead) ? 'an invalid date' : ahead > 0 ? `in ${ahead} seconds` : reset.toISOString();
    console.log(`ratelimit-header-parser, ${name}: ${value}: ${said}`);
    assert.strictEqual(said, seen);
}
JAVASCRIPT
node reset.mjs

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check ratelimit-headers==0.1.0
python/bin/python - <<'PYTHON'
from ratelimit_headers import parse

GITHUB = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0"}
for fields, limit, retry_after in [
    ({"Retry-After": "60"}, None, 60),
    ({"RateLimit-Limit": "100", "RateLimit-Remaining": "0", "Retry-After": "60"}, 100, 60),
    ({**GITHUB, "Retry-After": "60"}, 60, None),
    ({**GITHUB, "Retry-After": "60", "X-RateLimit-Reset": "4102444800"}, 60, None),
    ({"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "0", "RateLimit-Reset": "5"}, None, 5),
]:
    state = parse(response_headers=fields)
    print(f"ratelimit-headers, {fields}: limit {state.limit}, retry_after {state.retry_after}")
    assert (state.limit, state.retry_after) == (limit, retry_after)
PYTHON
echo "as described"
