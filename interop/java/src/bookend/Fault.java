package bookend;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A rule that was broken. The name is the same word on the wire, in logs and in every language (SPEC section 6). */
public class Fault extends RuntimeException {
    /** Bytes that a reason may have (R6.5). */
    public static final int MAX_REASON = 200;

    private static final long serialVersionUID = 1;
    /** The first name of a code is the one to use for it. */
    private static final Map<Integer, List<String>> CODES = new TreeMap<>(Map.ofEntries(
            Map.entry(1000, List.of("normal")),
            Map.entry(1001, List.of("going-away")),
            Map.entry(1002, List.of("protocol-error", "unknown-encoding", "malformed", "hello-expected", "second-hello",
                    "bad-hello", "bad-canary", "unexpected-kind", "duplicate-request", "truncated")),
            Map.entry(1003, List.of("unknown-kind")),
            Map.entry(1007, List.of("bad-text", "encoding-refused")),
            Map.entry(1008, List.of("policy")),
            Map.entry(1009, List.of("too-long")),
            Map.entry(1011, List.of("internal")),
            Map.entry(1013, List.of("try-later")),
            Map.entry(4000, List.of("bad-start")),
            Map.entry(4001, List.of("bad-end")),
            Map.entry(4003, List.of("version")),
            Map.entry(4004, List.of("hello-timeout")),
            Map.entry(4005, List.of("idle")),
            Map.entry(4006, List.of("slow-consumer")),
            Map.entry(4007, List.of("rate", "ping-flood", "empty-flood")),
            Map.entry(4008, List.of("frame-timeout")),
            Map.entry(4009, List.of("resume-refused")),
            Map.entry(4010, List.of("no-such-member")),
            Map.entry(4011, List.of("unmappable-text"))));

    private final String name;
    private final String detail;
    private final long offset;

    public Fault(String name) {
        this(name, "", -1);
    }

    public Fault(String name, String detail) {
        this(name, detail, -1);
    }

    /** The offset is in bytes, of the stream for framing, of the payload for text; -1 has no meaning. */
    public Fault(String name, String detail, long offset) {
        super(detail.isEmpty() ? name : name + ": " + detail);
        this.name = name;
        this.detail = detail;
        this.offset = offset;
    }

    public final String name() {
        return name;
    }

    public final long offset() {
        return offset;
    }

    /** The u16 of CLOSE and ERROR, or -1 for what is local only. */
    public int code() {
        return CODES.entrySet().stream().filter(entry -> entry.getValue().contains(name)).mapToInt(Map.Entry::getKey).findFirst().orElse(-1);
    }

    /** The first name that the table gives for a code, or none. */
    public static String firstName(int code) {
        return CODES.getOrDefault(code, List.of("")).get(0);
    }

    /** One line for people. */
    @Override
    public String toString() {
        return name + (code() < 0 ? "" : " (" + code() + ")") + (detail.isEmpty() ? "" : ": " + detail);
    }

    /** The application asked for what this session must not send; nothing was sent. */
    public static final class Refused extends Fault {
        private static final long serialVersionUID = 1;

        Refused(String name, String detail) {
            super(name, detail);
        }
    }

    /** The answer to the own REQUEST of this id came and cannot be read; the session goes on. */
    public static final class Unreadable extends Fault {
        private static final long serialVersionUID = 1;
        private final long id;

        Unreadable(long id, Fault fault) {
            super(fault.name(), fault.detail, fault.offset());
            this.id = id;
        }

        public long id() {
            return id;
        }
    }

    /** The peer closed the connection: the code counts, the reason is for people (R6.3). */
    public static final class PeerClosed extends Fault {
        private static final long serialVersionUID = 1;
        private final int code;

        PeerClosed(int code, String reason) {
            super(firstName(code).isEmpty() ? "code-" + code : firstName(code), reason);
            this.code = code;
        }

        @Override
        public int code() {
            return code;
        }
    }
}
