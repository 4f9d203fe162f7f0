/*
 * Bookend 1.0: messages over a stream of bytes. The wire is SPEC.md's; section numbers below are its.
 *
 *     bytes -> bookend_frame -> bookend_message -> bookend_session -> your program
 *
 * Nothing here allocates, does I/O, reads a clock or has state of its own: the caller owns all memory, and time is an
 * argument in milliseconds of any clock that does not go back. What is found in a buffer is borrowed from that buffer.
 * Not enough bytes yet is a value and no error. Needs C99, or C++11.
 */
#ifndef BOOKEND_H
#define BOOKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Vocabulary: section 6 ------------------------------------------------------------------------------------- */

/* Why something was refused or has ended. bookend_fault_name gives the name that every language and the wire use. */
typedef enum bookend_fault {
    BOOKEND_OK,
    /* Two ends that are nobody's mistake. */
    BOOKEND_FAULT_NORMAL,
    BOOKEND_FAULT_GOING_AWAY,
    BOOKEND_FAULT_PROTOCOL_ERROR,
    BOOKEND_FAULT_UNKNOWN_ENCODING,
    BOOKEND_FAULT_MALFORMED,
    BOOKEND_FAULT_HELLO_EXPECTED,
    BOOKEND_FAULT_SECOND_HELLO,
    BOOKEND_FAULT_BAD_HELLO,
    BOOKEND_FAULT_BAD_CANARY,
    BOOKEND_FAULT_UNEXPECTED_KIND,
    BOOKEND_FAULT_DUPLICATE_REQUEST,
    BOOKEND_FAULT_TRUNCATED,
    BOOKEND_FAULT_UNKNOWN_KIND,
    BOOKEND_FAULT_BAD_TEXT,
    BOOKEND_FAULT_ENCODING_REFUSED,
    BOOKEND_FAULT_POLICY,
    BOOKEND_FAULT_TOO_LONG,
    BOOKEND_FAULT_INTERNAL,
    BOOKEND_FAULT_TRY_LATER,
    BOOKEND_FAULT_BAD_START,
    BOOKEND_FAULT_BAD_END,
    BOOKEND_FAULT_VERSION,
    BOOKEND_FAULT_HELLO_TIMEOUT,
    BOOKEND_FAULT_IDLE,
    BOOKEND_FAULT_SLOW_CONSUMER,
    BOOKEND_FAULT_RATE,
    BOOKEND_FAULT_PING_FLOOD,
    BOOKEND_FAULT_EMPTY_FLOOD,
    BOOKEND_FAULT_FRAME_TIMEOUT,
    BOOKEND_FAULT_RESUME_REFUSED,
    BOOKEND_FAULT_NO_SUCH_MEMBER,
    BOOKEND_FAULT_UNMAPPABLE_TEXT,
    /* Local only, never on the wire: their code is 0. */
    BOOKEND_FAULT_NO_CLOSE,
    BOOKEND_FAULT_NOT_OPEN,
    BOOKEND_FAULT_NO_SUCH_REQUEST,
    BOOKEND_FAULT_NO_ROOM,    /* the caller's buffer is too small, or full for now */
    BOOKEND_FAULT_PEER_CLOSE, /* the peer sent CLOSE, with bookend_error.code */
    BOOKEND_FAULT_UNNAMED     /* closed by the application with a code that has no name, bookend_error.code */
} bookend_fault;

/* A fault with what was found. Only bookend_explain needs more of it than fault, code and offset. */
typedef struct bookend_error {
    bookend_fault fault;
    uint16_t code;   /* as CLOSE and ERROR carry it, 0 where the fault never goes on the wire */
    uint64_t offset; /* bytes: from the first START for faults of framing, else from the start of the text or body */
    uint32_t found;  /* the byte, length, version or encoding that was found */
    uint32_t wanted; /* what belongs there, or the limit */
    const char *why; /* a constant sentence for people, or NULL */
} bookend_error;

#define BOOKEND_REASON_MAX 200 /* bytes of a reason on the wire */

/* The name, such as "bad-text"; never NULL. */
const char *bookend_fault_name(bookend_fault fault);
/* The code that goes on the wire with it, or 0. */
uint16_t bookend_fault_code(bookend_fault fault);
/* What to do about it, one line for people; never NULL. */
const char *bookend_fault_advice(bookend_fault fault);
/* The first fault of a code, or BOOKEND_FAULT_UNNAMED. */
bookend_fault bookend_code_fault(uint16_t code);
/* Writes "name: detail" in US-ASCII, cut to `capacity` and always ended by NUL; returns its length. */
size_t bookend_explain(const bookend_error *error, char *out, size_t capacity);

/* ---- Frame: section 2 ------------------------------------------------------------------------------------------ */

#define BOOKEND_HEADER 8u             /* bytes of header */
#define BOOKEND_OVERHEAD 10u          /* bytes of header and END */
#define BOOKEND_LENGTH_MAX 0x7FFFFFFFu /* bytes of body, whatever the limits */

enum { BOOKEND_BINARY = 0, BOOKEND_ASCII = 1, BOOKEND_UTF8 = 2, BOOKEND_UTF16BE = 3, BOOKEND_UTF16LE = 4 };

/* What a PRESENCE tells; for BOOKEND_CROWD its member is how many are here, and its name the room's. */
enum { BOOKEND_HERE = 0, BOOKEND_JOINED = 1, BOOKEND_LEFT = 2, BOOKEND_CROWD = 3 };

enum {
    BOOKEND_KIND_HELLO = 0x01,
    BOOKEND_KIND_MESSAGE = 0x02,
    BOOKEND_KIND_REQUEST = 0x03,
    BOOKEND_KIND_REPLY = 0x04,
    BOOKEND_KIND_ERROR = 0x05,
    BOOKEND_KIND_PING = 0x06,
    BOOKEND_KIND_PONG = 0x07,
    BOOKEND_KIND_CLOSE = 0x08,
    BOOKEND_KIND_WELCOME = 0x10,
    BOOKEND_KIND_PRESENCE = 0x11,
    BOOKEND_KIND_POST = 0x12,
    BOOKEND_KIND_DELIVERY = 0x13,
    BOOKEND_KIND_GAP = 0x14
};

typedef struct bookend_frame {
    uint8_t kind;
    uint8_t encoding;
    uint32_t length;     /* bytes of body */
    const uint8_t *body; /* borrowed */
} bookend_frame;

typedef struct bookend_decoder {
    uint32_t limit;      /* longest body accepted, bytes; may change between frames */
    uint64_t offset;     /* bytes of the stream before the next frame */
    bookend_error error; /* the fault, once there is one: it stays */
} bookend_decoder;

typedef enum bookend_found { BOOKEND_FOUND_MORE, BOOKEND_FOUND_FRAME, BOOKEND_FOUND_FAULT } bookend_found;

void bookend_decoder_init(bookend_decoder *decoder, uint32_t limit);
/*
 * Judges the frame at the start of `buffer`: what has been read and not yet used. Costs the same however often it is
 * asked again. A frame found has used its first BOOKEND_OVERHEAD + frame->length bytes. Faults: bad-start,
 * unknown-encoding, too-long, bad-end.
 */
bookend_found bookend_decode(bookend_decoder *decoder, const uint8_t *buffer, size_t length, bookend_frame *frame);
/* Writes header, body and END; returns their length, or 0 where they do not fit or are no frame. */
size_t bookend_frame_encode(const bookend_frame *frame, uint8_t *out, size_t capacity);

/* ---- Text: section 5 ------------------------------------------------------------------------------------------- */

/* Bytes of the leading byte order mark of the text's own encoding: 0, 2 or 3. */
size_t bookend_text_bom(uint8_t encoding, const uint8_t *text, size_t length);
/* Bytes at the start of a payload that are legal text: all of them, or the offset of bad-text. Encoding 1..4. */
size_t bookend_text_legal(uint8_t encoding, const uint8_t *text, size_t length);
/* Reads the character at the start; returns its bytes, 0 where it is not legal or there is none. */
size_t bookend_text_next(uint8_t encoding, const uint8_t *text, size_t length, uint32_t *scalar);
/* Writes one character, at most 4 bytes; returns how many, 0 where the encoding cannot carry it. */
size_t bookend_text_put(uint8_t encoding, uint32_t scalar, uint8_t out[4]);
/*
 * Converts the characters as they are: what a message's payload holds has lost its byte order mark already. `*written`
 * becomes the length of the whole, also where `capacity` is too small (no-room): ask with 0 to learn it. Faults:
 * bad-text, unmappable-text, no-room; `error` (may be NULL) has the offset.
 */
bookend_fault bookend_text_to_utf8(uint8_t encoding, const uint8_t *text, size_t length, uint8_t *out, size_t capacity,
                                   size_t *written, bookend_error *error);
bookend_fault bookend_text_from_utf8(uint8_t encoding, const uint8_t *utf8, size_t length, uint8_t *out,
                                     size_t capacity, size_t *written, bookend_error *error);
/* Controls, line and paragraph separators, bidirectional controls: what is not to reach a terminal (R4.11). */
bool bookend_is_control(uint32_t scalar);
/* Legal UTF-8 without any of them. */
bool bookend_is_plain_line(const uint8_t *utf8, size_t length);

/* ---- HELLO: section 4 ------------------------------------------------------------------------------------------ */

typedef struct bookend_bytes {
    const uint8_t *data; /* borrowed; NULL where an option is absent */
    size_t length;
} bookend_bytes;

#define BOOKEND_FEATURE_HUB 1u
#define BOOKEND_HELLO_MAX 489u /* bytes of body that bookend_hello_encode writes at most */

typedef struct bookend_hello {
    uint8_t major;
    uint8_t minor;
    uint8_t accepted;  /* bit n: encoding n */
    uint8_t preferred; /* an encoding of text, or 0: as it was sent */
    uint32_t max_body; /* bytes, 1,024..BOOKEND_LENGTH_MAX */
    uint16_t keepalive; /* seconds, 0 = no promise */
    uint16_t features;
    bool has_resume;
    uint64_t resume;
    bookend_bytes name, room, token, software;
} bookend_hello;

/* All encodings, text as it was sent, 1 MiB, 30 s, no options. */
void bookend_hello_init(bookend_hello *hello);
/* Judges as much of magic and canary as has come, so that nobody waits for bytes that a channel dropped. */
bookend_fault bookend_hello_magic(const uint8_t *body, size_t length, bookend_error *error);
/* Faults: bad-hello, bad-canary, version. */
bookend_fault bookend_hello_parse(const uint8_t *body, size_t length, bookend_hello *hello, bookend_error *error);
/* Writes the body. Faults: no-room, and those of bookend_hello_parse for a HELLO that breaks a rule. */
bookend_fault bookend_hello_encode(const bookend_hello *hello, uint8_t *out, size_t capacity, size_t *written,
                                   bookend_error *error);

/* ---- Message: sections 3 and 9 --------------------------------------------------------------------------------- */

/* One struct for every kind; each comment says which kinds have the field. */
typedef struct bookend_message {
    uint8_t kind;
    uint8_t encoding;      /* of `payload` */
    uint8_t event;         /* PRESENCE: BOOKEND_HERE ... BOOKEND_CROWD */
    uint16_t code;         /* ERROR, CLOSE */
    uint32_t id;           /* REQUEST, REPLY; ERROR: the request's, or 0 */
    uint32_t frame;        /* ERROR: number of the frame that it is about */
    uint32_t member;       /* WELCOME, PRESENCE; DELIVERY: who it is from, 0 = the hub */
    uint32_t to;           /* POST, DELIVERY: 0 = everyone */
    uint64_t seq;          /* WELCOME: the next one; DELIVERY */
    uint64_t time;         /* DELIVERY: ms since 1970-01-01T00:00:00Z */
    uint64_t missed;       /* GAP */
    bookend_bytes name;    /* DELIVERY, in UTF-8 */
    bookend_bytes payload; /* payload, reason, greeting, or PRESENCE's name: without byte order mark */
    bookend_bytes body;    /* as it came; ignored by bookend_message_encode */
} bookend_message;

/*
 * Judges one frame, the hub profile being in force. An unknown kind of 80 or above is no fault, and all payload.
 * Faults: malformed, unknown-kind; bad-text, with the message filled in all the same.
 */
bookend_fault bookend_message_parse(const bookend_frame *frame, bookend_message *message, bookend_error *error);
/* Bytes of the frame that bookend_message_encode writes, 0 where there can be none so long. */
size_t bookend_message_size(const bookend_message *message);
/*
 * Writes the whole frame; a byte order mark at the start of the payload is left out (R5.5). Judges what it has written
 * as a receiver would. Faults: no-room, too-long, unmappable-text for U+FFFE in front of UTF-16 (R5.15), and those of
 * bookend_message_parse.
 */
bookend_fault bookend_message_encode(const bookend_message *message, uint8_t *out, size_t capacity, size_t *written,
                                     bookend_error *error);

/* ---- Session: section 7 ---------------------------------------------------------------------------------------- */

#define BOOKEND_REQUESTS 64u      /* unanswered in one direction */
#define BOOKEND_OUTPUT_MIN 4096u  /* bytes of output buffer, least */
#define BOOKEND_RESERVE 2048u     /* of these kept for CLOSE, ERROR, PING and PONG */
#define BOOKEND_GREETING_MAX 4096u /* limit in force before the peer's HELLO, bytes of body */
#define BOOKEND_PING_MAX 64u

typedef enum bookend_role { BOOKEND_CLIENT, BOOKEND_SERVER } bookend_role;

typedef enum bookend_state {
    BOOKEND_GREETING, /* the peer's HELLO has not come */
    BOOKEND_OPEN,
    BOOKEND_CLOSING, /* CLOSE is in the output; what comes is discarded */
    BOOKEND_CLOSED   /* `cause` says why */
} bookend_state;

typedef enum bookend_event {
    BOOKEND_EVENT_NOTHING, /* more bytes or more time */
    BOOKEND_EVENT_OPENED,  /* the peer's HELLO is in `peer`; its options until the next call */
    BOOKEND_EVENT_MESSAGE, /* one for the application */
    BOOKEND_EVENT_ENDED    /* comes once: write the output, then close the stream */
} bookend_event;

/* The first five fields are to be read, `private_kinds` to be set; the rest is the session's own. */
typedef struct bookend_session {
    bookend_role role;
    bookend_state state;
    bookend_error cause; /* while closing and closed */
    bookend_hello peer;  /* once open */
    uint32_t number;     /* of the last frame received: what an ERROR about it says in `frame` */
    bool private_kinds;  /* kinds C0..EF are agreed upon: send and deliver them */

    bookend_hello own;
    bookend_decoder decoder;
    uint8_t *out;
    size_t out_capacity, out_start, out_end;
    size_t seen;       /* bytes of the caller's buffer that had come before */
    uint32_t skipped;  /* bytes before the server's first F5 */
    uint32_t discarded; /* bytes while closing */
    uint64_t started, last_sent, last_received, frame_due, blocked_at, closing_at;
    bool frame_begun, header_complete, blocked, ping_waits;
    uint8_t ping_length;
    uint8_t ping[BOOKEND_PING_MAX];
    uint32_t asked[BOOKEND_REQUESTS]; /* ids of own REQUESTs that wait, 0 = free */
    uint32_t owed[BOOKEND_REQUESTS];  /* ids of the peer's */
    uint64_t pings[10];
    unsigned ping_count, ping_next;
    uint64_t empty_at;
    uint32_t empty_count;
    uint16_t empties[1000]; /* frames of length 0, a millisecond each */
} bookend_session;

/*
 * Begins a session. `out` is where the session writes; a message that is sent has to fit into it behind
 * BOOKEND_RESERVE bytes. The options of `own` are borrowed until the session is open. Faults: no-room for less than
 * BOOKEND_OUTPUT_MIN, and those of bookend_hello_encode.
 */
bookend_fault bookend_session_init(bookend_session *session, bookend_role role, const bookend_hello *own, uint8_t *out,
                                   size_t capacity, uint64_t now);
/*
 * Takes what has been read and not yet used. Call it again, without the `*used` bytes, until it says NOTHING; then read
 * more behind what is left. The buffer has to hold own max_body + BOOKEND_OVERHEAD bytes once so much has come, and
 * BOOKEND_GREETING_MAX + BOOKEND_OVERHEAD before. `message` is borrowed from the buffer; act on it before the next
 * call, since a PONG says that this was done. While the output is full nothing is used: write, then call again.
 */
bookend_event bookend_session_receive(bookend_session *session, const uint8_t *buffer, size_t length, uint64_t now,
                                      size_t *used, bookend_message *message);
/* The stream has ended and everything that came was offered to bookend_session_receive. */
bookend_event bookend_session_eof(bookend_session *session, uint64_t now);
/* When bookend_session_time is to be called next, UINT64_MAX for never. */
uint64_t bookend_session_deadline(const bookend_session *session);
/* Does what is due. Read what is there first: what waits unread is no silence. */
bookend_event bookend_session_time(bookend_session *session, uint64_t now);
/*
 * Sends any kind but HELLO, PONG and CLOSE. A PING with a payload is a barrier: its PONG is delivered. Faults:
 * not-open, no-room (write the output, then again), try-later, duplicate-request, no-such-request, unknown-kind,
 * unexpected-kind, encoding-refused, and those of bookend_message_encode. Nothing was sent then, and the session is as
 * it was.
 */
bookend_fault bookend_session_send(bookend_session *session, const bookend_message *message, uint64_t now,
                                   bookend_error *error);
/* No longer waits for the answer to an own REQUEST. */
void bookend_session_forget(bookend_session *session, uint32_t id);
/* Sends CLOSE with the first name of `code` and a detail in US-ASCII (or NULL), unless one was sent. */
void bookend_session_close(bookend_session *session, uint16_t code, const char *detail, uint64_t now);
/* What is to be written; where the state is closing or closed, close the sending direction behind it. */
const uint8_t *bookend_session_output(const bookend_session *session, size_t *length);
/* So many bytes of it have been written. */
void bookend_session_sent(bookend_session *session, size_t length, uint64_t now);

#ifdef __cplusplus
}
#endif

#endif
