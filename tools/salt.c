#include "tools/salt.h"

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

#define SALT_MESSAGE_SIZE_MAX (256u + EVENT_BODY_SIZE_MAX + EVENT_TEXT_SIZE_MAX)

/* The one encoding of a source: fixed fields in a fixed order, then the two texts behind their sizes. */
static size_t message_write(const struct salt_source *source, uint8_t *message)
{
    const struct event_header *fields = source->fields;
    CHECK(fields->has_account);
    CHECK(source->body.size <= EVENT_BODY_SIZE_MAX && source->ref.size <= EVENT_TEXT_SIZE_MAX);
    uint8_t *at = message;
    memcpy(at, fields->subject_id.bytes, DIGEST_SIZE);
    at += DIGEST_SIZE;
    memcpy(at, fields->account_ref, ACCOUNT_REF_SIZE);
    at += ACCOUNT_REF_SIZE;
    const uint32_t numbers[] = {(uint32_t)fields->type, (uint32_t)fields->event_date, fields->account_type,
        fields->product, fields->currency, fields->period, fields->close_kind, (uint32_t)source->body.size};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++, at += 4)
        put_u32(at, numbers[i]);
    if (source->body.size > 0) memcpy(at, source->body.data, source->body.size);
    at += source->body.size;
    put_u32(at, (uint32_t)source->ref.size);
    at += 4;
    if (source->ref.size > 0) memcpy(at, source->ref.data, source->ref.size);
    at += source->ref.size;
    return (size_t)(at - message);
}

void salt_derive(const uint8_t key[SALT_KEY_SIZE], const struct salt_source *source, uint8_t salt[SALT_SIZE])
{
    uint8_t message[SALT_MESSAGE_SIZE_MAX];
    size_t size = message_write(source, message);
    CHECK(size + 4 <= sizeof message);
    put_u32(message + size, source->occurrence);
    struct digest digest = digest_keyed(span_of(key, SALT_KEY_SIZE), TAG_SALT, span_of(message, size + 4));
    memcpy(salt, digest.bytes, SALT_SIZE);
}

uint64_t salt_source_hash(const struct salt_source *source)
{
    uint8_t message[SALT_MESSAGE_SIZE_MAX];
    struct digest digest = digest_tagged(TAG_SALT, span_of(message, message_write(source, message)));
    return get_u64(digest.bytes);
}
