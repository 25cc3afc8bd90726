#!/usr/bin/env bash
# express-throttle 2.0.0 (Node.js) never fills a bucket again whose period has no number in front of its unit: behind the first burst everybody is
# turned away for good.
#
# Expected: `period` is "the duration of the time window after which the entire burst quota is refilled" (README); "d, 2m, 3h" and "2h, second, 5min"
# are the examples of its own messages, and in a rate the number may be left out: "5/s".
# Seen: `s` and `d` are accepted, without a one, and make a period that is not a number, with which no time compares. Of a burst of two the first two
# requests pass, and none behind, however late. `1s` is filled again. `second`, of its own message, is an error.
#
# Usage: findings/express-throttle-never-fills-again-a-bucket-of-a-second.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund express-throttle@2.0.0

cat >requests.js <<'JAVASCRIPT'
const assert = require('assert');
const throttle = require('express-throttle');

function request(middleware) {
    let answer;
    const response = { status: (code) => { answer = code; return { end() {} }; } };
    middleware({ ip: '192.0.2.1' }, response, () => { answer = 200; });
    return answer;
}

(async () => {
    for (const [period, seen] of [['1s', [200, 200, 429, 200, 200]], ['s', [200, 200, 429, 429, 429]], ['sec', [200, 200, 429, 429, 429]]]) {
        const middleware = throttle({ period, burst: 2 });
        const answers = [1, 2, 3].map(() => request(middleware));
        await new Promise((done) => setTimeout(done, 2500));
        answers.push(request(middleware), request(middleware));
        console.log(`two in ${period}: ${answers.slice(0, 3)}, and 2.5 s later ${answers.slice(3)}`);
        assert.deepStrictEqual(answers, seen);
    }
    assert.throws(() => throttle({ period: 'second', burst: 2 }), { message: /invalid period \(e.g d, 2m, 3h\)/ });
})();
JAVASCRIPT
node requests.js
echo "as described"
