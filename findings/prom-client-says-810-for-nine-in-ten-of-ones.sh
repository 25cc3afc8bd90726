#!/usr/bin/env bash
# prom-client 15.1.3 (Node.js): the quantiles of a Summary are far off where values come again, as whole milliseconds do.
#
# Expected: the φ-quantile is the value at rank φ·N among the N observed ones (prometheus.io, "Histograms and summaries"), and the digest that
# a Summary keeps is near it at both ends ("Computing extremely accurate quantiles using t-digests": a cluster may hold the fewer
# values the nearer it is to an end).
# Seen: of 9,900 times 1 and 100 times 1,000 the median is 10.99, 90 % are said to be below 810 and 95 % below 910; right is 1 for all
# of them. With 99 of 100 values equal even the median is wrong. The cause is tdigest 0.1.3 below: equal values stay one cluster without a
# limit, and what lies between two clusters is drawn as a straight line from middle to middle. With noise of a thousandth on
# each value the same Summary says 1 for the median and for 95 %. Sum and count are right.
#
# A service that answers in 1 ms and now and then in one second is paged for a 90th percentile of 810 ms.
#
# Usage: findings/prom-client-says-810-for-nine-in-ten-of-ones.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "overrides": { "tdigest": "0.1.3" } }' >package.json
npm install --silent --no-audit --no-fund prom-client@15.1.3

cat >summary.js <<'JAVASCRIPT'
const assert = require('assert');
const { Registry, Summary } = require('prom-client');
const quantiles = [0.5, 0.9, 0.95];

/** The quantiles that a Summary says of so many values, with some noise on each, and those that are right. */
async function seen(ones, thousands, noise) {
    const summary = new Summary({ name: 'milliseconds', help: 'h', percentiles: quantiles, registers: [new Registry()] });
    const values = [];
    for (let made = 0; made < ones + thousands; made += 1) {
        // An odd stride takes every step of the noise once, in no order.
        values.push((made < ones ? 1 : 1000) + (noise * ((made * 7919) % 10000)) / 10000);
    }
    values.forEach((value) => summary.observe(value));
    values.sort((one, other) => one - other);
    const right = quantiles.map((q) => Number(values[Math.ceil(q * values.length) - 1].toFixed(2)));
    const all = (await summary.get()).values;
    assert.strictEqual(all.find((value) => value.metricName === 'milliseconds_count').value, ones + thousands);
    return [quantiles.map((q) => Number(all.find((value) => value.labels.quantile === q).value.toFixed(2))), right];
}

(async () => {
    for (const [ones, thousands, noise, expected] of [
        [9900, 100, 0, [10.99, 810.19, 910.09]],
        [9900, 100, 0.001, [1, 1, 1]],
        [10000, 0, 0, [1, 1, 1]],
    ]) {
        const [said, right] = await seen(ones, thousands, noise);
        console.log(`${ones} of 1, ${thousands} of 1000, noise ${noise}: at 50, 90, 95 % ${said.join(', ')}; right ${right.join(', ')}`);
        assert.deepStrictEqual(right, [1, 1, 1]);
        assert.deepStrictEqual(said, expected);
    }
})();
JAVASCRIPT
node summary.js
echo "as described"
