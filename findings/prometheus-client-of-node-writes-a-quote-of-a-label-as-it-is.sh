#!/usr/bin/env bash
# prometheus-client 0.1.1 (Node.js) writes quotes, backslashes and line feeds of a label as they are, and the whole page cannot be read.
#
# Expected: of a label's value "the backslash (`\`), double-quote (`"`), and line feed (`\n`) characters have to be escaped as `\\`, `\"`, and
# `\n`" (Prometheus text exposition format, "Comments, help text, and type information").
# Seen: of an agent `say "hi"` it writes `agent="say "hi""`, and the parser of prometheus-client 0.25.0 for Python refuses the page, with all of its
# other metrics. Of `C:\new` it writes `C:\new`, which is read as `C:`, a line feed and `ew`. A label of plain letters is read rightly.
#
# A server with one quoted name or one folder of Windows among its labels is not watched any more, or has counters that nobody finds.
#
# Usage: findings/prometheus-client-of-node-writes-a-quote-of-a-label-as-it-is.sh
# Needs Node.js 20, npm with its registry, python3 with venv, and pip with its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund prometheus-client@0.1.1
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check prometheus-client==0.25.0

cat >pages.js <<'JAVASCRIPT'
const Client = require('prometheus-client');

const pages = {};
for (const agent of ['curl', 'C:\\new', 'say "hi"', 'two\nlines']) {
    const client = new Client({ registry: new Client.Registry() });
    client.newCounter({ name: 'requests_total', help: 'Requests.' }).increment({ agent });
    client.newGauge({ name: 'open', help: 'Connections.' }).set({}, 3);
    const page = [];
    client.metricsFunc()({}, { writeHead() {}, write(text) { page.push(text); }, end() {} });
    pages[agent] = page.join('');
}
console.log(JSON.stringify(pages));
JAVASCRIPT
node pages.js >pages.json
python/bin/python - <<'PYTHON'
import json

from prometheus_client.parser import text_string_to_metric_families


def read(page):
    """The agent that a parser reads, and the other metric; or that it refuses all."""
    try:
        samples = {sample.name: sample for family in text_string_to_metric_families(page) for sample in family.samples}
    except ValueError:
        return "refused"
    return samples["requests_total"].labels["agent"], samples["open"].value


right = ("curl", 3)
for (agent, page), seen in zip(json.load(open("pages.json")).items(), [right, ("C:\new", 3), "refused", "refused"]):
    said = read(page)
    print(f"{agent!r}: written {page.splitlines()[2]}, read {said!r}")
    assert said == seen, said
PYTHON
echo "as described"
