/* The smallest program: encodes a frame, decodes it and prints it. */
#include "bookend.h"

#include <stdio.h>
#include <string.h>

int main(void) {
    uint8_t bytes[64];
    bookend_message message;
    bookend_decoder decoder;
    bookend_frame frame;
    size_t length;

    memset(&message, 0, sizeof message);
    message.kind = BOOKEND_KIND_MESSAGE;
    message.encoding = BOOKEND_UTF8;
    message.payload.data = (const uint8_t *)"hi";
    message.payload.length = 2;
    if (bookend_message_encode(&message, bytes, sizeof bytes, &length, NULL) != BOOKEND_OK) return 1;

    bookend_decoder_init(&decoder, 1u << 20);
    if (bookend_decode(&decoder, bytes, length, &frame) != BOOKEND_FOUND_FRAME) return 1;
    printf("%.*s\n", (int)frame.length, (const char *)frame.body);
    return 0;
}
