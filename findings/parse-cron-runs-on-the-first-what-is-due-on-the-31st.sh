#!/usr/bin/env bash
# parse-cron 0.1.4 (Ruby; Debian package 0.1.4-1.1) runs a job of the 31st on the first of a month that has none.
#
# Expected: `next` and `last` are the times at which a line of a crontab is due (its README): one for the 31st in the months that have 31 days, one for
# the 29th of February in leap years.
# Seen: where a month has no such day, the day is missing, and Ruby takes the first for it. Behind January 31, `0 0 31 * *` is next due on February 1;
# `30 8 31 3,4,5 *` on April 1; the last time of `0 0 29 2 *` before March 2026 was February 1, 2025. From March 15, `0 0 31 * *` is due on March 31.
#
# Monthly jobs run a day late and one time too many.
#
# Usage: findings/parse-cron-runs-on-the-first-what-is-due-on-the-31st.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-parse-cron=0.1.4-1.1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0

cat >main.rb <<'RUBY'
require 'parse-cron'

[
  ['0 0 31 * *', :next, [2026, 3, 15], '2026-03-31 00:00'],
  ['0 0 31 * *', :next, [2026, 1, 31, 12], '2026-02-01 00:00'],
  ['0 0 31 * *', :last, [2026, 3, 15], '2026-02-01 00:00'],
  ['30 8 31 3,4,5 *', :next, [2026, 3, 31, 9], '2026-04-01 08:30'],
  ['0 0 29 2 *', :last, [2026, 3, 1], '2025-02-01 00:00']
].each do |line, way, from, expected|
  seen = CronParser.new(line).public_send(way, Time.local(*from)).strftime('%Y-%m-%d %H:%M')
  puts "#{line}, #{way} from #{from.join('-')}: #{seen}"
  raise "it was #{expected}" if seen != expected
end
RUBY
TZ=UTC package/usr/bin/ruby3.1 main.rb
echo "as described"
