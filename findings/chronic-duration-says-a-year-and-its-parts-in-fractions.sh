#!/usr/bin/env bash
# gitlab_chronic_duration 0.10.6.2 (Ruby, Debian package 0.10.6.2-2) writes a time of a year with a fraction of a second as fractions of every unit, and
# raises an error for weeks in the form with colons.
#
# Expected: its README: output() is the reverse of parse() ("The reverse can also be accomplished with the output method"), floats are taken ("if you get
# tricky and need a float"), and `:format => :chrono` and `:weeks => true` are options of output().
# Seen: 31557600.5 seconds are "1.0000000158440439 yrs 1.9290123456790122e-07 mos 5.787037037037037e-06 days ...", which parse() reads as 50220002, more
# than half a year more; a year less a day and half a second is written well. output(..., :format => :chrono, :weeks => true) raises NoMethodError (`join'
# for nil) for each time. 28 days with weeks: true are "1 mo", which is 30 days on the way back, and 3661.05 is "1:01:1.05" while 3661.5 is "1:01:01.5".
#
# The age of a process or of a certificate, which is a float, becomes a line of noise on the day that it is a year old.
#
# Usage: findings/chronic-duration-says-a-year-and-its-parts-in-fractions.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-chronic-duration=0.10.6.2-2 \
    ruby-numerizer=0.2.0-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0

cat >main.rb <<'RUBY'
require 'gitlab_chronic_duration'

AN_ERROR = 'NoMethodError'
day = 86_400
year = 31_557_600
noise = '1.0000000158440439 yrs 1.9290123456790122e-07 mos 5.787037037037037e-06 days 0.0001388888888888889 hrs 0.008333333333333333 mins 0.5 secs'
[
  [year, {}, '1 yr', year],
  [year - day + 0.5, {}, '12 mos 4 days 6 hrs 0.5 secs', year - day + 0.5],
  [year + 0.5, {}, noise, 50_220_002],
  [8 * day, { format: :chrono }, '8:00:00:00', 8 * day],
  [8 * day, { format: :chrono, weeks: true }, AN_ERROR],
  [90, { format: :chrono, weeks: true }, AN_ERROR],
  [27 * day, { weeks: true }, '3 wks 6 days', 27 * day],
  [28 * day, { weeks: true }, '1 mo', 30 * day],
  [3661.5, { format: :chrono }, '1:01:01.5', 3661.5],
  [3661.05, { format: :chrono }, '1:01:1.05', 3661.05],
].each do |seconds, options, *expected|
  seen = begin
    text = ChronicDuration.output(seconds, options.dup)
    [text, ChronicDuration.parse(text)]
  rescue NoMethodError => error
    [error.class.to_s]
  end
  puts "#{seconds} #{options}: #{seen.join(', back: ')}"
  raise "it was #{expected}" unless seen == expected
end
RUBY
package/usr/bin/ruby3.1 --disable-gems main.rb
echo "as described"
