/* The command line of the chat. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "bookend.h"

#include <stdbool.h>
#include <stddef.h>

enum { MAX_BODY = 1 << 20 }; /* bytes of body that the chat accepts */

typedef struct options {
    const char *host, *port;
    bookend_hello hello;
    unsigned long count; /* deliveries until the end; 0: until the input ends */
    bool json;
    bookend_message *sends; /* --send-hex, posted once joined */
    size_t send_count;
} options;

/* Reads the command line, and changes `words`. Exits with 2 if it is wrong, with 1 if a text must not be sent. */
void options_parse(options *options, int count, char **words);
void options_free(options *options);
/* Exits if `memory` is NULL. */
void *checked(void *memory);

#endif
