#include "proto/base/bytes.h"

#include <stdlib.h>

#include "proto/base/check.h"

bool digest_is_zero(const struct digest *digest)
{
    uint8_t any = 0;
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        any |= digest->bytes[i];
    return any == 0;
}

void hex_encode(struct span bytes, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    text[2 * bytes.size] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

int hex_decode(const char *text, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[2 * i]);
        if (high < 0) return TALLY_EFORM;
        int low = hex_digit(text[2 * i + 1]);
        if (low < 0) return TALLY_EFORM;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * size] == '\0' ? TALLY_OK : TALLY_EFORM;
}

void buffer_init(struct buffer *buffer, size_t size_max)
{
    *buffer = (struct buffer){.size_max = size_max};
}

void buffer_close(struct buffer *buffer)
{
    if (buffer == NULL) return;
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    CHECK(buffer->size <= buffer->size_max);
    if (buffer->failed || size > buffer->size_max - buffer->size) {
        buffer->failed = true;
        return NULL;
    }
    size_t needed = buffer->size + size;
    if (needed > buffer->capacity || buffer->data == NULL) {
        size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
        while (capacity < needed)
            capacity *= 2;
        uint8_t *data = realloc(buffer->data, capacity);
        if (data == NULL) {
            buffer->failed = true;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    uint8_t *start = buffer->data + buffer->size;
    buffer->size = needed;
    return start;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0) return;
    uint8_t *to = buffer_reserve(buffer, size);
    if (to != NULL) memcpy(to, data, size);
}

void buffer_u8(struct buffer *buffer, uint8_t value)
{
    buffer_append(buffer, &value, 1);
}

void buffer_u16(struct buffer *buffer, uint16_t value)
{
    uint8_t bytes[2];
    put_u16(bytes, value);
    buffer_append(buffer, bytes, sizeof bytes);
}

void buffer_u32(struct buffer *buffer, uint32_t value)
{
    uint8_t bytes[4];
    put_u32(bytes, value);
    buffer_append(buffer, bytes, sizeof bytes);
}

void buffer_u64(struct buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    buffer_append(buffer, bytes, sizeof bytes);
}

void reader_init(struct reader *reader, struct span bytes)
{
    *reader = (struct reader){.at = bytes.data, .left = bytes.size};
}

struct span reader_span(struct reader *reader, size_t size)
{
    if (reader->failed || size > reader->left) {
        reader->failed = true;
        return span_of(NULL, 0);
    }
    struct span bytes = span_of(reader->at, size);
    if (size > 0) reader->at += size;
    reader->left -= size;
    return bytes;
}

void reader_copy(struct reader *reader, void *to, size_t size)
{
    struct span bytes = reader_span(reader, size);
    if (size == 0) return;
    if (reader->failed)
        memset(to, 0, size);
    else
        memcpy(to, bytes.data, size);
}

uint8_t reader_u8(struct reader *reader)
{
    uint8_t byte = 0;
    reader_copy(reader, &byte, 1);
    return byte;
}

uint16_t reader_u16(struct reader *reader)
{
    uint8_t bytes[2];
    reader_copy(reader, bytes, sizeof bytes);
    return get_u16(bytes);
}

uint32_t reader_u32(struct reader *reader)
{
    uint8_t bytes[4];
    reader_copy(reader, bytes, sizeof bytes);
    return get_u32(bytes);
}

uint64_t reader_u64(struct reader *reader)
{
    uint8_t bytes[8];
    reader_copy(reader, bytes, sizeof bytes);
    return get_u64(bytes);
}

bool reader_done(const struct reader *reader)
{
    return !reader->failed && reader->left == 0;
}
