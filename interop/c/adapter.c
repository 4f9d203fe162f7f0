/* The adapter of the C peer: answers one request a line, as interop/README.md describes. */
#include "bookend.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Lines and words ------------------------------------------------------------------------------------------- */

typedef struct buffer {
    uint8_t *data;
    size_t length, capacity;
} buffer;

static void *checked(void *memory) {
    if (memory == NULL) {
        fputs("bookend-adapter: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void reserve(buffer *to, size_t more) {
    if (to->capacity - to->length >= more) return;
    to->capacity = (to->length + more) * 2;
    to->data = (uint8_t *)checked(realloc(to->data, to->capacity));
}

static void append(buffer *to, const void *bytes, size_t length) {
    reserve(to, length + 1);
    if (length > 0) memcpy(to->data + to->length, bytes, length);
    to->length += length;
    to->data[to->length] = '\0';
}

static void say(buffer *to, const char *format, ...) {
    char text[256];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append(to, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

static void say_hex(buffer *to, const uint8_t *bytes, size_t length) {
    static const char DIGITS[] = "0123456789abcdef";
    size_t i;

    if (length == 0) append(to, "-", 1);
    reserve(to, 2 * length + 1);
    for (i = 0; i < length; i++) {
        to->data[to->length++] = (uint8_t)DIGITS[bytes[i] >> 4];
        to->data[to->length++] = (uint8_t)DIGITS[bytes[i] & 15];
    }
    to->data[to->length] = '\0';
}

static void refuse_request(const char *word, const char *why) {
    fprintf(stderr, "bookend-adapter: '%.60s' %s\n", word, why);
    exit(2);
}

static unsigned digit(const char *word, size_t at) {
    char c = word[at];

    if (c >= '0' && c <= '9') return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a') + 10;
    refuse_request(word, "is not lower-case hex");
    return 0;
}

/* Decodes a word of hex in place: there are never more bytes than digits. */
static bookend_bytes unhex(char *word) {
    bookend_bytes bytes;
    size_t length = strlen(word), i;

    bytes.data = (const uint8_t *)word;
    bytes.length = 0;
    if (strcmp(word, "-") == 0) return bytes;
    if (length % 2 != 0) refuse_request(word, "has an odd number of hex digits");
    for (i = 0; i < length; i += 2) word[i / 2] = (char)(digit(word, i) << 4 | digit(word, i + 1));
    bytes.length = length / 2;
    return bytes;
}

static uint64_t number(const char *word, uint64_t most) {
    char *rest;
    unsigned long long value = strtoull(word, &rest, 10);

    if (*word < '0' || *word > '9' || *rest != '\0' || value > most)
        refuse_request(word, "is not a number in the allowed range");
    return value;
}

/* Cuts the next word off `*line`; NULL after the last one. */
static char *next_word(char **line, char separator) {
    char *word = *line, *space;

    if (word == NULL) return NULL;
    space = strchr(word, separator);
    if (space != NULL) *space = '\0';
    *line = space == NULL ? NULL : space + 1;
    return word;
}

static char *need(char **line, char separator) {
    char *word = next_word(line, separator);

    if (word == NULL) refuse_request("", "is missing");
    return word;
}

static uint8_t need_kind(char **line, char separator) {
    char *word = need(line, separator);

    if (strlen(word) != 2) refuse_request(word, "is not a kind");
    return (uint8_t)(digit(word, 0) << 4 | digit(word, 1));
}

static bool need_cut(char **line) {
    char *word = need(line, ' ');

    if (strcmp(word, "whole") != 0 && strcmp(word, "bytes") != 0) refuse_request(word, "is not a cut");
    return strcmp(word, "bytes") == 0;
}

static void say_fault(buffer *answer, const bookend_error *error, bool with_offset) {
    say(answer, "fault:%s", bookend_fault_name(error->fault));
    if (with_offset) say(answer, ":%" PRIu64, error->offset);
}

/* ---- Codec ----------------------------------------------------------------------------------------------------- */

static void answer_frame(char *line, buffer *answer) {
    bookend_decoder decoder;
    bookend_frame frame;
    bookend_found found = BOOKEND_FOUND_MORE;
    size_t arrived, used = 0;
    bool bytewise;
    bookend_bytes input;

    bookend_decoder_init(&decoder, (uint32_t)number(need(&line, ' '), UINT32_MAX));
    bytewise = need_cut(&line);
    input = unhex(need(&line, ' '));
    for (arrived = bytewise && input.length > 0 ? 1 : input.length; found != BOOKEND_FOUND_FAULT; arrived++) {
        while ((found = bookend_decode(&decoder, input.data + used, arrived - used, &frame)) == BOOKEND_FOUND_FRAME) {
            say(answer, "%02x:%u:", frame.kind, frame.encoding);
            say_hex(answer, frame.body, frame.length);
            say(answer, " ");
            used += BOOKEND_OVERHEAD + (size_t)frame.length;
        }
        if (arrived == input.length) break;
    }
    if (found == BOOKEND_FOUND_FAULT)
        say_fault(answer, &decoder.error, true);
    else
        say(answer, used == input.length ? "end" : "more");
}

static void answer_encode(char *line, buffer *answer) {
    bookend_frame frame;
    bookend_bytes body;
    uint8_t *out;
    size_t length;

    frame.kind = need_kind(&line, ' ');
    frame.encoding = (uint8_t)number(need(&line, ' '), 4);
    body = unhex(need(&line, ' '));
    frame.length = (uint32_t)body.length;
    frame.body = body.data;
    out = (uint8_t *)checked(malloc(body.length + BOOKEND_OVERHEAD));
    length = bookend_frame_encode(&frame, out, body.length + BOOKEND_OVERHEAD);
    say(answer, "ok ");
    say_hex(answer, out, length);
    free(out);
}

/* UTF-8 takes at most 3 bytes for 2 of UTF-16, and UTF-16 at most 2 for 1 of UTF-8. */
static uint8_t *conversion_buffer(size_t length) {
    return (uint8_t *)checked(malloc(2 * length + 4));
}

static void answer_text(char *line, buffer *answer) {
    uint8_t encoding = (uint8_t)number(need(&line, ' '), 4), *out;
    bookend_bytes text = unhex(need(&line, ' '));
    size_t legal = bookend_text_legal(encoding, text.data, text.length);
    size_t bom = bookend_text_bom(encoding, text.data, text.length), written;

    if (legal < text.length) {
        say(answer, "fault:bad-text:%zu", legal);
        return;
    }
    out = conversion_buffer(text.length);
    (void)bookend_text_to_utf8(encoding, text.data + bom, text.length - bom, out, 2 * text.length, &written, NULL);
    say(answer, "ok ");
    say_hex(answer, out, written);
    say(answer, bom > 0 ? " bom" : " nobom");
    free(out);
}

static void answer_encode_text(char *line, buffer *answer) {
    uint8_t encoding = (uint8_t)number(need(&line, ' '), 4), *out;
    bookend_bytes text = unhex(need(&line, ' '));
    bookend_error error;
    size_t written;

    out = conversion_buffer(text.length);
    if (bookend_text_from_utf8(encoding, text.data, text.length, out, 2 * text.length, &written, &error) !=
        BOOKEND_OK) {
        say_fault(answer, &error, true);
    } else {
        say(answer, "ok ");
        say_hex(answer, out, written);
    }
    free(out);
}

static void say_option(buffer *answer, const char *name, bookend_bytes value) {
    if (value.data == NULL) return;
    say(answer, " %s=", name);
    say_hex(answer, value.data, value.length);
}

static void answer_hello(char *line, buffer *answer) {
    bookend_bytes body = unhex(need(&line, ' '));
    uint8_t wire[BOOKEND_HELLO_MAX];
    bookend_hello hello;
    bookend_error error;
    size_t written;

    if (bookend_hello_parse(body.data, body.length, &hello, &error) != BOOKEND_OK ||
        bookend_hello_encode(&hello, wire, sizeof wire, &written, &error) != BOOKEND_OK) {
        say_fault(answer, &error, false);
        return;
    }
    say(answer, "ok major=%u minor=%u accepted=%02x preferred=%u max-body=%" PRIu32 " keepalive=%u features=%u",
        hello.major, hello.minor, hello.accepted, hello.preferred, hello.max_body, hello.keepalive, hello.features);
    say_option(answer, "name", hello.name);
    say_option(answer, "room", hello.room);
    say_option(answer, "token", hello.token);
    if (hello.has_resume) say(answer, " resume=%" PRIu64, hello.resume);
    say_option(answer, "software", hello.software);
    say(answer, " wire=");
    say_hex(answer, wire, written);
}

static void say_payload(buffer *answer, const char *name, const bookend_message *message) {
    bookend_bytes payload = message->payload;
    uint8_t *out;
    size_t written;

    say(answer, " %s=", name);
    if (message->encoding == BOOKEND_BINARY) {
        say_hex(answer, payload.data, payload.length);
        return;
    }
    out = conversion_buffer(payload.length);
    (void)bookend_text_to_utf8(message->encoding, payload.data, payload.length, out, 2 * payload.length, &written,
                               NULL);
    say_hex(answer, out, written);
    free(out);
}

static void say_fields(buffer *answer, const bookend_message *message) {
    switch (message->kind) {
    case BOOKEND_KIND_MESSAGE:
        say(answer, "MESSAGE");
        say_payload(answer, "payload", message);
        break;
    case BOOKEND_KIND_REQUEST:
    case BOOKEND_KIND_REPLY:
        say(answer, "%s id=%" PRIu32, message->kind == BOOKEND_KIND_REQUEST ? "REQUEST" : "REPLY", message->id);
        say_payload(answer, "payload", message);
        break;
    case BOOKEND_KIND_ERROR:
        say(answer, "ERROR id=%" PRIu32 " frame=%" PRIu32 " code=%u", message->id, message->frame, message->code);
        say_payload(answer, "reason", message);
        break;
    case BOOKEND_KIND_PING:
    case BOOKEND_KIND_PONG:
        say(answer, message->kind == BOOKEND_KIND_PING ? "PING" : "PONG");
        say_payload(answer, "payload", message);
        break;
    case BOOKEND_KIND_CLOSE:
        say(answer, "CLOSE code=%u", message->code);
        say_payload(answer, "reason", message);
        break;
    case BOOKEND_KIND_WELCOME:
        say(answer, "WELCOME member=%" PRIu32 " seq=%" PRIu64, message->member, message->seq);
        say_payload(answer, "greeting", message);
        break;
    case BOOKEND_KIND_PRESENCE:
        say(answer, "PRESENCE member=%" PRIu32 " event=%u", message->member, message->event);
        say_payload(answer, "name", message);
        break;
    case BOOKEND_KIND_POST:
        say(answer, "POST to=%" PRIu32, message->to);
        say_payload(answer, "payload", message);
        break;
    case BOOKEND_KIND_DELIVERY:
        say(answer, "DELIVERY from=%" PRIu32 " to=%" PRIu32 " seq=%" PRIu64 " time=%" PRIu64 " name=", message->member,
            message->to, message->seq, message->time);
        say_hex(answer, message->name.data, message->name.length);
        say_payload(answer, "payload", message);
        break;
    default: say(answer, "GAP missed=%" PRIu64, message->missed); break;
    }
}

static void answer_message(char *line, buffer *answer) {
    bookend_frame frame;
    bookend_message message;
    bookend_error error;
    bookend_bytes body;
    uint8_t *out;
    size_t written;

    frame.kind = need_kind(&line, ' ');
    frame.encoding = (uint8_t)number(need(&line, ' '), 4);
    body = unhex(need(&line, ' '));
    frame.body = body.data;
    frame.length = (uint32_t)body.length;
    if (bookend_message_parse(&frame, &message, &error) != BOOKEND_OK) {
        say_fault(answer, &error, error.fault == BOOKEND_FAULT_BAD_TEXT);
        return;
    }
    if (message.kind >= 0x80) {
        say(answer, "ignored");
        return;
    }
    say(answer, "ok ");
    say_fields(answer, &message);
    out = (uint8_t *)checked(malloc(body.length + BOOKEND_OVERHEAD));
    say(answer, " wire=");
    /* In UTF-16, U+FFFE after a byte order mark may be received but not sent (R5.15). */
    if (bookend_message_encode(&message, out, body.length + BOOKEND_OVERHEAD, &written, &error) != BOOKEND_OK)
        say_fault(answer, &error, true);
    else
        say_hex(answer, out + BOOKEND_HEADER, written - BOOKEND_OVERHEAD);
    free(out);
}

/* ---- Session --------------------------------------------------------------------------------------------------- */

typedef struct run {
    bookend_session session;
    uint64_t now;
    buffer input; /* received and not yet used */
    size_t used;
    buffer *answer;
    bool silent; /* nothing has happened in this step */
} run;

static void happened(run *run, const char *what) {
    say(run->answer, "%s%s", run->silent ? "" : ",", what);
    run->silent = false;
}

/* The reason up to the first ':'. */
static void say_reason_name(buffer *answer, const bookend_message *message) {
    uint8_t reason[2 * BOOKEND_REASON_MAX];
    size_t length = 0, name = 0;

    (void)bookend_text_to_utf8(message->encoding, message->payload.data, message->payload.length, reason, sizeof reason,
                               &length, NULL);
    while (name < length && reason[name] != ':') name++;
    if (name == 0) say(answer, "-");
    append(answer, reason, name);
}

static void say_output_frame(run *run, const bookend_frame *frame) {
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
        say_hex(run->answer, message.payload.data, message.payload.length);
        break;
    case BOOKEND_KIND_ERROR:
        happened(run, "error:");
        say(run->answer, "%" PRIu32 ":%" PRIu32 ":%u:", message.id, message.frame, message.code);
        say_reason_name(run->answer, &message);
        break;
    case BOOKEND_KIND_CLOSE:
        happened(run, "close:");
        say(run->answer, "%u:", message.code);
        say_reason_name(run->answer, &message);
        break;
    default: break; /* a message of the application is reported as `sent` */
    }
}

/* Takes the output, so that there is always room; `report` prints the session's own frames. */
static void take_output(run *run, bool report) {
    bookend_decoder decoder;
    bookend_frame frame;
    size_t length, at = 0;
    const uint8_t *out = bookend_session_output(&run->session, &length);

    bookend_decoder_init(&decoder, BOOKEND_LENGTH_MAX);
    while (bookend_decode(&decoder, out + at, length - at, &frame) == BOOKEND_FOUND_FRAME) {
        if (report) say_output_frame(run, &frame);
        at += BOOKEND_OVERHEAD + (size_t)frame.length;
    }
    if (at != length) refuse_request("output", "is not whole frames");
    bookend_session_sent(&run->session, length, run->now);
}

static void say_event(run *run, bookend_event event, const bookend_message *message) {
    const bookend_error *cause = &run->session.cause;

    if (event == BOOKEND_EVENT_MESSAGE && message->kind != BOOKEND_KIND_PONG) {
        happened(run, "got:");
        say(run->answer, "%02x:", message->kind);
        say_hex(run->answer, message->body.data, message->body.length);
    }
    if (event == BOOKEND_EVENT_ENDED) {
        happened(run, "end:");
        if (cause->fault == BOOKEND_FAULT_PEER_CLOSE)
            say(run->answer, "peer-%u", cause->code);
        else if (cause->fault == BOOKEND_FAULT_UNNAMED)
            say(run->answer, "%u", cause->code);
        else
            say(run->answer, "%s", bookend_fault_name(cause->fault));
    }
}

static void offer(run *run) {
    bookend_message message;
    bookend_event event;
    size_t used;

    do {
        event = bookend_session_receive(&run->session, run->input.data + run->used, run->input.length - run->used,
                                        run->now, &used, &message);
        take_output(run, true);
        say_event(run, event, &message);
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

static void send_one(run *run, char *step) {
    bookend_frame frame;
    bookend_message message;
    bookend_error error;
    bookend_bytes body;
    bookend_fault fault;

    frame.kind = need_kind(&step, ':');
    frame.encoding = (uint8_t)number(need(&step, ':'), 4);
    body = unhex(need(&step, ':'));
    frame.body = body.data;
    frame.length = (uint32_t)body.length;
    /* An illegal frame is refused before it reaches the session; an unknown kind is judged by the session. */
    fault = bookend_message_parse(&frame, &message, &error);
    if (fault == BOOKEND_OK || fault == BOOKEND_FAULT_UNKNOWN_KIND)
        fault = bookend_session_send(&run->session, &message, run->now, &error);
    take_output(run, false);
    happened(run, fault == BOOKEND_OK ? "sent" : "refused:");
    if (fault != BOOKEND_OK) say(run->answer, "%s", bookend_fault_name(fault));
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
    } else if (strcmp(verb, "close") == 0) {
        bookend_session_close(&run->session, (uint16_t)number(need(&words, ':'), UINT16_MAX), NULL, run->now);
    } else {
        refuse_request(verb, "is not a step");
    }
    take_output(run, true);
    say_event(run, event, NULL);
    if (run->silent) say(run->answer, "-");
}

static void answer_session(char *line, buffer *answer) {
    size_t capacity = (line == NULL ? 0 : strlen(line)) + 2 * BOOKEND_OUTPUT_MIN;
    char *role = need(&line, ' '), *words;
    bool bytewise = need_cut(&line);
    bookend_bytes body = unhex(need(&line, ' '));
    bookend_hello own;
    bookend_error error;
    uint8_t *out = (uint8_t *)checked(malloc(capacity));
    run run;

    memset(&run, 0, sizeof run);
    run.answer = answer;
    run.silent = true;
    if (strcmp(role, "client") != 0 && strcmp(role, "server") != 0) refuse_request(role, "is not a role");
    if (bookend_hello_parse(body.data, body.length, &own, &error) != BOOKEND_OK ||
        bookend_session_init(&run.session, strcmp(role, "client") == 0 ? BOOKEND_CLIENT : BOOKEND_SERVER, &own, out,
                             capacity, 0) != BOOKEND_OK)
        refuse_request("own HELLO", "breaks a rule");
    take_output(&run, true);
    if (run.silent) say(answer, "-");
    while ((words = next_word(&line, ' ')) != NULL) {
        say(answer, " ");
        step(&run, words, bytewise);
    }
    free(run.input.data);
    free(out);
}

/* ---- Main ------------------------------------------------------------------------------------------------------ */

static bool read_line(buffer *line) {
    int c;

    line->length = 0;
    while ((c = getc(stdin)) != EOF && c != '\n') {
        reserve(line, 2);
        line->data[line->length++] = (uint8_t)c;
    }
    reserve(line, 1);
    line->data[line->length] = '\0';
    return c != EOF || line->length > 0;
}

int main(void) {
    static const struct {
        const char *word;
        void (*answer)(char *line, buffer *answer);
    } REQUESTS[] = {
        {"frame", answer_frame},
        {"encode", answer_encode},
        {"text", answer_text},
        {"encode-text", answer_encode_text},
        {"hello", answer_hello},
        {"message", answer_message},
        {"session", answer_session},
    };
    enum { COUNT = sizeof REQUESTS / sizeof REQUESTS[0] };
    buffer line, answer;
    char *rest, *word;
    size_t i;

    memset(&line, 0, sizeof line);
    memset(&answer, 0, sizeof answer);
    while (read_line(&line)) {
        rest = (char *)line.data;
        word = need(&rest, ' ');
        for (i = 0; i < COUNT && strcmp(word, REQUESTS[i].word) != 0; i++) continue;
        if (i == COUNT) refuse_request(word, "is not a request");
        answer.length = 0;
        REQUESTS[i].answer(rest, &answer);
        append(&answer, "\n", 1);
        fwrite(answer.data, 1, answer.length, stdout);
        fflush(stdout);
    }
    free(line.data);
    free(answer.data);
    return 0;
}
