/* A vector of the proof format: a saved file, what it is held against, and the verdict it must get. Made from
 * the samples, so each is the same everywhere. */
#ifndef TALLY_TESTS_VECTOR_H
#define TALLY_TESTS_VECTOR_H

#include "proto/proof/verify.h"
#include "tests/vectors/sample_chain.h"

#define VECTOR_SIZE_MAX 16384u

struct vector {
    const char *name;
    enum proof_reason reason;
    struct buffer bytes;
    struct buffer since; /* the whole history that it goes on from; empty = none */
    struct buffer known; /* the certified checkpoint that was verified before; empty = none */
    uint64_t height_min, time_ms_min;
    bool has_inquiry;
    struct digest inquiry; /* the event that a history must hold */
};

static inline void vector_init(struct vector *vector, const char *name, enum proof_reason reason)
{
    *vector = (struct vector){.name = name, .reason = reason};
    buffer_init(&vector->bytes, VECTOR_SIZE_MAX);
    buffer_init(&vector->since, VECTOR_SIZE_MAX);
    buffer_init(&vector->known, VECTOR_SIZE_MAX);
}

static inline void vector_close(struct vector *vector)
{
    buffer_close(&vector->bytes);
    buffer_close(&vector->since);
    buffer_close(&vector->known);
}

/* ---- Spoiling the bytes themselves ---- */

typedef void vector_mangle(struct buffer *bytes);

static inline void vector_append(struct buffer *bytes, const char *text, size_t size)
{
    buffer_append(bytes, text, size);
}

static inline void trailing_bytes(struct buffer *bytes)
{
    vector_append(bytes, "\0\0", 2);
}

/* A field 100 that holds one byte. */
static inline void unknown_field(struct buffer *bytes)
{
    vector_append(bytes, "\xa2\x06\x01x", 4);
}

static inline void truncated_bytes(struct buffer *bytes)
{
    bytes->size--;
}

static inline void version_2(struct buffer *bytes)
{
    bytes->data[1] = 2;
}

static inline void version_0(struct buffer *bytes)
{
    bytes->data[1] = 0;
}

/* The version, 1, in two bytes. */
static inline void varint_not_minimal(struct buffer *bytes)
{
    buffer_u8(bytes, 0);
    memmove(bytes->data + 3, bytes->data + 2, bytes->size - 3);
    bytes->data[1] = 0x81;
    bytes->data[2] = 0x00;
}

/* The version stands twice. */
static inline void field_twice(struct buffer *bytes)
{
    buffer_append(bytes, "\0\0", 2);
    memmove(bytes->data + 2, bytes->data, bytes->size - 2);
}

/* The version stands at the end. */
static inline void fields_out_of_order(struct buffer *bytes)
{
    memmove(bytes->data, bytes->data + 2, bytes->size - 2);
    bytes->data[bytes->size - 2] = 0x08;
    bytes->data[bytes->size - 1] = 0x01;
}

/* ---- Spoiling a certificate ---- */

static inline void certified_wrong_chain(
    const struct sample_network *network, struct certified_checkpoint *certified)
{
    certified->checkpoint.chain_id = sample_digest("another chain");
    sample_certify(network, sample_quorum(network), certified);
}

static inline void certified_stale_set(
    const struct sample_network *network, struct certified_checkpoint *certified)
{
    struct validator_set next = network->validators.set;
    next.epoch++;
    certified->checkpoint.set_hash = validator_set_hash(&next);
    certified->checkpoint.epoch = next.epoch;
    sample_certify(network, sample_quorum(network), certified);
}

static inline void certified_too_few(
    const struct sample_network *network, struct certified_checkpoint *certified)
{
    sample_certify(network, 3, certified);
}

static inline void certified_duplicate(
    const struct sample_network *network, struct certified_checkpoint *certified)
{
    (void)network;
    certified->signatures[1] = certified->signatures[0];
}

/* As good a signature by arithmetic, with s in the upper half of the order. */
static inline void certified_high_s(
    const struct sample_network *network, struct certified_checkpoint *certified)
{
    static const uint8_t order[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0xFF, 0xFF, 0xFE, 0xBA, 0xAE, 0xDC, 0xE6, 0xAF, 0x48, 0xA0, 0x3B, 0xBF, 0xD2, 0x5E, 0x8C, 0xD0,
        0x36, 0x41, 0x41};
    uint8_t *s = certified->signatures[0].bytes + 32;
    int borrow = 0;
    (void)network;
    for (int i = 31; i >= 0; i--) {
        int digit = order[i] - s[i] - borrow;
        borrow = digit < 0 ? 1 : 0;
        s[i] = (uint8_t)(digit + 256 * borrow);
    }
}

#endif
