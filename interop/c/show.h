/* The lines of the chat: messages, for people or as JSON, and faults. */
#ifndef SHOW_H
#define SHOW_H

#include "bookend.h"

#include <stdio.h>

/* Prints text on one line: controls and bidirectional controls become \u{hex}. */
void show_text(FILE *to, uint8_t encoding, bookend_bytes text);
/* Prints one line for people, or nothing; `member` is the reader's number. */
void show_plain(FILE *to, const bookend_message *message, uint32_t member);
/* Prints one JSON object, or nothing. */
void show_json(FILE *to, const bookend_message *message);
/* Prints one line: name, code, detail and advice. */
void show_fault(FILE *to, const bookend_error *error);
/* The same for an ERROR or a CLOSE that the peer sent. */
void show_reason(FILE *to, uint16_t code, uint8_t encoding, bookend_bytes reason);

#endif
