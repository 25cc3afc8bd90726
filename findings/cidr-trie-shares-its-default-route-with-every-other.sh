#!/usr/bin/env bash
# Three prefix trees for Python go wrong at the root: cidr-trie 3.1.2 shares it between trees, lib-cidr-trie 1.2.11 does not look at it,
# and cidr-bottle 1.5.3 does not make it as its documentation does.
#
# Expected: cidr-trie stores "CIDR IP addresses (both v4 and v6) in a PATRICIA trie", whose example begins with `0.0.0.0/0`. lib-cidr-trie:
# `prefix in trie` "checks if a prefix is contained within the Trie". cidr-bottle: `Bottle("::/0")` is a tree for IPv6, `Bottle("198.51.100.0/24")`
# one that begins there, and `get` is the longest match.
# Seen: `0.0.0.0/0` that is put into one tree of cidr-trie is found in all others of the process, also in those that are made later, and
# what a second tree says for it takes the place of what the first one said. `::/0` appears in trees of IPv4 as `0.0.0.0/0`. In lib-cidr-trie
# the default route covers nothing, not even itself. `Bottle("::/0")` is a tree for IPv4 that refuses what the README inserts: the first
# argument is the left branch, so only `prefix=` works. That cidr-trie also loses prefixes that come before a shorter one is known (issue 17
# of the project, open since 2021).
#
# With a tree for each customer, or for each family of addresses, the route of last resort of one is that of all.
#
# Usage: findings/cidr-trie-shares-its-default-route-with-every-other.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check cidr-trie==3.1.2 lib-cidr-trie==1.2.11 cidr-bottle==1.5.3 cidr-man==1.5.4
python/bin/python - <<'PYTHON'
from ipaddress import ip_network

from cidr_bottle import Bottle
from cidr_trie import PatriciaTrie
from lib_cidr_trie import IPv4CIDRTrie


def seen(name, said, expected):
    print(f"{name}: {said}")
    assert said == expected


one, other = PatriciaTrie(), PatriciaTrie()
one.insert("0.0.0.0/0", "of one")
other.insert("10.0.0.0/8", "of the other")
seen("cidr-trie, a tree of 10.0.0.0/8 alone, 192.0.2.1", other.find_all("192.0.2.1"), [("0.0.0.0/0", "of one")])
other.insert("0.0.0.0/0", "of the other")
seen("cidr-trie, the first tree afterwards", one.find_all("192.0.2.1"), [("0.0.0.0/0", "of the other")])
of_ipv6 = PatriciaTrie()
of_ipv6.insert("::/0", "of IPv6")
seen("cidr-trie, the first tree behind a third one", one.find_all("192.0.2.1"), [("0.0.0.0/0", "of IPv6")])
seen("cidr-trie, a tree into which nothing was put", PatriciaTrie().find_all("192.0.2.1"), [("0.0.0.0/0", "of IPv6")])

tree = IPv4CIDRTrie()
tree.insert(ip_network("0.0.0.0/0"))
tree.insert(ip_network("10.0.0.0/8"))
said = [ip_network(prefix) in tree for prefix in ("10.1.0.0/16", "192.0.2.0/24", "0.0.0.0/0")]
seen("lib-cidr-trie, 10.1.0.0/16, 192.0.2.0/24 and 0.0.0.0/0 below the default route", said, [True, False, False])

for first, inserted in [("::/0", "2001:db8::/48"), ("198.51.100.0/24", "198.51.100.0/25")]:
    tree = Bottle(first)
    seen(f'cidr-bottle, the root of Bottle("{first}")', str(tree.prefix), "0.0.0.0/0")
    try:
        tree.insert(inserted, "inserted")
        said = "inserted"
    except ValueError as error:
        said = str(error)
    seen(f"cidr-bottle, {inserted} in it", said, "incompatible network version" if ":" in first else "inserted")
tree = Bottle(prefix="::/0")
tree.insert("2001:db8::/48", "inserted")
seen('cidr-bottle, Bottle(prefix="::/0")', tree.get("2001:db8::1").value, "inserted")
PYTHON
echo "as described"
