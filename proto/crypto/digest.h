/* SHA-256 and HMAC-SHA-256, always under a tag, and the machine's randomness. The only module that knows
 * which library hashes. */
#ifndef TALLY_CRYPTO_DIGEST_H
#define TALLY_CRYPTO_DIGEST_H

#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/crypto/tag.h"

/* A hash in progress. Copyable. Integers are fed big-endian and fixed-width, spans by `hasher_sized` as their
 * u32 size and their bytes, so that no two sequences of fields feed the same bytes. */
struct hasher {
    _Alignas(8) uint8_t opaque[112];
};

void hasher_init(struct hasher *hasher, enum tag tag);
/* Without a tag of its own, for what other programs hash too: a file's bytes. */
void hasher_init_plain(struct hasher *hasher);
void hasher_bytes(struct hasher *hasher, const void *data, size_t size);
void hasher_u8(struct hasher *hasher, uint8_t value);
void hasher_u16(struct hasher *hasher, uint16_t value);
void hasher_u32(struct hasher *hasher, uint32_t value);
void hasher_u64(struct hasher *hasher, uint64_t value);
void hasher_digest(struct hasher *hasher, const struct digest *value);
void hasher_sized(struct hasher *hasher, struct span bytes);
/* Ends it; the hasher must be initialised again before it is used. */
struct digest hasher_final(struct hasher *hasher);

/* H(tag | bytes). */
struct digest digest_tagged(enum tag tag, struct span bytes);
/* SHA-256 of bytes that carry their own first byte: RFC 9162's leaves (0x00) and nodes (0x01), and foreign
 * formats such as a certificate's fingerprint. */
struct digest digest_plain(struct span bytes);

/* HMAC-SHA-256(key, tag | bytes). */
struct digest digest_keyed(struct span key, enum tag tag, struct span bytes);

/* Fills `bytes` from the system's generator; ends the process if there is none. */
void random_bytes(void *bytes, size_t size);

#endif
