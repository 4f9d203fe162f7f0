/* Session: sections 4 and 7 of SPEC.md, and the flood rules of section 8. */
#include "bookend.h"
#include "bookend_wire.h"

#include <stdio.h>
#include <string.h>

/* Defaults of section 7, in milliseconds and bytes; override them with compiler definitions. */
#ifndef BOOKEND_HELLO_MS
#define BOOKEND_HELLO_MS 5000u
#endif
#ifndef BOOKEND_HEADER_MS
#define BOOKEND_HEADER_MS 5000u
#endif
#ifndef BOOKEND_BODY_MS
#define BOOKEND_BODY_MS 5000u
#endif
#ifndef BOOKEND_BYTES_PER_S
#define BOOKEND_BYTES_PER_S 1024u
#endif
#ifndef BOOKEND_DRAIN_MS
#define BOOKEND_DRAIN_MS 2000u
#endif
#ifndef BOOKEND_DRAIN_BYTES
#define BOOKEND_DRAIN_BYTES 65536u
#endif
#ifndef BOOKEND_STALLED_MS
#define BOOKEND_STALLED_MS 10000u
#endif

#define NEVER UINT64_MAX

enum {
    SKIP_MAX = 1024,      /* bytes before the server's first F5 */
    PING_WINDOW = 10000,  /* ms */
    EMPTY_MAX = 1000,     /* frames of length 0 in one second */
    ANSWER_MAX = 512      /* longest answer to one frame, bytes: HELLO, or ERROR and CLOSE */
};

enum { COUNT_OF_EMPTIES = sizeof((bookend_session *)0)->empties / sizeof((bookend_session *)0)->empties[0],
       COUNT_OF_PINGS = sizeof((bookend_session *)0)->pings / sizeof((bookend_session *)0)->pings[0] };

/* ---- Output ---------------------------------------------------------------------------------------------------- */

const uint8_t *bookend_session_output(const bookend_session *session, size_t *length) {
    *length = session->out_end - session->out_start;
    return session->out + session->out_start;
}

void bookend_session_sent(bookend_session *session, size_t length, uint64_t now) {
    if (length == 0) return;
    session->out_start += length;
    if (session->out_start >= session->out_end) session->out_start = session->out_end = 0;
    session->last_sent = now;
    session->blocked_at = now;
}

static size_t room(const bookend_session *session) {
    return session->out_capacity - (session->out_end - session->out_start);
}

/* Moves the waiting output to the front, so that all free space is contiguous. */
static void compact(bookend_session *session) {
    if (session->out_start == 0) return;
    memmove(session->out, session->out + session->out_start, session->out_end - session->out_start);
    session->out_end -= session->out_start;
    session->out_start = 0;
}

/* Appends a message to the output if `reserve` bytes stay free; `*written` as in bookend_message_encode. */
static bookend_fault put(bookend_session *session, const bookend_message *message, size_t reserve, uint64_t now,
                         size_t *written, bookend_error *error) {
    size_t most = room(session) > reserve ? room(session) - reserve : 0;
    bookend_fault fault;

    compact(session);
    fault = bookend_message_encode(message, session->out + session->out_end, most, written, error);
    if (fault == BOOKEND_OK) {
        session->out_end += *written;
        session->last_sent = now;
    }
    return fault;
}

/* Puts a frame of the session itself. It fits: a frame is taken only while ANSWER_MAX is free, and messages leave
 * BOOKEND_RESERVE. */
static void put_own(bookend_session *session, const bookend_message *message, uint64_t now) {
    size_t written;

    (void)put(session, message, 0, now, &written, NULL);
}

static void put_hello(bookend_session *session, uint64_t now) {
    bookend_frame frame;
    size_t written = 0;

    /* bookend_session_init has checked it, and the output is empty before it. */
    (void)bookend_hello_encode(&session->own, session->out + BOOKEND_HEADER, session->out_capacity - BOOKEND_OVERHEAD,
                               &written, NULL);
    frame.kind = BOOKEND_KIND_HELLO;
    frame.encoding = BOOKEND_BINARY;
    frame.length = (uint32_t)written;
    frame.body = session->out + BOOKEND_HEADER;
    session->out_end = bookend_frame_encode(&frame, session->out, session->out_capacity);
    session->last_sent = now;
}

/* The peer's preferred encoding; US-ASCII before it is known, and if the peer prefers none. */
static uint8_t reason_encoding(const bookend_session *session) {
    if (session->state != BOOKEND_OPEN || session->peer.preferred == 0) return BOOKEND_ASCII;
    return session->peer.preferred;
}

/* Puts an ERROR or CLOSE; `ascii` is truncated to the maximum length of a reason. */
static void put_reason(bookend_session *session, bookend_message *message, const char *ascii, uint64_t now) {
    uint8_t reason[BOOKEND_REASON_MAX];
    size_t length = strlen(ascii), most = sizeof reason;

    message->encoding = reason_encoding(session);
    if (message->encoding >= BOOKEND_UTF16BE) most /= 2;
    (void)bookend_text_from_utf8(message->encoding, (const uint8_t *)ascii, length < most ? length : most, reason,
                                 sizeof reason, &message->payload.length, NULL);
    message->payload.data = reason;
    put_own(session, message, now);
}

/* An ERROR about the frame of this number, or its REQUEST. */
static void put_error(bookend_session *session, uint32_t id, uint32_t frame, const bookend_error *error, uint64_t now) {
    char reason[BOOKEND_REASON_MAX + 1];
    bookend_message message;

    memset(&message, 0, sizeof message);
    message.kind = BOOKEND_KIND_ERROR;
    message.id = id;
    message.frame = frame;
    message.code = error->code;
    (void)bookend_explain(error, reason, sizeof reason);
    put_reason(session, &message, reason, now);
}

/* ---- The end --------------------------------------------------------------------------------------------------- */

static void put_close(bookend_session *session, const bookend_error *cause, const char *reason, uint64_t now) {
    bookend_message message;

    memset(&message, 0, sizeof message);
    message.kind = BOOKEND_KIND_CLOSE;
    message.code = cause->code;
    put_reason(session, &message, reason, now);
    session->cause = *cause;
    session->closing_at = now;
    session->blocked = false;
    session->judged = session->seen;
    session->state = BOOKEND_CLOSING;
}

/* R7.4: one CLOSE, then all further bytes are discarded. */
static void fail(bookend_session *session, const bookend_error *error, uint64_t now) {
    char reason[BOOKEND_REASON_MAX + 1];

    (void)bookend_explain(error, reason, sizeof reason);
    put_close(session, error, reason, now);
}

static bookend_error fault_of(bookend_fault fault, uint32_t found, const char *why) {
    bookend_error error;

    memset(&error, 0, sizeof error);
    error.fault = fault;
    error.code = bookend_fault_code(fault);
    error.found = found;
    error.why = why;
    return error;
}

static void fail_with(bookend_session *session, bookend_fault fault, uint32_t found, const char *why, uint64_t now) {
    bookend_error error = fault_of(fault, found, why);

    fail(session, &error, now);
}

static bookend_event end(bookend_session *session) {
    session->state = BOOKEND_CLOSED;
    return BOOKEND_EVENT_ENDED;
}

void bookend_session_close(bookend_session *session, uint16_t code, const char *detail, uint64_t now) {
    bookend_error cause = fault_of(bookend_code_fault(code), 0, "closed by this side");
    /* A code without a name belongs to the application, and so does its whole reason. */
    const char *name = cause.fault == BOOKEND_FAULT_UNNAMED ? "" : bookend_fault_name(cause.fault);
    const char *colon = *name != '\0' && detail != NULL ? ": " : "";
    char reason[BOOKEND_REASON_MAX + 1];

    if (session->state >= BOOKEND_CLOSING) return;
    cause.code = code;
    (void)snprintf(reason, sizeof reason, "%s%s%s", name, colon, detail == NULL ? "" : detail);
    put_close(session, &cause, reason, now);
}

/* R7.7: answers the peer's CLOSE and ends. */
static bookend_event closed_by_peer(bookend_session *session, uint16_t code, uint64_t now) {
    bookend_error cause = fault_of(BOOKEND_FAULT_PEER_CLOSE, 0, NULL);

    cause.code = code;
    put_close(session, &cause, "", now);
    return end(session);
}

static bookend_event discard(bookend_session *session, size_t length) {
    /* Saturates, because the stream may be longer than the counter. */
    session->discarded = length < BOOKEND_DRAIN_BYTES - session->discarded ? session->discarded + (uint32_t)length
                                                                           : BOOKEND_DRAIN_BYTES;
    return session->discarded < BOOKEND_DRAIN_BYTES ? BOOKEND_EVENT_NOTHING : end(session);
}

/* ---- Unanswered requests --------------------------------------------------------------------------------------- */

/* How many REQUESTs of the other side the sender of a HELLO takes (R3.16). */
static uint32_t takes(const bookend_hello *hello) {
    return hello->has_requests ? hello->requests : BOOKEND_REQUESTS;
}

static bool forget_asked(bookend_session *session, uint32_t id) {
    return bookend_requests_remove(&session->requests, &session->asked, id);
}

void bookend_session_forget(bookend_session *session, uint32_t id) {
    (void)forget_asked(session, id);
}

/* ---- Floods: section 8 ----------------------------------------------------------------------------------------- */

static bool is_ping_flood(bookend_session *session, uint8_t kind, uint64_t now) {
    bool full = session->ping_count == COUNT_OF_PINGS;

    if (kind == BOOKEND_KIND_PONG) return false;
    if (kind != BOOKEND_KIND_PING) {
        session->ping_count = 0;
        return false;
    }
    /* The slot of the next PING holds the time of the oldest. */
    if (full && now - session->pings[session->ping_next] < PING_WINDOW) return true;
    session->pings[session->ping_next] = now;
    session->ping_next = (session->ping_next + 1) % COUNT_OF_PINGS;
    if (!full) session->ping_count++;
    return false;
}

static bool is_empty_flood(bookend_session *session, uint32_t length, uint64_t now) {
    uint16_t *slot;

    if (length > 0) return false;
    if (now - session->empty_at >= COUNT_OF_EMPTIES) {
        memset(session->empties, 0, sizeof session->empties);
        session->empty_count = 0;
        session->empty_at = now;
    }
    while (session->empty_at < now) {
        session->empty_at++;
        slot = &session->empties[session->empty_at % COUNT_OF_EMPTIES];
        session->empty_count -= *slot;
        *slot = 0;
    }
    session->empties[now % COUNT_OF_EMPTIES]++;
    session->empty_count++;
    return session->empty_count > EMPTY_MAX;
}

/* ---- Receiving ------------------------------------------------------------------------------------------------- */

static bool hub_in_force(const bookend_session *session) {
    return (session->own.features & session->peer.features & BOOKEND_FEATURE_HUB) != 0;
}

static bool is_hub_kind(uint8_t kind) {
    return kind >= BOOKEND_KIND_WELCOME && kind <= BOOKEND_KIND_GAP;
}

/* R9.2: a client sends POST, a server the other kinds of the hub profile. */
static bool may_send(bookend_role role, uint8_t kind) {
    return !is_hub_kind(kind) || (kind == BOOKEND_KIND_POST) == (role == BOOKEND_CLIENT);
}

static bookend_role other(bookend_role role) {
    return role == BOOKEND_CLIENT ? BOOKEND_SERVER : BOOKEND_CLIENT;
}

static bool accepts(const bookend_hello *hello, uint8_t encoding) {
    return encoding <= BOOKEND_UTF16LE && (hello->accepted >> encoding & 1) != 0;
}

/* The text of a frame cannot be delivered: answers with an ERROR, unless the frame is itself an answer (R3.20, R3.26). */
static bookend_event refuse(bookend_session *session, const bookend_message *message, const bookend_error *error,
                            uint64_t now) {
    if (message->kind == BOOKEND_KIND_REPLY)
        return forget_asked(session, message->id) ? BOOKEND_EVENT_UNREADABLE : BOOKEND_EVENT_NOTHING;
    put_error(session, message->kind == BOOKEND_KIND_REQUEST ? message->id : 0, session->number, error, now);
    return BOOKEND_EVENT_NOTHING;
}

static bookend_event take_request(bookend_session *session, const bookend_message *message, uint64_t now) {
    bookend_error error;

    if (session->owed.count >= takes(&session->own)) {
        error = fault_of(BOOKEND_FAULT_TRY_LATER, 0, "too many requests are unanswered");
        put_error(session, message->id, session->number, &error, now);
        return BOOKEND_EVENT_NOTHING;
    }
    bookend_requests_add(&session->requests, &session->owed, message->id, session->number);
    return BOOKEND_EVENT_MESSAGE;
}

/* R3.23 and R3.24: answers the REQUEST, unless it was answered before. */
static bookend_event take_cancel(bookend_session *session, const bookend_message *message, uint64_t now) {
    const bookend_slot *slot = bookend_requests_find(&session->requests, &session->owed, message->id);
    bookend_error error = fault_of(BOOKEND_FAULT_CANCELLED, 0, NULL);

    if (slot == NULL) return BOOKEND_EVENT_NOTHING;
    put_error(session, message->id, slot->frame, &error, now);
    (void)bookend_requests_remove(&session->requests, &session->owed, message->id);
    return BOOKEND_EVENT_MESSAGE;
}

static bookend_event take_ping(bookend_session *session, const bookend_message *message, uint64_t now) {
    bookend_message pong = *message;

    pong.kind = BOOKEND_KIND_PONG;
    put_own(session, &pong, now);
    return BOOKEND_EVENT_NOTHING;
}

static bookend_event take_pong(bookend_session *session, const bookend_message *message) {
    if (!session->ping_waits || message->payload.length != session->ping_length) return BOOKEND_EVENT_NOTHING;
    if (session->ping_length > 0 && memcmp(message->payload.data, session->ping, session->ping_length) != 0)
        return BOOKEND_EVENT_NOTHING;
    session->ping_waits = false;
    return BOOKEND_EVENT_MESSAGE;
}

/* Acts on a legal message according to its kind. */
static bookend_event take(bookend_session *session, const bookend_message *message, uint64_t now) {
    switch (message->kind) {
    case BOOKEND_KIND_REQUEST: return take_request(session, message, now);
    case BOOKEND_KIND_REPLY:
        return forget_asked(session, message->id) ? BOOKEND_EVENT_MESSAGE : BOOKEND_EVENT_NOTHING;
    case BOOKEND_KIND_ERROR: (void)forget_asked(session, message->id); return BOOKEND_EVENT_MESSAGE;
    case BOOKEND_KIND_CANCEL: return take_cancel(session, message, now);
    case BOOKEND_KIND_PING: return take_ping(session, message, now);
    case BOOKEND_KIND_PONG: return take_pong(session, message);
    case BOOKEND_KIND_CLOSE: return closed_by_peer(session, message->code, now);
    default: return BOOKEND_EVENT_MESSAGE;
    }
}

static bool is_ignored(const bookend_session *session, uint8_t kind) {
    return kind >= 0x80 && kind != BOOKEND_KIND_CANCEL && !(session->private_kinds && bookend_is_private(kind));
}

/* A whole frame after HELLO; the checks are in the order of R3.25. */
static bookend_event take_frame(bookend_session *session, const bookend_frame *frame, uint64_t now,
                                bookend_message *message) {
    bookend_error error = fault_of(BOOKEND_OK, 0, NULL);
    bookend_fault fault = BOOKEND_OK;

    session->number++;
    if (is_ping_flood(session, frame->kind, now))
        fault = BOOKEND_FAULT_PING_FLOOD;
    else if (is_empty_flood(session, frame->length, now))
        fault = BOOKEND_FAULT_EMPTY_FLOOD;
    else if (frame->kind == BOOKEND_KIND_HELLO)
        fault = BOOKEND_FAULT_SECOND_HELLO;
    else if (is_hub_kind(frame->kind) && !hub_in_force(session))
        fault = BOOKEND_FAULT_UNKNOWN_KIND;
    else if (!may_send(other(session->role), frame->kind))
        fault = BOOKEND_FAULT_UNEXPECTED_KIND;
    if (fault != BOOKEND_OK) {
        fail_with(session, fault, frame->kind, NULL, now);
        return BOOKEND_EVENT_NOTHING;
    }

    fault = bookend_message_parse(frame, message, &error);
    if (fault != BOOKEND_OK && fault != BOOKEND_FAULT_BAD_TEXT) {
        fail(session, &error, now);
        return BOOKEND_EVENT_NOTHING;
    }
    if (is_ignored(session, frame->kind)) return BOOKEND_EVENT_NOTHING;
    if (frame->kind == BOOKEND_KIND_REQUEST &&
        bookend_requests_find(&session->requests, &session->owed, message->id) != NULL) {
        fail_with(session, BOOKEND_FAULT_DUPLICATE_REQUEST, 0, "the REQUEST with this id is still unanswered", now);
        return BOOKEND_EVENT_NOTHING;
    }
    if (!accepts(&session->own, frame->encoding) && frame->kind != BOOKEND_KIND_ERROR &&
        frame->kind != BOOKEND_KIND_CLOSE) {
        error = fault_of(BOOKEND_FAULT_ENCODING_REFUSED, frame->encoding, NULL);
        return refuse(session, message, &error, now);
    }
    if (fault == BOOKEND_FAULT_BAD_TEXT) return refuse(session, message, &error, now);
    return take(session, message, now);
}

/* The first frame, which must be HELLO or CLOSE (R4.19). */
static bookend_event take_hello(bookend_session *session, const bookend_frame *frame, uint64_t now,
                                bookend_message *message) {
    bookend_error error = fault_of(BOOKEND_OK, 0, NULL);
    bookend_fault fault;

    if (frame->kind == BOOKEND_KIND_CLOSE) {
        fault = bookend_message_parse(frame, message, &error);
        if (fault == BOOKEND_OK) return closed_by_peer(session, message->code, now);
    } else if (frame->encoding != BOOKEND_BINARY) {
        error = fault_of(BOOKEND_FAULT_MALFORMED, 0, "HELLO must have encoding 0");
        fault = error.fault;
    } else {
        fault = bookend_hello_parse(frame->body, frame->length, &session->peer, &error);
        if (fault == BOOKEND_OK && session->role == BOOKEND_CLIENT && session->peer.client) {
            error = fault_of(BOOKEND_FAULT_TWO_CLIENTS, 0, "the other side is a client too, or sends this HELLO back");
            fault = error.fault;
        }
    }
    if (fault != BOOKEND_OK) {
        fail(session, &error, now);
        return BOOKEND_EVENT_NOTHING;
    }

    if (session->role == BOOKEND_SERVER) put_hello(session, now);
    session->state = BOOKEND_OPEN;
    session->decoder.limit = session->own.max_body;
    session->last_sent = session->last_received = now;
    return BOOKEND_EVENT_OPENED;
}

/* A client skips the line that a server may send before its first frame (R4.21); returns its length. */
static size_t skip(bookend_session *session, const uint8_t *buffer, size_t length, uint64_t now) {
    size_t at;
    bookend_error error;

    if (session->role != BOOKEND_CLIENT) return 0;
    for (at = 0; at < length && buffer[at] != 0xF5; at++) {
        session->skipped++;
        if (session->skipped > SKIP_MAX) {
            error = fault_of(BOOKEND_FAULT_BAD_START, buffer[at], "no F5 among the first 1025 bytes");
            fail(session, &error, now);
            return at + 1;
        }
    }
    return at;
}

/* Checks kind, magic and canary of the first frame as soon as its header is complete. */
static bookend_fault check_opening(const uint8_t *buffer, size_t length, bookend_error *error) {
    size_t arrived = length - BOOKEND_HEADER, body = bookend_get32(buffer + 4);

    if (buffer[2] == BOOKEND_KIND_HELLO)
        return bookend_hello_magic(buffer + BOOKEND_HEADER, arrived < body ? arrived : body, error);
    if (buffer[2] == BOOKEND_KIND_CLOSE) return BOOKEND_OK;
    *error = fault_of(BOOKEND_FAULT_HELLO_EXPECTED, buffer[2], NULL);
    return error->fault;
}

/* Sets the deadline of a frame that has begun to arrive (R7.11, R7.12). */
static void watch_frame(bookend_session *session, const uint8_t *buffer, size_t length, uint64_t now) {
    if (length == 0) return;
    if (!session->frame_begun) {
        session->frame_begun = true;
        session->header_complete = false;
        session->frame_due = now + BOOKEND_HEADER_MS;
    }
    if (!session->header_complete && length >= BOOKEND_HEADER) {
        session->header_complete = true;
        session->frame_due = now + BOOKEND_BODY_MS + (uint64_t)bookend_get32(buffer + 4) * 1000 / BOOKEND_BYTES_PER_S;
    }
}

/* Takes one frame, or checks as much of it as has arrived. */
static bookend_event advance(bookend_session *session, const uint8_t *buffer, size_t length, uint64_t now,
                             size_t *taken, bookend_message *message) {
    bookend_decoder *decoder = &session->decoder;
    bookend_error error = fault_of(BOOKEND_OK, 0, NULL);
    bookend_found found;
    bookend_frame frame;

    *taken = 0;
    if (session->state == BOOKEND_GREETING) {
        *taken = skip(session, buffer, length, now);
        if (session->state != BOOKEND_GREETING) return BOOKEND_EVENT_NOTHING;
        buffer += *taken;
        length -= *taken;
        found = bookend_decode(decoder, buffer, length < BOOKEND_HEADER ? length : BOOKEND_HEADER, &frame);
        if (found == BOOKEND_FOUND_MORE && length >= BOOKEND_HEADER &&
            check_opening(buffer, length, &error) != BOOKEND_OK) {
            fail(session, &error, now);
            session->judged = BOOKEND_HEADER;
            while (check_opening(buffer, session->judged, &error) == BOOKEND_OK) session->judged++;
            return BOOKEND_EVENT_NOTHING;
        }
    }

    found = bookend_decode(decoder, buffer, length, &frame);
    if (found == BOOKEND_FOUND_FAULT) {
        fail(session, &decoder->error, now);
        /* Up to the byte that shows the fault; of a length, that is its last one. */
        session->judged = decoder->error.fault == BOOKEND_FAULT_TOO_LONG
                              ? BOOKEND_HEADER
                              : (size_t)(decoder->error.offset - decoder->offset) + 1;
    }
    if (found == BOOKEND_FOUND_MORE) watch_frame(session, buffer, length, now);
    if (found != BOOKEND_FOUND_FRAME) return BOOKEND_EVENT_NOTHING;
    session->frame_begun = false;
    *taken += BOOKEND_OVERHEAD + (size_t)frame.length;
    return session->state == BOOKEND_GREETING ? take_hello(session, &frame, now, message)
                                              : take_frame(session, &frame, now, message);
}

/* The options were borrowed from a buffer that the caller may have changed. */
static void drop_options(bookend_hello *hello) {
    hello->name.data = hello->room.data = hello->token.data = hello->software.data = NULL;
    hello->name.length = hello->room.length = hello->token.length = hello->software.length = 0;
}

bookend_event bookend_session_receive(bookend_session *session, const uint8_t *buffer, size_t length, uint64_t now,
                                      size_t *used, bookend_message *message) {
    bookend_event event = BOOKEND_EVENT_NOTHING;
    size_t taken, left, judged;

    *used = 0;
    drop_options(&session->peer);
    if (length > session->seen) session->last_received = now;
    session->seen = 0; /* until the frames in it have been judged */
    do {
        taken = 0;
        if (session->state == BOOKEND_CLOSED) {
            *used = length;
        } else if (session->state == BOOKEND_CLOSING) {
            left = length - *used;
            judged = session->judged < left ? session->judged : left;
            session->judged -= judged;
            event = discard(session, left - judged);
            *used = length;
            break;
        } else if (room(session) < ANSWER_MAX) {
            if (!session->blocked) session->blocked_at = now;
            session->blocked = true;
        } else {
            session->blocked = false;
            event = advance(session, buffer + *used, length - *used, now, &taken, message);
            *used += taken;
        }
    } while (event == BOOKEND_EVENT_NOTHING && (taken > 0 || session->state == BOOKEND_CLOSING));
    session->seen = length - *used;
    return event;
}

bookend_event bookend_session_end_of_stream(bookend_session *session, uint64_t now) {
    if (session->state == BOOKEND_CLOSED) return BOOKEND_EVENT_NOTHING;
    if (session->state < BOOKEND_CLOSING) {
        if (session->seen > 0)
            fail_with(session, BOOKEND_FAULT_TRUNCATED, 0, "the stream ended inside a frame", now);
        else
            session->cause = fault_of(BOOKEND_FAULT_NO_CLOSE, 0,
                                      session->state == BOOKEND_GREETING ? "the stream ended before HELLO"
                                                                         : "the stream ended without a CLOSE");
    }
    return end(session);
}

/* ---- Time ------------------------------------------------------------------------------------------------------ */

static uint64_t idle_due(const bookend_session *session) {
    return session->peer.keepalive == 0 ? NEVER : session->last_received + 2000u * (uint64_t)session->peer.keepalive;
}

static uint64_t frame_due(const bookend_session *session) {
    return session->frame_begun ? session->frame_due : NEVER;
}

/* While bytes wait to be written, a PING after them would be useless. */
static uint64_t ping_due(const bookend_session *session) {
    if (session->own.keepalive == 0 || session->out_end > session->out_start) return NEVER;
    return session->last_sent + 1000u * (uint64_t)session->own.keepalive;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t bookend_session_deadline(const bookend_session *session) {
    switch (session->state) {
    case BOOKEND_GREETING: return session->started + BOOKEND_HELLO_MS;
    case BOOKEND_OPEN:
        if (session->blocked) return session->blocked_at + BOOKEND_STALLED_MS;
        return earlier(earlier(idle_due(session), frame_due(session)), ping_due(session));
    case BOOKEND_CLOSING: return session->closing_at + BOOKEND_DRAIN_MS;
    default: return NEVER;
    }
}

static void put_ping(bookend_session *session, uint64_t now) {
    bookend_message ping;

    memset(&ping, 0, sizeof ping);
    ping.kind = BOOKEND_KIND_PING;
    put_own(session, &ping, now);
}

bookend_event bookend_session_tick(bookend_session *session, uint64_t now) {
    if (now < bookend_session_deadline(session)) return BOOKEND_EVENT_NOTHING;
    switch (session->state) {
    case BOOKEND_GREETING:
        fail_with(session, BOOKEND_FAULT_HELLO_TIMEOUT, 0,
                  session->skipped > 0 ? "the peer sent bytes, but no frame" : "no HELLO in time", now);
        break;
    case BOOKEND_OPEN:
        if (session->blocked)
            fail_with(session, BOOKEND_FAULT_SLOW_CONSUMER, 0, "the peer does not read", now);
        else if (now >= idle_due(session) && idle_due(session) <= frame_due(session))
            fail_with(session, BOOKEND_FAULT_IDLE, 0, "the peer was silent for twice its keepalive", now);
        else if (now >= frame_due(session))
            fail_with(session, BOOKEND_FAULT_FRAME_TIMEOUT, 0, "a frame began but was not complete in time", now);
        else
            put_ping(session, now);
        break;
    case BOOKEND_CLOSING: return end(session);
    default: break;
    }
    return BOOKEND_EVENT_NOTHING;
}

/* ---- Sending --------------------------------------------------------------------------------------------------- */

/* The kinds that the session sends by itself. */
static bool is_own_kind(uint8_t kind) {
    return kind == BOOKEND_KIND_HELLO || kind == BOOKEND_KIND_PONG || kind == BOOKEND_KIND_CLOSE;
}

/* The rule that forbids this kind, whatever the message. */
static bookend_fault check_kind(const bookend_session *session, uint8_t kind) {
    if (session->state != BOOKEND_OPEN) return BOOKEND_FAULT_NOT_OPEN;
    if (is_own_kind(kind)) return BOOKEND_FAULT_UNEXPECTED_KIND;
    if (is_hub_kind(kind) && !hub_in_force(session)) return BOOKEND_FAULT_UNKNOWN_KIND;
    return may_send(session->role, kind) ? BOOKEND_OK : BOOKEND_FAULT_UNEXPECTED_KIND;
}

/* The rule that forbids a message with this id. */
static bookend_fault check_id(bookend_session *session, uint8_t kind, uint32_t id) {
    bool asked = bookend_requests_find(&session->requests, &session->asked, id) != NULL;
    bool owed = bookend_requests_find(&session->requests, &session->owed, id) != NULL;

    switch (kind) {
    case BOOKEND_KIND_REQUEST:
        if (asked) return BOOKEND_FAULT_DUPLICATE_REQUEST;
        return session->asked.count < takes(&session->peer) &&
                       session->asked.count < session->requests.capacity - takes(&session->own)
                   ? BOOKEND_OK
                   : BOOKEND_FAULT_TRY_LATER;
    case BOOKEND_KIND_REPLY: return owed ? BOOKEND_OK : BOOKEND_FAULT_NO_SUCH_REQUEST;
    case BOOKEND_KIND_ERROR: return owed || id == 0 ? BOOKEND_OK : BOOKEND_FAULT_NO_SUCH_REQUEST;
    case BOOKEND_KIND_CANCEL: return asked ? BOOKEND_OK : BOOKEND_FAULT_NO_SUCH_REQUEST;
    default: return BOOKEND_OK;
    }
}

static bookend_error too_long(size_t length, uint32_t limit, const char *why) {
    bookend_error error = fault_of(BOOKEND_FAULT_TOO_LONG, length < UINT32_MAX ? (uint32_t)length : UINT32_MAX, why);

    error.wanted = limit;
    return error;
}

/* The rule about its length that a legal message breaks. */
static bookend_error check_length(const bookend_session *session, const bookend_message *message) {
    bookend_message bare = *message;
    size_t size = bookend_message_size(message), reason;

    bare.payload.length = 0;
    reason = size - bookend_message_size(&bare);
    if (size - BOOKEND_OVERHEAD > session->peer.max_body)
        return too_long(size - BOOKEND_OVERHEAD, session->peer.max_body, NULL);
    if (message->kind == BOOKEND_KIND_ERROR && reason > BOOKEND_REASON_MAX)
        return too_long(reason, BOOKEND_REASON_MAX, "a reason has at most 200 bytes");
    if (size > session->out_capacity - BOOKEND_RESERVE)
        return too_long(size - BOOKEND_OVERHEAD, 0, "it does not fit into this side's output buffer");
    return fault_of(BOOKEND_OK, 0, NULL);
}

/* The first rule that a message to be sent breaks, in the order of R7.18. */
static bookend_error check_sending(bookend_session *session, const bookend_message *message) {
    bookend_error error = fault_of(BOOKEND_OK, 0, NULL);
    /* HELLO has no body of a message to check. */
    bookend_fault fault = message->kind == BOOKEND_KIND_HELLO ? BOOKEND_OK : bookend_message_check(message, &error);

    if (fault != BOOKEND_OK && fault != BOOKEND_FAULT_UNKNOWN_KIND) return error;
    if (fault == BOOKEND_OK || session->state != BOOKEND_OPEN) fault = check_kind(session, message->kind);
    if (fault != BOOKEND_OK) return fault_of(fault, message->kind, NULL);
    fault = check_id(session, message->kind, message->id);
    if (fault != BOOKEND_OK) return fault_of(fault, message->id, NULL);
    if (!accepts(&session->peer, message->encoding))
        return fault_of(BOOKEND_FAULT_ENCODING_REFUSED, message->encoding, NULL);
    if (!bookend_message_is_mappable(message, &error)) return error;
    return check_length(session, message);
}

/* Records what a sent message answers or waits for. */
static void note_sent(bookend_session *session, const bookend_message *message) {
    switch (message->kind) {
    case BOOKEND_KIND_REQUEST: bookend_requests_add(&session->requests, &session->asked, message->id, 0); break;
    case BOOKEND_KIND_REPLY:
    case BOOKEND_KIND_ERROR: (void)bookend_requests_remove(&session->requests, &session->owed, message->id); break;
    case BOOKEND_KIND_PING:
        session->ping_waits = true;
        session->ping_length = (uint8_t)message->payload.length;
        if (session->ping_length > 0) memcpy(session->ping, message->payload.data, session->ping_length);
        break;
    default: break;
    }
}

bookend_fault bookend_session_send(bookend_session *session, const bookend_message *message, uint64_t now,
                                   bookend_error *error) {
    bookend_error result = check_sending(session, message);
    bookend_message sent = *message;
    size_t written;

    if (result.fault == BOOKEND_OK && sent.kind == BOOKEND_KIND_ERROR && sent.id != 0)
        sent.frame = bookend_requests_find(&session->requests, &session->owed, sent.id)->frame;
    if (result.fault == BOOKEND_OK) (void)put(session, &sent, BOOKEND_RESERVE, now, &written, &result);
    if (error != NULL) *error = result;
    if (result.fault == BOOKEND_OK) note_sent(session, message);
    return result.fault;
}

bookend_fault bookend_session_cancel(bookend_session *session, uint32_t id, uint64_t now) {
    bookend_message message;

    memset(&message, 0, sizeof message);
    message.kind = BOOKEND_KIND_CANCEL;
    message.id = id;
    return bookend_session_send(session, &message, now, NULL);
}

/* ---- The start ------------------------------------------------------------------------------------------------- */

bookend_fault bookend_session_init_slots(bookend_session *session, bookend_role role, const bookend_hello *own,
                                         uint8_t *out, size_t capacity, uint64_t now, bookend_slot *slots,
                                         size_t slot_count) {
    bookend_hello hello = *own;
    bookend_fault fault;
    size_t written;

    hello.client = role == BOOKEND_CLIENT;
    if (capacity < BOOKEND_OUTPUT_MIN || slot_count < takes(&hello)) return BOOKEND_FAULT_NO_ROOM;
    if (slots == NULL && slot_count > 2u * BOOKEND_REQUESTS) return BOOKEND_FAULT_NO_ROOM;
    fault = bookend_hello_encode(&hello, out, capacity, &written, NULL);
    if (fault != BOOKEND_OK) return fault;

    memset(session, 0, sizeof *session);
    session->role = role;
    session->own = hello;
    session->out = out;
    session->out_capacity = capacity;
    session->requests.given = slots;
    session->requests.capacity = slot_count < UINT32_MAX ? (uint32_t)slot_count : UINT32_MAX;
    session->started = session->last_sent = session->last_received = session->empty_at = now;
    bookend_decoder_init(&session->decoder, BOOKEND_GREETING_MAX);
    if (role == BOOKEND_CLIENT) put_hello(session, now);
    return BOOKEND_OK;
}

bookend_fault bookend_session_init(bookend_session *session, bookend_role role, const bookend_hello *own, uint8_t *out,
                                   size_t capacity, uint64_t now) {
    /* A limit above BOOKEND_REQUESTS would leave fewer slots for this side's own. */
    if (takes(own) > BOOKEND_REQUESTS) return BOOKEND_FAULT_NO_ROOM;
    return bookend_session_init_slots(session, role, own, out, capacity, now, NULL, 2u * BOOKEND_REQUESTS);
}
