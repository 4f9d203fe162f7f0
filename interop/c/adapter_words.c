/* Words of a request, and an answer that grows; see adapter.h. */
#include "adapter.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *checked(void *memory) {
    if (memory == NULL) {
        fputs("bookend-adapter: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

void reserve(buffer *to, size_t more) {
    if (to->capacity - to->length >= more) return;
    to->capacity = (to->length + more) * 2;
    to->data = (uint8_t *)checked(realloc(to->data, to->capacity));
}

void append(buffer *to, const void *bytes, size_t length) {
    reserve(to, length + 1);
    if (length > 0) memcpy(to->data + to->length, bytes, length);
    to->length += length;
    to->data[to->length] = '\0';
}

void append_text(buffer *to, const char *format, ...) {
    char text[256];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append(to, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

void append_hex(buffer *to, const uint8_t *bytes, size_t length) {
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

void refuse_request(const char *word, const char *why) {
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

bookend_bytes unhex(char *word) {
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

uint64_t number(const char *word, uint64_t most) {
    char *rest;
    unsigned long long value = strtoull(word, &rest, 10);

    if (*word < '0' || *word > '9' || *rest != '\0' || value > most)
        refuse_request(word, "is not a number in the allowed range");
    return value;
}

char *next_word(char **line, char separator) {
    char *word = *line, *space;

    if (word == NULL) return NULL;
    space = strchr(word, separator);
    if (space != NULL) *space = '\0';
    *line = space == NULL ? NULL : space + 1;
    return word;
}

char *need(char **line, char separator) {
    char *word = next_word(line, separator);

    if (word == NULL) refuse_request("", "is missing");
    return word;
}

uint8_t need_kind(char **line, char separator) {
    char *word = need(line, separator);

    if (strlen(word) != 2) refuse_request(word, "is not a kind");
    return (uint8_t)(digit(word, 0) << 4 | digit(word, 1));
}

bool need_cut(char **line) {
    char *word = need(line, ' ');

    if (strcmp(word, "whole") != 0 && strcmp(word, "bytes") != 0) refuse_request(word, "is not a cut");
    return strcmp(word, "bytes") == 0;
}

void append_fault(buffer *answer, const bookend_error *error, bool with_offset) {
    append_text(answer, "fault:%s", bookend_fault_name(error->fault));
    if (with_offset) append_text(answer, ":%" PRIu64, error->offset);
}
