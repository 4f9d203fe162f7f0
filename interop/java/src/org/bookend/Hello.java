package org.bookend;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * HELLO, the first frame of each side (SPEC section 4). Bit n of `accepted` stands for encoding n. `maxBody` is in bytes,
 * `keepalive` in seconds, where 0 is no promise. `requests` is the number of REQUESTs of the other side that may be unanswered
 * (R3.16), where null stands for 64. `client` says that the sender is the client; a Session sets it in its own HELLO. Any other
 * absent option is null.
 */
public record Hello(int minor, int accepted, TextEncoding preferred, long maxBody, int keepalive, boolean hub, String name,
        String room, byte[] token, Long resume, String software, boolean client, Long requests) {
    static final int KIND = 0x01;
    static final byte[] PREFIX = {0x42, 0x4B, 0x4E, 0x44, 0x0D, 0x0A, 0x1A, 0x0A, (byte) 0xFF, 0x11, 0x0D, 0x00};
    private static final int LENGTH = 24; // bytes, without options
    private static final int OPTIONS = 8; // the highest type
    private static final int UNASSIGNED = 6; // a type that is not an option

    /** All encodings accepted, none preferred, 1 MiB, 30 seconds, no options. */
    public Hello() {
        this(0, 0x1F, TextEncoding.BINARY, 1 << 20, 30, false, null, null, null, null, null, false, null);
    }

    public Hello withHub(boolean value) {
        return new Hello(minor, accepted, preferred, maxBody, keepalive, value, name, room, token, resume, software, client, requests);
    }

    public Hello withPreferred(TextEncoding value) {
        return new Hello(minor, accepted, value, maxBody, keepalive, hub, name, room, token, resume, software, client, requests);
    }

    public Hello withKeepalive(int value) {
        return new Hello(minor, accepted, preferred, maxBody, value, hub, name, room, token, resume, software, client, requests);
    }

    public Hello withMaxBody(long value) {
        return new Hello(minor, accepted, preferred, value, keepalive, hub, name, room, token, resume, software, client, requests);
    }

    public Hello withName(String value) {
        return new Hello(minor, accepted, preferred, maxBody, keepalive, hub, value, room, token, resume, software, client, requests);
    }

    public Hello withRoom(String value) {
        return new Hello(minor, accepted, preferred, maxBody, keepalive, hub, name, value, token, resume, software, client, requests);
    }

    /** A password: do not log it. */
    public Hello withToken(byte[] value) {
        return new Hello(minor, accepted, preferred, maxBody, keepalive, hub, name, room, value, resume, software, client, requests);
    }

    public Hello withResume(Long value) {
        return new Hello(minor, accepted, preferred, maxBody, keepalive, hub, name, room, token, value, software, client, requests);
    }

    public Hello withSoftware(String value) {
        return new Hello(minor, accepted, preferred, maxBody, keepalive, hub, name, room, token, resume, value, client, requests);
    }

    Hello withClient(boolean value) {
        return new Hello(minor, accepted, preferred, maxBody, keepalive, hub, name, room, token, resume, software, value, requests);
    }

    public Hello withRequests(Long value) {
        return new Hello(minor, accepted, preferred, maxBody, keepalive, hub, name, room, token, resume, software, client, value);
    }

    public boolean accepts(TextEncoding encoding) {
        return (accepted >> encoding.ordinal() & 1) == 1;
    }

    /** The body of the frame, with the options in the order of their types. Throws bad-hello. */
    public byte[] body() {
        checkFields();
        ByteArrayOutputStream octets = new ByteArrayOutputStream();
        octets.writeBytes(ByteBuffer.allocate(LENGTH)
                .put(PREFIX)
                .put((byte) 1)
                .put((byte) minor)
                .put((byte) accepted)
                .put((byte) preferred.ordinal())
                .putInt((int) maxBody)
                .putShort((short) keepalive)
                .putShort((short) (hub ? 1 : 0))
                .array());
        byte[][] options = {octets(name), octets(room), token,
                resume == null ? null : ByteBuffer.allocate(8).putLong(resume).array(), octets(software), null,
                client ? new byte[0] : null, requests == null ? null : ByteBuffer.allocate(4).putInt((int) (long) requests).array()};
        for (int at = 0; at < options.length; at++) {
            if (options[at] == null) continue;
            octets.write(at + 1);
            octets.write(options[at].length);
            octets.writeBytes(options[at]);
        }
        return octets.toByteArray();
    }

    /** Decodes a body and checks it in the order of R4.19. Throws bad-hello, bad-canary or version. */
    public static Hello parse(byte[] body) {
        int wrong = wrongPrefixAt(body);
        if (wrong >= 0) throw wrongPrefix(body, wrong);
        check(body.length >= LENGTH, body.length + " bytes");
        if (body[12] != 1) throw new Fault("version", "found major version " + (body[12] & 0xFF) + ", this side has 1");
        byte[][] options = new byte[OPTIONS + 1][];
        for (int at = LENGTH; at < body.length;) {
            check(at + 2 <= body.length && at + 2 + (body[at + 1] & 0xFF) <= body.length, "an option runs past the end");
            int type = body[at] & 0xFF;
            int end = at + 2 + (body[at + 1] & 0xFF);
            if (type >= 1 && type <= OPTIONS && type != UNASSIGNED) {
                check(options[type] == null, "option " + type + " appears twice");
                options[type] = Arrays.copyOfRange(body, at + 2, end);
            }
            at = end;
        }
        check(options[4] == null || options[4].length == 8, "resume is not eight bytes");
        check(options[7] == null || options[7].length == 0, "client has a value");
        check(options[8] == null || options[8].length == 4, "requests is not four bytes");
        ByteBuffer fields = ByteBuffer.wrap(body);
        int preferred = body[15] & 0xFF;
        check(preferred <= 4, "preferred is " + preferred);
        Hello hello = new Hello(body[13] & 0xFF, body[14] & 0x1F, TextEncoding.of(preferred), fields.getInt(16) & 0xFFFFFFFFL,
                fields.getShort(20) & 0xFFFF, (body[23] & 1) == 1, line(options[1]), line(options[2]), options[3],
                options[4] == null ? null : ByteBuffer.wrap(options[4]).getLong(), line(options[5]), options[7] != null,
                options[8] == null ? null : ByteBuffer.wrap(options[8]).getInt() & 0xFFFFFFFFL);
        hello.checkFields();
        return hello;
    }

    /** The offset of the first wrong byte of the magic and canary, as far as they have arrived (R4.7), or -1. */
    static int wrongPrefixAt(byte[] body) {
        for (int at = 0; at < body.length && at < PREFIX.length; at++) if (body[at] != PREFIX[at]) return at;
        return -1;
    }

    static Fault wrongPrefix(byte[] body, int at) {
        return at < 4 ? new Fault("bad-hello", String.format("byte %d of the magic is %02x", at, body[at]))
                : new Fault("bad-canary", String.format("byte %d is %02x", at - 4, body[at]));
    }

    private void checkFields() {
        check((accepted & ~0x1F) == 0 && (accepted & 7) == 7, String.format("accepted is %02x", accepted));
        check(accepts(preferred), "preferred is " + preferred.ordinal());
        check(maxBody >= 1024 && maxBody <= Frame.MAX_LENGTH, "max body is " + maxBody);
        check(keepalive >= 0 && keepalive <= 0xFFFF, "keepalive is " + keepalive);
        for (String line : new String[] {name, room, software}) {
            check(line == null || Payload.isPlainLine(line, 1, 64), "an option is not a plain line of 1 to 64 bytes");
        }
        check(requests == null || requests >= 0 && requests <= 0xFFFFFFFFL, "requests is " + requests);
        check(token == null || token.length >= 1 && token.length <= 255, "token is not 1 to 255 bytes");
    }

    private static String line(byte[] octets) {
        if (octets == null) return null;
        String line = Payload.line(octets);
        check(line != null, "an option is not UTF-8");
        return line;
    }

    private static byte[] octets(String line) {
        return line == null ? null : Payload.utf8(line);
    }

    private static void check(boolean holds, String detail) {
        if (!holds) throw new Fault("bad-hello", detail);
    }
}
