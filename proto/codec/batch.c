#include "proto/codec/batch.h"

#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/governance.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/merkle.h"

struct batch batch_of_governance(const struct governance_transaction *transaction)
{
    return (struct batch){
        .chain_id = transaction->chain_id,
        .member_id = transaction->member_id,
        .signing_key = transaction->key,
        .expires_at_ms = transaction->expires_at_ms,
        .governance = transaction,
        .signature = transaction->signature,
        .digest = transaction->digest,
    };
}

struct digest batch_digest(const struct batch *batch)
{
    CHECK(batch->governance == NULL);
    struct merkle_frontier ids;
    struct hasher hasher;
    merkle_frontier_init(&ids);
    for (uint32_t i = 0; i < batch->event_count; i++)
        merkle_frontier_append(&ids, &batch->events[i].id, NULL, NULL);
    struct digest root = merkle_frontier_root(&ids);
    hasher_init(&hasher, TAG_BATCH);
    hasher_digest(&hasher, &batch->chain_id);
    hasher_u32(&hasher, batch->member_id);
    hasher_bytes(&hasher, batch->signing_key.bytes, PUBLIC_KEY_SIZE);
    hasher_u64(&hasher, batch->expires_at_ms);
    hasher_u32(&hasher, batch->event_count);
    hasher_digest(&hasher, &root);
    return hasher_final(&hasher);
}

static int event_from_message(const Tallystick__V1__CreditEvent *message, const struct digest *chain_id,
    uint32_t member_id, struct batch_event *event)
{
    *event = (struct batch_event){.header = span_of_bytes(message->header)};
    if (event->header.size > EVENT_HEADER_SIZE_MAX) return TALLY_ELIMIT;
    int error = event_header_decode(event->header, &event->fields);
    if (error != TALLY_OK) return error;
    if (event->fields.member_id != member_id) return TALLY_EINVALID;
    event->id = event_id(chain_id, event->header);
    if (message->body_case == TALLYSTICK__V1__CREDIT_EVENT__BODY__NOT_SET) return TALLY_OK;
    event->has_body = true;
    event->body = span_of_bytes(message->plain->body);
    if (event->body.size > EVENT_BODY_SIZE_MAX) return TALLY_ELIMIT;
    error = fixed_from_bytes(message->plain->salt, event->salt, SALT_SIZE);
    if (error != TALLY_OK) return error;
    struct digest commitment = event_body_commitment(event->salt, event->body);
    return digest_equal(&commitment, &event->fields.body_commitment) ? TALLY_OK : TALLY_EDAMAGED;
}

static int fields_from_message(const Tallystick__V1__Batch *message, struct batch *batch)
{
    if (message->n_events > BATCH_EVENTS_MAX) return TALLY_ELIMIT;
    if (message->n_events == 0 || message->member_id == 0) return TALLY_EFORM;
    batch->member_id = message->member_id;
    batch->expires_at_ms = message->expires_at_ms;
    batch->event_count = (uint32_t)message->n_events;
    int error = digest_from_bytes(message->chain_id, &batch->chain_id);
    if (error == TALLY_OK)
        error = fixed_from_bytes(message->signing_key, batch->signing_key.bytes, PUBLIC_KEY_SIZE);
    if (error == TALLY_OK)
        error = fixed_from_bytes(message->signature, batch->signature.bytes, SIGNATURE_SIZE);
    return error;
}

/* Nothing stands beside a governance transaction: it says all there is itself. */
static int governance_from_message(const Tallystick__V1__Batch *message, const struct digest *chain_id,
    struct arena *arena, struct batch *batch)
{
    if (message->n_events > 0 || message->member_id != 0 || message->expires_at_ms != 0) return TALLY_EFORM;
    if (message->chain_id.len > 0 || message->signing_key.len > 0 || message->signature.len > 0)
        return TALLY_EFORM;
    struct governance_transaction *transaction = arena_take(arena, sizeof *transaction);
    if (transaction == NULL) return TALLY_ENOMEM;
    int error = governance_decode(span_of_bytes(message->governance), arena, transaction);
    if (error != TALLY_OK) return error;
    if (!digest_equal(&transaction->chain_id, chain_id)) return TALLY_ECHAIN;
    *batch = batch_of_governance(transaction);
    return TALLY_OK;
}

int batch_from_message(const Tallystick__V1__Batch *message, const struct digest *chain_id,
    struct arena *arena, struct batch *batch, uint32_t *index)
{
    struct batch read = {0};
    if (index != NULL) *index = UINT32_MAX;
    if (message->governance.len > 0) return governance_from_message(message, chain_id, arena, batch);
    int error = fields_from_message(message, &read);
    if (error != TALLY_OK) return error;
    read.events = arena_take_zeroed(arena, read.event_count, sizeof *read.events);
    if (read.events == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < read.event_count; i++) {
        error = event_from_message(message->events[i], chain_id, read.member_id, &read.events[i]);
        if (error == TALLY_OK) continue;
        if (index != NULL) *index = i;
        return error;
    }
    if (batch_size(&read, true) > BATCH_SIZE_MAX) return TALLY_ELIMIT;
    read.digest = batch_digest(&read);
    *batch = read;
    return TALLY_OK;
}

int batch_decode(struct span bytes, const struct digest *chain_id, struct arena *arena, struct batch *batch,
    uint32_t *index)
{
    ProtobufCMessage *message;
    if (index != NULL) *index = UINT32_MAX;
    if (bytes.size > BATCH_SIZE_MAX) return TALLY_ELIMIT;
    int error = message_decode(&tallystick__v1__batch__descriptor, MESSAGE_CANONICAL, bytes, arena, &message);
    if (error != TALLY_OK) return error;
    return batch_from_message((const Tallystick__V1__Batch *)message, chain_id, arena, batch, index);
}

/* Field numbers as in credit.proto. */
enum { EVENT_HEADER = 1, EVENT_PLAIN = 2 };
enum { PLAIN_SALT = 1, PLAIN_BODY = 2 };
enum {
    BATCH_CHAIN = 1,
    BATCH_MEMBER,
    BATCH_KEY,
    BATCH_EXPIRES,
    BATCH_EVENTS,
    BATCH_SIGNATURE,
    BATCH_GOVERNANCE
};

static size_t plain_size(const struct batch_event *event)
{
    return wire_bytes_size(SALT_SIZE) + wire_bytes_size(event->body.size);
}

static size_t event_size(const struct batch_event *event, bool with_body)
{
    size_t size = wire_bytes_size(event->header.size);
    return with_body && event->has_body ? size + wire_sized_size(plain_size(event)) : size;
}

static void event_encode(const struct batch_event *event, bool with_body, struct buffer *out)
{
    wire_bytes(out, EVENT_HEADER, event->header);
    if (!with_body || !event->has_body) return;
    wire_sized(out, EVENT_PLAIN, plain_size(event));
    wire_bytes(out, PLAIN_SALT, span_of(event->salt, SALT_SIZE));
    wire_bytes(out, PLAIN_BODY, event->body);
}

size_t batch_size(const struct batch *batch, bool with_bodies)
{
    if (batch->governance != NULL) return wire_bytes_size(governance_size(batch->governance));
    size_t size = wire_bytes_size(DIGEST_SIZE) + wire_number_size(batch->member_id) +
                  wire_bytes_size(PUBLIC_KEY_SIZE) + wire_number_size(batch->expires_at_ms) +
                  wire_bytes_size(SIGNATURE_SIZE);
    for (uint32_t i = 0; i < batch->event_count; i++)
        size += wire_sized_size(event_size(&batch->events[i], with_bodies));
    return size;
}

size_t batch_size_without_bodies(const struct batch *batch)
{
    return batch_size(batch, false);
}

void batch_encode(const struct batch *batch, bool with_bodies, struct buffer *out)
{
    if (batch->governance != NULL) {
        wire_sized(out, BATCH_GOVERNANCE, governance_size(batch->governance));
        governance_encode(batch->governance, out);
        return;
    }
    wire_bytes(out, BATCH_CHAIN, span_of(batch->chain_id.bytes, DIGEST_SIZE));
    wire_number(out, BATCH_MEMBER, batch->member_id);
    wire_bytes(out, BATCH_KEY, span_of(batch->signing_key.bytes, PUBLIC_KEY_SIZE));
    wire_number(out, BATCH_EXPIRES, batch->expires_at_ms);
    for (uint32_t i = 0; i < batch->event_count; i++) {
        wire_sized(out, BATCH_EVENTS, event_size(&batch->events[i], with_bodies));
        event_encode(&batch->events[i], with_bodies, out);
    }
    wire_bytes(out, BATCH_SIGNATURE, span_of(batch->signature.bytes, SIGNATURE_SIZE));
}

int batch_check(const struct batch *batch, const struct verify_key *key)
{
    if (batch->governance != NULL) return governance_check_parsed(batch->governance, key);
    return signature_check(key, &batch->digest, &batch->signature);
}

struct digest payload_root(const struct digest *batch_digests, size_t count)
{
    return merkle_root(batch_digests, count);
}
