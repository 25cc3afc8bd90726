#!/usr/bin/env bash
# @cheap-glitch/mi-cron 1.0.1 (Node.js) takes the name of a month for the month before, no name in capitals, and the 1st of March for the 29th of
# February.
#
# Expected: months and days may be written by their first three letters, "case does not matter" (crontab(5)); `feb` is 2. A job of the 29th of
# February runs in leap years only.
# Seen: `0 0 1 feb *` is next due on the 1st of January, `dec` on the 1st of November, and `jan` in a month 0, which becomes December. `2` and `12`
# are right. `MON` is no valid expression, `mon` is one. `0 0 29 2 *` is due on 2026-03-01. cron-parser 5.4.0 is right with all of them.
# @fregante/mi-cron 2.0.1 reads them in the same way.
#
# Usage: findings/mi-cron-takes-february-for-january.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @cheap-glitch/mi-cron@1.0.1 @fregante/mi-cron@2.0.1 cron-parser@5.4.0

cat >due.mjs <<'JAVASCRIPT'
import assert from 'assert';
import cheap from '@cheap-glitch/mi-cron';
import * as fregante from '@fregante/mi-cron';
import { CronExpressionParser } from 'cron-parser';

const from = new Date('2026-01-15T10:00:00Z');
const day = (date) => date && date.toISOString().slice(0, 10);
for (const [expression, seen, right] of [
    ['0 0 1 2 *', '2026-02-01', '2026-02-01'],
    ['0 0 1 feb *', '2027-01-01', '2026-02-01'],
    ['0 0 1 jan *', '2026-12-01', '2027-01-01'],
    ['0 0 1 dec *', '2026-11-01', '2026-12-01'],
    ['0 0 * * mon', '2026-01-19', '2026-01-19'],
    ['0 0 * * MON', undefined, '2026-01-19'],
    ['0 0 29 2 *', '2026-03-01', '2028-02-29'],
]) {
    const said = [cheap, fregante].map(({ parseCron }) => day(parseCron.nextDate(expression, from)));
    const next = day(CronExpressionParser.parse(expression, { currentDate: from, tz: 'UTC' }).next().toDate());
    console.log(`${expression}: mi-cron ${said.join(', ')}; cron-parser ${next}`);
    assert.deepStrictEqual([...said, next], [seen, seen, right]);
}
JAVASCRIPT
node due.mjs
echo "as described"
