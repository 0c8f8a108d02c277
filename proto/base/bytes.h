/* Byte strings: digests, borrowed spans, a bounded growable buffer, big-endian integers, hexadecimal. */
#ifndef TALLY_BASE_BYTES_H
#define TALLY_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/base/error.h"

#define DIGEST_SIZE 32

/* A SHA-256 value, or any other 32 opaque bytes that are compared whole. */
struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

/* Borrowed bytes; `data` may be NULL only when `size` is 0. */
struct span {
    const uint8_t *data;
    size_t size;
};

static inline struct span span_of(const void *data, size_t size)
{
    return (struct span){data, size};
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

bool digest_is_zero(const struct digest *digest);

static inline void put_u16(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static inline void put_u32(uint8_t *to, uint32_t value)
{
    put_u16(to, (uint16_t)(value >> 16));
    put_u16(to + 2, (uint16_t)value);
}

static inline void put_u64(uint8_t *to, uint64_t value)
{
    put_u32(to, (uint32_t)(value >> 32));
    put_u32(to + 4, (uint32_t)value);
}

static inline uint16_t get_u16(const uint8_t *from)
{
    return (uint16_t)((unsigned)from[0] << 8 | from[1]);
}

static inline uint32_t get_u32(const uint8_t *from)
{
    return (uint32_t)get_u16(from) << 16 | get_u16(from + 2);
}

static inline uint64_t get_u64(const uint8_t *from)
{
    return (uint64_t)get_u32(from) << 32 | get_u32(from + 4);
}

/* Writes 2 * size lower-case digits and a terminating NUL to `text`. */
void hex_encode(struct span bytes, char *text);

/* Reads exactly 2 * size hexadecimal digits (either case), ending in NUL, into `bytes`.
 * Errors: TALLY_EFORM (another length, or a character that is no digit); `bytes` is then unspecified. */
int hex_decode(const char *text, uint8_t *bytes, size_t size) TALLY_MUST_CHECK;

/* A growable byte string that never exceeds `size_max`. A failed append sets `failed` and leaves the content
 * unchanged, and every later append fails too, so a writer may check once at the end. */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t size_max;
    bool failed;
};

/* No memory is taken yet. */
void buffer_init(struct buffer *buffer, size_t size_max);
void buffer_close(struct buffer *buffer);
/* Forgets the content and the failure; keeps the memory. */
void buffer_clear(struct buffer *buffer);
void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_u8(struct buffer *buffer, uint8_t value);
void buffer_u16(struct buffer *buffer, uint16_t value);
void buffer_u32(struct buffer *buffer, uint32_t value);
void buffer_u64(struct buffer *buffer, uint64_t value);
/* Appends `size` unwritten bytes and returns where they start; NULL when that fails. The pointer holds until
 * the next append. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t size);
static inline struct span buffer_span(const struct buffer *buffer)
{
    return span_of(buffer->data, buffer->size);
}

/* A reader over borrowed big-endian bytes. A read past the end sets `failed`, yields zeros, and every later
 * read fails too. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

void reader_init(struct reader *reader, struct span bytes);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
void reader_copy(struct reader *reader, void *to, size_t size);
/* Borrows the next `size` bytes; an empty span on failure. */
struct span reader_span(struct reader *reader, size_t size);
/* True when everything was read and nothing failed. */
bool reader_done(const struct reader *reader);

#endif
