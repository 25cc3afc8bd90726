#!/usr/bin/env bash
# simple 4.1.21 (Java; Debian package libsimple-http-java 4.1.21-1.1) reads a date with the milliseconds of the moment of reading, takes 1994 of RFC
# 850 for 2094, and a weight of 0.9 for less than 0.75.
#
# Expected: a date of HTTP is of a whole second, and the same text the same time; two digits of a year that seem to lie more than 50 years ahead are
# of the past (RFC 9110 section 5.6.7). A weight is a decimal from 0 to 1, of which the greater one is preferred (section 12.4.2).
# Seen: `Sun, 06 Nov 1994 08:49:37 GMT` is 784111777 seconds and 0 to 999 milliseconds, others at each reading, so that a date may be later than the
# same date; so too in the form of asctime. `Sunday, 06-Nov-94` is in 2094. Of `a;q=0.9,b;q=0.75` the first is b: weights are ordered as if 9 and 75
# were the numbers, and 1 is below 0.5. The seconds, a number made into a date, and weights of one digit behind the point are right.
#
# A server compares If-Modified-Since with its file and sends again what has not changed, or does not, by chance.
#
# Usage: findings/simple-http-adds-the-milliseconds-of-now-to-each-date.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, and a JDK of Java 17. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libsimple-http-java=4.1.21-1.1 >/dev/null
dpkg-deb --extract ./*.deb package

cat >Main.java <<'JAVA'
import java.util.HashSet;
import java.util.Set;
import org.simpleframework.http.parse.DateParser;
import org.simpleframework.http.parse.ValueParser;

public class Main {
    static void check(String about, Object said, String seen) {
        System.out.println(about + ": " + said);
        if (!said.toString().equals(seen)) {
            throw new AssertionError("it was " + seen);
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        for (String date : new String[] {"Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sunday, 06-Nov-94 08:49:37 GMT"}) {
            Set<Long> seconds = new HashSet<>(), milliseconds = new HashSet<>();
            for (int i = 0; i < 5; i++) {
                long read = new DateParser(date).toLong();
                seconds.add(read / 1000);
                milliseconds.add(read % 1000);
                // Each reading has a moment of its own.
                Thread.sleep(2);
            }
            System.out.println(date + ": milliseconds " + milliseconds);
            check(date, seconds, date.contains("-94") ? "[3939871777]" : "[784111777]");
            if (milliseconds.size() < 2) {
                throw new AssertionError("the milliseconds differed");
            }
        }
        check("784111777000", new DateParser(784111777000L), "Sun, 06 Nov 1994 08:49:37 GMT");

        for (String[] weights : new String[][] {
            {"a;q=0.7, b;q=0.9, c", "[c, b, a]"},
            {"a;q=0.9, b;q=0.75", "[b, a]"},
            {"a;q=0.05, b;q=0.5", "[a, b]"},
            {"a;q=1, b;q=0.5", "[b, a]"},
        }) {
            check(weights[0], new ValueParser(weights[0]).list(), weights[1]);
        }
    }
}
JAVA
java -cp package/usr/share/java/simple-4.1.21.jar Main.java
echo "as described"
