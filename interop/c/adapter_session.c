/* The request `session`: runs a session over steps and prints what it did, as interop/README.md describes. */
#include "adapter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_FIXED = 10, CLOSE_FIXED = 2 }; /* bytes before the reason */

typedef struct run {
    bookend_session session;
    uint64_t now;
    buffer input; /* received and not yet used */
    size_t used;
    buffer *answer;
    bool silent; /* nothing has happened in this step */
} run;

static void happened(run *run, const char *what) {
    append_text(run->answer, "%s%s", run->silent ? "" : ",", what);
    run->silent = false;
}

/* The reason up to the first ':'. */
static void append_reason_name(buffer *answer, const bookend_message *message) {
    uint8_t reason[2 * BOOKEND_REASON_MAX];
    size_t length = 0, name = 0;

    (void)bookend_text_to_utf8(message->encoding, message->payload.data, message->payload.length, reason, sizeof reason,
                               &length, NULL);
    while (name < length && reason[name] != ':') name++;
    if (name == 0) append_text(answer, "-");
    append(answer, reason, name);
}

/* The item of a frame that the session sent by itself, without the frame. */
static void append_output_frame(run *run, const bookend_frame *frame) {
    bookend_message message;

    if (frame->kind == BOOKEND_KIND_HELLO) {
        happened(run, "hello");
        return;
    }
    if (bookend_message_parse(frame, &message, NULL) != BOOKEND_OK) refuse_request("output", "is not a message");
    switch (frame->kind) {
    case BOOKEND_KIND_PING: happened(run, "ping"); break;
    case BOOKEND_KIND_PONG:
        happened(run, "pong:");
        append_hex(run->answer, message.payload.data, message.payload.length);
        break;
    case BOOKEND_KIND_ERROR:
        happened(run, "error:");
        append_text(run->answer, "%" PRIu32 ":%" PRIu32 ":%u:", message.id, message.frame, message.code);
        append_reason_name(run->answer, &message);
        break;
    case BOOKEND_KIND_CLOSE:
        happened(run, "close:");
        append_text(run->answer, "%u:", message.code);
        append_reason_name(run->answer, &message);
        break;
    default: refuse_request("output", "is not a frame of the session's own"); /* the application's are taken by send_one */
    }
}

static void append_event(run *run, bookend_event event, const bookend_message *message) {
    const bookend_error *cause = &run->session.cause;

    if (event == BOOKEND_EVENT_MESSAGE && message->kind != BOOKEND_KIND_PONG) {
        happened(run, "got:");
        append_text(run->answer, "%02x:", message->kind);
        append_hex(run->answer, message->body.data, message->body.length);
    }
    if (event == BOOKEND_EVENT_ENDED) {
        happened(run, "end:");
        if (cause->fault == BOOKEND_FAULT_PEER_CLOSE)
            append_text(run->answer, "peer-%u", cause->code);
        else if (cause->fault == BOOKEND_FAULT_UNNAMED)
            append_text(run->answer, "%u", cause->code);
        else
            append_text(run->answer, "%s", bookend_fault_name(cause->fault));
    }
}

/* Takes the output, so that there is always room, and reports it and the event. */
static void report(run *run, bookend_event event, const bookend_message *message) {
    bool cancelled = event == BOOKEND_EVENT_MESSAGE && message->kind == BOOKEND_KIND_CANCEL;
    bookend_decoder decoder;
    bookend_frame frame;
    size_t length, size, at = 0;
    const uint8_t *out = bookend_session_output(&run->session, &length);

    bookend_decoder_init(&decoder, BOOKEND_LENGTH_MAX);
    while (bookend_decode(&decoder, out + at, length - at, &frame) == BOOKEND_FOUND_FRAME) {
        size = BOOKEND_OVERHEAD + (size_t)frame.length;
        /* The last frame is the answer to the CANCEL. */
        if (cancelled && at + size == length) append_event(run, event, message);
        append_output_frame(run, &frame);
        append(run->answer, "=", 1);
        append_hex(run->answer, out + at, size);
        at += size;
    }
    if (at != length) refuse_request("output", "is not whole frames");
    bookend_session_sent(&run->session, length, run->now);
    if (!cancelled) append_event(run, event, message);
}

static void offer(run *run) {
    bookend_message message;
    bookend_event event;
    size_t used;

    do {
        event = bookend_session_receive(&run->session, run->input.data + run->used, run->input.length - run->used,
                                        run->now, &used, &message);
        report(run, event, &message);
        run->used += used;
    } while (event != BOOKEND_EVENT_NOTHING);
}

static void receive(run *run, bookend_bytes bytes, bool bytewise) {
    size_t piece = bytewise ? 1 : bytes.length, at;

    for (at = 0; at < bytes.length; at += piece) {
        if (run->used == run->input.length) run->used = run->input.length = 0;
        append(&run->input, bytes.data + at, piece);
        offer(run);
    }
}

/* The message of a frame. An illegal one is refused before it reaches the session, which decides about kinds. */
static bookend_fault read_message(const bookend_frame *frame, bookend_message *message) {
    bookend_error error;
    bookend_fault fault = bookend_message_parse(frame, message, &error);
    size_t fixed = frame->kind == BOOKEND_KIND_ERROR ? ERROR_FIXED : CLOSE_FIXED, reason;

    if (fault == BOOKEND_FAULT_UNKNOWN_KIND) return BOOKEND_OK;
    /* A reason that is not legal text may be received, but not sent. */
    if (fault == BOOKEND_OK && (frame->kind == BOOKEND_KIND_ERROR || frame->kind == BOOKEND_KIND_CLOSE)) {
        reason = frame->length - fixed;
        if (bookend_text_legal(frame->encoding, frame->body + fixed, reason) < reason) return BOOKEND_FAULT_BAD_TEXT;
    }
    return fault;
}

static void send_one(run *run, char *step) {
    bookend_frame frame;
    bookend_message message;
    bookend_bytes body;
    bookend_fault fault;
    const uint8_t *out;
    size_t length;

    frame.kind = need_kind(&step, ':');
    frame.encoding = (uint8_t)number(need(&step, ':'), 4);
    body = unhex(need(&step, ':'));
    frame.body = body.data;
    frame.length = (uint32_t)body.length;
    fault = read_message(&frame, &message);
    if (fault == BOOKEND_OK) fault = bookend_session_send(&run->session, &message, run->now, NULL);
    out = bookend_session_output(&run->session, &length);
    happened(run, fault == BOOKEND_OK ? "sent=" : "refused:");
    if (fault == BOOKEND_OK)
        append_hex(run->answer, out, length);
    else
        append_text(run->answer, "%s", bookend_fault_name(fault));
    bookend_session_sent(&run->session, length, run->now);
}

static void step(run *run, char *words, bool bytewise) {
    char *verb = need(&words, ':');
    bookend_event event = BOOKEND_EVENT_NOTHING;

    run->silent = true;
    if (strcmp(verb, "recv") == 0) {
        receive(run, unhex(need(&words, ':')), bytewise);
    } else if (strcmp(verb, "time") == 0) {
        run->now = number(need(&words, ':'), UINT64_MAX);
        event = bookend_session_tick(&run->session, run->now);
    } else if (strcmp(verb, "eof") == 0) {
        event = bookend_session_end_of_stream(&run->session, run->now);
    } else if (strcmp(verb, "send") == 0) {
        send_one(run, words);
    } else if (strcmp(verb, "agree") == 0) {
        run->session.private_kinds = true;
    } else if (strcmp(verb, "close") == 0) {
        bookend_session_close(&run->session, (uint16_t)number(need(&words, ':'), UINT16_MAX), NULL, run->now);
    } else {
        refuse_request(verb, "is not a step");
    }
    report(run, event, NULL);
    if (run->silent) append_text(run->answer, "-");
}

void answer_session(char *line, buffer *answer) {
    size_t given = line == NULL ? 0 : strlen(line), capacity = given + 2 * BOOKEND_OUTPUT_MIN;
    /* Each REQUEST takes more than one character of the line. */
    size_t most = given + BOOKEND_REQUESTS;
    char *role = need(&line, ' '), *words;
    bool bytewise = need_cut(&line);
    bookend_bytes body = unhex(need(&line, ' '));
    bookend_hello own;
    bookend_error error;
    uint8_t *out = (uint8_t *)checked(malloc(capacity));
    bookend_slot *slots = (bookend_slot *)checked(malloc(2 * most * sizeof *slots));
    run run;

    memset(&run, 0, sizeof run);
    run.answer = answer;
    run.silent = true;
    if (strcmp(role, "client") != 0 && strcmp(role, "server") != 0) refuse_request(role, "is not a role");
    if (bookend_hello_parse(body.data, body.length, &own, &error) != BOOKEND_OK)
        refuse_request("own HELLO", "breaks a rule");
    /* More than these cannot arrive, and would need memory. */
    if (own.has_requests && own.requests > most) own.requests = (uint32_t)most;
    if (bookend_session_init_slots(&run.session, strcmp(role, "client") == 0 ? BOOKEND_CLIENT : BOOKEND_SERVER, &own,
                                   out, capacity, 0, slots, 2 * most) != BOOKEND_OK)
        refuse_request("own HELLO", "breaks a rule");
    report(&run, BOOKEND_EVENT_NOTHING, NULL);
    if (run.silent) append_text(answer, "-");
    while ((words = next_word(&line, ' ')) != NULL) {
        append_text(answer, " ");
        step(&run, words, bytewise);
    }
    free(run.input.data);
    free(slots);
    free(out);
}
