#include "proto/codec/strict_json.h"

#include <stdarg.h>
#include <stdio.h>

int strict_refuse(struct strict_json *json, int error, const char *format, ...)
{
    char what[200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(
        json->why, json->why_size, "%s%s%s", json->where, json->where[0] != '\0' ? ": " : "", what);
    return error;
}

int strict_load(struct strict_json *json, struct span text, json_t **root)
{
    json_error_t error;
    json->where[0] = '\0';
    if (text.size > STRICT_TEXT_SIZE_MAX)
        return strict_refuse(json, TALLY_ELIMIT, "larger than %u bytes", STRICT_TEXT_SIZE_MAX);
    *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (*root != NULL) return TALLY_OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return strict_refuse(json, TALLY_ENOMEM, "no memory left");
    return strict_refuse(json, TALLY_EFORM, "line %d: %s", error.line, error.text);
}

int strict_keys(struct strict_json *json, const json_t *object, const char *const keys[])
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return strict_refuse(json, TALLY_EFORM, "not an object");
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool known = false;
        for (size_t i = 0; keys[i] != NULL; i++)
            known = known || strcmp(keys[i], key) == 0;
        if (!known) return strict_refuse(json, TALLY_EFORM, "unknown key \"%.40s\"", key);
    }
    for (size_t i = 0; keys[i] != NULL; i++)
        if (json_object_get(object, keys[i]) == NULL)
            return strict_refuse(json, TALLY_EFORM, "no \"%s\"", keys[i]);
    return TALLY_OK;
}

int strict_integer(
    struct strict_json *json, const json_t *object, const char *key, int64_t min, int64_t max, int64_t *value)
{
    const json_t *number = json_object_get(object, key);
    if (!json_is_integer(number))
        return strict_refuse(json, TALLY_EFORM, "\"%s\" is not a whole number", key);
    int64_t read = json_integer_value(number);
    if (read < min || read > max)
        return strict_refuse(
            json, TALLY_EFORM, "\"%s\" is not within %lld and %lld", key, (long long)min, (long long)max);
    *value = read;
    return TALLY_OK;
}

int strict_u32(struct strict_json *json, const json_t *object, const char *key, uint32_t min, uint32_t max,
    uint32_t *value)
{
    int64_t read = 0;
    int error = strict_integer(json, object, key, min, max, &read);
    if (error == TALLY_OK) *value = (uint32_t)read;
    return error;
}

int strict_flag(struct strict_json *json, const json_t *object, const char *key, bool *value)
{
    const json_t *flag = json_object_get(object, key);
    if (!json_is_boolean(flag))
        return strict_refuse(json, TALLY_EFORM, "\"%s\" is neither true nor false", key);
    *value = json_is_true(flag);
    return TALLY_OK;
}

static int read_text(struct strict_json *json, const json_t *object, const char *key, bool is_word,
    size_t size_min, size_t size_max, char *to)
{
    const json_t *text = json_object_get(object, key);
    if (!json_is_string(text)) return strict_refuse(json, TALLY_EFORM, "\"%s\" is not a string", key);
    const char *from = json_string_value(text);
    size_t size = json_string_length(text);
    if (size < size_min || size > size_max)
        return strict_refuse(json, TALLY_EFORM, "\"%s\" is not of %zu to %zu bytes", key, size_min, size_max);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)from[i];
        bool in_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       (i > 0 && (c == '-' || c == '_' || c == '.'));
        if (c < 0x20 || c == 0x7F || (is_word && !in_word))
            return strict_refuse(json, TALLY_EFORM, "\"%s\" has a character that is not allowed", key);
    }
    memcpy(to, from, size);
    to[size] = '\0';
    return TALLY_OK;
}

int strict_word(struct strict_json *json, const json_t *object, const char *key, size_t size, char *to)
{
    return read_text(json, object, key, true, 1, size, to);
}

int strict_title(struct strict_json *json, const json_t *object, const char *key, size_t size, char *to)
{
    return read_text(json, object, key, false, 1, size, to);
}

int strict_title_or_none(
    struct strict_json *json, const json_t *object, const char *key, size_t size, char *to)
{
    return read_text(json, object, key, false, 0, size, to);
}

int strict_choice(struct strict_json *json, const json_t *value, const char *key, const char *const names[],
    uint32_t *place)
{
    const char *text = json_string_value(value);
    char known[120] = "";
    for (uint32_t i = 0; names[i] != NULL; i++) {
        if (text != NULL && strcmp(names[i], text) == 0) {
            *place = i + 1;
            return TALLY_OK;
        }
        size_t size = strlen(known);
        (void)snprintf(known + size, sizeof known - size, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    return strict_refuse(json, TALLY_EFORM, "\"%s\" is none of %s", key, known);
}

int strict_list(struct strict_json *json, const json_t *list, const char *key, size_t min, size_t max)
{
    if (!json_is_array(list)) return strict_refuse(json, TALLY_EFORM, "\"%s\" is not a list", key);
    size_t count = json_array_size(list);
    if (count >= min && count <= max) return TALLY_OK;
    return strict_refuse(json, TALLY_ELIMIT, "\"%s\" has %zu entries, not %zu to %zu", key, count, min, max);
}

void strict_append(struct buffer *out, json_t *list, json_t *value)
{
    if (json_array_append_new(list, value) != 0) out->failed = true;
}

static int append_text(const char *text, size_t size, void *out)
{
    buffer_append(out, text, size);
    return 0;
}

void strict_print(struct buffer *out, json_t *root)
{
    /* NULL only for want of memory, or text that is no UTF-8. */
    if (root == NULL || json_dump_callback(root, append_text, out, JSON_INDENT(2)) != 0) out->failed = true;
    json_decref(root);
    buffer_u8(out, '\n');
}
