#include "proto/codec/epoch_seal.h"

#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"

_Static_assert(sizeof(struct public_key) == PUBLIC_KEY_SIZE, "a set's keys lie without gaps");

#define SEALS_FIELD 1u
#define SEALS_KEY 0x0Au

bool checkpoint_seals(const struct checkpoint *checkpoint)
{
    return !digest_equal(&checkpoint->set_hash, &checkpoint->next_set_hash);
}

void epoch_seal_append(const struct epoch_seal *seal, struct buffer *seals)
{
    struct certified_checkpoint_message checkpoint;
    Tallystick__V1__EpochSeal message = TALLYSTICK__V1__EPOCH_SEAL__INIT;
    struct buffer bytes;
    CHECK(seal->next_set.count >= VALIDATORS_MIN && seal->next_set.count <= VALIDATORS_MAX);
    certified_checkpoint_to_message(&seal->checkpoint, &checkpoint);
    message.checkpoint = &checkpoint.outer;
    message.next_set =
        message_bytes(span_of(seal->next_set.keys, seal->next_set.count * sizeof seal->next_set.keys[0]));
    buffer_init(&bytes, EPOCH_SEAL_SIZE_MAX);
    message_encode(&message.base, &bytes);
    if (bytes.failed) seals->failed = true;
    wire_sized(seals, SEALS_FIELD, bytes.size);
    buffer_append(seals, bytes.data, bytes.size);
    buffer_close(&bytes);
}

static int next_set_read(ProtobufCBinaryData bytes, struct validator_set *set)
{
    size_t count = bytes.len / PUBLIC_KEY_SIZE;
    if (bytes.len % PUBLIC_KEY_SIZE != 0 || count < VALIDATORS_MIN || count > VALIDATORS_MAX)
        return TALLY_EFORM;
    memcpy(set->keys, bytes.data, bytes.len);
    set->count = (uint32_t)count;
    for (size_t i = 1; i < count; i++)
        if (memcmp(set->keys[i - 1].bytes, set->keys[i].bytes, PUBLIC_KEY_SIZE) >= 0) return TALLY_EFORM;
    return TALLY_OK;
}

static int seal_decode(struct span bytes, struct epoch_seal *seal)
{
    struct arena arena;
    ProtobufCMessage *unpacked;
    struct epoch_seal read = {.next_set = {.count = 0}};
    arena_init(&arena, EPOCH_SEAL_SIZE_MAX + 4u * KIB);
    int error =
        message_decode(&tallystick__v1__epoch_seal__descriptor, MESSAGE_CANONICAL, bytes, &arena, &unpacked);
    if (error == TALLY_OK) {
        const Tallystick__V1__EpochSeal *message = (const Tallystick__V1__EpochSeal *)unpacked;
        error = certified_checkpoint_from_message(message->checkpoint, &read.checkpoint);
        if (error == TALLY_OK) error = next_set_read(message->next_set, &read.next_set);
    }
    arena_close(&arena);
    read.next_set.epoch = read.checkpoint.checkpoint.epoch + 1;
    if (error == TALLY_OK) *seal = read;
    return error;
}

/* The bytes of the first seal, which is of two bytes' length at least, and the rest behind it. */
static int first_of(struct span seals, struct span *first, struct span *rest)
{
    if (seals.size < 3 || seals.data[0] != SEALS_KEY) return TALLY_EFORM;
    size_t size = (seals.data[1] & 0x7Fu) | (size_t)seals.data[2] << 7, start = 3;
    if (seals.data[1] < 0x80 || seals.data[2] == 0 || seals.data[2] >= 0x80) return TALLY_EFORM;
    if (size > EPOCH_SEAL_SIZE_MAX || size > seals.size - start) return TALLY_EFORM;
    *first = span_of(seals.data + start, size);
    *rest = span_of(seals.data + start + size, seals.size - start - size);
    return TALLY_OK;
}

int epoch_seal_take(struct span *seals, struct epoch_seal *seal)
{
    struct span first, rest;
    int error = first_of(*seals, &first, &rest);
    if (error == TALLY_OK) error = seal_decode(first, seal);
    if (error == TALLY_OK) *seals = rest;
    return error;
}

int epoch_seals_check(struct span seals)
{
    struct epoch_seal seal;
    int error = TALLY_OK;
    uint32_t count = 0;
    while (error == TALLY_OK && seals.size > 0)
        error = count++ < EPOCH_SEALS_MAX ? epoch_seal_take(&seals, &seal) : TALLY_EFORM;
    return error;
}
