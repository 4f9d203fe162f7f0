package org.bookend;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A broken rule. Its name is the same on the wire, in logs and in every language (SPEC section 6). */
public class Fault extends RuntimeException {
    /** The longest reason, in bytes (R6.5). */
    public static final int MAX_REASON = 200;

    private static final long serialVersionUID = 1;
    /** The first name of a code is its preferred name. */
    private static final Map<Integer, List<String>> CODES = new TreeMap<>(Map.ofEntries(
            Map.entry(1000, List.of("normal")),
            Map.entry(1001, List.of("going-away")),
            Map.entry(1002, List.of("protocol-error", "unknown-encoding", "malformed", "hello-expected", "second-hello",
                    "bad-hello", "bad-canary", "two-clients", "unexpected-kind", "duplicate-request", "truncated")),
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
            Map.entry(4011, List.of("unmappable-text")),
            Map.entry(4012, List.of("cancelled"))));

    private final String name;
    private final String detail;
    private final long offset;

    public Fault(String name) {
        this(name, "", -1);
    }

    public Fault(String name, String detail) {
        this(name, detail, -1);
    }

    /** The offset is in bytes: in the stream for framing, in the payload for text; -1 if it has none. */
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

    /** The u16 of CLOSE and ERROR, or -1 if the fault has no code on the wire. */
    public int code() {
        return CODES.entrySet().stream().filter(entry -> entry.getValue().contains(name)).mapToInt(Map.Entry::getKey).findFirst().orElse(-1);
    }

    /** The first name of a code in the table, or an empty string. */
    public static String firstName(int code) {
        return CODES.getOrDefault(code, List.of("")).get(0);
    }

    /** One line for people. */
    @Override
    public String toString() {
        return name + (code() < 0 ? "" : " (" + code() + ")") + (detail.isEmpty() ? "" : ": " + detail);
    }

    /** The application asked to send something that this session must not send. Nothing was sent. */
    public static final class Refused extends Fault {
        private static final long serialVersionUID = 1;

        Refused(String name, String detail) {
            super(name, detail);
        }
    }

    /** The answer to this side's REQUEST with this id cannot be read. The session stays open. */
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

    /** The peer answered a REQUEST of this side with an ERROR. */
    public static final class PeerRefused extends Fault {
        private static final long serialVersionUID = 1;
        private final int code;

        PeerRefused(int code, String reason) {
            super(firstName(code).isEmpty() ? "code-" + code : firstName(code), reason);
            this.code = code;
        }

        @Override
        public int code() {
            return code;
        }
    }

    /** The peer closed the connection. Programs use the code; the reason is for people (R6.3). */
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
