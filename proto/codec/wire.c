#include "proto/codec/wire.h"

#include "proto/base/check.h"

static void wire_key(struct buffer *out, unsigned field, unsigned type)
{
    CHECK(field >= 1 && field < 16);
    buffer_u8(out, (uint8_t)(field << 3 | type));
}

void wire_varint(struct buffer *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (uint8_t)value;
    buffer_append(out, bytes, size);
}

void wire_number(struct buffer *out, unsigned field, uint64_t value)
{
    if (value == 0) return;
    wire_key(out, field, WIRE_VARINT);
    wire_varint(out, value);
}

void wire_sized(struct buffer *out, unsigned field, size_t size)
{
    wire_key(out, field, WIRE_SIZED);
    wire_varint(out, size);
}

void wire_bytes(struct buffer *out, unsigned field, struct span bytes)
{
    if (bytes.size == 0) return;
    wire_sized(out, field, bytes.size);
    buffer_append(out, bytes.data, bytes.size);
}
