#!/usr/bin/env bash
# Prometheus::Tiny 0.010 (Perl; Debian package 0.010-1) writes the buckets of a histogram in the order of the alphabet, and the line end of a help
# text as it is.
#
# Expected: "The buckets of a histogram [...] must appear in increasing numerical order of their label values"; in a help text "the backslash and the
# line feed characters" are escaped as `\\` and `\n` (Prometheus, text-based exposition format, which its `format` says it writes).
# Seen: with its default buckets `le="10"` stands behind `le="1"` and before `le="2.5"`, so the counts go up, down and up again. A help text of two
# lines makes a line of its second one, at which prometheus_client 0.26.0 of Python refuses the page. Written by prometheus_client, the same text and
# buckets are in order.
#
# One help text with a line end, and there are no metrics at all of this process.
#
# Usage: findings/prometheus-tiny-writes-the-bucket-of-10-before-that-of-2.5.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, Perl 5.36, python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libprometheus-tiny-perl=0.010-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check prometheus_client==0.26.0

cat >page.pl <<'PERL'
use strict;
use warnings;
use Prometheus::Tiny;

my $metrics = Prometheus::Tiny->new;
$metrics->declare('seconds', type => 'histogram', help => $ARGV[0]);
$metrics->histogram_observe('seconds', $_) for 0.3, 3;
print $metrics->format;
PERL
perl page.pl 'How long requests take' >one
perl page.pl $'How long requests take\nfrom the first byte on' >two
cat one
cat >read.py <<'PYTHON'
import sys

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
HELP = "How long requests take\nfrom the first byte on"


def buckets(page):
    """The buckets of a page in the order in which they stand there."""
    families = list(text_string_to_metric_families(page))
    return [(float(sample.labels["le"]), sample.value) for family in families for sample in family.samples if "le" in sample.labels]


registry = CollectorRegistry()
histogram = Histogram("seconds", HELP, buckets=BOUNDS, registry=registry)
for seconds in (0.3, 3):
    histogram.observe(seconds)
right = buckets(generate_latest(registry).decode())
assert right == sorted(right)

seen = buckets(open("one").read())
print("buckets behind 0.75:", seen[9:])
assert sorted(seen) == right
assert seen[9:] == [(1, 1), (10, 2), (2.5, 1), (5, 2), (7.5, 2), (float("inf"), 2)], seen
try:
    buckets(open("two").read())
except ValueError as error:
    print("with a line end in the help text:", error)
else:
    sys.exit("the help text was escaped")
PYTHON
python/bin/python read.py
echo "as described"
