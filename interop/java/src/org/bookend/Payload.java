package org.bookend;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.CoderResult;
import java.util.Arrays;

/** Text in one of the four encodings, or binary (SPEC section 5). Every value is legal. */
public final class Payload {
    private static final char MARK = '\uFEFF';
    private static final char NOT_FIRST = '\uFFFE'; // illegal first in UTF-16: the byte order mark of the other order

    private final TextEncoding encoding;
    private final byte[] octets;
    private final String text;
    private final boolean hadBom;

    private Payload(TextEncoding encoding, byte[] octets, String text, boolean hadBom) {
        this.encoding = encoding;
        this.octets = octets;
        this.text = text;
        this.hadBom = hadBom;
    }

    public TextEncoding encoding() {
        return encoding;
    }

    /** The bytes, without the byte order mark that was removed. */
    public byte[] octets() {
        return octets;
    }

    /** The text, or null if the payload is binary. */
    public String text() {
        return text;
    }

    /** Whether a byte order mark was removed; the sender should be warned. */
    public boolean hadBom() {
        return hadBom;
    }

    /** The bytes to send. A received text that still starts with a byte order mark is encoded again (R5.5, R5.15). */
    byte[] sendable() {
        boolean isFit = text == null || text.isEmpty() || text.charAt(0) != MARK && text.charAt(0) != NOT_FIRST;
        return isFit ? octets : of(text, encoding).octets;
    }

    public static Payload binary(byte[] octets) {
        return new Payload(TextEncoding.BINARY, octets, null, false);
    }

    /** Text in UTF-8. Throws unmappable-text. */
    public static Payload of(String text) {
        return of(text, TextEncoding.UTF_8);
    }

    /** Throws unmappable-text, with the offset of the character in the text's UTF-8. */
    public static Payload of(String text, TextEncoding encoding) {
        String value = encoding == TextEncoding.ASCII ? text : withoutMarks(text);
        int wrong = unmappableAt(value, encoding);
        if (wrong >= 0) {
            int at = text.length() - value.length() + wrong;
            String detail = String.format("U+%04X in %s", (int) text.charAt(at), encoding);
            throw new Fault("unmappable-text", detail, utf8(text.substring(0, at)).length);
        }
        return new Payload(encoding, value.getBytes(encoding.charset), value, false);
    }

    /** Text in the wanted encoding if it can carry the text, otherwise in the other one. */
    public static Payload of(String text, TextEncoding wanted, TextEncoding otherwise) {
        String value = withoutMarks(text);
        boolean fits = wanted != TextEncoding.BINARY && unmappableAt(value, wanted) < 0;
        return fits ? of(value, wanted) : of(text, otherwise);
    }

    /** Decodes a received payload and removes its byte order mark. Throws bad-text. */
    public static Payload decode(byte[] octets, TextEncoding encoding) {
        if (encoding == TextEncoding.BINARY) return binary(octets);
        if (encoding.isUtf16() && octets.length >= 2) {
            int first = encoding == TextEncoding.UTF_16BE ? 0 : 1;
            if ((octets[first] & 0xFF) == NOT_FIRST >> 8 && (octets[1 - first] & 0xFF) == (NOT_FIRST & 0xFF)) throw badText(0);
        }
        String text = strict(octets, encoding);
        if (text.isEmpty() || text.charAt(0) != MARK) return new Payload(encoding, octets, text, false);
        int mark = encoding == TextEncoding.UTF_8 ? 3 : 2;
        return new Payload(encoding, Arrays.copyOfRange(octets, mark, octets.length), text.substring(1), true);
    }

    /** The text of a name or of a query, or null if it is not UTF-8. A leading U+FEFF is part of it. */
    static String line(byte[] octets) {
        try {
            return strict(octets, TextEncoding.UTF_8);
        } catch (Fault fault) {
            return null;
        }
    }

    static byte[] utf8(String text) {
        return text.getBytes(TextEncoding.UTF_8.charset);
    }

    /** Whether a name is a plain line of `least` to `most` bytes of UTF-8 (R4.11). */
    static boolean isPlainLine(String value, int least, int most) {
        if (value == null || unpairedAt(value) >= 0 || value.chars().anyMatch(Payload::isUnprintable)) return false;
        int length = utf8(value).length;
        return length >= least && length <= most;
    }

    /** Text for a terminal: unprintable characters become \\u{hex}. */
    public static String printable(String value) {
        StringBuilder shown = new StringBuilder();
        value.chars().forEach(unit -> {
            if (isUnprintable(unit)) shown.append("\\u{").append(Integer.toHexString(unit)).append('}');
            else shown.append((char) unit);
        });
        return shown.toString();
    }

    /** Whether a character is a control, a line separator or a bidirectional control (R4.11). */
    public static boolean isUnprintable(int c) {
        return c < 0x20 || c >= 0x7F && c <= 0x9F || c == 0x2028 || c == 0x2029 || c == 0x061C || c == 0x200E || c == 0x200F
                || c >= 0x202A && c <= 0x202E || c >= 0x2066 && c <= 0x2069;
    }

    private static String strict(byte[] octets, TextEncoding encoding) {
        ByteBuffer in = ByteBuffer.wrap(octets);
        CharBuffer out = CharBuffer.allocate(octets.length + 1);
        CoderResult result = encoding.charset.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)
                .decode(in, out, true);
        if (result.isError() || in.hasRemaining()) throw badText(in.position());
        return out.flip().toString();
    }

    private static Fault badText(int at) {
        return new Fault("bad-text", "byte " + at, at);
    }

    static String withoutMarks(String text) {
        int at = 0;
        while (at < text.length() && text.charAt(at) == MARK) at++;
        return text.substring(at);
    }

    private static int unmappableAt(String text, TextEncoding encoding) {
        if (encoding == TextEncoding.ASCII) {
            for (int at = 0; at < text.length(); at++) if (text.charAt(at) > 0x7F) return at;
            return -1;
        }
        if (encoding.isUtf16() && !text.isEmpty() && text.charAt(0) == NOT_FIRST) return 0;
        return unpairedAt(text);
    }

    static int unpairedAt(String text) {
        for (int at = 0; at < text.length(); at++) {
            if (!Character.isSurrogate(text.charAt(at))) continue;
            boolean paired = at + 1 < text.length() && Character.isSurrogatePair(text.charAt(at), text.charAt(at + 1));
            if (!paired) return at;
            at++;
        }
        return -1;
    }
}
