/* SHA-256 and HMAC-SHA-256, always under a tag, and the machine's randomness. The only module that knows
 * which library hashes. */
#ifndef TALLY_CRYPTO_DIGEST_H
#define TALLY_CRYPTO_DIGEST_H

#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/crypto/tag.h"

/* A hash in progress. Copyable. Integers are fed big-endian and fixed-width, spans by `hasher_sized` as their
 * u32 size and their bytes, so that no two sequences of fields feed the same bytes.
 *
 * Nearly all that is hashed is a few short fields. They are gathered here, inline, and the library is called
 * once for all of them: feeding it field by field costs a fifth of the whole. */
#define HASHER_BLOCK_SIZE 64u
#define HASHER_ROOM (2 * HASHER_BLOCK_SIZE)
#define HASHER_PADDING_MAX (HASHER_BLOCK_SIZE + 9) /* a bit, zeros, and the length */
struct hasher {
    _Alignas(8) uint8_t context[112]; /* the library's, once there was too much to gather */
    uint64_t compressed;              /* bytes it was given, in whole blocks */
    size_t held;                      /* bytes behind them, fewer than HASHER_ROOM */
    uint8_t bytes[HASHER_ROOM + HASHER_PADDING_MAX];
};

/* Without a tag of its own, for what other programs hash too: a file's bytes, RFC 9162's leaves and nodes. */
static inline void hasher_init_plain(struct hasher *hasher)
{
    hasher->compressed = 0;
    hasher->held = 0;
}

/* hasher_bytes, for what there is no room for. */
void hasher_spill(struct hasher *hasher, const void *data, size_t size);

static inline void hasher_bytes(struct hasher *hasher, const void *data, size_t size)
{
    if (size >= HASHER_ROOM - hasher->held) {
        hasher_spill(hasher, data, size);
        return;
    }
    if (size > 0) memcpy(hasher->bytes + hasher->held, data, size);
    hasher->held += size;
}

static inline void hasher_u8(struct hasher *hasher, uint8_t value)
{
    hasher_bytes(hasher, &value, 1);
}

static inline void hasher_u16(struct hasher *hasher, uint16_t value)
{
    uint8_t bytes[2];
    put_u16(bytes, value);
    hasher_bytes(hasher, bytes, sizeof bytes);
}

static inline void hasher_u32(struct hasher *hasher, uint32_t value)
{
    uint8_t bytes[4];
    put_u32(bytes, value);
    hasher_bytes(hasher, bytes, sizeof bytes);
}

static inline void hasher_u64(struct hasher *hasher, uint64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    hasher_bytes(hasher, bytes, sizeof bytes);
}

static inline void hasher_digest(struct hasher *hasher, const struct digest *value)
{
    hasher_bytes(hasher, value->bytes, DIGEST_SIZE);
}

static inline void hasher_sized(struct hasher *hasher, struct span bytes)
{
    CHECK(bytes.size <= UINT32_MAX);
    hasher_u32(hasher, (uint32_t)bytes.size);
    hasher_bytes(hasher, bytes.data, bytes.size);
}

static inline void hasher_init(struct hasher *hasher, enum tag tag)
{
    CHECK(tag > 1 && tag <= 0xFF);
    hasher_init_plain(hasher);
    hasher_u8(hasher, (uint8_t)tag);
}

/* Ends it; the hasher must be initialised again before it is used. */
struct digest hasher_final(struct hasher *hasher);

/* H(tag | bytes). */
struct digest digest_tagged(enum tag tag, struct span bytes);
/* SHA-256 of bytes that carry their own first byte: foreign formats such as a certificate's fingerprint. */
struct digest digest_plain(struct span bytes);

/* HMAC-SHA-256(key, tag | bytes). */
struct digest digest_keyed(struct span key, enum tag tag, struct span bytes);

/* Fills `bytes` from the system's generator; ends the process if there is none. */
void random_bytes(void *bytes, size_t size);

#endif
