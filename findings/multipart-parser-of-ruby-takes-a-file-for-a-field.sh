#!/usr/bin/env bash
# multipart-parser 0.1.1 (Ruby; Debian package 0.1.1-4) takes the name of a file for that of its field where it comes first, knows no file with a
# semicolon in its name, and no part behind a preamble.
#
# Expected: the parameters of Content-Disposition have no order, and in quotes a semicolon is a character (RFC 6266 section 4.1, RFC 7578 section
# 4.2). What stands before the first boundary is a preamble, to be ignored, as is an empty line there; a field may have a digit in its name (RFC 2046
# section 5.1.1).
# Seen: of `form-data; filename="a.txt"; name="upload"` the name is `a.txt`; of `filename="a;b.txt"` there is no file name. With a line end before the
# first boundary, or a field `X-Part-1`, it says "Parser error" and hands out no part.
#
# Usage: findings/multipart-parser-of-ruby-takes-a-file-for-a-field.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Ruby 3.1 is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet ruby3.1=3.1.7+really3.1.2-0+deb12u1 libruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-multipart-parser=0.1.1-4 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib
export LD_LIBRARY_PATH=$lib/x86_64-linux-gnu
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/x86_64-linux-gnu/ruby/3.1.0:$work/package/usr/share/rubygems-integration/all/gems/multipart-parser-0.1.1/lib

cat >main.rb <<'RUBY'
require 'multipart_parser/reader'

# The name, the file name and the text of the part of a form with these fields, or the error.
def read(fields, before = '')
  seen = nil
  reader = MultipartParser::Reader.new('b')
  reader.on_error { |message| return message[/\A[^,]*/] }
  reader.on_part do |part|
    text = +''
    part.on_data { |data| text << data }
    part.on_end { seen = [part.name, part.filename, text] }
  end
  reader.write("#{before}--b\r\n#{fields}\r\n\r\nneutral\r\n--b--\r\n")
  seen
end

{
  ['Content-Disposition: form-data; name="upload"; filename="a.txt"'] => ['upload', 'a.txt', 'neutral'],
  ['Content-Disposition: form-data; filename="a.txt"; name="upload"'] => ['a.txt', 'a.txt', 'neutral'],
  ['Content-Disposition: form-data; name="upload"; filename="a;b.txt"'] => ['upload', nil, 'neutral'],
  ['Content-Disposition: form-data; name="upload"', "\r\n"] => 'Parser error',
  ["X-Part-1: one\r\nContent-Disposition: form-data; name=\"upload\""] => 'Parser error',
}.each do |form, expected|
  seen = read(*form)
  puts "#{form.inspect}: #{seen.inspect}"
  raise "it was #{expected}" unless seen == expected
end
RUBY
package/usr/bin/ruby3.1 --disable-gems main.rb
echo "as described"
