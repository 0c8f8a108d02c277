#include "tools/bench_chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "tools/bench_load.h"
#include "tools/policies/profile.h"

#define CREATED_MS 1767225600000u /* 2026-01-01: after every date in the load */
#define BATCH_LIFETIME_MS (BATCH_LIFETIME_MS_MAX / 2)
#define RECORD_HEAD_SIZE                                                                                     \
    24u /* size of the rest u32, batches u32, proposal u32, finalization u32, time u64                       \
         */
#define RECORD_SIZE_MAX (2u * BLOCK_SIZE_MAX)

static void key_pair(const struct chain *chain, const char *what, uint32_t number, struct secret_key *secret,
    struct public_key *key)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_SYNTH);
    hasher_u64(&hasher, chain->seed);
    hasher_sized(&hasher, span_of(what, strlen(what)));
    hasher_u32(&hasher, number);
    struct digest digest = hasher_final(&hasher);
    memcpy(secret->bytes, digest.bytes, SECRET_KEY_SIZE);
    CHECK(secret_key_public(secret, key) == TALLY_OK); /* one digest in 2^128 is no key */
}

/* The keys in the order of the set, which is the genesis' own. */
static void use_keys(struct chain *chain, const struct secret_key nodes[CHAIN_VALIDATORS])
{
    struct validator_set set;
    genesis_validator_set(&chain->genesis, &set);
    CHECK(verify_set_init(&set, &chain->validators) == TALLY_OK);
    for (uint32_t i = 0; i < CHAIN_VALIDATORS; i++)
        for (uint32_t j = 0; j < CHAIN_VALIDATORS; j++)
            if (public_key_equal(&set.keys[i], &chain->genesis.validators[j].key)) chain->nodes[i] = nodes[j];
}

void chain_init(uint64_t seed, struct chain *chain)
{
    struct secret_key nodes[CHAIN_VALIDATORS], ballot;
    memset(chain, 0, sizeof *chain);
    chain->seed = seed;
    struct genesis *genesis = &chain->genesis;
    snprintf(genesis->network, sizeof genesis->network, "bench");
    CHECK(policy_profile("dev", &genesis->policy) == TALLY_OK);
    genesis->created_ms = CREATED_MS;
    genesis->open_reads = true;
    genesis->base_timeout_ms = 400;
    genesis->heartbeat_ms = 10000;
    genesis->member_count = genesis->validator_count = CHAIN_VALIDATORS;
    for (uint32_t i = 0; i < CHAIN_VALIDATORS; i++) {
        struct genesis_member *member = &genesis->members[i];
        struct genesis_node *node = &genesis->validators[i];
        member->id = node->member_id = i + 1;
        member->role = ROLE_LENDER;
        member->key_count = 1;
        snprintf(member->name, sizeof member->name, "Member %u", i + 1);
        snprintf(member->kind, sizeof member->kind, "bank");
        snprintf(node->name, sizeof node->name, "validator-%u", i + 1);
        snprintf(node->address, sizeof node->address, "127.0.0.1:%u", 20000 + i);
        member->ballot_key_count = 1;
        key_pair(chain, "signing", i, &chain->signing[i], &member->keys[0]);
        key_pair(chain, "ballot", i, &ballot, &member->ballot_keys[0]);
        key_pair(chain, "node", i, &nodes[i], &node->key);
    }
    genesis_identify(genesis);
    use_keys(chain, nodes);
}

int chain_init_network(uint64_t seed, const struct genesis *genesis,
    const struct secret_key nodes[CHAIN_VALIDATORS], const struct secret_key signing[CHAIN_VALIDATORS],
    struct chain *chain)
{
    if (genesis->validator_count != CHAIN_VALIDATORS) return TALLY_EINVALID;
    memset(chain, 0, sizeof *chain);
    chain->seed = seed;
    chain->genesis = *genesis;
    memcpy(chain->signing, signing, sizeof chain->signing);
    use_keys(chain, nodes);
    return TALLY_OK;
}

uint64_t chain_blocks(const struct chain_plan *plan)
{
    return (plan->events + plan->block_events - 1) / plan->block_events;
}

/* ---- Writing ---- */

struct writer {
    const struct chain *chain;
    const struct chain_plan *plan;
    struct load *load;
    struct block_header parent; /* height 0: none yet */
    struct digest parent_hash;
    uint64_t events, batches; /* written so far */
    struct buffer payload, justification, proposal, finalization, head;
    uint32_t batch_count;
    struct digest digests[BLOCK_BATCHES_MAX];
    uint32_t sizes[BLOCK_BATCHES_MAX];
};

static void certify(const struct chain *chain, enum vote_kind kind, uint64_t view, const struct digest *block,
    struct certificate *out)
{
    uint64_t epoch = chain->validators.set.epoch;
    struct digest digest = vote_digest(&chain->genesis.chain_id, epoch, kind, view, block);
    *out = (struct certificate){.kind = kind, .epoch = epoch, .view = view, .block = *block};
    for (uint32_t i = 0; i < quorum_of(CHAIN_VALIDATORS); i++) {
        out->signers |= UINT64_C(1) << i;
        signature_make(&chain->nodes[i], &digest, &out->signatures[i]);
    }
}

/* The next block's batches, and what its header says of them. */
static int payload_make(struct writer *writer, struct block_header *header)
{
    const struct chain_plan *plan = writer->plan;
    buffer_clear(&writer->payload);
    writer->batch_count = 0;
    while (header->payload_events < plan->block_events && writer->events < plan->events) {
        uint64_t left = plan->events - writer->events;
        uint32_t events = left < plan->batch_events ? (uint32_t)left : plan->batch_events;
        uint32_t member = (uint32_t)(writer->batches % CHAIN_VALIDATORS);
        struct batch batch;
        size_t start = writer->payload.size;
        int error = load_batch(
            writer->load, member, events, header->time_ms + BATCH_LIFETIME_MS, &writer->payload, &batch);
        if (error != TALLY_OK) return error;
        CHECK(writer->batch_count < BLOCK_BATCHES_MAX);
        writer->sizes[writer->batch_count] = (uint32_t)(writer->payload.size - start);
        writer->digests[writer->batch_count++] = batch.digest;
        header->payload_size += (uint32_t)batch_size_without_bodies(&batch);
        header->payload_events += events;
        writer->events += events;
        writer->batches++;
    }
    header->payload_root = payload_root(writer->digests, writer->batch_count);
    return writer->payload.size <= BLOCK_SIZE_MAX ? TALLY_OK : TALLY_ELIMIT;
}

static void propose(struct writer *writer, struct block_header *header)
{
    const struct chain *chain = writer->chain;
    struct justification justification = {.parent_is_genesis = header->height == 1};
    if (header->height > 1) {
        justification.parent = writer->parent;
        justification.parent_hash = writer->parent_hash;
        certify(chain, VOTE_NOTARIZE, writer->parent.view, &writer->parent_hash,
            &justification.parent_certificate);
    }
    buffer_clear(&writer->justification);
    buffer_clear(&writer->proposal);
    justification_encode(&justification, &writer->justification);
    struct proposal proposal = {
        .justification = justification,
        .justification_bytes = buffer_span(&writer->justification),
        .batch_count = writer->batch_count,
        .batches = writer->digests,
    };
    header->justification_root = justification_root(proposal.justification_bytes);
    proposal.header = *header;
    proposal.hash = block_header_hash(header);
    struct digest digest = proposal_digest(&header->chain_id, header, &proposal.hash);
    signature_make(&chain->nodes[leader_of(header->view, CHAIN_VALIDATORS)], &digest, &proposal.signature);
    proposal_encode(&proposal, &writer->proposal);
    writer->parent = *header;
    writer->parent_hash = proposal.hash;
}

static int block_make(struct writer *writer)
{
    const struct chain *chain = writer->chain;
    struct certificate finalization;
    struct block_header header = {
        .chain_id = chain->genesis.chain_id,
        .epoch = chain->validators.set.epoch,
        .view = writer->parent.height + 1,
        .height = writer->parent.height + 1,
        .parent_view = writer->parent.view,
        .parent_hash = writer->parent.height == 0 ? chain->genesis.chain_id : writer->parent_hash,
        .time_ms = chain->genesis.created_ms + 1 + writer->parent.height +
                   writer->events * 1000 / CHAIN_EVENTS_PER_S,
    };
    int error = payload_make(writer, &header);
    if (error != TALLY_OK) return error;
    propose(writer, &header);
    certify(chain, VOTE_FINALIZE, header.view, &writer->parent_hash, &finalization);
    buffer_clear(&writer->finalization);
    certificate_encode(&finalization, &writer->finalization);
    return writer->justification.failed || writer->proposal.failed || writer->finalization.failed
               ? TALLY_ENOMEM
               : TALLY_OK;
}

static int write_all(int descriptor, struct span bytes)
{
    while (bytes.size > 0) {
        ssize_t put = write(descriptor, bytes.data, bytes.size);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno == ENOSPC || errno == EDQUOT ? TALLY_EFULL : TALLY_EIO;
        bytes = span_of(bytes.data + put, bytes.size - (size_t)put);
    }
    return TALLY_OK;
}

static int record_write(struct writer *writer, int descriptor)
{
    struct buffer *head = &writer->head;
    size_t size = RECORD_HEAD_SIZE + 4u * (size_t)writer->batch_count + writer->proposal.size +
                  writer->finalization.size + writer->payload.size;
    CHECK(size <= RECORD_SIZE_MAX);
    buffer_clear(head);
    buffer_u32(head, (uint32_t)size);
    buffer_u32(head, writer->batch_count);
    buffer_u32(head, (uint32_t)writer->proposal.size);
    buffer_u32(head, (uint32_t)writer->finalization.size);
    buffer_u64(head, writer->parent.time_ms);
    for (uint32_t i = 0; i < writer->batch_count; i++)
        buffer_u32(head, writer->sizes[i]);
    if (head->failed) return TALLY_ENOMEM;
    int error = write_all(descriptor, buffer_span(head));
    if (error == TALLY_OK) error = write_all(descriptor, buffer_span(&writer->proposal));
    if (error == TALLY_OK) error = write_all(descriptor, buffer_span(&writer->finalization));
    return error == TALLY_OK ? write_all(descriptor, buffer_span(&writer->payload)) : error;
}

int chain_write(const struct chain *chain, const struct chain_plan *plan, int descriptor,
    bool (*go_on)(void *context, uint64_t events), void *context)
{
    CHECK(plan->block_events % plan->batch_events == 0 && plan->block_events <= BLOCK_EVENTS_MAX);
    struct writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) return TALLY_ENOMEM;
    struct load_plan load = {
        .chain_id = chain->genesis.chain_id,
        .seed = chain->seed,
        .subjects = plan->subjects,
        .members = CHAIN_VALIDATORS,
        .signing = chain->signing,
    };
    *writer = (struct writer){.chain = chain, .plan = plan};
    buffer_init(&writer->payload, BLOCK_SIZE_MAX + BATCH_SIZE_MAX);
    buffer_init(&writer->justification, JUSTIFICATION_SIZE_MAX);
    buffer_init(&writer->proposal, FRAME_SIZE_MAX);
    buffer_init(&writer->finalization, FRAME_SIZE_MAX);
    buffer_init(&writer->head, RECORD_HEAD_SIZE + 4u * BLOCK_BATCHES_MAX);
    int error = load_open(&load, &writer->load);
    while (error == TALLY_OK && writer->events < plan->events) {
        error = block_make(writer);
        if (error == TALLY_OK) error = record_write(writer, descriptor);
        if (error == TALLY_OK && !go_on(context, writer->events)) error = TALLY_ECLOSED;
    }
    if (error == TALLY_OK && fsync(descriptor) != 0) error = TALLY_EIO;
    load_close(writer->load);
    buffer_close(&writer->payload);
    buffer_close(&writer->justification);
    buffer_close(&writer->proposal);
    buffer_close(&writer->finalization);
    buffer_close(&writer->head);
    free(writer);
    return error;
}

/* ---- Reading ---- */

static int read_all(int descriptor, uint64_t offset, uint8_t *to, size_t size)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = pread(descriptor, to + have, size - have, (off_t)(offset + have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return TALLY_EIO;
        if (got == 0) return have == 0 ? TALLY_ENOTFOUND : TALLY_EFORM;
        have += (size_t)got;
    }
    return TALLY_OK;
}

static int record_parse(
    struct chain_record *record, struct reader *reader, uint32_t proposal, uint32_t finalization)
{
    struct reader sizes;
    reader_init(&sizes, reader_span(reader, 4u * (size_t)record->batch_count));
    record->proposal = reader_span(reader, proposal);
    record->finalization = reader_span(reader, finalization);
    record->batches = calloc((size_t)record->batch_count + 1, sizeof *record->batches);
    if (record->batches == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < record->batch_count; i++)
        record->batches[i] = reader_span(reader, reader_u32(&sizes));
    return reader_done(reader) ? TALLY_OK : TALLY_EFORM;
}

int chain_record_read(int descriptor, uint64_t *offset, struct chain_record *out)
{
    uint8_t head[RECORD_HEAD_SIZE];
    struct reader reader;
    struct chain_record record = {.bytes = NULL};
    int error = read_all(descriptor, *offset, head, sizeof head);
    if (error != TALLY_OK) return error;
    reader_init(&reader, span_of(head, sizeof head));
    uint32_t size = reader_u32(&reader);
    record.batch_count = reader_u32(&reader);
    uint32_t proposal = reader_u32(&reader), finalization = reader_u32(&reader);
    record.time_ms = reader_u64(&reader);
    if (size < sizeof head || size > RECORD_SIZE_MAX || record.batch_count > BLOCK_BATCHES_MAX)
        return TALLY_EFORM;
    size_t rest = size - sizeof head;
    record.bytes = malloc(rest + 1);
    if (record.bytes == NULL) return TALLY_ENOMEM;
    error = read_all(descriptor, *offset + sizeof head, record.bytes, rest);
    reader_init(&reader, span_of(record.bytes, rest));
    if (error == TALLY_OK) error = record_parse(&record, &reader, proposal, finalization);
    if (error != TALLY_OK) {
        chain_record_close(&record);
        return error == TALLY_ENOTFOUND ? TALLY_EFORM : error;
    }
    *offset += size;
    *out = record;
    return TALLY_OK;
}

void chain_record_close(struct chain_record *record)
{
    free(record->bytes);
    free(record->batches);
    *record = (struct chain_record){.bytes = NULL};
}
