#!/usr/bin/env bash
# loadtest 8.2.1 (Node.js) says 40 ms for the median if 990 of 1,000 answers come within a millisecond and ten take 40.
#
# Expected: a percentile is the smallest time within which that share of the answers came: 0 ms for the 50th, the 90th and the 95th.
# Seen: latencies are rounded down to whole milliseconds, and a percentile of 0 counts as not found yet: the next time that occurs takes
# its place, in all percentiles. Of 990 times 0 ms and ten of 40 the 50th, 90th, 95th and 99th are 40. Of 990 times 1 ms and ten of 40
# they are 1, 1, 1 and 40. The mean, 0.4 ms, is right. The latencies are given to the class that `loadTest` counts with, so that they
# do not depend on the machine.
#
# A faster server looks slower: once half of the answers are below a millisecond, the median is the first outlier.
#
# Usage: findings/loadtest-says-40-ms-for-a-median-below-one.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund loadtest@8.2.1

cat >median.mjs <<'JAVASCRIPT'
import assert from 'assert';
import { Latency } from './node_modules/loadtest/lib/latency.js';

// What a run that measured these latencies, in milliseconds, reports.
const reported = (latencies) => {
    const latency = new Latency({ options: {}, running: true, countClients: () => 1 });
    for (const [milliseconds, times] of latencies) {
        for (let i = 0; i < times; i += 1) {
            latency.totalRequests += 1;
            latency.add(milliseconds);
        }
    }
    latency.stop();
    return latency.getResult();
};
for (const [latencies, percentiles, mean] of [
    [[[1, 990], [40, 10]], [1, 1, 1, 40], 1.4],
    [[[0, 990], [40, 10]], [40, 40, 40, 40], 0.4],
    [[[0, 900], [1, 90], [40, 10]], [1, 1, 1, 40], 0.5],
]) {
    const result = reported(latencies);
    const said = Object.values(result.percentiles);
    console.log(`${latencies.map(([milliseconds, times]) => `${times} times ${milliseconds} ms`).join(', ')}: ` +
        `percentiles ${said.join(', ')}, mean ${result.meanLatencyMs}`);
    assert.deepStrictEqual([said, result.meanLatencyMs], [percentiles, mean]);
}
JAVASCRIPT
node median.mjs
echo "as described"
