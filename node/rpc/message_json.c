#include "node/rpc/message_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "node/rpc/message_json_field.h"
#include "proto/base/base64.h"
#include "proto/base/check.h"

static void write_message(const ProtobufCMessage *message, struct buffer *out);

static void write_text(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

static void write_int64(struct buffer *out, int64_t value, const char *quote)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%s%" PRId64 "%s", quote, value, quote);
    buffer_append(out, text, (size_t)size);
}

static void write_uint64(struct buffer *out, uint64_t value, const char *quote)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%s%" PRIu64 "%s", quote, value, quote);
    buffer_append(out, text, (size_t)size);
}

/* Escapes what JSON wants escaped, and nothing else. */
static void write_string(struct buffer *out, const char *text)
{
    buffer_u8(out, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        char escaped[8];
        if (c < 0x20)
            buffer_append(out, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", c));
        else if (c == '"' || c == '\\')
            buffer_append(out, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\%c", c));
        else
            buffer_u8(out, c);
    }
    buffer_u8(out, '"');
}

static void write_base64(struct buffer *out, ProtobufCBinaryData bytes)
{
    buffer_u8(out, '"');
    uint8_t *digits = buffer_reserve(out, BASE64_SIZE(bytes.len));
    if (digits != NULL) (void)base64_encode(span_of(bytes.data, bytes.len), true, (char *)digits);
    buffer_u8(out, '"');
}

/* A value that the enum does not have goes as its number. */
static void write_enum(struct buffer *out, const ProtobufCEnumDescriptor *descriptor, int value)
{
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        if (descriptor->values[i].value != value) continue;
        write_string(out, descriptor->values[i].name);
        return;
    }
    write_int64(out, value, "");
}

/* One value of the field's type, which lies at `at`. */
static void write_value(struct buffer *out, const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        write_int64(out, *(const int32_t *)at, "");
        return;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        write_uint64(out, *(const uint32_t *)at, "");
        return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        write_int64(out, *(const int64_t *)at, "\"");
        return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        write_uint64(out, *(const uint64_t *)at, "\"");
        return;
    case PROTOBUF_C_TYPE_BOOL:
        write_text(out, *(const protobuf_c_boolean *)at ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(out, field->descriptor, *(const int *)at);
        return;
    case PROTOBUF_C_TYPE_STRING:
        write_string(out, *(char *const *)at);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        write_base64(out, *(const ProtobufCBinaryData *)at);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        write_message(*(ProtobufCMessage *const *)at, out);
        return;
    case PROTOBUF_C_TYPE_FLOAT: /* the schema has none */
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    CHECK_UNREACHABLE();
}

static size_t repeated_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return *(const size_t *)((const uint8_t *)message + field->quantifier_offset);
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0) return false;
    return true;
}

/* Whether the field holds what it means when it is left out. */
static bool is_absent(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const uint8_t *at = (const uint8_t *)message + field->offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) return repeated_count(message, field) == 0;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return *(const uint32_t *)((const uint8_t *)message + field->quantifier_offset) != field->id;
    if (field->type == PROTOBUF_C_TYPE_STRING) return **(char *const *)at == '\0';
    if (field->type == PROTOBUF_C_TYPE_BYTES) return ((const ProtobufCBinaryData *)at)->len == 0;
    return is_zero(at, json_value_size(field));
}

static void write_field(
    const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, struct buffer *out)
{
    const uint8_t *at = (const uint8_t *)message + field->offset;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        write_value(out, field, at);
        return;
    }
    const uint8_t *values = *(const uint8_t *const *)at;
    size_t count = repeated_count(message, field), size = json_value_size(field);
    for (size_t i = 0; i < count; i++) {
        buffer_u8(out, i == 0 ? '[' : ',');
        write_value(out, field, values + i * size);
    }
    buffer_u8(out, ']');
}

static void write_message(const ProtobufCMessage *message, struct buffer *out)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    char name[JSON_NAME_SIZE], before = '{';
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (is_absent(message, field)) continue;
        json_name(field, name);
        buffer_u8(out, (uint8_t)before);
        write_string(out, name);
        buffer_u8(out, ':');
        write_field(message, field, out);
        before = ',';
    }
    if (before == '{') buffer_u8(out, '{');
    buffer_u8(out, '}');
}

int message_to_json(const ProtobufCMessage *message, struct buffer *out)
{
    size_t size = out->size;
    write_message(message, out);
    if (!out->failed) return TALLY_OK;
    out->size = size;
    return TALLY_ELIMIT;
}

void json_name(const ProtobufCFieldDescriptor *field, char name[JSON_NAME_SIZE])
{
    size_t size = 0;
    bool raise = false;
    for (const char *from = field->name; *from != '\0'; from++) {
        bool small = *from >= 'a' && *from <= 'z';
        CHECK(size + 1 < JSON_NAME_SIZE);
        if (*from != '_') name[size++] = raise && small ? (char)(*from - 'a' + 'A') : *from;
        raise = *from == '_';
    }
    name[size] = '\0';
}

size_t json_value_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(int);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_FLOAT: /* the schema has none */
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    CHECK_UNREACHABLE();
}
