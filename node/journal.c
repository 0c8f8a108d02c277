#include "node/journal.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* kind u8, flags u8, then as the flags say: the vote, the NC, the admission certificate (each u32 size and
 * bytes), the block's hash, its proposal (u32 size and bytes) and batches (u32 count; u32 size and bytes
 * each). */
enum flag {
    HAS_NOTARIZATION = 1,
    HAS_ADMISSION = 2,
    NAMES_BLOCK = 4,
    STORES_BLOCK = 8,
};
#define FLAGS_ALL 15u
/* A view each millisecond would take 34 years to fill them. */
#define PLACE_VIEW_BITS 40u

static void put_sized(struct buffer *out, struct span bytes)
{
    buffer_u32(out, (uint32_t)bytes.size);
    buffer_append(out, bytes.data, bytes.size);
}

/* Writes the size in front of what `from` onwards turned out to be. */
static void close_sized(struct buffer *out, size_t from)
{
    if (!out->failed) put_u32(out->data + from, (uint32_t)(out->size - from - 4));
}

static void put_certificate(struct buffer *out, const struct certificate *certificate)
{
    size_t from = out->size;
    buffer_u32(out, 0);
    certificate_encode(certificate, out);
    close_sized(out, from);
}

static void put_vote(struct buffer *out, const struct vote *vote)
{
    size_t from = out->size;
    buffer_u32(out, 0);
    vote_encode(vote, out);
    close_sized(out, from);
}

static void put_block(struct buffer *out, struct candidate *candidate)
{
    CHECK(candidate_has_payload(candidate) && candidate->finalized == NULL);
    put_sized(out, candidate->source->bytes);
    uint32_t count = candidate_batch_count(candidate);
    buffer_u32(out, count);
    for (uint32_t i = 0; i < count; i++)
        put_sized(out, candidate->batches[i]->bytes);
    candidate->stored = true;
}

void journal_encode(const struct consensus_record *record, struct candidate *candidate, struct buffer *out)
{
    bool names = record->kind == RECORD_PROPOSAL || record->vote.kind == VOTE_NOTARIZE;
    CHECK(names == (candidate != NULL));
    bool stores = names && !candidate->stored;
    buffer_u8(out, (uint8_t)record->kind);
    buffer_u8(out, (uint8_t)((record->has_notarization ? HAS_NOTARIZATION : 0) |
                             (record->has_admission ? HAS_ADMISSION : 0) | (names ? NAMES_BLOCK : 0) |
                             (stores ? STORES_BLOCK : 0)));
    if (record->kind == RECORD_VOTE) put_vote(out, &record->vote);
    if (record->has_notarization) put_certificate(out, &record->notarization);
    if (record->has_admission) put_certificate(out, &record->admission);
    if (names) buffer_append(out, record->block.bytes, DIGEST_SIZE);
    if (stores) put_block(out, candidate);
}

uint64_t journal_place(uint64_t epoch, uint64_t view)
{
    CHECK(epoch > 0 && epoch < UINT64_C(1) << (64 - PLACE_VIEW_BITS) && view >> PLACE_VIEW_BITS == 0);
    return epoch << PLACE_VIEW_BITS | view;
}

uint64_t journal_place_epoch(uint64_t place)
{
    return place >> PLACE_VIEW_BITS;
}

uint64_t journal_place_view(uint64_t place)
{
    return place & ((UINT64_C(1) << PLACE_VIEW_BITS) - 1);
}

uint64_t journal_view(const struct consensus_record *record)
{
    return record->kind == RECORD_VOTE ? record->vote.view : record->header.view;
}

static struct span get_sized(struct reader *reader)
{
    return reader_span(reader, reader_u32(reader));
}

static int get_block(struct reader *reader, const struct digest *chain_id, struct journal_entry *entry)
{
    struct span proposal = get_sized(reader);
    uint32_t count = reader_u32(reader);
    if (reader->failed || count > BLOCK_BATCHES_MAX) return TALLY_EDAMAGED;
    int error = peer_message_open(FRAME_PROPOSAL, proposal, chain_id, &entry->proposal);
    if (error != TALLY_OK) return error == TALLY_ENOMEM ? error : TALLY_EDAMAGED;
    const struct proposal *decoded = entry->proposal->message.proposal;
    if (!digest_equal(&decoded->hash, &entry->record.block) || decoded->batch_count != count)
        return TALLY_EDAMAGED;
    entry->record.header = decoded->header;
    entry->batches = calloc(count + 1, sizeof *entry->batches);
    if (entry->batches == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        entry->batches[i] = get_sized(reader);
    entry->batch_count = count;
    return TALLY_OK;
}

static int get_record(struct reader *reader, const struct digest *chain_id, struct journal_entry *entry)
{
    struct consensus_record *record = &entry->record;
    unsigned kind = reader_u8(reader);
    unsigned flags = reader_u8(reader);
    if (kind != RECORD_PROPOSAL && kind != RECORD_VOTE) return TALLY_EDAMAGED;
    if ((flags & ~FLAGS_ALL) != 0) return TALLY_EDAMAGED;
    record->kind = (enum consensus_record_kind)kind;
    record->has_notarization = (flags & HAS_NOTARIZATION) != 0;
    record->has_admission = (flags & HAS_ADMISSION) != 0;
    entry->names_block = (flags & NAMES_BLOCK) != 0;
    if (kind == RECORD_VOTE && vote_decode(get_sized(reader), &record->vote) != TALLY_OK)
        return TALLY_EDAMAGED;
    if (record->has_notarization && certificate_decode(get_sized(reader), &record->notarization) != TALLY_OK)
        return TALLY_EDAMAGED;
    if (record->has_admission && certificate_decode(get_sized(reader), &record->admission) != TALLY_OK)
        return TALLY_EDAMAGED;
    if (entry->names_block) reader_copy(reader, record->block.bytes, DIGEST_SIZE);
    if ((flags & STORES_BLOCK) == 0) return TALLY_OK;
    return entry->names_block ? get_block(reader, chain_id, entry) : TALLY_EDAMAGED;
}

int journal_decode(struct span bytes, const struct digest *chain_id, struct journal_entry *entry)
{
    struct journal_entry decoded = {0};
    struct reader reader;
    reader_init(&reader, bytes);
    int error = get_record(&reader, chain_id, &decoded);
    if (error == TALLY_OK && !reader_done(&reader)) error = TALLY_EDAMAGED;
    if (error != TALLY_OK) {
        journal_entry_close(&decoded);
        return error;
    }
    *entry = decoded;
    return TALLY_OK;
}

void journal_entry_close(struct journal_entry *entry)
{
    peer_message_release(entry->proposal);
    free(entry->batches);
    *entry = (struct journal_entry){0};
}
