#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "node/rpc/message_json.h"
#include "node/rpc/message_json_field.h"
#include "proto/base/base64.h"
#include "proto/base/check.h"

#define WHERE_SIZE 256u
#define EXACT_MAX 9007199254740992.0 /* 2^53 */

/* Where the reader is, and its one sentence of complaint. */
struct read {
    struct arena *arena;
    char *why;
    size_t why_size;
    char where[WHERE_SIZE];
};

static int read_message(struct read *read, const json_t *object, const ProtobufCMessageDescriptor *descriptor,
    ProtobufCMessage **message);

__attribute__((format(printf, 3, 4))) static int refuse(struct read *read, int error, const char *format, ...)
{
    char what[128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(
        read->why, read->why_size, "%s%s%s", read->where, read->where[0] != '\0' ? ": " : "", what);
    return error;
}

/* Steps into a field or an element; returns what step_out takes. A path that is too long is cut. */
__attribute__((format(printf, 2, 3))) static size_t step_in(struct read *read, const char *format, ...)
{
    size_t size = strlen(read->where);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(read->where + size, sizeof read->where - size, format, arguments);
    va_end(arguments);
    return size;
}

static void step_out(struct read *read, size_t size)
{
    read->where[size] = '\0';
}

static int take(struct read *read, size_t count, size_t size, void **memory)
{
    *memory = arena_take_zeroed(read->arena, count, size);
    return *memory != NULL ? TALLY_OK : refuse(read, TALLY_ENOMEM, "larger than what may be held");
}

/* A whole number as protobuf's mapping writes it in quotes: no sign but a minus, no zeros before it. The
 * magnitude and the sign apart, because the types' ranges differ. */
static bool read_digits(const char *text, uint64_t *magnitude, bool *negative)
{
    *negative = *text == '-';
    if (*negative) text++;
    if (text[0] == '0' && text[1] != '\0') return false;
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    *magnitude = value;
    return at != text && *at == '\0';
}

/* Any of the ways a whole number is written in JSON. */
static bool read_whole(const json_t *value, uint64_t *magnitude, bool *negative)
{
    int64_t integer = json_integer_value(value); /* 0 for what is none */
    if (json_is_string(value)) return read_digits(json_string_value(value), magnitude, negative);
    if (!json_is_number(value)) return false;
    if (json_is_real(value)) {
        double real = json_real_value(value);
        if (real < -EXACT_MAX || real > EXACT_MAX) return false;
        integer = (int64_t)real;
        if ((double)integer < real || (double)integer > real) return false;
    }
    *negative = integer < 0;
    *magnitude = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
    return true;
}

static int read_signed(struct read *read, const json_t *value, int64_t max, int64_t *to)
{
    uint64_t magnitude;
    bool negative;
    if (!read_whole(value, &magnitude, &negative)) return refuse(read, TALLY_EFORM, "not a whole number");
    if (magnitude > (uint64_t)max + (negative ? 1 : 0)) return refuse(read, TALLY_EFORM, "out of range");
    *to = negative ? (int64_t)-magnitude : (int64_t)magnitude;
    return TALLY_OK;
}

static int read_unsigned(struct read *read, const json_t *value, uint64_t max, uint64_t *to)
{
    uint64_t magnitude;
    bool negative;
    if (!read_whole(value, &magnitude, &negative)) return refuse(read, TALLY_EFORM, "not a whole number");
    if (magnitude > max || (negative && magnitude > 0)) return refuse(read, TALLY_EFORM, "out of range");
    *to = magnitude;
    return TALLY_OK;
}

static int read_enum(
    struct read *read, const json_t *value, const ProtobufCEnumDescriptor *descriptor, int *to)
{
    const char *name = json_string_value(value);
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        const ProtobufCEnumValue *known = &descriptor->values[i];
        bool meant = name != NULL ? strcmp(known->name, name) == 0
                                  : json_is_integer(value) && json_integer_value(value) == known->value;
        if (!meant) continue;
        *to = known->value;
        return TALLY_OK;
    }
    return refuse(read, TALLY_EFORM, "not a value of %s", descriptor->short_name);
}

static int read_string(struct read *read, const json_t *value, char **to)
{
    void *memory;
    if (!json_is_string(value)) return refuse(read, TALLY_EFORM, "not a string");
    size_t size = json_string_length(value);
    int error = take(read, size + 1, 1, &memory);
    if (error != TALLY_OK) return error;
    memcpy(memory, json_string_value(value), size);
    *to = memory;
    return TALLY_OK;
}

static int read_bytes(struct read *read, const json_t *value, ProtobufCBinaryData *to)
{
    void *memory;
    if (!json_is_string(value)) return refuse(read, TALLY_EFORM, "not base64");
    struct span digits = span_of(json_string_value(value), json_string_length(value));
    int error = take(read, digits.size / 4 * 3 + 3, 1, &memory);
    if (error != TALLY_OK) return error;
    to->data = memory;
    error = base64_decode(digits, memory, &to->len);
    return error == TALLY_OK ? TALLY_OK : refuse(read, error, "not base64");
}

/* One value of the field's type, to where it belongs. */
static int read_value(struct read *read, const ProtobufCFieldDescriptor *field, const json_t *value, void *to)
{
    int64_t integer = 0;
    uint64_t natural = 0;
    int error;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        error = read_signed(read, value, INT32_MAX, &integer);
        *(int32_t *)to = (int32_t)integer;
        return error;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        error = read_unsigned(read, value, UINT32_MAX, &natural);
        *(uint32_t *)to = (uint32_t)natural;
        return error;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return read_signed(read, value, INT64_MAX, to);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_unsigned(read, value, UINT64_MAX, to);
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)to = json_is_true(value);
        return json_is_boolean(value) ? TALLY_OK : refuse(read, TALLY_EFORM, "not true or false");
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(read, value, field->descriptor, to);
    case PROTOBUF_C_TYPE_STRING:
        return read_string(read, value, to);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(read, value, to);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_message(read, value, field->descriptor, to);
    case PROTOBUF_C_TYPE_FLOAT: /* the schema has none */
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    CHECK_UNREACHABLE();
}

static int read_list(
    struct read *read, const ProtobufCFieldDescriptor *field, const json_t *list, ProtobufCMessage *message)
{
    uint8_t *base = (uint8_t *)message;
    size_t count = json_array_size(list), size = json_value_size(field);
    void *values;
    if (!json_is_array(list)) return refuse(read, TALLY_EFORM, "not a list");
    if (count == 0) return TALLY_OK;
    int error = take(read, count, size, &values);
    for (size_t i = 0; error == TALLY_OK && i < count; i++) {
        size_t outside = step_in(read, "[%zu]", i);
        error = read_value(read, field, json_array_get(list, i), (uint8_t *)values + i * size);
        step_out(read, outside);
    }
    if (error != TALLY_OK) return error;
    *(size_t *)(base + field->quantifier_offset) = count;
    *(void **)(base + field->offset) = values;
    return TALLY_OK;
}

static int read_field(
    struct read *read, const ProtobufCFieldDescriptor *field, const json_t *value, ProtobufCMessage *message)
{
    uint8_t *base = (uint8_t *)message;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) return read_list(read, field, value, message);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t *set = (uint32_t *)(base + field->quantifier_offset);
        if (*set != 0) return refuse(read, TALLY_EFORM, "beside another that rules it out");
        *set = field->id;
    }
    return read_value(read, field, value, base + field->offset);
}

/* Finds the field that a key names; NULL if there is none. */
static const ProtobufCFieldDescriptor *find_field(
    const ProtobufCMessageDescriptor *descriptor, const char *key)
{
    char name[JSON_NAME_SIZE];
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        json_name(field, name);
        if (strcmp(key, name) == 0 || strcmp(key, field->name) == 0) return field;
    }
    return NULL;
}

/* Says a key that is no field's, as far as it is plain: it goes to a person's screen and to logs. */
static int refuse_key(struct read *read, const char *key)
{
    char shown[41];
    size_t size = 0;
    for (; key[size] != '\0' && size < sizeof shown - 1; size++)
        shown[size] = (char)(key[size] > ' ' && key[size] < 0x7F ? key[size] : '?');
    shown[size] = '\0';
    return refuse(read, TALLY_EFORM, "no field \"%s\"", shown);
}

/* Whether the object names the field in both of the ways. */
static bool is_named_twice(const json_t *object, const ProtobufCFieldDescriptor *field)
{
    char name[JSON_NAME_SIZE];
    json_name(field, name);
    return strcmp(name, field->name) != 0 && json_object_get(object, name) != NULL &&
           json_object_get(object, field->name) != NULL;
}

static int read_message(struct read *read, const json_t *object, const ProtobufCMessageDescriptor *descriptor,
    ProtobufCMessage **message)
{
    const char *key;
    json_t *value;
    void *memory;
    if (!json_is_object(object)) return refuse(read, TALLY_EFORM, "not an object");
    int error = take(read, 1, descriptor->sizeof_message, &memory);
    if (error != TALLY_OK) return error;
    descriptor->message_init(memory);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const ProtobufCFieldDescriptor *field = find_field(descriptor, key);
        if (field == NULL) return refuse_key(read, key);
        size_t outside = step_in(read, "%s%s", read->where[0] != '\0' ? "." : "", key);
        if (is_named_twice(object, field)) return refuse(read, TALLY_EFORM, "given twice");
        error = json_is_null(value) ? TALLY_OK : read_field(read, field, value, memory);
        if (error != TALLY_OK) return error;
        step_out(read, outside);
    }
    *message = memory;
    return TALLY_OK;
}

/* Holds the bounds before anything is parsed: the parser recurses, and takes up to some 300 bytes for a value
 * of two. Whether it is JSON at all is left to the parser. */
static int check_bounds(struct read *read, struct span json)
{
    size_t values = 1, depth = 0;
    bool quoted = false;
    if (json.size > MESSAGE_JSON_SIZE_MAX) return refuse(read, TALLY_ELIMIT, "larger than 4 MiB");
    for (size_t i = 0; i < json.size; i++) {
        uint8_t c = json.data[i];
        if (c == '"') quoted = !quoted;
        if (c == '\\') i++;
        if (quoted) continue;
        if (c == '{' || c == '[') depth++;
        if ((c == '}' || c == ']') && depth > 0) depth--;
        if (c == '{' || c == '[' || c == ',') values++;
        if (depth > MESSAGE_JSON_DEPTH_MAX) return refuse(read, TALLY_ELIMIT, "nested too deep");
        if (values > MESSAGE_JSON_VALUES_MAX) return refuse(read, TALLY_ELIMIT, "too many values");
    }
    return TALLY_OK;
}

static int refuse_text(struct read *read, const json_error_t *error)
{
    const char *what = "not JSON";
    enum json_error_code code = json_error_code(error);
    if (code == json_error_out_of_memory) return refuse(read, TALLY_ENOMEM, "no memory");
    if (code == json_error_duplicate_key) what = "a key given twice";
    if (code == json_error_numeric_overflow) what = "a number too large to be exact (put it in quotes)";
    return refuse(read, TALLY_EFORM, "line %d, column %d: %s", error->line, error->column, what);
}

int message_from_json(struct span json, const ProtobufCMessageDescriptor *descriptor, struct arena *arena,
    ProtobufCMessage **message, char *why, size_t why_size)
{
    struct read read = {.arena = arena, .why = why, .why_size = why_size};
    json_error_t parse_error;
    CHECK(why_size > 0);
    int error = check_bounds(&read, json);
    if (error != TALLY_OK) return error;
    json_t *object = json_loadb(
        json.size > 0 ? (const char *)json.data : "", json.size, JSON_REJECT_DUPLICATES, &parse_error);
    if (object == NULL) return refuse_text(&read, &parse_error);
    error = read_message(&read, object, descriptor, message);
    json_decref(object);
    return error;
}
