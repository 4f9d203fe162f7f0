/* The adapter of the C peer: answers one request a line, as interop/README.md describes. */
#include "adapter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
            append_text(answer, "%02x:%u:", frame.kind, frame.encoding);
            append_hex(answer, frame.body, frame.length);
            append_text(answer, " ");
            used += BOOKEND_OVERHEAD + (size_t)frame.length;
        }
        if (arrived == input.length) break;
    }
    if (found == BOOKEND_FOUND_FAULT)
        append_fault(answer, &decoder.error, true);
    else
        append_text(answer, used == input.length ? "end" : "more");
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
    append_text(answer, "ok ");
    append_hex(answer, out, length);
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
        append_text(answer, "fault:bad-text:%zu", legal);
        return;
    }
    out = conversion_buffer(text.length);
    (void)bookend_text_to_utf8(encoding, text.data + bom, text.length - bom, out, 2 * text.length, &written, NULL);
    append_text(answer, "ok ");
    append_hex(answer, out, written);
    append_text(answer, bom > 0 ? " bom" : " nobom");
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
        append_fault(answer, &error, true);
    } else {
        append_text(answer, "ok ");
        append_hex(answer, out, written);
    }
    free(out);
}

static void append_option(buffer *answer, const char *name, bookend_bytes value) {
    if (value.data == NULL) return;
    append_text(answer, " %s=", name);
    append_hex(answer, value.data, value.length);
}

static void answer_hello(char *line, buffer *answer) {
    bookend_bytes body = unhex(need(&line, ' '));
    uint8_t wire[BOOKEND_HELLO_MAX];
    bookend_hello hello;
    bookend_error error;
    size_t written;

    if (bookend_hello_parse(body.data, body.length, &hello, &error) != BOOKEND_OK ||
        bookend_hello_encode(&hello, wire, sizeof wire, &written, &error) != BOOKEND_OK) {
        append_fault(answer, &error, false);
        return;
    }
    append_text(answer, "ok major=%u minor=%u accepted=%02x preferred=%u max-body=%" PRIu32 " keepalive=%u features=%u",
                hello.major, hello.minor, hello.accepted, hello.preferred, hello.max_body, hello.keepalive,
                hello.features);
    append_option(answer, "name", hello.name);
    append_option(answer, "room", hello.room);
    append_option(answer, "token", hello.token);
    if (hello.has_resume) append_text(answer, " resume=%" PRIu64, hello.resume);
    append_option(answer, "software", hello.software);
    if (hello.client) append_text(answer, " client=1");
    if (hello.has_requests) append_text(answer, " requests=%" PRIu32, hello.requests);
    append_text(answer, " wire=");
    append_hex(answer, wire, written);
}

/* The payload in hex: binary as it is, text as UTF-8. */
static void append_text_of(buffer *answer, const bookend_message *message) {
    bookend_bytes payload = message->payload;
    uint8_t *out;
    size_t written;

    if (message->encoding == BOOKEND_BINARY) {
        append_hex(answer, payload.data, payload.length);
        return;
    }
    out = conversion_buffer(payload.length);
    (void)bookend_text_to_utf8(message->encoding, payload.data, payload.length, out, 2 * payload.length, &written,
                               NULL);
    append_hex(answer, out, written);
    free(out);
}

static void append_payload(buffer *answer, const char *name, const bookend_message *message) {
    append_text(answer, " %s=", name);
    append_text_of(answer, message);
}

static void append_fields(buffer *answer, const bookend_message *message) {
    switch (message->kind) {
    case BOOKEND_KIND_MESSAGE:
        append_text(answer, "MESSAGE");
        append_payload(answer, "payload", message);
        break;
    case BOOKEND_KIND_REQUEST:
    case BOOKEND_KIND_REPLY:
        append_text(answer, "%s id=%" PRIu32, message->kind == BOOKEND_KIND_REQUEST ? "REQUEST" : "REPLY", message->id);
        append_payload(answer, "payload", message);
        break;
    case BOOKEND_KIND_ERROR:
        append_text(answer, "ERROR id=%" PRIu32 " frame=%" PRIu32 " code=%u", message->id, message->frame,
                    message->code);
        append_payload(answer, "reason", message);
        break;
    case BOOKEND_KIND_PING:
    case BOOKEND_KIND_PONG:
        append_text(answer, message->kind == BOOKEND_KIND_PING ? "PING" : "PONG");
        append_payload(answer, "payload", message);
        break;
    case BOOKEND_KIND_CLOSE:
        append_text(answer, "CLOSE code=%u", message->code);
        append_payload(answer, "reason", message);
        break;
    case BOOKEND_KIND_WELCOME:
        append_text(answer, "WELCOME member=%" PRIu32 " seq=%" PRIu64, message->member, message->seq);
        append_payload(answer, "greeting", message);
        break;
    case BOOKEND_KIND_PRESENCE:
        append_text(answer, "PRESENCE member=%" PRIu32 " event=%u", message->member, message->event);
        append_payload(answer, "name", message);
        break;
    case BOOKEND_KIND_POST:
        append_text(answer, "POST to=%" PRIu32, message->to);
        append_payload(answer, "payload", message);
        break;
    case BOOKEND_KIND_DELIVERY:
        append_text(answer, "DELIVERY from=%" PRIu32 " to=%" PRIu32 " seq=%" PRIu64 " time=%" PRIu64 " name=",
                    message->member, message->to, message->seq, message->time);
        append_hex(answer, message->name.data, message->name.length);
        append_payload(answer, "payload", message);
        break;
    case BOOKEND_KIND_CANCEL: append_text(answer, "CANCEL id=%" PRIu32, message->id); break;
    default: append_text(answer, "GAP missed=%" PRIu64, message->missed); break;
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
    if (frame.kind >= 0x80 && frame.kind != BOOKEND_KIND_CANCEL) {
        append_text(answer, "ignored");
        return;
    }
    if (bookend_message_parse(&frame, &message, &error) != BOOKEND_OK) {
        append_fault(answer, &error, error.fault == BOOKEND_FAULT_BAD_TEXT);
        return;
    }
    append_text(answer, "ok ");
    append_fields(answer, &message);
    out = (uint8_t *)checked(malloc(body.length + BOOKEND_OVERHEAD));
    append_text(answer, " wire=");
    /* In UTF-16, U+FFFE after a byte order mark may be received but not sent (R5.15). */
    if (bookend_message_encode(&message, out, body.length + BOOKEND_OVERHEAD, &written, &error) != BOOKEND_OK)
        append_fault(answer, &error, true);
    else
        append_hex(answer, out + BOOKEND_HEADER, written - BOOKEND_OVERHEAD);
    free(out);
}

static void answer_query(char *line, buffer *answer) {
    bookend_bytes payload = unhex(need(&line, ' '));
    uint8_t wire[BOOKEND_QUERY_MAX];
    bookend_query query;

    if (!bookend_query_parse(payload.data, payload.length, &query)) {
        append_text(answer, "other");
        return;
    }
    append_text(answer, "ok before=%" PRIu64 " count=%" PRIu32, query.before, query.count);
    append_option(answer, "text", query.text);
    append_text(answer, " wire=");
    append_hex(answer, wire, bookend_query_encode(&query, wire));
}

static void answer_page(char *line, buffer *answer) {
    bookend_bytes payload = unhex(need(&line, ' '));
    bookend_message entry;
    bookend_page page;

    if (!bookend_page_parse(payload.data, payload.length, &page)) {
        append_text(answer, "other");
        return;
    }
    append_text(answer, page.is_first ? "ok lost=%" PRIu64 : "ok lost=-", page.lost_before);
    while (bookend_page_next(&page, &entry)) {
        if (entry.kind == BOOKEND_KIND_GAP) {
            append_text(answer, " gap:%" PRIu64, entry.missed);
            continue;
        }
        append_text(answer, " %" PRIu32 ":%" PRIu64 ":%" PRIu64 ":", entry.member, entry.seq, entry.time);
        append_hex(answer, entry.name.data, entry.name.length);
        append_text(answer, ":");
        append_text_of(answer, &entry);
    }
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
        {"query", answer_query},
        {"page", answer_page},
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
