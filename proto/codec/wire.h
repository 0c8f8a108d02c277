/* Writing protobuf by hand, for batches and what holds batches: their messages would otherwise be built as
 * trees of a thousand structs only to be written once. Private to this folder; the tests hold it against
 * protobuf-c's own output. */
#ifndef TALLY_CODEC_WIRE_H
#define TALLY_CODEC_WIRE_H

#include "proto/base/bytes.h"

/* Field numbers below 16 only: their keys take one byte. */
#define WIRE_KEY_SIZE 1u
#define WIRE_VARINT 0u
#define WIRE_SIZED 2u

static inline size_t wire_varint_size(uint64_t value)
{
    size_t size = 1;
    while ((value >>= 7) != 0)
        size++;
    return size;
}

/* Of a field that is a varint, 0 being its default. */
static inline size_t wire_number_size(uint64_t value)
{
    return value == 0 ? 0 : WIRE_KEY_SIZE + wire_varint_size(value);
}

/* Of a length-prefixed field that is written even when empty. */
static inline size_t wire_sized_size(size_t size)
{
    return WIRE_KEY_SIZE + wire_varint_size(size) + size;
}

/* Of a bytes field, empty being its default. */
static inline size_t wire_bytes_size(size_t size)
{
    return size == 0 ? 0 : wire_sized_size(size);
}

void wire_varint(struct buffer *out, uint64_t value);
void wire_number(struct buffer *out, unsigned field, uint64_t value);
/* The key and the length; `size` bytes must follow. */
void wire_sized(struct buffer *out, unsigned field, size_t size);
void wire_bytes(struct buffer *out, unsigned field, struct span bytes);

#endif
