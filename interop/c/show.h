/* The chat's lines: messages for people or as JSON, and faults. */
#ifndef SHOW_H
#define SHOW_H

#include "bookend.h"

#include <stdio.h>

/* Text with controls and bidirectional controls as \u{hex}, so that it stays in its line. */
void show_text(FILE *to, uint8_t encoding, bookend_bytes text);
/* One line for people, or nothing; `member` is who reads it. */
void show_plain(FILE *to, const bookend_message *message, uint32_t member);
/* One JSON object, or nothing. */
void show_json(FILE *to, const bookend_message *message);
/* One line: name, code, detail and what to do. */
void show_fault(FILE *to, const bookend_error *error);
/* The same of an ERROR or a CLOSE that the peer sent. */
void show_reason(FILE *to, uint16_t code, uint8_t encoding, bookend_bytes reason);

#endif
