#!/usr/bin/env bash
# aggregate 0.2.3 (Ruby; Debian package 0.2.3-1) ends in an error for the deviation of equal values, and says 23 seconds for that of times a millisecond
# apart.
#
# Expected: `stats.std_dev` is "the standard deviation" (its README): 0 for equal values, and no other for values to which the same is added.
# Seen: it takes the square of the sum from the sum of the squares, which is below zero where both are rounded: of three times 0.1 the deviation is
# `Math::DomainError`, and so for 548 of the numbers 0.1 to 200.0. Of 1, 2 and 3 it is 1; of 1700000000001, 1700000000002 and 1700000000003 it is 23170.
#
# Statistics fail for a service that answers each request alike.
#
# Usage: findings/aggregate-fails-for-the-deviation-of-equal-values.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-aggregate=0.2.3-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0

cat >main.rb <<'RUBY'
require 'aggregate'

def deviation(values)
  stats = Aggregate.new
  values.each { |value| stats << value }
  stats.std_dev
rescue Math::DomainError => e
  e.class.to_s
end

[[1, 2, 3], [0.1, 0.1, 0.1], [1_700_000_000_001, 1_700_000_000_002, 1_700_000_000_003]].each { |values| puts "#{values}: #{deviation(values)}" }
raise 'this has changed' if deviation([1, 2, 3]) != 1
raise 'this has changed' if deviation([0.1] * 3) != 'Math::DomainError'
raise 'this has changed' if deviation([1_700_000_000_001, 1_700_000_000_002, 1_700_000_000_003]) < 1000

failed = (1..2000).count { |tenths| deviation([tenths / 10.0] * 3) == 'Math::DomainError' }
puts "three equal values: #{failed} of 2000 fail"
raise 'this has changed' if failed < 100
RUBY
package/usr/bin/ruby3.1 main.rb
echo "as described"
