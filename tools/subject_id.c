#include "tools/subject_id.h"

#include "proto/crypto/digest.h"

#define DOCUMENT_NUMBER_SIZE_MIN 4

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool alphanumeric(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int type_take(const char **at, struct buffer *type);
static int number_take(const char *at, struct buffer *number);

int subject_id_derive(const uint8_t key[SUBJECT_KEY_SIZE], const char *document, struct digest *id)
{
    struct buffer type, number, message;
    buffer_init(&type, DOCUMENT_TYPE_SIZE_MAX);
    buffer_init(&number, DOCUMENT_NUMBER_SIZE_MAX);
    buffer_init(&message, 8 + DOCUMENT_TYPE_SIZE_MAX + DOCUMENT_NUMBER_SIZE_MAX);
    int error = type_take(&document, &type);
    if (error == TALLY_OK) error = number_take(document, &number);
    if (error == TALLY_OK) {
        buffer_u32(&message, (uint32_t)type.size);
        buffer_append(&message, type.data, type.size);
        buffer_u32(&message, (uint32_t)number.size);
        buffer_append(&message, number.data, number.size);
        if (message.failed) error = TALLY_ENOMEM;
    }
    if (error == TALLY_OK)
        *id = digest_keyed(span_of(key, SUBJECT_KEY_SIZE), TAG_SUBJECT_ID, buffer_span(&message));
    /* The number is personal data: it does not stay in freed memory. */
    if (number.data != NULL) explicit_bzero(number.data, number.capacity);
    if (message.data != NULL) explicit_bzero(message.data, message.capacity);
    buffer_close(&message);
    buffer_close(&number);
    buffer_close(&type);
    return error;
}

/* Reads up to the colon, and leaves *at behind it. */
static int type_take(const char **at, struct buffer *type)
{
    for (; **at != ':'; *at += 1) {
        char c = upper(**at);
        if (!alphanumeric(c) && c != '_') return TALLY_EFORM;
        buffer_u8(type, (uint8_t)c);
    }
    *at += 1;
    return type->failed || type->size == 0 ? TALLY_EFORM : TALLY_OK;
}

static int number_take(const char *at, struct buffer *number)
{
    for (; *at != '\0'; at++) {
        char c = upper(*at);
        if (c == ' ' || c == '-' || c == '.' || c == '/') continue;
        if (!alphanumeric(c)) return TALLY_EFORM;
        buffer_u8(number, (uint8_t)c);
    }
    return number->failed || number->size < DOCUMENT_NUMBER_SIZE_MIN ? TALLY_EFORM : TALLY_OK;
}
