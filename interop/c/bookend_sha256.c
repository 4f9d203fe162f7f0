/* SHA-256 (FIPS 180-4). See bookend_transfer.h. */
#include "bookend_transfer.h"
#include "bookend_wire.h"

#include <string.h>

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotated(uint32_t value, unsigned by) {
    return (value >> by) | (value << (32 - by));
}

static void mix(uint32_t state[8], const uint8_t block[64]) {
    uint32_t w[64], v[8], t1, t2;
    unsigned i;

    for (i = 0; i < 16; i++) w[i] = bookend_get32(block + 4 * i);
    for (; i < 64; i++) {
        uint32_t s0 = rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t s1 = rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ (w[i - 2] >> 10);

        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    memcpy(v, state, sizeof v);
    for (i = 0; i < 64; i++) {
        t1 = v[7] + (rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) +
             K[i] + w[i];
        t2 = (rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22)) +
             ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (i = 0; i < 8; i++) state[i] += v[i];
}

void bookend_sha256_init(bookend_sha256 *hash) {
    static const uint32_t FIRST[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    memset(hash, 0, sizeof *hash);
    memcpy(hash->state, FIRST, sizeof FIRST);
}

void bookend_sha256_add(bookend_sha256 *hash, const uint8_t *bytes, size_t length) {
    size_t filled = (size_t)(hash->length % 64), part;

    hash->length += length;
    while (length > 0) {
        if (filled == 0 && length >= 64) {
            mix(hash->state, bytes);
            part = 64;
        } else {
            part = length < 64 - filled ? length : 64 - filled;
            memcpy(hash->block + filled, bytes, part);
            filled += part;
            if (filled == 64) {
                mix(hash->state, hash->block);
                filled = 0;
            }
        }
        bytes += part;
        length -= part;
    }
}

void bookend_sha256_digest(const bookend_sha256 *hash, uint8_t out[BOOKEND_DIGEST]) {
    static const uint8_t PADDING[64] = {0x80};
    bookend_sha256 rest = *hash;
    uint8_t bits[8];
    unsigned i;

    bookend_put64(bits, hash->length * 8);
    bookend_sha256_add(&rest, PADDING, (size_t)(1 + (119 - hash->length % 64) % 64));
    bookend_sha256_add(&rest, bits, sizeof bits);
    for (i = 0; i < 8; i++) bookend_put32(out + 4 * i, rest.state[i]);
}
