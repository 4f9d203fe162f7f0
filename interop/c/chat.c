/* bookend-chat: posts the lines of standard input to a hub and prints what arrives. */
#include "bookend.h"
#include "net.h"
#include "options.h"
#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_READ = 1 << 14, /* initial size of the read buffer, bytes; it grows with what arrives */
    MAX_LINE = 1 << 20
};

static const uint8_t BARRIER[] = {'e', 'n', 'd'};

typedef struct chat {
    bookend_session session;
    net net;
    uint8_t *in; /* bytes read and not yet used */
    size_t in_length, in_capacity;

    options options;
    size_t sent; /* of `options.sends` */
    uint8_t *input; /* standard input; not yet posted from `input_start` on */
    size_t input_start, input_length;
    bool input_ended, line_too_long;

    unsigned long deliveries;
    bool joined, barrier_sent, writing_ended;
    uint32_t member;
    int status; /* of the process */
} chat;

/* Reports a fault that does not end the chat but makes it exit with 1. */
static void report(chat *chat, const bookend_error *error) {
    chat->status = 1;
    show_fault(stderr, error);
}

/* ---- Arriving -------------------------------------------------------------------------------------------------- */

static void refuse_request(chat *chat, const bookend_message *request) {
    static const char REASON[] = "policy: this is a chat client, which answers no requests";
    bookend_message error;

    memset(&error, 0, sizeof error);
    error.kind = BOOKEND_KIND_ERROR;
    error.encoding = BOOKEND_ASCII;
    error.id = request->id;
    error.frame = chat->session.number;
    error.code = bookend_fault_code(BOOKEND_FAULT_POLICY);
    error.payload.data = (const uint8_t *)REASON;
    error.payload.length = sizeof REASON - 1;
    /* If it does not fit, the request stays unanswered; such a peer does not read anyway. */
    (void)bookend_session_send(&chat->session, &error, net_now(), NULL);
}

static void take_message(chat *chat, const bookend_message *message) {
    switch (message->kind) {
    case BOOKEND_KIND_WELCOME:
        chat->joined = true;
        chat->member = message->member;
        break;
    case BOOKEND_KIND_DELIVERY:
    case BOOKEND_KIND_MESSAGE: chat->deliveries++; break;
    case BOOKEND_KIND_ERROR:
        chat->status = 1;
        show_reason(stderr, message->code, message->encoding, message->payload);
        break;
    case BOOKEND_KIND_REQUEST: refuse_request(chat, message); return;
    case BOOKEND_KIND_PONG: bookend_session_close(&chat->session, 1000, NULL, net_now()); return;
    default: break;
    }
    if (chat->options.json)
        show_json(stdout, message);
    else
        show_plain(stdout, message, chat->member);
    if (fflush(stdout) != 0) exit(1); /* the reader of standard output is gone */
    if (chat->options.count > 0 && chat->deliveries == chat->options.count)
        bookend_session_close(&chat->session, 1000, NULL, net_now());
}

/* Reports why the session ended, unless normally; `last` is the peer's CLOSE if it sent one. */
static void report_end(chat *chat, const bookend_message *last) {
    const bookend_error *cause = &chat->session.cause;

    if (cause->fault == BOOKEND_FAULT_NORMAL) return;
    if (cause->fault != BOOKEND_FAULT_PEER_CLOSE) {
        report(chat, cause);
    } else if (cause->code != bookend_fault_code(BOOKEND_FAULT_NORMAL)) {
        chat->status = 1;
        show_reason(stderr, last->code, last->encoding, last->payload);
    } else if (chat->deliveries < chat->options.count) {
        chat->status = 1;
        fprintf(stderr, "normal (1000): closed after %lu of %lu deliveries; connect again\n", chat->deliveries,
                chat->options.count);
    }
}

/* Handles all messages received; true when the session has ended. */
static bool take(chat *chat) {
    bookend_message message;
    bookend_event event;
    size_t used, at = 0;

    do {
        event = bookend_session_receive(&chat->session, chat->in + at, chat->in_length - at, net_now(), &used,
                                        &message);
        if (event == BOOKEND_EVENT_OPENED)
            chat->joined = (chat->session.peer.features & BOOKEND_FEATURE_HUB) == 0; /* else when WELCOME arrives */
        if (event == BOOKEND_EVENT_MESSAGE) take_message(chat, &message);
        if (event == BOOKEND_EVENT_ENDED) report_end(chat, &message);
        at += used;
    } while (event != BOOKEND_EVENT_NOTHING && event != BOOKEND_EVENT_ENDED);
    memmove(chat->in, chat->in + at, chat->in_length - at);
    chat->in_length -= at;
    return event == BOOKEND_EVENT_ENDED;
}

/* Grows the read buffer as bytes arrive, up to the longest frame. */
static void grow(chat *chat) {
    size_t most = MAX_BODY + BOOKEND_OVERHEAD;

    if (chat->in_length < chat->in_capacity || chat->in_capacity == most) return;
    chat->in_capacity = 2 * chat->in_capacity < most ? 2 * chat->in_capacity : most;
    chat->in = (uint8_t *)checked(realloc(chat->in, chat->in_capacity));
}

/* Reads the bytes available; true when the session has ended. */
static bool read_some(chat *chat) {
    long length;

    grow(chat);
    if (chat->in_length == chat->in_capacity) return false;
    length = net_read(&chat->net, chat->in + chat->in_length, chat->in_capacity - chat->in_length);
    if (length == NET_LATER) return false;
    if (length > 0) {
        chat->in_length += (size_t)length;
        return take(chat);
    }
    /* A broken connection counts as one that ended without a CLOSE. */
    if (bookend_session_end_of_stream(&chat->session, net_now()) == BOOKEND_EVENT_ENDED) report_end(chat, NULL);
    return true;
}

/* ---- Posting --------------------------------------------------------------------------------------------------- */

/* True when the message was sent or refused; false when there is no room yet. */
static bool post(chat *chat, bookend_message *message) {
    bookend_error error;

    message->kind = chat->session.peer.features & BOOKEND_FEATURE_HUB ? BOOKEND_KIND_POST : BOOKEND_KIND_MESSAGE;
    switch (bookend_session_send(&chat->session, message, net_now(), &error)) {
    case BOOKEND_OK: return true;
    case BOOKEND_FAULT_NO_ROOM: return false;
    default: report(chat, &error); return true;
    }
}

static void report_line(chat *chat, bookend_fault fault, const char *why) {
    bookend_error error;

    memset(&error, 0, sizeof error);
    error.fault = fault;
    error.code = bookend_fault_code(fault);
    error.why = why;
    report(chat, &error);
}

/* Removes `/to ID ` from the start of a line; false if ID is not a member's number. */
static bool take_receiver(bookend_message *message) {
    uint64_t id = 0;
    size_t at = 4;

    if (message->payload.length < 4 || memcmp(message->payload.data, "/to ", 4) != 0) return true;
    for (; at < message->payload.length && message->payload.data[at] != ' '; at++) {
        if (message->payload.data[at] < '0' || message->payload.data[at] > '9') return false;
        id = id * 10 + (uint64_t)(message->payload.data[at] - '0');
        if (id > UINT32_MAX) return false;
    }
    message->to = (uint32_t)id;
    if (at < message->payload.length) at++;
    message->payload.data += at;
    message->payload.length -= at;
    return id != 0;
}

/* Posts a line in the encoding that the hub prefers; returns as `post` does. */
static bool post_line(chat *chat, const uint8_t *line, size_t length) {
    uint8_t encoding = chat->session.peer.preferred == 0 ? BOOKEND_UTF8 : chat->session.peer.preferred, *converted;
    size_t bom = bookend_text_bom(BOOKEND_UTF8, line, length), written;
    bookend_message message;
    bookend_error error;
    bool done;

    memset(&message, 0, sizeof message);
    message.payload.data = line + bom;
    message.payload.length = length - bom;
    if (!take_receiver(&message)) {
        report_line(chat, BOOKEND_FAULT_NO_SUCH_MEMBER, "write /to ID text, where ID is a member's number");
        return true;
    }
    converted = (uint8_t *)checked(malloc(2 * length + 4)); /* UTF-16 takes at most twice as much */
    if (bookend_text_from_utf8(encoding, message.payload.data, message.payload.length, converted, 2 * length, &written,
                               &error) != BOOKEND_OK) {
        report(chat, &error);
        done = true;
    } else {
        message.encoding = encoding;
        message.payload.data = converted;
        message.payload.length = written;
        done = post(chat, &message);
    }
    free(converted);
    return done;
}

static size_t input_waiting(const chat *chat) {
    return chat->input_length - chat->input_start;
}

/* Posts one line of input; false when no whole line is available, or no room for it. */
static bool post_next_line(chat *chat) {
    const uint8_t *line = chat->input + chat->input_start;
    const uint8_t *end = (const uint8_t *)memchr(line, '\n', input_waiting(chat));
    size_t length = end == NULL ? input_waiting(chat) : (size_t)(end - line);
    size_t taken = end == NULL ? length : length + 1;

    if (end == NULL && length == MAX_LINE) {
        if (!chat->line_too_long) report_line(chat, BOOKEND_FAULT_TOO_LONG, "a line of input is longer than 1 MiB");
        chat->line_too_long = true;
        chat->input_start += taken;
        return false;
    }
    if (end == NULL && !(chat->input_ended && length > 0)) return false;
    if (length > 0 && line[length - 1] == '\r') length--;
    if (!chat->line_too_long && !post_line(chat, line, length)) return false;
    chat->line_too_long = false;
    chat->input_start += taken;
    return true;
}

static void post_all(chat *chat) {
    bookend_message ping;

    while (chat->sent < chat->options.send_count && post(chat, &chat->options.sends[chat->sent])) {
        chat->sent++;
        /* After a failure the awaited deliveries would never arrive. */
        if (chat->status != 0) bookend_session_close(&chat->session, 1000, NULL, net_now());
        if (chat->session.state != BOOKEND_OPEN) return;
    }
    if (chat->sent < chat->options.send_count) return;
    while (post_next_line(chat)) continue;
    if (!chat->input_ended || input_waiting(chat) > 0 || chat->options.count > 0 || chat->barrier_sent) return;

    /* Its PONG confirms that everything before it has been acted on. */
    memset(&ping, 0, sizeof ping);
    ping.kind = BOOKEND_KIND_PING;
    ping.payload.data = BARRIER;
    ping.payload.length = sizeof BARRIER;
    chat->barrier_sent = bookend_session_send(&chat->session, &ping, net_now(), NULL) == BOOKEND_OK;
}

static void read_input(chat *chat) {
    long length;

    memmove(chat->input, chat->input + chat->input_start, input_waiting(chat));
    chat->input_length = input_waiting(chat);
    chat->input_start = 0;
    length = net_read_input(chat->input + chat->input_length, MAX_LINE - chat->input_length);
    if (length > 0)
        chat->input_length += (size_t)length;
    else
        chat->input_ended = true;
}

/* ---- The loop -------------------------------------------------------------------------------------------------- */

static void write_some(chat *chat) {
    size_t length;
    const uint8_t *out = bookend_session_output(&chat->session, &length);
    long written = length == 0 ? 0 : net_write(&chat->net, out, length);

    if (written > 0) bookend_session_sent(&chat->session, (size_t)written, net_now());
    /* A failed write is dropped: the next read reports the failure. */
    if (written == NET_FAILED) bookend_session_sent(&chat->session, length, net_now());
    (void)bookend_session_output(&chat->session, &length);
    if (length == 0 && chat->session.state >= BOOKEND_CLOSING && !chat->writing_ended) {
        net_end_writing(&chat->net);
        chat->writing_ended = true;
    }
}

static int poll_timeout(const chat *chat) {
    uint64_t due = bookend_session_deadline(&chat->session), now = net_now();

    if (due == UINT64_MAX) return -1;
    if (due <= now) return 0;
    return due - now < 3600000 ? (int)(due - now) : 3600000;
}

static net_interest interest_of(const chat *chat) {
    bool posting = chat->joined && chat->session.state == BOOKEND_OPEN;
    net_interest interest;
    size_t waiting;

    (void)bookend_session_output(&chat->session, &waiting);
    interest.read = chat->in_length < MAX_BODY + BOOKEND_OVERHEAD;
    interest.write = waiting > 0;
    interest.input = posting && !chat->input_ended && input_waiting(chat) < MAX_LINE;
    return interest;
}

static void talk(chat *chat) {
    net_interest ready;
    bool ended = false;

    while (!ended) {
        if (chat->joined && chat->session.state == BOOKEND_OPEN) post_all(chat);
        write_some(chat);
        ready = interest_of(chat);
        net_wait(&chat->net, &ready, poll_timeout(chat));
        if (ready.input) read_input(chat);
        /* `take` again even without new bytes: a full output may have held messages back. */
        ended = read_some(chat) || take(chat);
        if (!ended && bookend_session_tick(&chat->session, net_now()) == BOOKEND_EVENT_ENDED) {
            report_end(chat, NULL);
            ended = true;
        }
    }
    write_some(chat);
}

/* ---- Main ------------------------------------------------------------------------------------------------------ */

int main(int count, char **words) {
    size_t out_capacity = MAX_BODY + BOOKEND_OVERHEAD + BOOKEND_RESERVE;
    uint8_t *out = (uint8_t *)checked(malloc(out_capacity));
    bookend_error error;
    size_t written;
    chat chat;

    memset(&chat, 0, sizeof chat);
    options_parse(&chat.options, count, words);
    chat.in_capacity = FIRST_READ;
    chat.in = (uint8_t *)checked(malloc(chat.in_capacity));
    chat.input = (uint8_t *)checked(malloc(MAX_LINE));

    /* The output buffer serves for checking the HELLO first. */
    if (bookend_hello_encode(&chat.options.hello, out, out_capacity, &written, &error) != BOOKEND_OK) {
        report(&chat, &error);
    } else if (!net_connect(&chat.net, chat.options.host, chat.options.port)) {
        chat.status = 1;
        fprintf(stderr, "%s:%s: %s; does a hub listen there?\n", chat.options.host, chat.options.port,
                chat.net.problem);
    } else {
        /* Cannot fail: the HELLO and the size of the output are checked above. */
        (void)bookend_session_init(&chat.session, BOOKEND_CLIENT, &chat.options.hello, out, out_capacity, net_now());
        talk(&chat);
        net_close(&chat.net);
    }
    options_free(&chat.options);
    free(chat.input);
    free(chat.in);
    free(out);
    return chat.status;
}
