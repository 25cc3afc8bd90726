#!/usr/bin/env bash
# vmstat 2.3.0 (Ruby; Debian package ruby-vmstat 2.3.0-3+b5) calls the interface eth0.100 `100`, and says a hundred thousand milliseconds for one
# second.
#
# Expected: a network interface has "the system name for the network interface", a task `user_time_ms` and `system_time_ms` (its documentation). In
# /proc/net/dev the name is all in front of the colon; in /proc/self/stat times are in clock ticks, of which there are 100 in a second, and the name
# of the program, in parentheses, may have blanks (proc(5)).
# Seen: of a name only the letters, digits and underscores right in front of the colon are kept: `eth0.100` is `100`, `br-lan` is `lan`, and
# `wg-a` and `tap-a` are both `a`. Ticks are multiplied by 1000, as if each were a second. Of a program `my worker` each field is that
# of the one before it: the user time is the count of major faults of children. `eth0`, `lo`, their bytes, and the sizes of a program without a
# blank are right.
#
# The traffic of a bridge, a VLAN or a tunnel is stored under another name, or one interface has that of two.
#
# Usage: findings/vmstat-of-ruby-names-a-vlan-by-its-number.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-vmstat=2.3.0-3+b5 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/x86_64-linux-gnu/ruby/vendor_ruby/3.1.0:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0

mkdir -p proc/net proc/self
cat >proc/net/dev <<'TEXT'
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0
  eth0:    2000      20    0    0    0     0          0         0     2001      20    0    0    0     0       0          0
eth0.100:    3000      30    0    0    0     0          0         0     3001      30    0    0    0     0       0          0
br-lan:    4000      40    0    0    0     0          0         0     4001      40    0    0    0     0       0          0
  wg-a:    5000      50    0    0    0     0          0         0     5001      50    0    0    0     0       0          0
 tap-a:    6000      60    0    0    0     0          0         0     6001      60    0    0    0     0       0          0
TEXT

cat >main.rb <<'RUBY'
require 'etc'
require 'vmstat'

Vmstat.define_singleton_method(:procfs_path) { File.join(Dir.pwd, 'proc') }

def check(about, said, seen)
  puts "#{about}: #{said}"
  raise "it was #{seen}" if said != seen
end

check 'interfaces', Vmstat.network_interfaces.map { |one| "#{one.name} #{one.in_bytes} #{one.out_bytes}" }.join(', '),
      'lo 1000 1000, eth0 2000 2001, 100 3000 3001, lan 4000 4001, a 5000 5001, a 6000 6001'

check 'ticks in a second', Etc.sysconf(Etc::SC_CLK_TCK), 100
# A second of user time, half of one of system time, 10 pages of memory, 7 of them resident; 13 and 4 major faults, 4 of them of children.
{
  'worker' => 'user 100000, system 50000, virtual 10, resident 7',
  'my worker' => 'user 4000, system 100000, virtual 1, resident 40960'
}.each do |name, seen|
  sizes = "#{10 * Vmstat.pagesize} 7 18446744073709551615"
  File.write('proc/self/stat', "42 (#{name}) S 1 42 42 0 -1 4194560 900 800 13 4 100 50 0 0 20 0 1 0 5000 #{sizes}\n")
  task = Vmstat.task
  said = "user #{task.user_time_ms}, system #{task.system_time_ms}, virtual #{task.virtual_size}, resident #{task.resident_size}"
  check "a second of #{name}", said, seen
end
RUBY
package/usr/bin/ruby3.1 main.rb
echo "as described"
