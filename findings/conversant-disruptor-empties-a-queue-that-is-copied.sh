#!/usr/bin/env bash
# Conversant Disruptor 1.2.15 (Java; Debian package libconversant-disruptor-java 1.2.15-1): a copy of a queue empties it, and an array that is too
# small gets nothing.
#
# Expected: its queues are a BlockingQueue, and so a Collection, whose `toArray()` gives an array of all elements; `toArray(T[])` gives a new array
# if they do not fit into the one that was passed (documentation of java.util.Collection). Neither takes one away.
# Seen: `toArray()`, and with it `new ArrayList<>(queue)`, `List.copyOf(queue)` and `addAll(queue)` of a list, take all elements out: the copy is
# right and the queue empty. `toArray(new String[0])`, the usual form, gives an empty array of a queue of three. All three queues do so:
# DisruptorBlockingQueue, PushPullBlockingQueue and MPMCBlockingQueue. A loop over a queue, `stream()` and `contains` leave it as it is;
# ArrayBlockingQueue does in all.
#
# A look at the tasks that wait, for a page of status or a log line, drops the tasks.
#
# Usage: findings/conversant-disruptor-empties-a-queue-that-is-copied.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, and a JDK of Java 17. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libconversant-disruptor-java=1.2.15-1 >/dev/null
dpkg-deb --extract ./*.deb package

cat >Main.java <<'JAVA'
import com.conversantmedia.util.concurrent.DisruptorBlockingQueue;
import com.conversantmedia.util.concurrent.MPMCBlockingQueue;
import com.conversantmedia.util.concurrent.PushPullBlockingQueue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.function.Function;
import java.util.function.Supplier;

public class Main {
    /** Looks at a queue of three, and checks what is seen and how many are left. */
    static void check(String about, BlockingQueue<String> queue, Function<BlockingQueue<String>, Object> look, String seen) {
        queue.addAll(List.of("a", "b", "c"));
        String said = look.apply(queue) + ", then " + queue.size() + " and " + queue.poll();
        System.out.println(queue.getClass().getSimpleName() + " " + about + ": " + said);
        if (!said.equals(seen)) {
            throw new AssertionError("it was " + seen);
        }
    }

    static void checkAll(Supplier<BlockingQueue<String>> make, String copied, String small) {
        check("stream", make.get(), queue -> queue.stream().toList(), "[a, b, c], then 3 and a");
        check("list", make.get(), queue -> new ArrayList<>(queue), copied);
        check("copyOf", make.get(), queue -> List.copyOf(queue), copied);
        check("toArray()", make.get(), queue -> Arrays.toString(queue.toArray()), copied);
        check("toArray(T[0])", make.get(), queue -> Arrays.toString(queue.toArray(new String[0])), small);
    }

    public static void main(String[] arguments) {
        checkAll(() -> new ArrayBlockingQueue<>(8), "[a, b, c], then 3 and a", "[a, b, c], then 3 and a");
        checkAll(() -> new DisruptorBlockingQueue<>(8), "[a, b, c], then 0 and null", "[], then 3 and a");
        checkAll(() -> new PushPullBlockingQueue<>(8), "[a, b, c], then 0 and null", "[], then 3 and a");
        checkAll(() -> new MPMCBlockingQueue<>(8), "[a, b, c], then 0 and null", "[], then 3 and a");
    }
}
JAVA
java -cp package/usr/share/java/conversant-disruptor.jar Main.java
echo "as described"
