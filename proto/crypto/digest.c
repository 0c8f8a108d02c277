#include "proto/crypto/digest.h"

/* The low-level calls are marked deprecated, but cost 73 ns for a Merkle node where EVP costs 126 to 345. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "proto/base/check.h"

_Static_assert(HASHER_BLOCK_SIZE == SHA256_CBLOCK, "the library takes whole blocks");
_Static_assert(sizeof(SHA256_CTX) <= sizeof((struct hasher){0}.context), "its context fits");
_Static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct hasher), "and is aligned");

static SHA256_CTX *context(struct hasher *hasher)
{
    return (SHA256_CTX *)(void *)hasher->context;
}

static void compress(struct hasher *hasher, const uint8_t *blocks, size_t size)
{
    /* FIPS 180-4, 5.3.3; SHA256_Init clears besides what is not used here. */
    static const SHA256_CTX fresh = {.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                         0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
    if (hasher->compressed == 0) *context(hasher) = fresh;
    CHECK(size % HASHER_BLOCK_SIZE == 0 && SHA256_Update(context(hasher), blocks, size) == 1);
    hasher->compressed += size;
}

void hasher_spill(struct hasher *hasher, const void *data, size_t size)
{
    const uint8_t *at = data;
    size_t fill = HASHER_ROOM - hasher->held;
    memcpy(hasher->bytes + hasher->held, at, fill);
    compress(hasher, hasher->bytes, HASHER_ROOM);
    at += fill;
    size -= fill;
    size_t whole = size / HASHER_BLOCK_SIZE * HASHER_BLOCK_SIZE;
    if (whole > 0) compress(hasher, at, whole);
    hasher->held = size - whole;
    if (hasher->held > 0) memcpy(hasher->bytes, at + whole, hasher->held);
}

/* Four words at a time. What is hashed next is often this: were it written in smaller pieces than it is
 * copied in, the copy would wait until they are in the processor's cache. */
static inline struct digest result(const SHA256_CTX *end)
{
    typedef uint32_t words __attribute__((vector_size(16)));
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "to big-endian is to turn words round");
    struct digest digest;
    for (size_t at = 0; at < DIGEST_SIZE; at += sizeof(words)) {
        words four;
        memcpy(&four, (const uint8_t *)end->h + at, sizeof four);
        four = four << 24 | (four & 0xff00) << 8 | (four >> 8 & 0xff00) | four >> 24;
        memcpy(digest.bytes + at, &four, sizeof four);
    }
    return digest;
}

/* Pads as FIPS 180-4, 5.1.1 says: a one bit, zeros, and the length in bits. */
struct digest hasher_final(struct hasher *hasher)
{
    CHECK(hasher->held < HASHER_ROOM);
    uint64_t bits = (hasher->compressed + hasher->held) * 8;
    size_t size = (hasher->held + HASHER_PADDING_MAX - 1) / HASHER_BLOCK_SIZE * HASHER_BLOCK_SIZE;
    memset(hasher->bytes + hasher->held, 0, HASHER_PADDING_MAX);
    hasher->bytes[hasher->held] = 0x80;
    put_u64(hasher->bytes + size - 8, bits);
    compress(hasher, hasher->bytes, size);
    return result(context(hasher));
}

struct digest digest_tagged(enum tag tag, struct span bytes)
{
    struct hasher hasher;
    hasher_init(&hasher, tag);
    hasher_bytes(&hasher, bytes.data, bytes.size);
    return hasher_final(&hasher);
}

struct digest digest_plain(struct span bytes)
{
    struct hasher hasher;
    hasher_init_plain(&hasher);
    hasher_bytes(&hasher, bytes.data, bytes.size);
    return hasher_final(&hasher);
}

/* HMAC by its definition (RFC 2104). */
struct digest digest_keyed(struct span key, enum tag tag, struct span bytes)
{
    uint8_t block[HASHER_BLOCK_SIZE] = {0};
    if (key.size > sizeof block) {
        struct digest short_key = digest_plain(key);
        memcpy(block, short_key.bytes, DIGEST_SIZE);
    } else if (key.size > 0) {
        memcpy(block, key.data, key.size);
    }
    struct hasher hasher;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    hasher_init_plain(&hasher);
    hasher_bytes(&hasher, block, sizeof block);
    hasher_u8(&hasher, (uint8_t)tag);
    hasher_bytes(&hasher, bytes.data, bytes.size);
    struct digest digest = hasher_final(&hasher);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    hasher_init_plain(&hasher);
    hasher_bytes(&hasher, block, sizeof block);
    hasher_digest(&hasher, &digest);
    digest = hasher_final(&hasher);
    OPENSSL_cleanse(&hasher, sizeof hasher);
    OPENSSL_cleanse(block, sizeof block);
    return digest;
}

void random_bytes(void *bytes, size_t size)
{
    CHECK(size <= 1u << 20);
    CHECK(RAND_bytes(bytes, (int)size) == 1);
}
