#!/usr/bin/env bash
# Readers of robots.txt in Node.js let a crawler in where a sitemap stands between two names of a group, where the name is not the last one
# of its group, or where a path is encoded in another way.
#
# Expected: records that are not of the protocol "MUST NOT interfere with the parsing of explicitly defined records", so that one of sitemaps
# "MUST NOT terminate a group" (RFC 9309 section 2.2.4); a group has one name or more (2.2.1), and groups of one
# name "MUST be combined". `%7E` and `~` are the same once they are compared (2.2.2), and /robots.txt is "implicitly allowed" (2.2.2).
# Seen: with `User-agent: one`, `Sitemap: …`, `User-agent: two`, `Disallow: /` the crawler `one` may read all by robots-parser 3.0.1 (whose README
# aims at the draft of that RFC) and by robots-txt-parse 2.0.1 with robots-txt-guard 1.0.2; so it is with Crawl-delay in that place. For
# robots-txt-parser 2.0.3 the rules of a group are those of its last name alone. robots-txt-guard heeds one of two groups of a name. A rule for
# `/%7Eone` does not hold for `/~one` in all three, nor the other way round, and /robots.txt is forbidden by `Disallow: /`. gpyrobotstxt
# 1.0.0 (Python), a port of Google's, fails in these last two only.
#
# Who names several crawlers in one group, to keep them out, keeps out the last one.
#
# Usage: findings/robots-parser-ends-a-group-at-a-sitemap.sh
# Needs Node.js 20 and npm, python3 with venv, pip and their registries. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund robots-parser@3.0.1 robots-txt-parser@2.0.3 robots-txt-parse@2.0.1 robots-txt-guard@1.0.2

cat >cases.json <<'JSON'
[
    ["a group of two names", "User-agent: one\nUser-agent: two\nDisallow: /\n", "/page", "no", "no yes no no"],
    ["a sitemap in it", "User-agent: one\nSitemap: https://e.org/a.xml\nUser-agent: two\nDisallow: /\n", "/page", "no", "yes yes yes no"],
    ["a delay in it", "User-agent: one\nCrawl-delay: 1\nUser-agent: two\nDisallow: /\n", "/page", "no", "yes yes yes no"],
    ["an encoded rule", "User-agent: *\nDisallow: /%7Eone\n", "/~one", "no", "yes yes yes yes"],
    ["an encoded address", "User-agent: *\nDisallow: /~one\n", "/%7Eone", "no", "yes yes yes yes"],
    ["two groups", "User-agent: one\nDisallow: /a\n\nUser-agent: one\nDisallow: /b\n", "/b", "no", "no no yes no"],
    ["robots.txt itself", "User-agent: *\nDisallow: /\n", "/robots.txt", "yes", "no no no no"]
]
JSON
cat >allowed.js <<'JAVASCRIPT'
const guard = require('robots-txt-guard');
const parse = require('robots-txt-parse');
const parser = require('robots-parser');
const txtParser = require('robots-txt-parser');
const { Readable } = require('stream');

(async () => {
    const said = [];
    for (const [, text, path] of require('./cases.json')) {
        const other = txtParser({ userAgent: 'one' });
        other.parseRobots('https://example.org', text);
        other.useRobotsFor('https://example.org');
        const answers = [
            parser('https://example.org/robots.txt', text).isAllowed(`https://example.org${path}`, 'one'),
            other.canCrawlSync(`https://example.org${path}`),
            guard(await parse(Readable.from([Buffer.from(text)]))).isAllowed('one', path),
        ];
        said.push(answers.map((allowed) => (allowed ? 'yes' : 'no')).join(' '));
    }
    console.log(JSON.stringify(said));
})();
JAVASCRIPT
node allowed.js >allowed.json

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check gpyrobotstxt==1.0.0
python/bin/python - <<'PYTHON'
import json

from gpyrobotstxt.robots_cc import RobotsMatcher

with open("cases.json") as cases, open("allowed.json") as allowed:
    for (name, text, path, right, seen), of_node in zip(json.load(cases), json.load(allowed)):
        allowed_here = RobotsMatcher().one_agent_allowed_by_robots(text.encode(), "one", f"https://example.org{path}")
        said = f"{of_node} {'yes' if allowed_here else 'no'}"
        print(f"{name}: robots-parser, robots-txt-parser, robots-txt-guard and gpyrobotstxt say {said}, right is {right}")
        assert said == seen
PYTHON
echo "as described"
