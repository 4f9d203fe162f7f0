/*
 * Bookend 1.0: messages over a byte stream. SPEC.md defines the wire format; section numbers below refer to it.
 *
 *     bytes -> bookend_frame -> bookend_message -> bookend_session -> your program
 *
 * Nothing here allocates, does I/O, reads a clock or keeps global state: the caller owns all memory, and time is an
 * argument in milliseconds of any clock that never goes backwards. Pointers in results point into the caller's buffer.
 * Too few bytes so far is a value, not an error. Needs C99 or C++11.
 */
#ifndef BOOKEND_H
#define BOOKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Faults: section 6 ----------------------------------------------------------------------------------------- */

/* Why something was refused or has ended. bookend_fault_name returns its name on the wire and in every language. */
typedef enum bookend_fault {
    BOOKEND_OK,
    /* Two ends without a mistake. */
    BOOKEND_FAULT_NORMAL,
    BOOKEND_FAULT_GOING_AWAY,
    BOOKEND_FAULT_PROTOCOL_ERROR,
    BOOKEND_FAULT_UNKNOWN_ENCODING,
    BOOKEND_FAULT_MALFORMED,
    BOOKEND_FAULT_HELLO_EXPECTED,
    BOOKEND_FAULT_SECOND_HELLO,
    BOOKEND_FAULT_BAD_HELLO,
    BOOKEND_FAULT_BAD_CANARY,
    BOOKEND_FAULT_TWO_CLIENTS,
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
    BOOKEND_FAULT_CANCELLED,
    /* Local only, never on the wire: their code is 0. */
    BOOKEND_FAULT_NO_CLOSE,
    BOOKEND_FAULT_NOT_OPEN,
    BOOKEND_FAULT_NO_SUCH_REQUEST,
    BOOKEND_FAULT_NO_ROOM,    /* the caller's buffer is too small, or full for now */
    BOOKEND_FAULT_PEER_CLOSE, /* the peer sent CLOSE, with bookend_error.code */
    BOOKEND_FAULT_UNNAMED     /* closed by the application with a code that has no name, bookend_error.code */
} bookend_fault;

/* A fault and its details. Most callers need only fault, code and offset; bookend_explain uses the rest. */
typedef struct bookend_error {
    bookend_fault fault;
    uint16_t code;   /* as in CLOSE and ERROR; 0 if the fault never goes on the wire */
    uint64_t offset; /* bytes: from the first START for faults of framing, else from the start of the text or body */
    uint32_t found;  /* the byte, length, version or encoding found */
    uint32_t wanted; /* the expected value, or the limit */
    const char *why; /* a constant sentence for people, or NULL */
} bookend_error;

#define BOOKEND_REASON_MAX 200 /* bytes of a reason on the wire */

/* The name, such as "bad-text"; never NULL. */
const char *bookend_fault_name(bookend_fault fault);
/* Its code on the wire, or 0. */
uint16_t bookend_fault_code(bookend_fault fault);
/* What to do about it, in one line for people; never NULL. */
const char *bookend_fault_advice(bookend_fault fault);
/* The first fault of a code, or BOOKEND_FAULT_UNNAMED. */
bookend_fault bookend_code_fault(uint16_t code);
/* Writes "name: detail" in US-ASCII, truncated to `capacity` and NUL-terminated; returns its length. */
size_t bookend_explain(const bookend_error *error, char *out, size_t capacity);

/* ---- Frame: section 2 ------------------------------------------------------------------------------------------ */

#define BOOKEND_HEADER 8u             /* bytes of header */
#define BOOKEND_OVERHEAD 10u          /* bytes of header and END */
#define BOOKEND_LENGTH_MAX 0x7FFFFFFFu /* bytes of body, whatever the limits */

enum { BOOKEND_BINARY = 0, BOOKEND_ASCII = 1, BOOKEND_UTF8 = 2, BOOKEND_UTF16BE = 3, BOOKEND_UTF16LE = 4 };

/* The event of a PRESENCE. For BOOKEND_CROWD, `member` is the number of members and the name is the room's. */
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
    BOOKEND_KIND_GAP = 0x14,
    BOOKEND_KIND_CANCEL = 0x81,
    BOOKEND_KIND_PRIVATE_FIRST = 0xC0, /* kinds from here to the last one belong to applications (R3.7) */
    BOOKEND_KIND_PRIVATE_LAST = 0xEF
};

typedef struct bookend_frame {
    uint8_t kind;
    uint8_t encoding;
    uint32_t length;     /* bytes of body */
    const uint8_t *body; /* borrowed */
} bookend_frame;

typedef struct bookend_decoder {
    uint32_t limit;      /* longest body accepted, in bytes; may change between frames */
    uint64_t offset;     /* bytes of the stream before the next frame */
    bookend_error error; /* the first fault; it is sticky */
} bookend_decoder;

typedef enum bookend_found { BOOKEND_FOUND_MORE, BOOKEND_FOUND_FRAME, BOOKEND_FOUND_FAULT } bookend_found;

void bookend_decoder_init(bookend_decoder *decoder, uint32_t limit);
/*
 * Decodes the frame at the start of `buffer`, which holds the bytes read and not yet used. Calling it again with more
 * bytes repeats no work. A frame found uses the first BOOKEND_OVERHEAD + frame->length bytes. Faults: bad-start,
 * unknown-encoding, too-long, bad-end.
 */
bookend_found bookend_decode(bookend_decoder *decoder, const uint8_t *buffer, size_t length, bookend_frame *frame);
/* Writes header, body and END; returns their length, or 0 if they do not fit or the frame is illegal. */
size_t bookend_frame_encode(const bookend_frame *frame, uint8_t *out, size_t capacity);

/* ---- Text: section 5 ------------------------------------------------------------------------------------------- */

/* Length of the leading byte order mark in the text's encoding: 0, 2 or 3 bytes. */
size_t bookend_text_bom(uint8_t encoding, const uint8_t *text, size_t length);
/* Length of the legal text at the start of a payload: `length`, or the offset of bad-text. Encoding 1..4. */
size_t bookend_text_legal(uint8_t encoding, const uint8_t *text, size_t length);
/* Reads the first character; returns its length in bytes, 0 if it is illegal or missing. */
size_t bookend_text_next(uint8_t encoding, const uint8_t *text, size_t length, uint32_t *scalar);
/* Writes one character of at most 4 bytes; returns its length, 0 if the encoding cannot carry it. */
size_t bookend_text_put(uint8_t encoding, uint32_t scalar, uint8_t out[4]);
/*
 * Converts every character; the payload of a message has no byte order mark any more. `*written` is set to the length
 * of the whole result even if `capacity` is too small (no-room): pass 0 to learn it. Faults: bad-text,
 * unmappable-text, no-room; `error` (may be NULL) receives the offset.
 */
bookend_fault bookend_text_to_utf8(uint8_t encoding, const uint8_t *text, size_t length, uint8_t *out, size_t capacity,
                                   size_t *written, bookend_error *error);
bookend_fault bookend_text_from_utf8(uint8_t encoding, const uint8_t *utf8, size_t length, uint8_t *out,
                                     size_t capacity, size_t *written, bookend_error *error);
/* Controls, line and paragraph separators, bidirectional controls: they must not reach a terminal (R4.11). */
bool bookend_is_control(uint32_t scalar);
/* Legal UTF-8 without any of these characters. */
bool bookend_is_plain_line(const uint8_t *utf8, size_t length);

/* ---- HELLO: section 4 ------------------------------------------------------------------------------------------ */

typedef struct bookend_bytes {
    const uint8_t *data; /* borrowed; NULL where an option is absent */
    size_t length;
} bookend_bytes;

#define BOOKEND_FEATURE_HUB 1u
#define BOOKEND_HELLO_MAX 497u /* bytes of body that bookend_hello_encode writes at most */

typedef struct bookend_hello {
    uint8_t major;
    uint8_t minor;
    uint8_t accepted;  /* bit n: encoding n */
    uint8_t preferred; /* a text encoding, or 0: as it was sent */
    uint32_t max_body; /* bytes, 1,024..BOOKEND_LENGTH_MAX */
    uint16_t keepalive; /* seconds, 0 = no promise */
    uint16_t features;
    bool has_resume;
    uint64_t resume;
    bookend_bytes name, room, token, software;
    bool client; /* bookend_session_init sets it for a client, and clears it for a server */
    bool has_requests;
    uint32_t requests; /* REQUESTs of the other side that may be unanswered; BOOKEND_REQUESTS without has_requests */
} bookend_hello;

/* All encodings, text as it was sent, bodies of 1 MiB, keepalive 30 s, no options. */
void bookend_hello_init(bookend_hello *hello);
/* Checks as much of magic and canary as has arrived, so that bytes dropped by the channel are not waited for. */
bookend_fault bookend_hello_magic(const uint8_t *body, size_t length, bookend_error *error);
/* Faults: bad-hello, bad-canary, version. */
bookend_fault bookend_hello_parse(const uint8_t *body, size_t length, bookend_hello *hello, bookend_error *error);
/* Writes the body. Faults: no-room, and those of bookend_hello_parse if the HELLO breaks a rule. */
bookend_fault bookend_hello_encode(const bookend_hello *hello, uint8_t *out, size_t capacity, size_t *written,
                                   bookend_error *error);

/* ---- Message: sections 3 and 9 --------------------------------------------------------------------------------- */

/* One struct for all kinds; the comments name the kinds that have each field. */
typedef struct bookend_message {
    uint8_t kind;
    uint8_t encoding;      /* of `payload` */
    uint8_t event;         /* PRESENCE: BOOKEND_HERE ... BOOKEND_CROWD */
    uint16_t code;         /* ERROR, CLOSE */
    uint32_t id;           /* REQUEST, REPLY, CANCEL; ERROR: the request's, or 0 */
    uint32_t frame;        /* ERROR: number of the frame that it is about */
    uint32_t member;       /* WELCOME, PRESENCE; DELIVERY: the sender, 0 = the hub */
    uint32_t to;           /* POST, DELIVERY: 0 = everyone */
    uint64_t seq;          /* DELIVERY; WELCOME: of the next DELIVERY */
    uint64_t time;         /* DELIVERY: ms since 1970-01-01T00:00:00Z */
    uint64_t missed;       /* GAP */
    bookend_bytes name;    /* DELIVERY, in UTF-8 */
    bookend_bytes payload; /* payload, reason, greeting, or PRESENCE's name, without byte order mark */
    bookend_bytes body;    /* as received; ignored by bookend_message_encode */
} bookend_message;

/*
 * Parses one frame, with the hub profile in force. A private kind is judged like MESSAGE. Any other unknown kind of 80 or
 * above is legal, and its body all payload. Faults: malformed, unknown-kind; bad-text, with the message filled in nevertheless.
 */
bookend_fault bookend_message_parse(const bookend_frame *frame, bookend_message *message, bookend_error *error);
/* Length of the frame that bookend_message_encode writes, 0 if it would be too long for a frame. */
size_t bookend_message_size(const bookend_message *message);
/*
 * Writes the whole frame, without byte order marks at the start of the payload (R5.5), and checks it first as a receiver
 * would; a reason must be legal text too. Faults: those of bookend_message_parse, unmappable-text for U+FFFE at the start
 * of UTF-16 (R5.15), too-long, no-room.
 */
bookend_fault bookend_message_encode(const bookend_message *message, uint8_t *out, size_t capacity, size_t *written,
                                     bookend_error *error);

/* ---- History: section 9, of the hub profile ---------------------------------------------------------------------- */

#define BOOKEND_NOW UINT64_MAX  /* greater than the number of any message */
#define BOOKEND_QUERY_MAX 269u /* bytes that bookend_query_encode writes at most */

/* Asks a hub for the last messages that it has kept, or for the last ones that contain a text: the payload of a REQUEST. */
typedef struct bookend_query {
    uint64_t before;    /* only messages whose seq is less */
    uint32_t count;     /* at least 1; a hub may send fewer */
    bookend_bytes text; /* 1..256 bytes of UTF-8; its data are NULL to search for nothing */
} bookend_query;

/* Messages that a hub has kept, oldest first: the payload of a REPLY. */
typedef struct bookend_page {
    bookend_bytes rest;   /* what bookend_page_next has not returned */
    bool is_first;        /* nothing earlier matches; otherwise ask again before the first message */
    uint64_t lost_before; /* if is_first: earlier messages of the room that are not there, 0 after a search */
} bookend_page;

/* False if a binary payload is not a query: a hub answers it with policy. */
bool bookend_query_parse(const uint8_t *payload, size_t length, bookend_query *query);
/* The length of the payload, which is binary; 0 if the query is not legal. */
size_t bookend_query_encode(const bookend_query *query, uint8_t out[BOOKEND_QUERY_MAX]);
/* False if a binary payload is not a page. */
bool bookend_page_parse(const uint8_t *payload, size_t length, bookend_page *page);
/* The next DELIVERY, or GAP where messages are not there; false after the last one. */
bool bookend_page_next(bookend_page *page, bookend_message *entry);

/* ---- Session: section 7 ---------------------------------------------------------------------------------------- */

#define BOOKEND_REQUESTS 64u      /* unanswered in one direction, if HELLO does not say otherwise */
#define BOOKEND_OUTPUT_MIN 4096u  /* smallest output buffer, bytes */
#define BOOKEND_RESERVE 2048u     /* of these reserved for CLOSE, ERROR, PING and PONG */
#define BOOKEND_GREETING_MAX 4096u /* bytes of body accepted before the peer's HELLO */
#define BOOKEND_PING_MAX 64u

typedef enum bookend_role { BOOKEND_CLIENT, BOOKEND_SERVER } bookend_role;

typedef enum bookend_state {
    BOOKEND_GREETING, /* the peer's HELLO has not arrived */
    BOOKEND_OPEN,
    BOOKEND_CLOSING, /* CLOSE is in the output; incoming bytes are discarded */
    BOOKEND_CLOSED   /* the reason is in `cause` */
} bookend_state;

typedef enum bookend_event {
    BOOKEND_EVENT_NOTHING, /* needs more bytes or more time */
    BOOKEND_EVENT_OPENED,  /* the peer's HELLO is in `peer`; its options are valid until the next call */
    BOOKEND_EVENT_MESSAGE, /* a message for the application */
    BOOKEND_EVENT_UNREADABLE, /* the REPLY to this side's REQUEST `id` cannot be read: nothing more arrives for it (R3.26) */
    BOOKEND_EVENT_ENDED /* reported once: write the output, then close the stream */
} bookend_event;

/* The memory for one unanswered REQUEST; its fields are private to the session. */
typedef struct bookend_slot {
    uint32_t id, frame; /* the frame that brought the REQUEST */
    uint32_t child[2];
} bookend_slot;

typedef struct bookend_request_set {
    uint32_t root, count;
} bookend_request_set;

typedef struct bookend_requests {
    bookend_slot *given; /* the caller's, or NULL: `built_in` */
    uint32_t capacity, begun, freed;
    bookend_slot built_in[2u * BOOKEND_REQUESTS];
} bookend_requests;

/* Read the first five fields, set `private_kinds`; the other fields are private to the session. */
typedef struct bookend_session {
    bookend_role role;
    bookend_state state;
    bookend_error cause; /* while closing and closed */
    bookend_hello peer;  /* once open */
    uint32_t number;     /* of the last frame received; an ERROR about it has it in `frame` */
    bool private_kinds;  /* deliver the kinds C0..EF, which are ignored otherwise; they may be sent at any time */

    bookend_hello own;
    bookend_decoder decoder;
    uint8_t *out;
    size_t out_capacity, out_start, out_end;
    size_t seen;       /* bytes of the caller's buffer seen in an earlier call */
    size_t judged;     /* bytes of it that were judged before CLOSE: they do not count as discarded (R7.20) */
    uint32_t skipped;  /* bytes before the server's first F5 */
    uint32_t discarded; /* bytes while closing */
    uint64_t started, last_sent, last_received, frame_due, blocked_at, closing_at;
    bool frame_begun, header_complete, blocked, ping_waits;
    uint8_t ping_length;
    uint8_t ping[BOOKEND_PING_MAX];
    bookend_requests requests;
    bookend_request_set asked, owed; /* the unanswered REQUESTs of this side, of the peer */
    uint64_t pings[10];
    unsigned ping_count, ping_next;
    uint64_t empty_at;
    uint32_t empty_count;
    uint16_t empties[1000]; /* frames of length 0 in each millisecond */
} bookend_session;

/*
 * Starts a session. The session writes into `out`; a message to be sent must fit into `capacity` - BOOKEND_RESERVE
 * bytes. The options of `own` are borrowed until the session is open. Faults: no-room for less than
 * BOOKEND_OUTPUT_MIN or `own->requests` above BOOKEND_REQUESTS, and those of bookend_hello_encode.
 */
bookend_fault bookend_session_init(bookend_session *session, bookend_role role, const bookend_hello *own, uint8_t *out,
                                   size_t capacity, uint64_t now);
/*
 * The same, with the caller's memory for unanswered REQUESTs, one slot for each. As many slots as `own` permits in
 * `requests` are reserved for those of the peer; the others limit those of this side, and so does the peer's HELLO. The
 * slots are borrowed until the session ends. Fault: also no-room for fewer slots than reserved.
 */
bookend_fault bookend_session_init_slots(bookend_session *session, bookend_role role, const bookend_hello *own,
                                         uint8_t *out, size_t capacity, uint64_t now, bookend_slot *slots,
                                         size_t slot_count);
/*
 * Takes the bytes read and not yet used. Call it again, without the `*used` bytes, until it returns NOTHING; then read
 * more, after the bytes that are left. The buffer must be able to hold this side's max_body + BOOKEND_OVERHEAD bytes,
 * and BOOKEND_GREETING_MAX + BOOKEND_OVERHEAD before the peer's HELLO. `message` is borrowed from the buffer; act on it
 * before the next call, since a PONG confirms that. While the output is full nothing is used: write, then call again.
 */
bookend_event bookend_session_receive(bookend_session *session, const uint8_t *buffer, size_t length, uint64_t now,
                                      size_t *used, bookend_message *message);
/* The stream has ended, and bookend_session_receive was given all of it. */
bookend_event bookend_session_end_of_stream(bookend_session *session, uint64_t now);
/* When to call bookend_session_tick next; UINT64_MAX for never. */
uint64_t bookend_session_deadline(const bookend_session *session);
/* Does what is due. Read all available bytes first, or they count as silence of the peer. */
bookend_event bookend_session_tick(bookend_session *session, uint64_t now);
/*
 * Sends any kind except HELLO, PONG and CLOSE, which the session sends itself. A PING with a payload is a barrier: its PONG
 * is delivered. An ERROR with an id answers the peer's REQUEST with this id, and the session sets its `frame`; with id 0 it
 * is about the frame of the number in `frame`. Faults, in the order of R7.18: malformed, bad-text; not-open; unknown-kind,
 * unexpected-kind; no-such-request, duplicate-request, try-later; encoding-refused; unmappable-text; too-long (also for a
 * reason of more than BOOKEND_REASON_MAX bytes); then no-room (write the output, then retry). After a fault nothing was sent
 * and the session is unchanged.
 */
bookend_fault bookend_session_send(bookend_session *session, const bookend_message *message, uint64_t now,
                                   bookend_error *error);
/*
 * Sends CANCEL: the answer to this REQUEST is no longer needed. An answer still arrives, usually an ERROR `cancelled`;
 * until then the id cannot be used again. The peer's CANCEL is delivered with the id of a REQUEST that the session has
 * answered with this ERROR: stop working on it. Faults: malformed for id 0, not-open, no-such-request, no-room (write the
 * output, then retry).
 */
bookend_fault bookend_session_cancel(bookend_session *session, uint32_t id, uint64_t now);
/*
 * The application no longer waits for the answer to this REQUEST, although the peer does not know that. For a peer that
 * does not answer; prefer bookend_session_cancel.
 */
void bookend_session_forget(bookend_session *session, uint32_t id);
/* Sends CLOSE with the first name of `code` and a detail in US-ASCII (or NULL), unless it was sent already. */
void bookend_session_close(bookend_session *session, uint16_t code, const char *detail, uint64_t now);
/* The bytes to write. In the states closing and closed, close the sending direction after them. */
const uint8_t *bookend_session_output(const bookend_session *session, size_t *length);
/* `length` bytes of the output have been written. */
void bookend_session_sent(bookend_session *session, size_t length, uint64_t now);

#ifdef __cplusplus
}
#endif

#endif
