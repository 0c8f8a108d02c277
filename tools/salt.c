#include "tools/salt.h"

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

#define SALT_MESSAGE_SIZE_MAX (EVENT_HEADER_SIZE_MAX + EVENT_BODY_SIZE_MAX + EVENT_TEXT_SIZE_MAX + 16u)

/* The one encoding of a source: the header without what the import adds to it, the body and the ref, then
 * their sizes. */
static int message_write(const struct salt_source *source, struct buffer *message)
{
    struct event_header fields = *source->fields;
    fields.member_id = 0;
    fields.account_seq = 0;
    fields.account_prev = fields.body_commitment = (struct digest){{0}};
    CHECK(source->body.size <= EVENT_BODY_SIZE_MAX && source->ref.size <= EVENT_TEXT_SIZE_MAX);
    buffer_init(message, SALT_MESSAGE_SIZE_MAX);
    event_header_encode(&fields, message);
    uint32_t header_size = (uint32_t)message->size;
    buffer_append(message, source->body.data, source->body.size);
    buffer_append(message, source->ref.data, source->ref.size);
    buffer_u32(message, header_size);
    buffer_u32(message, (uint32_t)source->body.size);
    buffer_u32(message, (uint32_t)source->ref.size);
    return message->failed ? TALLY_ENOMEM : TALLY_OK;
}

static int source_digest(
    const uint8_t key[SALT_KEY_SIZE], enum tag tag, const struct salt_source *source, struct digest *digest)
{
    struct buffer message;
    int error = message_write(source, &message);
    buffer_u32(&message, source->occurrence);
    if (message.failed) error = TALLY_ENOMEM;
    if (error == TALLY_OK) *digest = digest_keyed(span_of(key, SALT_KEY_SIZE), tag, buffer_span(&message));
    buffer_close(&message);
    return error;
}

int salt_derive(const uint8_t key[SALT_KEY_SIZE], const struct salt_source *source, uint8_t salt[SALT_SIZE])
{
    struct digest digest;
    int error = source_digest(key, TAG_SALT, source, &digest);
    if (error == TALLY_OK) memcpy(salt, digest.bytes, SALT_SIZE);
    return error;
}

int item_id_derive(
    const uint8_t key[SALT_KEY_SIZE], const struct salt_source *source, uint8_t item_id[ITEM_ID_SIZE])
{
    struct digest digest;
    int error = source_digest(key, TAG_ITEM, source, &digest);
    if (error == TALLY_OK) memcpy(item_id, digest.bytes, ITEM_ID_SIZE);
    return error;
}

void account_ref_derive(
    const uint8_t key[SALT_KEY_SIZE], struct span number, uint8_t account_ref[ACCOUNT_REF_SIZE])
{
    struct digest digest = digest_keyed(span_of(key, SALT_KEY_SIZE), TAG_ITEM, number);
    memcpy(account_ref, digest.bytes, ACCOUNT_REF_SIZE);
}

int salt_source_hash(const struct salt_source *source, uint64_t *hash)
{
    struct buffer message;
    int error = message_write(source, &message);
    if (error == TALLY_OK) {
        struct digest digest = digest_tagged(TAG_SALT, buffer_span(&message));
        *hash = get_u64(digest.bytes);
    }
    buffer_close(&message);
    return error;
}
