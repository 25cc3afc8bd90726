#!/usr/bin/env bash
# URI::Template 0.24 (Perl; Debian package 0.24-2) changes letters of a value before it encodes them, and encodes a tilde.
#
# Expected: an expansion copies a letter "if the character is in the allowed set", and else encodes "the octets of its UTF-8 encoding"; `~` is
# unreserved, and so in each set (RFC 6570 sections 1.5, 1.6 and 3.2.1). No value is to be replaced by one that looks alike.
# Seen: `x²` becomes `x2`, `①` becomes `1`, and the ligature of `ﬁle` two letters: each value is brought into the form NFKC. `~user` becomes
# `%7Euser`, in reserved expansion too. uritemplate 4.2.0 of Python leaves all of these as they are.
#
# What was stored under one name is asked for under another.
#
# Usage: findings/uri-template-of-perl-changes-letters-and-encodes-a-tilde.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, Perl 5.36, python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet liburi-template-perl=0.24-2 liburi-perl=5.17-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use URI::Template;
use utf8;

print URI::Template->new($_->[0])->process_to_string(value => $_->[1]), "\n" for ['{value}', 'plain é'], ['{value}', 'x²'], ['{value}', '①'], ['{value}', 'ﬁle'], ['{+value}', '~user'];
PERL
perl main.pl >seen
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check uritemplate==4.2.0
cat >expand.py <<'PYTHON'
from urllib.parse import unquote

import uritemplate

seen = open("seen").read().split()
cases = ("{value}", "plain é"), ("{value}", "x²"), ("{value}", "①"), ("{value}", "ﬁle"), ("{+value}", "~user")
right = [uritemplate.expand(template, value=value) for template, value in cases]
for (template, value), one, other in zip(cases, seen, right):
    print(f"{template} with {value}: URI::Template {one}, uritemplate {other}")
assert [unquote(other) for other in right] == [value for _, value in cases]
assert seen == [right[0], "x2", "1", "file", "%7Euser"], seen
PYTHON
python/bin/python expand.py
echo "as described"
