#include "proto/codec/message_scan.h"

#include "proto/base/check.h"

#define VARINT_SIZE_MAX 10
#define TAG_SIZE_MAX 5
#define FIELD_NUMBER_MAX ((1u << 29) - 1)
#define FIELDS_MAX 64u /* of one message: they are marked in a word */

/* One message being walked. */
struct scan {
    const ProtobufCMessageDescriptor *descriptor;
    enum message_form form;
    const uint8_t *at, *end;
    uint32_t last_number; /* the field before */
    uint64_t seen;        /* singular fields, by index in the descriptor */
};

static int scan_fields(
    const ProtobufCMessageDescriptor *descriptor, enum message_form form, struct span bytes, unsigned depth);

/* Reads a varint of at most `size_max` bytes, which a canonical message writes in as few as it needs. */
static int take_varint(struct scan *scan, size_t size_max, uint64_t *value)
{
    uint64_t result = 0;
    for (size_t i = 0; i < size_max; i++) {
        if (scan->at == scan->end) return TALLY_EFORM;
        uint8_t byte = *scan->at++;
        if (i == VARINT_SIZE_MAX - 1 && byte > 1) return TALLY_EFORM;
        result |= (uint64_t)(byte & 0x7F) << (7 * i);
        if ((byte & 0x80) == 0) {
            if (scan->form == MESSAGE_CANONICAL && byte == 0 && i > 0) return TALLY_EFORM;
            *value = result;
            return TALLY_OK;
        }
    }
    return TALLY_EFORM;
}

static int take_bytes(struct scan *scan, uint64_t size, struct span *bytes)
{
    if (size > (uint64_t)(scan->end - scan->at)) return TALLY_EFORM;
    *bytes = span_of(scan->at, (size_t)size);
    if (size > 0) scan->at += size;
    return TALLY_OK;
}

static int take_sized(struct scan *scan, struct span *bytes)
{
    uint64_t size;
    int error = take_varint(scan, VARINT_SIZE_MAX, &size);
    return error == TALLY_OK ? take_bytes(scan, size, bytes) : error;
}

/* How a field of this type is written. The schema has neither floating point nor repeated scalars, and gains
 * none without rules for them here. */
static ProtobufCWireType wire_type_of(const ProtobufCFieldDescriptor *field)
{
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        CHECK(!repeated);
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
        CHECK(!repeated);
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
        CHECK(!repeated);
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    CHECK_UNREACHABLE();
}

/* Whether an integer of 32 bits is written as the encoder would: negative ones sign-extended to 64. */
static bool is_int32(uint64_t value)
{
    return value <= INT32_MAX || value >= (uint64_t)(int64_t)INT32_MIN;
}

static int check_varint(const struct scan *scan, const ProtobufCFieldDescriptor *field, uint64_t value)
{
    bool canonical = scan->form == MESSAGE_CANONICAL;
    bool fits = true;
    switch (field->type) {
    case PROTOBUF_C_TYPE_ENUM:
        if (!is_int32(value)) return TALLY_EFORM;
        return protobuf_c_enum_descriptor_get_value(field->descriptor, (int)(uint32_t)value) != NULL
                   ? TALLY_OK
                   : TALLY_EFORM;
    case PROTOBUF_C_TYPE_INT32:
        fits = is_int32(value);
        break;
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
        fits = value <= UINT32_MAX;
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fits = value <= 1;
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    return fits || !canonical ? TALLY_OK : TALLY_EFORM;
}

/* Reads one UTF-8 sequence (RFC 3629: shortest form, no surrogates, at most U+10FFFF) and returns its size; 0
 * if it is none. NUL is refused with the rest, because a C string would end at it. */
static size_t utf8_sequence(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    if (first == 0) return 0;
    if (first < 0x80) return 1;
    size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || left < size) return 0;
    uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < size; i++)
        if (at[i] < 0x80 || at[i] > 0xBF) return 0;
    return size;
}

static int check_text(struct span text)
{
    for (size_t i = 0; i < text.size;) {
        size_t size = utf8_sequence(text.data + i, text.size - i);
        if (size == 0) return TALLY_EFORM;
        i += size;
    }
    return TALLY_OK;
}

static bool is_oneof(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

/* Whether another member of the field's oneof was seen: members share the place that says which one is set.
 */
static bool oneof_is_taken(const struct scan *scan, const ProtobufCFieldDescriptor *field)
{
    for (unsigned i = 0; i < scan->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &scan->descriptor->fields[i];
        if ((scan->seen >> i & 1) != 0 && is_oneof(other) &&
            other->quantifier_offset == field->quantifier_offset)
            return true;
    }
    return false;
}

/* Order and repetition. A lenient message may repeat a scalar (the last one counts), but nothing that would
 * have to be merged: no encoder writes that, and parsers differ in it. */
static int check_place(struct scan *scan, const ProtobufCFieldDescriptor *field, uint32_t number)
{
    bool canonical = scan->form == MESSAGE_CANONICAL;
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    if (canonical && (number < scan->last_number || (number == scan->last_number && !repeated)))
        return TALLY_EFORM;
    scan->last_number = number;
    if (repeated) return TALLY_OK;
    size_t index = (size_t)(field - scan->descriptor->fields);
    CHECK(index < FIELDS_MAX);
    bool seen = (scan->seen >> index & 1) != 0;
    if (seen && field->type == PROTOBUF_C_TYPE_MESSAGE) return TALLY_EFORM;
    if (is_oneof(field) && oneof_is_taken(scan, field)) return TALLY_EFORM;
    scan->seen |= 1ull << index;
    return TALLY_OK;
}

/* Reads the value; *is_default tells whether it is what an absent field means. */
static int take_value(
    struct scan *scan, const ProtobufCFieldDescriptor *field, unsigned depth, bool *is_default)
{
    struct span bytes;
    uint64_t value;
    int error;
    switch (wire_type_of(field)) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        error = take_varint(scan, VARINT_SIZE_MAX, &value);
        if (error == TALLY_OK) error = check_varint(scan, field, value);
        *is_default = error == TALLY_OK && value == 0;
        return error;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        error = take_bytes(scan, 4, &bytes);
        *is_default = error == TALLY_OK && get_u32(bytes.data) == 0;
        return error;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        error = take_bytes(scan, 8, &bytes);
        *is_default = error == TALLY_OK && get_u64(bytes.data) == 0;
        return error;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        error = take_sized(scan, &bytes);
        if (error != TALLY_OK) return error;
        *is_default = bytes.size == 0 && field->type != PROTOBUF_C_TYPE_MESSAGE;
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            return scan_fields(field->descriptor, scan->form, bytes, depth + 1);
        return field->type == PROTOBUF_C_TYPE_STRING ? check_text(bytes) : TALLY_OK;
    }
    CHECK_UNREACHABLE();
}

static int skip_unknown(struct scan *scan, unsigned wire_type)
{
    struct span bytes;
    uint64_t value;
    if (scan->form == MESSAGE_CANONICAL) return TALLY_EFORM;
    if (wire_type == PROTOBUF_C_WIRE_TYPE_VARINT) return take_varint(scan, VARINT_SIZE_MAX, &value);
    if (wire_type == PROTOBUF_C_WIRE_TYPE_64BIT) return take_bytes(scan, 8, &bytes);
    if (wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) return take_sized(scan, &bytes);
    if (wire_type == PROTOBUF_C_WIRE_TYPE_32BIT) return take_bytes(scan, 4, &bytes);
    return TALLY_EFORM; /* groups, which proto3 does not have */
}

static int scan_field(struct scan *scan, unsigned depth)
{
    uint64_t key;
    int error = take_varint(scan, TAG_SIZE_MAX, &key);
    if (error != TALLY_OK) return error;
    uint64_t number = key >> 3;
    unsigned wire_type = (unsigned)(key & 7);
    if (number == 0 || number > FIELD_NUMBER_MAX) return TALLY_EFORM;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(scan->descriptor, (unsigned)number);
    if (field == NULL) return skip_unknown(scan, wire_type);
    if (wire_type != (unsigned)wire_type_of(field)) return TALLY_EFORM;
    error = check_place(scan, field, (uint32_t)number);
    if (error != TALLY_OK) return error;
    bool is_default = false;
    error = take_value(scan, field, depth, &is_default);
    if (error != TALLY_OK) return error;
    bool is_implied = is_default && field->label != PROTOBUF_C_LABEL_REPEATED && !is_oneof(field);
    return is_implied && scan->form == MESSAGE_CANONICAL ? TALLY_EFORM : TALLY_OK;
}

static int scan_fields(
    const ProtobufCMessageDescriptor *descriptor, enum message_form form, struct span bytes, unsigned depth)
{
    CHECK(descriptor->n_fields <= FIELDS_MAX);
    if (depth > MESSAGE_DEPTH_MAX) return TALLY_EFORM;
    struct scan scan = {.descriptor = descriptor, .form = form, .at = bytes.data};
    scan.end = bytes.size > 0 ? bytes.data + bytes.size : bytes.data;
    while (scan.at != scan.end) {
        int error = scan_field(&scan, depth);
        if (error != TALLY_OK) return error;
    }
    return TALLY_OK;
}

int message_scan(const ProtobufCMessageDescriptor *descriptor, enum message_form form, struct span bytes)
{
    return scan_fields(descriptor, form, bytes, 1);
}
