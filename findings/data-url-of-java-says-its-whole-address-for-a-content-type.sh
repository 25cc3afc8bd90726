#!/usr/bin/env bash
# data-url 1.0.1 (Java, robtimus; Debian package libdata-url-java 1.0.1-2) gives the whole URL for a content type with a parameter, makes a blank of
# a plus sign, and refuses a URL that names its charset alone.
#
# Expected: it is "support for data URLs according to RFC 2397" (its package). There `data:text/plain;charset=utf-8,a` has the media type in front
# of the comma; "as a shorthand, `text/plain` can be omitted but the charset parameter supplied" (section 2); only `%` is special in the data
# (section 3).
# Seen: `getContentType()` of that URL is the URL itself, with its data; without a parameter it is `text/plain`. `data:text/plain,1+1=2` has the
# content `1 1=2`, as in a form, also where its own builder wrote it of the text `1+1=2`. `data:;charset=utf-8,a` is an "Invalid mime type". Content
# in base64, and percent signs, are read rightly.
#
# A program that picks a reader by the content type finds none, and sums and telephone numbers change.
#
# Usage: findings/data-url-of-java-says-its-whole-address-for-a-content-type.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, and a JDK of Java 17. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libdata-url-java=1.0.1-2 >/dev/null
dpkg-deb --extract ./*.deb package

cat >Main.java <<'JAVA'
import com.github.robtimus.net.protocol.data.DataURLs;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLConnection;
import java.nio.charset.StandardCharsets;

public class Main {
    static String read(URL url) throws IOException {
        URLConnection connection = url.openConnection();
        return connection.getContentType() + " | " + new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    static void check(String url, String seen) throws IOException {
        String said;
        try {
            said = read(DataURLs.create(url));
        } catch (MalformedURLException error) {
            said = error.getMessage();
        }
        System.out.println(url + " is " + said);
        if (!said.equals(seen)) {
            throw new AssertionError("it was " + seen);
        }
    }

    public static void main(String[] arguments) throws IOException {
        check("data:text/plain,100%25%20a", "text/plain | 100% a");
        check("data:,a", "text/plain;charset=US-ASCII | a");
        check("data:image/svg+xml;base64,PHN2Zy8+", "image/svg+xml | <svg/>");

        check("data:text/plain;charset=utf-8,a", "data:text/plain;charset=utf-8,a | a");
        check("data:image/svg+xml;charset=utf-8;base64,PHN2Zy8+", "data:image/svg+xml;charset=utf-8;base64,PHN2Zy8+ | <svg/>");
        check("data:text/plain,1+1=2", "text/plain | 1 1=2");
        check("data:;charset=utf-8,a", "Invalid mime type: data:;charset=utf-8,a");

        URL written = DataURLs.builder("1+1=2").withMediaType("text/plain").build();
        System.out.println("of 1+1=2 it writes " + written);
        if (!written.toString().equals("data:text/plain,1+1=2")) {
            throw new AssertionError("it differs");
        }
        check(written.toString(), "text/plain | 1 1=2");
    }
}
JAVA
java -cp package/usr/share/java/data-url.jar Main.java
echo "as described"
