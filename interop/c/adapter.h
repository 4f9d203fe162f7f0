/* The parts of the adapter: words of a request, an answer that grows, and the request `session`. */
#ifndef ADAPTER_H
#define ADAPTER_H

#include "bookend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct buffer {
    uint8_t *data;
    size_t length, capacity;
} buffer;

/* Exits if `memory` is NULL. */
void *checked(void *memory);
/* Makes room for `more` bytes. */
void reserve(buffer *to, size_t more);
/* Appends bytes, and a NUL that does not count. */
void append(buffer *to, const void *bytes, size_t length);
/* Appends at most 255 characters of formatted text. */
void append_text(buffer *to, const char *format, ...);
/* Appends bytes in hex, `-` for none. */
void append_hex(buffer *to, const uint8_t *bytes, size_t length);
/* Appends `fault:NAME`, or `fault:NAME:OFFSET`. */
void append_fault(buffer *answer, const bookend_error *error, bool with_offset);

/* Reports a request that is not one, and exits. */
void refuse_request(const char *word, const char *why);
/* Decodes a word of hex in place: there are never more bytes than digits. */
bookend_bytes unhex(char *word);
/* A decimal number of at most `most`. */
uint64_t number(const char *word, uint64_t most);
/* Cuts the next word off `*line`; NULL after the last one. */
char *next_word(char **line, char separator);
/* The same, but the word, a kind or a cut must be there; the cut is true for one byte at a time. */
char *need(char **line, char separator);
uint8_t need_kind(char **line, char separator);
bool need_cut(char **line);

/* Answers `session ROLE CUT HELLO STEP...`, without its first word. */
void answer_session(char *line, buffer *answer);

#endif
