#include "node/peer_message.h"

#include <stdlib.h>

#include "peer.pb-c.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"

/* A range's blocks are decoded whole, with a struct for each event beside its bytes. */
#define ARENA_BUDGET (64u * MIB)

bool peer_message_is_kind(enum frame_kind kind)
{
    return kind == FRAME_PROPOSAL || kind == FRAME_VOTE || kind == FRAME_CERTIFICATE ||
           kind == FRAME_PROPOSAL_REQUEST || kind == FRAME_ENTRY_REQUEST || kind == FRAME_RANGE_REQUEST ||
           kind == FRAME_RANGE;
}

static int open_proposal(struct peer_message *message)
{
    struct proposal *proposal = arena_take(&message->arena, sizeof *proposal);
    if (proposal == NULL) return TALLY_ENOMEM;
    int error = proposal_decode(message->bytes, &message->arena, proposal);
    if (error != TALLY_OK) return error;
    message->message.kind = MESSAGE_PROPOSAL;
    message->message.proposal = proposal;
    message->message.block = proposal->hash;
    return TALLY_OK;
}

static int open_vote(struct peer_message *message)
{
    struct vote *vote = arena_take(&message->arena, sizeof *vote);
    if (vote == NULL) return TALLY_ENOMEM;
    message->message.kind = MESSAGE_VOTE;
    message->message.vote = vote;
    return vote_decode(message->bytes, vote);
}

static int open_certificate(struct peer_message *message)
{
    struct certificate *certificate = arena_take(&message->arena, sizeof *certificate);
    if (certificate == NULL) return TALLY_ENOMEM;
    message->message.kind = MESSAGE_CERTIFICATE;
    message->message.certificate = certificate;
    return certificate_decode(message->bytes, certificate);
}

static int open_range(struct peer_message *message, const struct digest *chain_id)
{
    struct arena *arena = &message->arena;
    struct consensus_range *range = arena_take(arena, sizeof *range);
    struct certificate *finalization = arena_take(arena, sizeof *finalization);
    if (range == NULL || finalization == NULL) return TALLY_ENOMEM;
    struct block *blocks;
    size_t count;
    int error = block_range_decode(message->bytes, chain_id, arena, &blocks, &count, finalization);
    if (error != TALLY_OK) return error;
    if (count == 0 || count > RANGE_BLOCKS_MAX) return TALLY_ELIMIT;
    const struct block *last = &blocks[count - 1];
    size_t total = count + last->seal_path_count;
    struct block_header *headers = arena_take_zeroed(arena, total, sizeof *headers);
    struct digest *hashes = arena_take_zeroed(arena, total, sizeof *hashes);
    if (headers == NULL || hashes == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        headers[i] = blocks[i].header;
        hashes[i] = blocks[i].hash;
    }
    for (size_t i = count; i < total; i++) {
        headers[i] = last->seal_path[i - count];
        hashes[i] = block_header_hash(&headers[i]);
    }
    *range = (struct consensus_range){(uint32_t)total, headers, hashes, finalization};
    message->blocks = blocks;
    message->block_count = (uint32_t)count;
    message->message.kind = MESSAGE_RANGE;
    message->message.range = range;
    return TALLY_OK;
}

static int open_proposal_request(struct peer_message *message)
{
    ProtobufCMessage *raw;
    int error = message_decode(&tallystick__v1__proposal_request__descriptor, MESSAGE_CANONICAL,
        message->bytes, &message->arena, &raw);
    if (error != TALLY_OK) return error;
    const Tallystick__V1__ProposalRequest *request = (const Tallystick__V1__ProposalRequest *)raw;
    if (request->block.len != DIGEST_SIZE) return TALLY_EFORM;
    message->message.kind = MESSAGE_PROPOSAL_REQUEST;
    message->message.view = request->view;
    memcpy(message->message.block.bytes, request->block.data, DIGEST_SIZE);
    return TALLY_OK;
}

static int open_entry_request(struct peer_message *message)
{
    ProtobufCMessage *raw;
    int error = message_decode(
        &tallystick__v1__entry_request__descriptor, MESSAGE_CANONICAL, message->bytes, &message->arena, &raw);
    if (error != TALLY_OK) return error;
    message->message.kind = MESSAGE_ENTRY_REQUEST;
    message->message.view = ((const Tallystick__V1__EntryRequest *)raw)->view;
    message->message.epoch = ((const Tallystick__V1__EntryRequest *)raw)->epoch;
    return TALLY_OK;
}

static int open_range_request(struct peer_message *message)
{
    ProtobufCMessage *raw;
    int error = message_decode(
        &tallystick__v1__range_request__descriptor, MESSAGE_CANONICAL, message->bytes, &message->arena, &raw);
    if (error != TALLY_OK) return error;
    message->message.kind = MESSAGE_RANGE_REQUEST;
    message->message.height = ((const Tallystick__V1__RangeRequest *)raw)->from_height;
    return TALLY_OK;
}

static int open_kind(struct peer_message *message, enum frame_kind kind, const struct digest *chain_id)
{
    switch (kind) {
    case FRAME_PROPOSAL:
        return open_proposal(message);
    case FRAME_VOTE:
        return open_vote(message);
    case FRAME_CERTIFICATE:
        return open_certificate(message);
    case FRAME_PROPOSAL_REQUEST:
        return open_proposal_request(message);
    case FRAME_ENTRY_REQUEST:
        return open_entry_request(message);
    case FRAME_RANGE_REQUEST:
        return open_range_request(message);
    case FRAME_RANGE:
        return open_range(message, chain_id);
    case FRAME_HELLO:
    case FRAME_KEEPALIVE:
    case FRAME_BATCH:
    case FRAME_BATCH_REQUEST:
    case FRAME_CHECKPOINT_VOTE:
    case FRAME_CHECKPOINT_REQUEST:
    case FRAME_CHECKPOINT:
    case FRAME_PART:
    case FRAME_SNAPSHOT_REQUEST:
    case FRAME_SNAPSHOT:
    case FRAME_CHUNK_REQUEST:
    case FRAME_CHUNK:
    case FRAME_BACKFILL_REQUEST:
    case FRAME_BACKFILL:
    case FRAME_SEAL_REQUEST:
    case FRAME_SEAL:
        break;
    }
    CHECK_UNREACHABLE();
}

int peer_message_open(
    enum frame_kind kind, struct span payload, const struct digest *chain_id, struct peer_message **out)
{
    CHECK(peer_message_is_kind(kind));
    struct peer_message *message = calloc(1, sizeof *message);
    if (message == NULL) return TALLY_ENOMEM;
    message->references = 1;
    arena_init(&message->arena, ARENA_BUDGET);
    uint8_t *bytes = arena_take(&message->arena, payload.size);
    int error = TALLY_ENOMEM;
    if (bytes != NULL) {
        if (payload.size > 0) memcpy(bytes, payload.data, payload.size);
        message->bytes = span_of(bytes, payload.size);
        error = open_kind(message, kind, chain_id);
    }
    if (error != TALLY_OK) {
        peer_message_release(message);
        return error;
    }
    *out = message;
    return TALLY_OK;
}

struct peer_message *peer_message_share(struct peer_message *message)
{
    CHECK(message->references > 0);
    message->references++;
    return message;
}

void peer_message_release(struct peer_message *message)
{
    if (message == NULL) return;
    CHECK(message->references > 0);
    if (--message->references > 0) return;
    arena_close(&message->arena);
    free(message);
}

/* Whether every event came with its body. No signature covers bodies, and nothing in this release takes one
 * away: who leaves them out would have honest nodes lose them. */
bool batch_is_whole(const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->event_count; i++)
        if (!batch->events[i].has_body) return false;
    return true;
}

/* The last signing key is kept parsed: a member's batches come in rows. */
struct parsed_key {
    struct public_key of;
    struct verify_key key;
};

static int check_batch(const struct batch *batch, struct parsed_key *parsed)
{
    if (!public_key_equal(&parsed->of, &batch->signing_key)) {
        if (verify_key_parse(&batch->signing_key, &parsed->key) != TALLY_OK) return TALLY_ESIGNATURE;
        parsed->of = batch->signing_key;
    }
    return batch_check(batch, &parsed->key);
}

int block_check(const struct block *block, const struct verify_set *set, const struct digest *chain_id)
{
    struct parsed_key parsed = {0};
    if (block->header.view == 0) return TALLY_EFORM;
    struct digest digest = proposal_digest(chain_id, &block->header, &block->hash);
    int error = signature_check(
        &set->parsed[leader_of(block->header.view, set->set.count)], &digest, &block->signature);
    for (uint32_t i = 0; i < block->batch_count && error == TALLY_OK; i++)
        error = check_batch(&block->batches[i], &parsed);
    return error;
}

bool block_is_whole(const struct block *block)
{
    for (uint32_t i = 0; i < block->batch_count; i++)
        if (!batch_is_whole(&block->batches[i])) return false;
    return true;
}

static int check_range(
    const struct peer_message *message, const struct verify_set *set, const struct digest *chain_id)
{
    const struct consensus_range *range = message->message.range;
    int error = certificate_check(set, chain_id, range->finalization);
    for (uint32_t b = 0; b < message->block_count && error == TALLY_OK; b++)
        error = block_check(&message->blocks[b], set, chain_id);
    return error;
}

int peer_message_check(
    const struct peer_message *message, const struct verify_set *set, const struct digest *chain_id)
{
    const struct consensus_message *said = &message->message;
    switch (said->kind) {
    case MESSAGE_PROPOSAL:
        return proposal_check(set, chain_id, said->proposal);
    case MESSAGE_VOTE:
        return vote_check(set, chain_id, said->vote);
    case MESSAGE_CERTIFICATE:
        return certificate_check(set, chain_id, said->certificate);
    case MESSAGE_RANGE:
        return check_range(message, set, chain_id);
    case MESSAGE_PROPOSAL_REQUEST:
    case MESSAGE_ENTRY_REQUEST:
    case MESSAGE_RANGE_REQUEST:
        return TALLY_OK;
    }
    CHECK_UNREACHABLE();
}

uint32_t peer_message_cost(const struct peer_message *message, uint32_t quorum)
{
    const struct consensus_message *said = &message->message;
    switch (said->kind) {
    case MESSAGE_PROPOSAL:
        return 1 + quorum * (1 + said->proposal->justification.nullification_count);
    case MESSAGE_VOTE:
        return 1;
    case MESSAGE_CERTIFICATE:
        return quorum;
    case MESSAGE_RANGE:
        return UINT32_MAX;
    case MESSAGE_PROPOSAL_REQUEST:
    case MESSAGE_ENTRY_REQUEST:
    case MESSAGE_RANGE_REQUEST:
        return 0;
    }
    CHECK_UNREACHABLE();
}

enum frame_kind peer_message_encode(const struct consensus_message *message, struct buffer *out)
{
    Tallystick__V1__ProposalRequest proposal_request = TALLYSTICK__V1__PROPOSAL_REQUEST__INIT;
    Tallystick__V1__EntryRequest entry_request = TALLYSTICK__V1__ENTRY_REQUEST__INIT;
    Tallystick__V1__RangeRequest range_request = TALLYSTICK__V1__RANGE_REQUEST__INIT;
    switch (message->kind) {
    case MESSAGE_VOTE:
        vote_encode(message->vote, out);
        return FRAME_VOTE;
    case MESSAGE_CERTIFICATE:
        certificate_encode(message->certificate, out);
        return FRAME_CERTIFICATE;
    case MESSAGE_PROPOSAL_REQUEST:
        proposal_request.block = message_bytes(span_of(message->block.bytes, DIGEST_SIZE));
        proposal_request.view = message->view;
        message_encode(&proposal_request.base, out);
        return FRAME_PROPOSAL_REQUEST;
    case MESSAGE_ENTRY_REQUEST:
        entry_request.view = message->view;
        entry_request.epoch = message->epoch;
        message_encode(&entry_request.base, out);
        return FRAME_ENTRY_REQUEST;
    case MESSAGE_RANGE_REQUEST:
        range_request.from_height = message->height;
        message_encode(&range_request.base, out);
        return FRAME_RANGE_REQUEST;
    case MESSAGE_PROPOSAL:
    case MESSAGE_RANGE:
        break;
    }
    CHECK_UNREACHABLE();
}

void batch_request_encode(const struct digest *digests, uint32_t count, struct buffer *out)
{
    _Static_assert(sizeof *digests == DIGEST_SIZE, "digests lie one after the other");
    Tallystick__V1__BatchRequest request = TALLYSTICK__V1__BATCH_REQUEST__INIT;
    request.digests = message_bytes(span_of(digests, (size_t)count * DIGEST_SIZE));
    message_encode(&request.base, out);
}
