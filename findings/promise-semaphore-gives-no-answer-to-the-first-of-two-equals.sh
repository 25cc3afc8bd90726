#!/usr/bin/env bash
# promise-semaphore 0.2.8 (Node.js) gives no answer to the first of two that add the same function, and gives its result to the second.
#
# Expected: its README: "Each item added is individually resolvable via a `then` chained onto the add method".
# Seen: of one function that is added twice the first promise is never settled, and the second has the result of the first run; the function ran
# twice, and the second result is lost. What `add` returns is kept as a property of the function, and the second puts its own there.
# Two functions that do the same have an answer each.
#
# A caller that refreshes something with one function of a module waits for ever as soon as two ask together.
#
# Usage: findings/promise-semaphore-gives-no-answer-to-the-first-of-two-equals.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund promise-semaphore@0.2.8

cat >answers.js <<'JAVASCRIPT'
const assert = require('assert');
const { once } = require('events');
const PSemaphore = require('promise-semaphore');

/** The answers to two that add a function each, and how often these ran. */
async function add(first, second) {
    const semaphore = new PSemaphore({ rooms: 1 });
    const answers = ['none', 'none'];
    semaphore.add(first).then((value) => { answers[0] = value; });
    semaphore.add(second).then((value) => { answers[1] = value; });
    await once(semaphore, 'workDone');
    await new Promise((resolve) => setTimeout(resolve, 50));
    return answers;
}

(async () => {
    let runs = 0;
    const work = async () => { runs += 1; return `run ${runs}`; };
    const apart = await add(() => work(), () => work());
    console.log(`two functions: ${apart.join(', ')}; ${runs} runs`);
    assert.deepStrictEqual([...apart, runs], ['run 1', 'run 2', 2]);
    runs = 0;
    const same = await add(work, work);
    console.log(`one function twice: ${same.join(', ')}; ${runs} runs`);
    assert.deepStrictEqual([...same, runs], ['none', 'run 1', 2]);
})();
JAVASCRIPT
node answers.js
echo "as described"
