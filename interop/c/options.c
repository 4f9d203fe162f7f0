/* The command line of the chat; see options.h. */
#include "options.h"
#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
    "usage: bookend-chat HOST:PORT [--name N] [--room R] [--encoding ascii|utf-8|utf-16be|utf-16le|as-sent]\n"
    "                    [--count N] [--send-hex ENC HEX]... [--json]\n"
    "Each line of input is posted to the room, and `/to ID text` to one member.\n";

void *checked(void *memory) {
    if (memory == NULL) {
        fputs("bookend-chat: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void usage_error(const char *word, const char *why) {
    fprintf(stderr, "bookend-chat: %s %s\n%s", word, why, USAGE);
    exit(2);
}

static uint8_t encoding_named(const char *name) {
    static const char *const NAMES[] = {"as-sent", "ascii", "utf-8", "utf-16be", "utf-16le"};
    uint8_t i;

    for (i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(name, NAMES[i]) == 0) return i;
    usage_error(name, "is not an encoding");
    return 0;
}

static bookend_bytes bytes_of(const char *text) {
    bookend_bytes bytes;

    bytes.data = (const uint8_t *)text;
    bytes.length = strlen(text);
    return bytes;
}

static unsigned digit(const char *hex, char c) {
    static const char DIGITS[] = "0123456789abcdefABCDEF";
    const char *found = c == '\0' ? NULL : strchr(DIGITS, c);
    unsigned value = found == NULL ? 0 : (unsigned)(found - DIGITS);

    if (found == NULL) usage_error(hex, "is not hex");
    return value < 16 ? value : value - 6;
}

static unsigned long number(const char *word, unsigned long least, unsigned long most) {
    char *rest;
    unsigned long value = strtoul(word, &rest, 10);

    if (*word < '0' || *word > '9' || *rest != '\0' || value < least || value > most)
        usage_error(word, "is not a number in the allowed range");
    return value;
}

/* Checked before connecting: illegal text is a fault of this side. */
static void add_send(options *options, const char *encoding, const char *hex) {
    bookend_message *send;
    size_t length = strlen(hex) / 2, i, legal;
    uint8_t *bytes = (uint8_t *)checked(malloc(length + 1));
    bookend_error error;

    if (strlen(hex) % 2 != 0) usage_error(hex, "has an odd number of hex digits");
    for (i = 0; i < length; i++) bytes[i] = (uint8_t)(digit(hex, hex[2 * i]) << 4 | digit(hex, hex[2 * i + 1]));
    send = &options->sends[options->send_count++];
    memset(send, 0, sizeof *send);
    send->encoding = (uint8_t)number(encoding, 0, 4);
    send->payload.data = bytes;
    send->payload.length = length;
    legal = send->encoding == BOOKEND_BINARY ? length : bookend_text_legal(send->encoding, bytes, length);
    if (legal == length) return;
    memset(&error, 0, sizeof error);
    error.fault = BOOKEND_FAULT_BAD_TEXT;
    error.code = bookend_fault_code(error.fault);
    error.offset = legal;
    error.found = bytes[legal];
    error.wanted = send->encoding;
    show_fault(stderr, &error);
    exit(1);
}

static void take_options(options *options, int count, char **words) {
    bookend_hello *hello = &options->hello;
    int i;

    for (i = 0; i < count; i++) {
        const char *word = words[i];
        int values = strcmp(word, "--json") == 0 ? 0 : strcmp(word, "--send-hex") == 0 ? 2 : 1;

        if (i + values >= count) usage_error(word, "needs a value");
        if (strcmp(word, "--name") == 0)
            hello->name = bytes_of(words[i + 1]);
        else if (strcmp(word, "--room") == 0)
            hello->room = bytes_of(words[i + 1]);
        else if (strcmp(word, "--encoding") == 0)
            hello->preferred = encoding_named(words[i + 1]);
        else if (strcmp(word, "--count") == 0)
            options->count = number(words[i + 1], 1, 1000000000);
        else if (strcmp(word, "--send-hex") == 0)
            add_send(options, words[i + 1], words[i + 2]);
        else if (strcmp(word, "--json") == 0)
            options->json = true;
        else
            usage_error(word, "is not an option");
        i += values;
    }
}

/* Splits HOST:PORT or [HOST]:PORT. */
static void take_address(options *options, char *address) {
    char *colon = strrchr(address, ':');

    if (colon == NULL || colon[1] == '\0') usage_error(address, "is not of the form HOST:PORT");
    *colon = '\0';
    options->host = address;
    options->port = colon + 1;
    if (*address == '[' && colon[-1] == ']') {
        options->host++;
        colon[-1] = '\0';
    }
}

void options_parse(options *options, int count, char **words) {
    if (count < 2 || words[1][0] == '-') usage_error("HOST:PORT", "is missing");
    memset(options, 0, sizeof *options);
    options->sends = (bookend_message *)checked(calloc((size_t)count, sizeof *options->sends));
    bookend_hello_init(&options->hello);
    options->hello.preferred = BOOKEND_UTF8;
    options->hello.max_body = MAX_BODY;
    options->hello.features = BOOKEND_FEATURE_HUB;
    options->hello.software = bytes_of("bookend-c 0.1.0");
    take_options(options, count - 2, words + 2);
    take_address(options, words[1]);
}

void options_free(options *options) {
    size_t i;

    for (i = 0; i < options->send_count; i++) free((void *)options->sends[i].payload.data);
    free(options->sends);
}
