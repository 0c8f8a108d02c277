#include "node/net/hello.h"

#include <peer.pb-c.h>

#include "proto/base/check.h"
#include "proto/codec/message.h"
#include "proto/crypto/digest.h"

#define HELLO_ARENA_SIZE (8u * 1024u)

struct digest hello_digest(
    const struct digest *chain_id, const struct digest *exporter, uint8_t side, const struct public_key *key)
{
    struct hasher hasher;
    CHECK(side == HELLO_SIDE_CONNECTED || side == HELLO_SIDE_ACCEPTED);
    hasher_init(&hasher, TAG_LINK);
    hasher_digest(&hasher, chain_id);
    hasher_digest(&hasher, exporter);
    hasher_u8(&hasher, side);
    hasher_bytes(&hasher, key->bytes, PUBLIC_KEY_SIZE);
    return hasher_final(&hasher);
}

int hello_encode(
    const struct link_identity *identity, const struct digest *exporter, uint8_t side, struct buffer *out)
{
    Tallystick__V1__Hello message;
    struct signature signature;
    char software[HELLO_SOFTWARE_SIZE_MAX + 1];
    struct digest digest = hello_digest(&identity->chain_id, exporter, side, &identity->signer->key);
    const struct signing purpose = {.kind = SIGNING_LINK};
    int error = node_signer_sign(identity->signer, &purpose, &digest, &signature);
    if (error != TALLY_OK) return error;
    CHECK(strlen(identity->software) <= HELLO_SOFTWARE_SIZE_MAX);
    strcpy(software, identity->software);
    tallystick__v1__hello__init(&message);
    message.version = HELLO_VERSION;
    message.chain_id = message_bytes(span_of(identity->chain_id.bytes, DIGEST_SIZE));
    message.node_key = message_bytes(span_of(identity->signer->key.bytes, PUBLIC_KEY_SIZE));
    message.signature = message_bytes(span_of(signature.bytes, SIGNATURE_SIZE));
    message.software = software;
    message_encode(&message.base, out);
    return TALLY_OK;
}

/* A field that is exactly as long as what it stands for. */
static bool field_copy(const ProtobufCBinaryData *field, void *to, size_t size)
{
    if (field->len != size) return false;
    memcpy(to, field->data, size);
    return true;
}

static int convert(const Tallystick__V1__Hello *message, struct hello *hello)
{
    struct hello made = {.version = message->version};
    size_t software_size = strlen(message->software);
    if (!field_copy(&message->chain_id, made.chain_id.bytes, DIGEST_SIZE) ||
        !field_copy(&message->node_key, made.key.bytes, PUBLIC_KEY_SIZE) ||
        !field_copy(&message->signature, made.signature.bytes, SIGNATURE_SIZE) ||
        message->version != HELLO_VERSION || software_size > HELLO_SOFTWARE_SIZE_MAX)
        return TALLY_EFORM;
    memcpy(made.software, message->software, software_size);
    *hello = made;
    return TALLY_OK;
}

/* The version is the first field of every version there will be, as a varint of one to five bytes. A later
 * Hello may hold fields that this build cannot judge, so it is read before the rest. */
static bool version_differs(struct span bytes, uint32_t *version)
{
    uint64_t value = 0;
    if (bytes.size < 2 || bytes.data[0] != 0x08) return false;
    for (size_t i = 1; i < bytes.size && i <= 5; i++) {
        value |= (uint64_t)(bytes.data[i] & 0x7F) << (7 * (i - 1));
        if (bytes.data[i] >= 0x80) continue;
        if (value > UINT32_MAX || value == HELLO_VERSION) return false;
        *version = (uint32_t)value;
        return true;
    }
    return false;
}

int hello_decode(struct span bytes, struct hello *hello)
{
    struct arena arena;
    ProtobufCMessage *message;
    uint32_t version;
    if (bytes.size > HELLO_SIZE_MAX) return TALLY_EFORM;
    if (version_differs(bytes, &version)) {
        hello->version = version;
        return TALLY_EVERSION;
    }
    arena_init(&arena, HELLO_ARENA_SIZE);
    int error =
        message_decode(&tallystick__v1__hello__descriptor, MESSAGE_CANONICAL, bytes, &arena, &message);
    if (error == TALLY_OK) error = convert((const Tallystick__V1__Hello *)(const void *)message, hello);
    arena_close(&arena);
    return error;
}

int hello_check(const struct hello *hello, const struct digest *exporter, uint8_t side)
{
    struct verify_key key;
    int error = verify_key_parse(&hello->key, &key);
    if (error != TALLY_OK) return error;
    struct digest digest = hello_digest(&hello->chain_id, exporter, side, &hello->key);
    return signature_check(&key, &digest, &hello->signature);
}
