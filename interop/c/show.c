/* The lines of the chat; see show.h. */
#include "show.h"

#include <inttypes.h>
#include <string.h>

enum { QUOTED_BYTES = 32 }; /* of a binary payload, in a line for people */
enum { NAME_CHARACTERS = 64 }; /* the most in a name: it has at most 64 bytes of UTF-8 */

static const char *const EVENTS[] = {"here", "joined", "left", "crowd"};

/* Calls `put` with each character in UTF-8. */
static void each_character(FILE *to, uint8_t encoding, bookend_bytes text,
                           void (*put)(FILE *to, uint32_t scalar, const uint8_t *utf8, size_t length)) {
    uint8_t utf8[4];
    uint32_t scalar;
    size_t at, bytes;

    for (at = 0; at < text.length; at += bytes) {
        bytes = bookend_text_next(encoding, text.data + at, text.length - at, &scalar);
        if (bytes == 0) return;
        put(to, scalar, utf8, bookend_text_put(BOOKEND_UTF8, scalar, utf8));
    }
}

static void put_plain(FILE *to, uint32_t scalar, const uint8_t *utf8, size_t length) {
    if (bookend_is_control(scalar))
        fprintf(to, "\\u{%" PRIx32 "}", scalar);
    else
        fwrite(utf8, 1, length, to);
}

static void put_json(FILE *to, uint32_t scalar, const uint8_t *utf8, size_t length) {
    static const char SHORT[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: a character, then its JSON escape */
    size_t i;

    for (i = 0; i + 1 < sizeof SHORT; i += 2) {
        if (scalar != (uint8_t)SHORT[i]) continue;
        fprintf(to, "\\%c", SHORT[i + 1]);
        return;
    }
    if (bookend_is_control(scalar))
        fprintf(to, "\\u%04" PRIx32, scalar);
    else
        fwrite(utf8, 1, length, to);
}

static bool is_blank(uint32_t scalar) {
    return scalar == 0x20 || scalar == 0xA0 || scalar == 0x1680 || (scalar >= 0x2000 && scalar <= 0x200A) ||
           scalar == 0x202F || scalar == 0x205F || scalar == 0x3000;
}

/* Which of `:*(` a character looks like, or 0; `!` counts as `*`. */
static char looks_like(uint32_t scalar) {
    static const uint16_t COLONS[] = {0x3A,   0x2D0,  0x2F8,  0x589,  0x5C3,  0x703,  0x704,  0x903,  0xA83,  0x16EC, 0x1803,
                                      0x1809, 0x205A, 0x2236, 0x2982, 0xA4FD, 0xA789, 0xFE13, 0xFE30, 0xFE55, 0xFF1A};
    static const uint16_t STARS[] = {0x2A,   0x21,   0x1C3,  0x66D,  0x204E, 0x2055, 0x2217,
                                     0x2731, 0x2D51, 0xFE15, 0xFE57, 0xFE61, 0xFF01, 0xFF0A};
    static const uint16_t PARENTHESES[] = {0x28, 0x207D, 0x208D, 0x2768, 0x2772, 0x3014, 0xFD3E, 0xFE59, 0xFF08};
    size_t i;

    for (i = 0; i < sizeof COLONS / sizeof *COLONS; i++)
        if (scalar == COLONS[i]) return ':';
    for (i = 0; i < sizeof STARS / sizeof *STARS; i++)
        if (scalar == STARS[i]) return '*';
    for (i = 0; i < sizeof PARENTHESES / sizeof *PARENTHESES; i++)
        if (scalar == PARENTHESES[i]) return '(';
    return 0;
}

/* Shows a name, which then cannot look like the start of a line of the hub or of another member (R9.31). */
static void show_name(FILE *to, uint8_t encoding, bookend_bytes name) {
    uint32_t scalars[NAME_CHARACTERS], blank = 0x20;
    size_t at, bytes, i, count = 0;

    for (at = 0; at < name.length && count < NAME_CHARACTERS; at += bytes) {
        bytes = bookend_text_next(encoding, name.data + at, name.length - at, &scalars[count]);
        if (bytes == 0) break;
        count++;
    }
    for (i = 0; i < count; i++) {
        uint8_t utf8[4];
        uint32_t before = i == 0 ? blank : scalars[i - 1], after = i + 1 == count ? blank : scalars[i + 1];
        char like = looks_like(scalars[i]);
        bool is_to = i + 3 < count && (scalars[i + 1] | 0x20) == 't' && (scalars[i + 2] | 0x20) == 'o' && is_blank(scalars[i + 3]);

        if ((like == ':' && is_blank(after)) || (like == '*' && (i == 0 || (i + 1 < count && is_blank(after)))) ||
            (like == '(' && is_blank(before) && is_to))
            fprintf(to, "\\u{%" PRIx32 "}", scalars[i]);
        else
            put_plain(to, scalars[i], utf8, bookend_text_put(BOOKEND_UTF8, scalars[i], utf8));
    }
}

void show_text(FILE *to, uint8_t encoding, bookend_bytes text) {
    each_character(to, encoding, text, put_plain);
}

static void show_payload(FILE *to, const bookend_message *message) {
    size_t i, quoted = message->payload.length;

    if (message->encoding != BOOKEND_BINARY) {
        show_text(to, message->encoding, message->payload);
        return;
    }
    if (quoted > QUOTED_BYTES) quoted = QUOTED_BYTES;
    fprintf(to, "[binary %lu bytes:", (unsigned long)message->payload.length);
    for (i = 0; i < quoted; i++) fprintf(to, " %02x", message->payload.data[i]);
    /* There is a blank after the colon even without bytes. */
    fputs(quoted == 0 ? " ]" : quoted < message->payload.length ? " \xE2\x80\xA6]" : "]", to);
}

void show_plain(FILE *to, const bookend_message *message, uint32_t member) {
    switch (message->kind) {
    case BOOKEND_KIND_DELIVERY:
        show_name(to, BOOKEND_UTF8, message->name);
        if (message->to != 0 && message->to == member) fputs(" (to you)", to);
        if (message->to != 0 && message->to != member) fprintf(to, " (to %" PRIu32 ")", message->to);
        fputs(": ", to);
        show_payload(to, message);
        break;
    case BOOKEND_KIND_PRESENCE:
        fputs("* ", to);
        if (message->event == BOOKEND_CROWD) fprintf(to, "%" PRIu32 " in ", message->member);
        show_name(to, message->encoding, message->payload);
        if (message->event == BOOKEND_CROWD) fputs(", too many to announce who joins and leaves", to);
        else fprintf(to, " %s", EVENTS[message->event]);
        break;
    case BOOKEND_KIND_GAP: fprintf(to, "* %" PRIu64 " messages missed", message->missed); break;
    case BOOKEND_KIND_MESSAGE: show_payload(to, message); break;
    default: return;
    }
    fputc('\n', to);
}

static void json_text(FILE *to, const char *field, uint8_t encoding, bookend_bytes text) {
    fprintf(to, ",\"%s\":\"", field);
    each_character(to, encoding, text, put_json);
    fputc('"', to);
}

static void json_payload(FILE *to, const bookend_message *message) {
    size_t i;

    fprintf(to, ",\"encoding\":%u", message->encoding);
    if (message->encoding != BOOKEND_BINARY) {
        json_text(to, "text", message->encoding, message->payload);
        return;
    }
    fputs(",\"hex\":\"", to);
    for (i = 0; i < message->payload.length; i++) fprintf(to, "%02x", message->payload.data[i]);
    fputc('"', to);
}

void show_json(FILE *to, const bookend_message *message) {
    switch (message->kind) {
    case BOOKEND_KIND_DELIVERY:
        fprintf(to, "{\"from\":%" PRIu32, message->member);
        json_text(to, "name", BOOKEND_UTF8, message->name);
        fprintf(to, ",\"to\":%" PRIu32 ",\"seq\":%" PRIu64 ",\"time\":%" PRIu64, message->to, message->seq,
                message->time);
        json_payload(to, message);
        break;
    case BOOKEND_KIND_PRESENCE:
        fprintf(to, "{\"event\":\"%s\",\"member\":%" PRIu32, EVENTS[message->event], message->member);
        json_text(to, "name", message->encoding, message->payload);
        break;
    case BOOKEND_KIND_WELCOME:
        fprintf(to, "{\"event\":\"welcome\",\"member\":%" PRIu32 ",\"next_seq\":%" PRIu64, message->member,
                message->seq);
        json_text(to, "greeting", message->encoding, message->payload);
        break;
    case BOOKEND_KIND_GAP: fprintf(to, "{\"event\":\"gap\",\"missed\":%" PRIu64, message->missed); break;
    case BOOKEND_KIND_MESSAGE:
        fputs("{\"event\":\"message\"", to);
        json_payload(to, message);
        break;
    case BOOKEND_KIND_ERROR:
        fprintf(to, "{\"event\":\"error\",\"frame\":%" PRIu32 ",\"code\":%u", message->frame, message->code);
        json_text(to, "reason", message->encoding, message->payload);
        break;
    default: return;
    }
    fputs("}\n", to);
}

static void put_name(FILE *to, const char *name, uint16_t code) {
    fputs(name, to);
    if (code != 0) fprintf(to, " (%u)", code);
}

void show_fault(FILE *to, const bookend_error *error) {
    char line[BOOKEND_REASON_MAX + 1];
    const char *name = bookend_fault_name(error->fault);

    (void)bookend_explain(error, line, sizeof line);
    put_name(to, name, error->code);
    fprintf(to, "%s; %s\n", line + strlen(name), bookend_fault_advice(error->fault));
}

void show_reason(FILE *to, uint16_t code, uint8_t encoding, bookend_bytes reason) {
    bookend_fault fault = bookend_code_fault(code);

    put_name(to, bookend_fault_name(fault), code);
    fputs(": the peer's reason is \"", to);
    show_text(to, encoding, reason);
    fprintf(to, "\"; %s\n", bookend_fault_advice(fault));
}
