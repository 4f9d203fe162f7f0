//! The names of the mistakes, what was expected instead, and the fixes.

/// A mistake that the diagnosis knows.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mistake {
    /// The stable name, in kebab-case; its first word is the family.
    pub name: &'static str,
    /// What a correct peer sends in its place.
    pub expected: &'static str,
    /// How to fix it, in one line.
    pub fix: &'static str,
}

macro_rules! mistakes {
    ($($constant:ident = $name:literal, $expected:expr, $fix:literal;)*) => {
        $(pub(super) static $constant: Mistake = Mistake { name: $name, expected: $expected, fix: $fix };)*

        /// Every mistake that a diagnosis can name, family by family.
        pub static MISTAKES: &[&Mistake] = &[$(&$constant),*];
    };
}

const LENGTH: &str = "u32, big-endian: the bytes of the body, nothing else";
const FRAME: &str = "F5 F8 kind encoding length body F8 F5";
const AS_SENT: &str = "the bytes as they were sent";
const HELLO: &str = "a Bookend HELLO, which begins with F5 F8";
const ASCII: &str = "bytes 00 to 7F";
const UTF_8: &str = "well-formed UTF-8";
const UTF_16: &str = "well-formed UTF-16 in the order that the encoding byte names";
const ALONE: &str = "the text as it was written, and nothing else";
const TEXT: &str = "text in the encoding that the encoding byte names";

mistakes! {
    LENGTH_LITTLE_ENDIAN = "length-little-endian", LENGTH, "write the length most significant byte first (htonl)";
    LENGTH_16_BIT_SWAPPED = "length-16-bit-swapped", LENGTH, "write all four bytes of the length most significant first, not in 16-bit halves";
    LENGTH_COUNTS_CHARACTERS = "length-counts-characters", LENGTH, "encode the text first, then take the length of the bytes";
    LENGTH_COUNTS_UTF_16_UNITS = "length-counts-utf-16-units", LENGTH, "encode the text first, then take the length of the bytes, not of the string";
    LENGTH_INCLUDES_HEADER = "length-includes-header", LENGTH, "do not count the 8 bytes of the header";
    LENGTH_INCLUDES_ITSELF = "length-includes-itself", LENGTH, "do not count the 4 bytes of the length field";
    LENGTH_INCLUDES_END = "length-includes-end", LENGTH, "do not count the 2 bytes of END";
    LENGTH_INCLUDES_FRAME = "length-includes-frame", LENGTH, "do not count the 8 bytes of the header and the 2 of END";
    LENGTH_COUNTS_TERMINATOR = "length-counts-terminator", LENGTH, "do not count a NUL or line break that is not sent";
    LENGTH_OMITS_TERMINATOR = "length-omits-terminator", LENGTH, "count the NUL or line break after the text, or do not send it";
    LENGTH_OMITS_FIXED_PART = "length-omits-fixed-part", LENGTH, "count the fixed part (id, code, ...) with the payload";
    LENGTH_ASCII_DIGITS = "length-ascii-digits", LENGTH, "write the length as a binary number, not as text";
    LENGTH_ONE_BYTE = "length-one-byte", LENGTH, "write the length as four bytes";
    LENGTH_TWO_BYTES = "length-two-bytes", LENGTH, "write the length as four bytes, not two";
    LENGTH_EIGHT_BYTES = "length-eight-bytes", LENGTH, "write the length as four bytes, not eight";
    LENGTH_VARINT = "length-varint", LENGTH, "write the length as four bytes, not as a varint";
    LENGTH_THREE_BYTES = "length-three-bytes", LENGTH, "write the length as four bytes, not three";
    LENGTH_CONSTANT = "length-constant", LENGTH, "count the bytes of each body: this is the size of a pointer or of a buffer (sizeof)";
    LENGTH_MULTIPLIED = "length-multiplied", LENGTH, "count bytes: this counts bits, words, or units of another size";
    LENGTH_OFFSET = "length-offset", LENGTH, "count the bytes of the body alone: the difference is the same in each frame";
    LENGTH_DECIMAL = "length-decimal", LENGTH, "write the length as a binary number: its decimal digits were taken for hexadecimal";
    LENGTH_BEFORE_ENCODING = "length-before-encoding", LENGTH, "take the length of what is sent, after compression, base64 or escaping";
    LENGTH_TWICE = "length-twice", LENGTH, "leave out the second length before the payload, or count it";

    FRAME_HOST_ORDER = "frame-host-order", FRAME, "write the bytes F5 F8 and F8 F5, not 16-bit numbers in host order";
    FRAME_FIELDS_EXCHANGED = "frame-fields-exchanged", FRAME, "write the kind first, then the encoding";
    FRAME_ASCII_DIGITS = "frame-ascii-digits", FRAME, "write kind and encoding as bytes, not as digits";
    FRAME_START_MISSING = "frame-start-missing", FRAME, "write F5 F8 before each frame";
    FRAME_END_MISSING = "frame-end-missing", FRAME, "write F8 F5 after each body";

    WRAPPED_LENGTH_PREFIX = "wrapped-length-prefix", FRAME, "write the frames without a length before them: a frame has its own";
    WRAPPED_DOCKER = "wrapped-docker", FRAME, "take the stream of docker apart (stdcopy), or start the container with a terminal (-t)";
    WRAPPED_NETSTRING = "wrapped-netstring", FRAME, "write the frames without the netstrings around them";
    WRAPPED_CHUNKED = "wrapped-chunked", FRAME, "write the frames to the stream itself, not to an HTTP body in chunks";
    WRAPPED_WEBSOCKET = "wrapped-websocket", FRAME, "connect with plain TCP, or take the WebSocket frames off before this port";
    WRAPPED_SLIP = "wrapped-slip", FRAME, "write the frames without SLIP around them";
    WRAPPED_COBS = "wrapped-cobs", FRAME, "write the frames as they are, without COBS";
    WRAPPED_STX_ETX = "wrapped-stx-etx", FRAME, "write the frames without control characters around them (STX, ETX)";
    WRAPPED_MLLP = "wrapped-mllp", FRAME, "write the frames without MLLP's 0B and 1C 0D around them";
    WRAPPED_JAVA_OBJECTS = "wrapped-java-objects", FRAME, "write to the socket's stream or a DataOutputStream, not to an ObjectOutputStream";
    WRAPPED_PADDING = "wrapped-padding", FRAME, "send the bytes of the frame, not the whole buffer (sizeof, GetBuffer)";
    WRAPPED_TRAILER = "wrapped-trailer", FRAME, "write nothing after END: no checksum, no time stamp";
    WRAPPED_CONSTANT = "wrapped-constant", FRAME, "write nothing between frames";
    WRAPPED_NUL = "wrapped-nul", FRAME, "send the size of the frame, not one byte more (strlen + 1, sizeof)";
    WRAPPED_BOM = "wrapped-byte-order-mark", FRAME, "write bytes, not text: a byte order mark stands before START";

    CHANNEL_LF_TO_CRLF = "channel-lf-to-crlf", AS_SENT, "open the stream in binary mode: something turns LF into CRLF";
    CHANNEL_CRLF_TO_LF = "channel-crlf-to-lf", AS_SENT, "open the stream in binary mode: something turns CRLF into LF";
    CHANNEL_CR_TO_CRLF = "channel-cr-to-crlf", AS_SENT, "open the stream in raw mode: something adds LF after CR";
    CHANNEL_CR_TO_LF = "channel-cr-to-lf", AS_SENT, "put the terminal in raw mode (stty raw, or -icrnl): CR becomes LF";
    CHANNEL_CR_NUL = "channel-cr-nul", AS_SENT, "do not go through telnet: it adds NUL after CR";
    CHANNEL_LF_DROPPED = "channel-lf-dropped", AS_SENT, "open the stream in binary mode: something drops LF";
    CHANNEL_CTRL_Z_DROPPED = "channel-ctrl-z-dropped", AS_SENT, "open the stream in binary mode: something drops 1A (^Z)";
    CHANNEL_TRUNCATED_AT_CTRL_Z = "channel-truncated-at-ctrl-z", AS_SENT, "open the stream in binary mode: 1A (^Z) is taken for the end of file";
    CHANNEL_IAC_DOUBLED = "channel-iac-doubled", AS_SENT, "do not go through telnet: it doubles FF";
    CHANNEL_IAC_SWALLOWED = "channel-iac-swallowed", AS_SENT, "do not go through telnet: it takes FF for a command";
    CHANNEL_XON_SWALLOWED = "channel-xon-swallowed", AS_SENT, "turn software flow control off (stty -ixon -ixoff)";
    CHANNEL_NUL_DROPPED = "channel-nul-dropped", AS_SENT, "use a channel that carries NUL: something drops 00";
    CHANNEL_SEVEN_BIT = "channel-seven-bit", AS_SENT, "use an 8-bit clean channel (8N1, stty raw): the eighth bit is stripped";
    CHANNEL_LATIN_1_TO_UTF_8 = "channel-latin-1-to-utf-8", AS_SENT, "write bytes, not a string: bytes were taken for Latin-1 and encoded as UTF-8";
    CHANNEL_REPLACEMENT = "channel-replacement", AS_SENT, "keep bytes as bytes: they were decoded as UTF-8 with replacement and are lost";
    CHANNEL_QUESTION_MARKS = "channel-question-marks", AS_SENT, "keep bytes as bytes: an ASCII encoder wrote ? for what it did not know";
    CHANNEL_NON_ASCII_DROPPED = "channel-non-ascii-dropped", AS_SENT, "keep bytes as bytes: an ASCII encoder or decoder dropped 80 to FF";
    CHANNEL_WIDENED_TO_UTF_16 = "channel-widened-to-utf-16", AS_SENT, "write bytes, not characters: each byte was written as UTF-16";
    CHANNEL_HEX = "channel-hex", AS_SENT, "write the bytes, not their hexadecimal form";
    CHANNEL_BASE64 = "channel-base64", AS_SENT, "write the bytes, not their base64 form";
    CHANNEL_ESCAPED = "channel-escaped", AS_SENT, "write the bytes, not their printed form with backslashes";
    CHANNEL_BYTES_SWAPPED = "channel-bytes-swapped", AS_SENT, "send bytes in order: they are swapped within each 16- or 32-bit word";
    CHANNEL_BYTE_LOST = "channel-byte-lost", FRAME, "look for a short read or write, or a serial overrun: one byte is missing";
    CHANNEL_BYTE_ADDED = "channel-byte-added", FRAME, "look for a stray write or a buffer reused wrongly: one byte too many";
    CHANNEL_COMPRESSED = "channel-compressed", AS_SENT, "send the bytes uncompressed: the whole stream is compressed";
    CHANNEL_SEND_REPEATED = "channel-send-repeated", FRAME, "after a partial send, continue where it stopped, not from the front (sendall)";
    CHANNEL_SEND_CUT = "channel-send-cut", FRAME, "after a partial send, send the rest as well (sendall)";
    CHANNEL_WRITERS_INTERLEAVED = "channel-writers-interleaved", FRAME, "let one writer own the stream, or lock it for a whole frame";
    CHANNEL_NEWLINE_BETWEEN_FRAMES = "channel-newline-between-frames", FRAME, "write frames without a line break after them (write, not println)";
    CHANNEL_TEXT_BETWEEN_FRAMES = "channel-text-between-frames", FRAME, "keep log lines and other output out of the stream";

    FOREIGN_HTTP = "foreign-http", HELLO, "this is HTTP: correct the address or port, or speak Bookend";
    FOREIGN_HTTP_2 = "foreign-http-2", HELLO, "this is HTTP/2 (gRPC?): correct the address or port";
    FOREIGN_WEBSOCKET = "foreign-websocket", HELLO, "this is WebSocket: connect with plain TCP";
    FOREIGN_TLS = "foreign-tls", HELLO, "this is TLS: switch it off, or terminate TLS before this port";
    FOREIGN_SSH = "foreign-ssh", HELLO, "this is SSH: correct the address or port";
    FOREIGN_SMTP_FTP = "foreign-smtp-ftp", HELLO, "this is a mail or FTP peer: correct the address or port";
    FOREIGN_REDIS = "foreign-redis", HELLO, "this is Redis (RESP): correct the address or port";
    FOREIGN_MQTT = "foreign-mqtt", HELLO, "this is MQTT: correct the address or port";
    FOREIGN_AMQP = "foreign-amqp", HELLO, "this is AMQP: correct the address or port";
    FOREIGN_POSTGRESQL = "foreign-postgresql", HELLO, "this is PostgreSQL: correct the address or port";
    FOREIGN_NATS = "foreign-nats", HELLO, "this is NATS: correct the address or port";
    FOREIGN_MLLP = "foreign-mllp", HELLO, "this is HL7 over MLLP: put Bookend frames around the messages";
    FOREIGN_PROXY = "foreign-proxy-protocol", HELLO, "list the load balancer in the hub's door.proxies, or switch its PROXY protocol off for this port";
    FOREIGN_SOCKS = "foreign-socks", HELLO, "the client asks for a proxy: connect it to the hub itself, or put the proxy in between";
    FOREIGN_MYSQL = "foreign-mysql", HELLO, "this is MySQL or MariaDB: correct the address or port";
    FOREIGN_MONGODB = "foreign-mongodb", HELLO, "this is MongoDB: correct the address or port";
    FOREIGN_VNC = "foreign-vnc", HELLO, "this is VNC (RFB): correct the address or port";
    FOREIGN_RDP = "foreign-rdp", HELLO, "this is remote desktop (RDP): correct the address or port";
    FOREIGN_LENGTH_PREFIX = "foreign-length-prefix", HELLO, "add START, kind, encoding and END around the bare length prefix, and HELLO first";
    FOREIGN_NETSTRING = "foreign-netstring", HELLO, "put Bookend frames in place of netstrings, and HELLO first";
    FOREIGN_TEXT = "foreign-text", HELLO, "send frames, not plain text: HELLO first";
    FOREIGN_UTF_16_TEXT = "foreign-utf-16-text", HELLO, "send frames, not UTF-16 text: HELLO first";

    SELF_CONNECTED = "self-connected", "the HELLO of a server", "connect to the server: an echo service, or a client like this one, answers here";
    TERMINAL_ECHO = "terminal-echo", AS_SENT, "make the terminal transparent: stty raw -echo";

    TEXT_UTF_16_WRONG_ORDER = "text-utf-16-wrong-order", UTF_16, "swap the bytes, or name the other order: 3 is big-endian, 4 little-endian";
    TEXT_UTF_16_CALLED_UTF_8 = "text-utf-16-called-utf-8", UTF_8, "encode as UTF-8, or name the encoding that it is: 3 UTF-16BE, 4 UTF-16LE";
    TEXT_UTF_8_CALLED_UTF_16 = "text-utf-8-called-utf-16", UTF_16, "name the encoding that it is: 2, UTF-8";
    TEXT_UTF_8_CALLED_ASCII = "text-utf-8-called-ascii", ASCII, "name the encoding that it is: 2, UTF-8";
    TEXT_WINDOWS_1252 = "text-windows-1252", TEXT, "convert from Windows-1252 or Latin-1 to UTF-8 before sending";
    TEXT_SHIFT_JIS = "text-shift-jis", TEXT, "convert from Shift_JIS to UTF-8 before sending";
    TEXT_DOS_CODE_PAGE = "text-dos-code-page", TEXT, "convert from the code page of the console (chcp: 437, 850, 866) to UTF-8 before sending";
    TEXT_EBCDIC = "text-ebcdic", TEXT, "convert from EBCDIC (code page 037 or 500) to UTF-8 before sending";
    TEXT_LEGACY = "text-legacy-encoding", TEXT, "convert from the system's code page to UTF-8 before sending";
    TEXT_CESU_8 = "text-cesu-8", UTF_8, "use a standard UTF-8 encoder: surrogates were encoded one by one";
    TEXT_MODIFIED_UTF_8 = "text-modified-utf-8", UTF_8, "use getBytes(UTF_8), not writeUTF or JNI strings: this is Java's modified UTF-8";
    TEXT_LONE_SURROGATE = "text-lone-surrogate", TEXT, "do not cut strings between surrogates, and replace lone ones before encoding";
    TEXT_CUT_OFF = "text-cut-off", TEXT, "cut text between characters, not between bytes";
    TEXT_BOM = "text-bom", "text without byte order mark", "leave the byte order mark out (utf-8, not utf-8-sig)";
    TEXT_DOUBLE_ENCODED = "text-double-encoded", UTF_8, "encode once: UTF-8 was taken for Windows-1252 or Latin-1 and encoded again";
    TEXT_REPLACEMENT = "text-replacement", ALONE, "decode whole messages, not pieces: characters became U+FFFD before they were sent";
    TEXT_NUL_PADDED = "text-nul-padded", ALONE, "send the text alone, not its NUL or the rest of the buffer";
    TEXT_OWN_LENGTH = "text-own-length", ALONE, "leave out the length before the text (writeUTF, BinaryWriter): the frame has one";
    TEXT_UTF_32 = "text-utf-32", TEXT, "convert from UTF-32 (wchar_t on Unix) to UTF-8 before sending";
    TEXT_PRINTED_OBJECT = "text-printed-object", ALONE, "send the bytes or the text itself, not what printing the object gives";
    TEXT_UNINITIALISED = "text-uninitialised", ALONE, "send only what was written: this is uninitialised memory";
    NUMBER_LITTLE_ENDIAN = "number-little-endian", "numbers in network byte order", "write the number most significant byte first (htonl)";
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILIES: [&str; 9] =
        ["length-", "frame-", "wrapped-", "channel-", "foreign-", "self-", "terminal-", "text-", "number-"];

    #[test]
    fn names_are_unique_kebab_case_and_fixes_are_short_ascii() {
        for (at, mistake) in MISTAKES.iter().enumerate() {
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(mistake.name.chars().all(kebab), "{}", mistake.name);
            assert!(MISTAKES[..at].iter().all(|other| other.name != mistake.name), "{} is there twice", mistake.name);
            assert!(FAMILIES.iter().any(|family| mistake.name.starts_with(family)));
            assert!(mistake.fix.len() <= 100 && mistake.fix.is_ascii(), "{}", mistake.fix);
            assert!(mistake.expected.len() <= 80 && mistake.expected.is_ascii(), "{}", mistake.expected);
        }
    }
}
