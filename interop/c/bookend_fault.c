/* Faults: section 6 of SPEC.md, and their explanations for people. */
#include "bookend_wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct entry {
    bookend_fault fault;
    uint16_t code;
    const char *name;
    const char *advice;
} ENTRIES[] = {
    /* In the order of the enum; the first name of a code precedes its others. */
    {BOOKEND_OK, 0, "ok", "nothing to do"},
    {BOOKEND_FAULT_NORMAL, 1000, "normal", "nothing to do"},
    {BOOKEND_FAULT_GOING_AWAY, 1001, "going-away", "the other side is shutting down: connect again later"},
    {BOOKEND_FAULT_PROTOCOL_ERROR, 1002, "protocol-error", "report it to the maintainer of the faulty side"},
    {BOOKEND_FAULT_UNKNOWN_ENCODING, 1002, "unknown-encoding", "send encoding 0, 1, 2, 3 or 4"},
    {BOOKEND_FAULT_MALFORMED, 1002, "malformed", "compare the body with its kind's layout"},
    {BOOKEND_FAULT_HELLO_EXPECTED, 1002, "hello-expected", "send HELLO first"},
    {BOOKEND_FAULT_SECOND_HELLO, 1002, "second-hello", "send HELLO once"},
    {BOOKEND_FAULT_BAD_HELLO, 1002, "bad-hello", "compare the HELLO with its layout and its rules"},
    {BOOKEND_FAULT_BAD_CANARY, 1002, "bad-canary", "the channel changes bytes: make it binary, not text mode"},
    {BOOKEND_FAULT_TWO_CLIENTS, 1002, "two-clients", "connect to a server: this is a client, or an echo service"},
    {BOOKEND_FAULT_UNEXPECTED_KIND, 1002, "unexpected-kind", "only the other side sends this kind"},
    {BOOKEND_FAULT_DUPLICATE_REQUEST, 1002, "duplicate-request", "use another id while a request is unanswered"},
    {BOOKEND_FAULT_TRUNCATED, 1002, "truncated", "the other side ended its stream inside a frame: look there"},
    {BOOKEND_FAULT_UNKNOWN_KIND, 1003, "unknown-kind", "do not send it, or agree on the hub profile in HELLO"},
    {BOOKEND_FAULT_BAD_TEXT, 1007, "bad-text", "send text in the encoding that the frame names"},
    {BOOKEND_FAULT_ENCODING_REFUSED, 1007, "encoding-refused", "convert to an encoding that the other side accepts"},
    {BOOKEND_FAULT_POLICY, 1008, "policy", "ask the operator of the server"},
    {BOOKEND_FAULT_TOO_LONG, 1009, "too-long", "send less, or raise max body on the receiving side"},
    {BOOKEND_FAULT_INTERNAL, 1011, "internal", "report it to the maintainer of the side that sent it"},
    {BOOKEND_FAULT_TRY_LATER, 1013, "try-later", "try again later"},
    {BOOKEND_FAULT_BAD_START, 4000, "bad-start", "check the port: the other side does not speak Bookend there"},
    {BOOKEND_FAULT_BAD_END, 4001, "bad-end", "check the sender's length field: it counts the bytes of the body only"},
    {BOOKEND_FAULT_VERSION, 4003, "version", "use the same major version on both sides"},
    {BOOKEND_FAULT_HELLO_TIMEOUT, 4004, "hello-timeout", "check the port: the other side does not answer in Bookend"},
    {BOOKEND_FAULT_IDLE, 4005, "idle", "check the network: the peer was silent for twice its keepalive"},
    {BOOKEND_FAULT_SLOW_CONSUMER, 4006, "slow-consumer", "read faster"},
    {BOOKEND_FAULT_RATE, 4007, "rate", "send less often"},
    {BOOKEND_FAULT_PING_FLOOD, 4007, "ping-flood", "send fewer PINGs"},
    {BOOKEND_FAULT_EMPTY_FLOOD, 4007, "empty-flood", "send fewer empty frames"},
    {BOOKEND_FAULT_FRAME_TIMEOUT, 4008, "frame-timeout", "send each frame without pauses, or check the network"},
    {BOOKEND_FAULT_RESUME_REFUSED, 4009, "resume-refused", "join without resume"},
    {BOOKEND_FAULT_NO_SUCH_MEMBER, 4010, "no-such-member", "see who is in the room"},
    {BOOKEND_FAULT_UNMAPPABLE_TEXT, 4011, "unmappable-text", "use an encoding that can carry the text"},
    {BOOKEND_FAULT_CANCELLED, 4012, "cancelled", "nothing to do: the request was cancelled by its sender"},
    {BOOKEND_FAULT_NO_CLOSE, 0, "no-close", "the connection was lost: connect again"},
    {BOOKEND_FAULT_NOT_OPEN, 0, "not-open", "send between the peer's HELLO and CLOSE"},
    {BOOKEND_FAULT_NO_SUCH_REQUEST, 0, "no-such-request", "answer a request once"},
    {BOOKEND_FAULT_NO_ROOM, 0, "no-room", "provide a larger buffer, or write the output first"},
    {BOOKEND_FAULT_PEER_CLOSE, 0, "peer-close", "see the code"},
    {BOOKEND_FAULT_UNNAMED, 0, "unnamed", "see the code"},
};

enum { COUNT = (int)(sizeof ENTRIES / sizeof ENTRIES[0]) };

static const struct entry *entry(bookend_fault fault) {
    int i;

    for (i = 0; i < COUNT; i++)
        if (ENTRIES[i].fault == fault) return &ENTRIES[i];
    return &ENTRIES[COUNT - 1];
}

const char *bookend_fault_name(bookend_fault fault) {
    return entry(fault)->name;
}

uint16_t bookend_fault_code(bookend_fault fault) {
    return entry(fault)->code;
}

const char *bookend_fault_advice(bookend_fault fault) {
    return entry(fault)->advice;
}

bookend_fault bookend_code_fault(uint16_t code) {
    int i;

    for (i = 0; i < COUNT; i++)
        if (code != 0 && ENTRIES[i].code == code) return ENTRIES[i].fault;
    return BOOKEND_FAULT_UNNAMED;
}

/* What a first byte other than F5, or a second other than F8, suggests (appendix C). */
static const char *start_guess(const bookend_error *error) {
    if (error->wanted == 0xF8) {
        return error->found == 0x00 ? ": widened to UTF-16LE" : "";
    }
    switch (error->found) {
    case 0x00: return ": widened to UTF-16BE";
    case 0x15:
    case 0x16: return ": TLS";
    case 0x39: return ": base64 or text";
    case 0x3F: return ": passed through an ASCII encoder, or text";
    case 0x66: return ": hex or text";
    case 0x75: return ": the eighth bit was stripped, or text";
    case 0xC3: return ": Latin-1 converted to UTF-8";
    case 0xEF: return ": decoded with replacement characters";
    case 0xF8: return ": bytes swapped in pairs, or END of a frame whose length is too small";
    default:
        return error->found >= 0x20 && error->found < 0x7F ? ": text, such as HTTP, SSH or a line terminal" : "";
    }
}

/* What the first wrong byte of the canary suggests (section 4). */
static const char *canary_guess(const bookend_error *error) {
    static const struct {
        uint8_t position, found;
        const char *guess;
    } GUESSES[] = {
        {0, 0x0A, "CRLF became LF"},
        {1, 0x0D, "LF became CRLF"},
        {1, 0x00, "CR became CR NUL"},
        {1, 0x1A, "LF was dropped"},
        {2, 0x0A, "^Z was dropped, or CR became CRLF"},
        {3, 0x0D, "bare LF became CRLF"},
        {4, 0x7F, "the eighth bit was stripped"},
        {4, 0x11, "FF was taken for telnet IAC"},
        {5, 0xFF, "FF was doubled (telnet IAC)"},
        {5, 0x0D, "XON was swallowed"},
        {7, 0x0A, "CR became CRLF"},
        {7, 0x01, "NUL was dropped"},
    };
    size_t i;

    for (i = 0; i < sizeof GUESSES / sizeof GUESSES[0]; i++)
        if (error->offset == 4u + GUESSES[i].position && error->found == GUESSES[i].found) return GUESSES[i].guess;
    return "the channel changes bytes";
}

/* What the first illegal byte of a text suggests; `wanted` is the encoding of the text. */
static const char *text_guess(const bookend_error *error) {
    if (error->wanted == BOOKEND_ASCII) return "not US-ASCII";
    if (error->wanted != BOOKEND_UTF8) return "an unpaired surrogate, an odd byte or the other byte order";
    if (error->found == 0xC0) return "an overlong form, as Java's for U+0000";
    if (error->found == 0xED) return "a surrogate, as in CESU-8";
    if (error->found >= 0xFE) return "perhaps UTF-16";
    return "looks like Windows-1252 or Latin-1";
}

static uint32_t reversed(uint32_t value) {
    return value >> 24 | (value >> 8 & 0xFF00) | (value << 8 & 0xFF0000) | value << 24;
}

static int detail(const bookend_error *error, char *out, size_t capacity) {
    if (error->why != NULL) return snprintf(out, capacity, ": %s", error->why);
    switch (error->fault) {
    case BOOKEND_FAULT_BAD_START:
        return snprintf(out, capacity, ": %02X instead of %02X%s", (unsigned)error->found, (unsigned)error->wanted,
                        start_guess(error));
    case BOOKEND_FAULT_BAD_END:
        return snprintf(out, capacity, ": %02X instead of %02X: the length is wrong, or bytes were added or lost",
                        (unsigned)error->found, (unsigned)error->wanted);
    case BOOKEND_FAULT_UNKNOWN_ENCODING: return snprintf(out, capacity, ": %" PRIu32, error->found);
    case BOOKEND_FAULT_TOO_LONG:
        if (reversed(error->found) <= error->wanted)
            return snprintf(out, capacity, ": %" PRIu32 " over %" PRIu32 ", little-endian it would be %" PRIu32,
                            error->found, error->wanted, reversed(error->found));
        return snprintf(out, capacity, ": %" PRIu32 " over %" PRIu32, error->found, error->wanted);
    case BOOKEND_FAULT_BAD_CANARY:
        return snprintf(out, capacity, ": byte %" PRIu64 " is %02X: %s", error->offset - 4, (unsigned)error->found,
                        canary_guess(error));
    case BOOKEND_FAULT_VERSION:
        return snprintf(out, capacity, ": %" PRIu32 " instead of %" PRIu32, error->found, error->wanted);
    case BOOKEND_FAULT_BAD_TEXT:
        return snprintf(out, capacity, ": byte %" PRIu64 " is %02X: %s", error->offset, (unsigned)error->found,
                        text_guess(error));
    case BOOKEND_FAULT_UNMAPPABLE_TEXT: return snprintf(out, capacity, ": byte %" PRIu64, error->offset);
    case BOOKEND_FAULT_ENCODING_REFUSED: return snprintf(out, capacity, ": encoding %" PRIu32, error->found);
    case BOOKEND_FAULT_UNKNOWN_KIND:
    case BOOKEND_FAULT_UNEXPECTED_KIND:
    case BOOKEND_FAULT_HELLO_EXPECTED: return snprintf(out, capacity, ": kind %02X", (unsigned)error->found);
    case BOOKEND_FAULT_PEER_CLOSE:
    case BOOKEND_FAULT_UNNAMED: return snprintf(out, capacity, ": code %u", (unsigned)error->code);
    default: return 0;
    }
}

size_t bookend_explain(const bookend_error *error, char *out, size_t capacity) {
    const char *name = bookend_fault_name(error->fault);
    size_t length = strlen(name);

    if (capacity == 0) return 0;
    if (length >= capacity) length = capacity - 1;
    memcpy(out, name, length);
    out[length] = '\0';
    if (detail(error, out + length, capacity - length) > 0) length += strlen(out + length);
    return length;
}

bookend_fault bookend_fail(bookend_error *error, bookend_fault fault, size_t at, uint32_t found, uint32_t wanted,
                           const char *why) {
    if (error != NULL) {
        error->fault = fault;
        error->code = bookend_fault_code(fault);
        error->offset = at;
        error->found = found;
        error->wanted = wanted;
        error->why = why;
    }
    return fault;
}
