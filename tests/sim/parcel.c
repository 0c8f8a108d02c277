#include "tests/sim/parcel.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/agreement.h"
#include "tests/sim/seal.h"

#define PROPOSAL_SIZE_MAX (4u * MIB)

static void *take(size_t size)
{
    void *memory = calloc(1, size > 0 ? size : 1);
    CHECK(memory != NULL);
    return memory;
}

static void *copy_of(const void *from, size_t size)
{
    void *memory = take(size);
    if (size > 0) memcpy(memory, from, size);
    return memory;
}

struct payload *payload_make(const struct digest *batches, uint32_t count)
{
    struct payload *payload = take(sizeof *payload + count * sizeof payload->batches[0]);
    payload->references = 1;
    payload->count = count;
    if (count > 0) memcpy(payload->batches, batches, count * sizeof payload->batches[0]);
    return payload;
}

struct payload *payload_hold(struct payload *payload)
{
    CHECK(payload->references > 0);
    payload->references++;
    return payload;
}

void payload_release(struct payload *payload)
{
    if (payload == NULL) return;
    CHECK(payload->references > 0);
    if (--payload->references == 0) free(payload);
}

static struct parcel *parcel_make(enum parcel_kind kind)
{
    struct parcel *parcel = take(sizeof *parcel);
    parcel->references = 1;
    parcel->kind = kind;
    return parcel;
}

struct parcel *parcel_of_vote(const struct vote *vote)
{
    struct parcel *parcel = parcel_make(PARCEL_MESSAGE);
    parcel->message.kind = MESSAGE_VOTE;
    parcel->message.vote = parcel->memory[0] = copy_of(vote, sizeof *vote);
    parcel->mark = seal_mark_vote(vote);
    return parcel;
}

struct parcel *parcel_of_certificate(const struct certificate *certificate)
{
    struct parcel *parcel = parcel_make(PARCEL_MESSAGE);
    parcel->message.kind = MESSAGE_CERTIFICATE;
    parcel->message.certificate = parcel->memory[0] = copy_of(certificate, sizeof *certificate);
    parcel->mark = seal_mark_certificate(certificate);
    return parcel;
}

/* Moves what was encoded to the parcel's memory. */
static struct span keep_bytes(struct parcel *parcel, size_t slot, struct buffer *bytes)
{
    CHECK(!bytes->failed && parcel->memory[slot] == NULL);
    parcel->memory[slot] = bytes->data;
    return buffer_span(bytes);
}

struct span parcel_bytes(struct parcel *parcel)
{
    CHECK(parcel->message.kind == MESSAGE_PROPOSAL);
    if (parcel->bytes.data != NULL) return parcel->bytes;
    struct buffer bytes;
    buffer_init(&bytes, PROPOSAL_SIZE_MAX);
    proposal_encode(parcel->message.proposal, &bytes);
    parcel->bytes = keep_bytes(parcel, 3, &bytes);
    return parcel->bytes;
}

struct parcel *parcel_of_proposal(const struct proposal *proposal)
{
    struct parcel *parcel = parcel_make(PARCEL_MESSAGE);
    struct proposal *copy = copy_of(proposal, sizeof *proposal);
    struct justification *justification = &copy->justification;
    size_t count = justification->nullification_count;
    parcel->memory[0] = copy;
    parcel->memory[1] = copy_of(justification->nullifications, count * sizeof(struct certificate));
    parcel->payload = payload_make(proposal->batches, proposal->batch_count);
    justification->nullifications = parcel->memory[1];
    size_t path_size = justification->seal_path_count * sizeof justification->seal_path[0];
    justification->seal_path = parcel->memory[4] = copy_of(justification->seal_path, path_size);
    copy->batches = parcel->payload->batches;
    struct buffer bytes;
    buffer_init(&bytes, JUSTIFICATION_SIZE_MAX);
    justification_encode(justification, &bytes);
    copy->justification_bytes = keep_bytes(parcel, 2, &bytes);
    copy->hash = seal_header(&copy->header);
    if (!justification->parent_is_genesis) justification->parent_hash = seal_header(&justification->parent);
    parcel->message.kind = MESSAGE_PROPOSAL;
    parcel->message.proposal = copy;
    parcel->message.block = copy->hash;
    parcel->mark = seal_mark(copy->hash.bytes, DIGEST_SIZE, get_u64(copy->signature.bytes));
    return parcel;
}

struct parcel *parcel_of_range(const struct block_header *headers, struct parcel *const *proposals,
    uint32_t count, const struct certificate *finalization)
{
    struct parcel *parcel = parcel_make(PARCEL_MESSAGE);
    struct consensus_range *range = take(sizeof *range);
    struct digest *hashes = take(count * sizeof *hashes);
    parcel->memory[0] = range;
    parcel->memory[1] = copy_of(headers, count * sizeof *headers);
    parcel->memory[2] = hashes;
    parcel->memory[3] = copy_of(finalization, sizeof *finalization);
    parcel->range_count = count;
    if (proposals != NULL) parcel->range_proposals = take(count * sizeof(struct parcel *));
    uint64_t mark = seal_mark_certificate(finalization);
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = seal_header(&headers[i]);
        mark = seal_mark(hashes[i].bytes, DIGEST_SIZE, mark);
        if (proposals != NULL && proposals[i] != NULL) parcel->range_proposals[i] = parcel_hold(proposals[i]);
    }
    *range = (struct consensus_range){count, parcel->memory[1], hashes, parcel->memory[3]};
    parcel->message.kind = MESSAGE_RANGE;
    parcel->message.range = range;
    parcel->mark = mark;
    return parcel;
}

struct parcel *parcel_of_message(const struct consensus_message *message)
{
    switch (message->kind) {
    case MESSAGE_PROPOSAL:
        return parcel_of_proposal(message->proposal);
    case MESSAGE_VOTE:
        return parcel_of_vote(message->vote);
    case MESSAGE_CERTIFICATE:
        return parcel_of_certificate(message->certificate);
    case MESSAGE_RANGE:
        return parcel_of_range(
            message->range->headers, NULL, message->range->count, message->range->finalization);
    case MESSAGE_PROPOSAL_REQUEST:
    case MESSAGE_ENTRY_REQUEST:
    case MESSAGE_RANGE_REQUEST:
        break;
    }
    struct parcel *parcel = parcel_make(PARCEL_MESSAGE);
    parcel->message.kind = message->kind;
    parcel->message.block = message->block;
    parcel->message.epoch = message->epoch;
    parcel->message.view = message->view;
    parcel->message.height = message->height;
    parcel->mark = seal_mark(message->block.bytes, DIGEST_SIZE, message->view ^ message->height << 20);
    return parcel;
}

struct parcel *parcel_of_payload(enum parcel_kind kind, const struct digest *block, struct payload *payload)
{
    struct parcel *parcel = parcel_make(kind);
    if (block != NULL) parcel->block = *block;
    if (payload != NULL) parcel->payload = payload_hold(payload);
    parcel->mark = seal_mark(parcel->block.bytes, DIGEST_SIZE, (uint64_t)kind);
    for (uint32_t i = 0; payload != NULL && i < payload->count; i++)
        parcel->mark = seal_mark(payload->batches[i].bytes, DIGEST_SIZE, parcel->mark);
    return parcel;
}

struct parcel *parcel_of_epoch(enum parcel_kind kind, uint64_t epoch)
{
    struct parcel *parcel = parcel_make(kind);
    parcel->epoch = epoch;
    parcel->mark = seal_mark(&epoch, sizeof epoch, (uint64_t)kind);
    return parcel;
}

struct parcel *parcel_of_certified(uint64_t epoch, const struct certified_checkpoint *certified)
{
    struct parcel *parcel = parcel_of_epoch(PARCEL_CERTIFIED, epoch);
    parcel->certified = parcel->memory[0] = copy_of(certified, sizeof *certified);
    return parcel;
}

struct parcel *parcel_hold(struct parcel *parcel)
{
    CHECK(parcel->references > 0);
    parcel->references++;
    return parcel;
}

void parcel_release(struct parcel *parcel)
{
    if (parcel == NULL) return;
    CHECK(parcel->references > 0);
    if (--parcel->references > 0) return;
    for (size_t i = 0; i < sizeof parcel->memory / sizeof parcel->memory[0]; i++)
        free(parcel->memory[i]);
    for (uint32_t i = 0; parcel->range_proposals != NULL && i < parcel->range_count; i++)
        parcel_release(parcel->range_proposals[i]);
    free(parcel->range_proposals);
    payload_release(parcel->payload);
    free(parcel);
}

uint64_t parcel_view(const struct parcel *parcel)
{
    if (parcel->kind != PARCEL_MESSAGE) return 0;
    switch (parcel->message.kind) {
    case MESSAGE_PROPOSAL:
        return parcel->message.proposal->header.view;
    case MESSAGE_VOTE:
        return parcel->message.vote->view;
    case MESSAGE_CERTIFICATE:
        return parcel->message.certificate->view;
    case MESSAGE_RANGE:
        return parcel->message.range->finalization->view;
    case MESSAGE_PROPOSAL_REQUEST:
    case MESSAGE_ENTRY_REQUEST:
    case MESSAGE_RANGE_REQUEST:
        return parcel->message.view;
    }
    CHECK_UNREACHABLE();
}
