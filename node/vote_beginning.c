#include "node/vote_beginning.h"

#include "node/journal.h"
#include "node/keys/guard.h"
#include "storage/vote_record.h"

static int nothing_yet(void *context, uint8_t type, uint64_t view, struct span bytes)
{
    (void)context;
    (void)type;
    (void)view;
    (void)bytes;
    return TALLY_EDAMAGED; /* it was just made */
}

int vote_beginning_make(const struct config *config, const char *data_dir, uint64_t epoch)
{
    const struct disk *disk = disk_system();
    const struct digest *chain_id = &config->genesis.chain_id;
    struct vote_record *record;
    struct vote_record_report report;
    uint8_t bytes[8];
    put_u64(bytes, epoch);
    int error = guard_create(disk, config->home, chain_id);
    if (error == TALLY_OK) error = vote_record_create(disk, data_dir, chain_id);
    if (error != TALLY_OK) return error;
    error = vote_record_open(disk, data_dir, chain_id, NULL, nothing_yet, NULL, &record, &report);
    if (error != TALLY_OK) return error;
    error = vote_record_append(record, JOURNAL_BEGIN, journal_place(epoch, 0), span_of(bytes, sizeof bytes));
    if (error == TALLY_OK) error = vote_record_sync(record);
    if (error == TALLY_OK) error = vote_record_end(record);
    vote_record_close(record);
    return error;
}

bool vote_beginning_is_safe(const struct validator_set *validators, uint32_t self,
    const uint64_t heights[VALIDATORS_MAX], uint64_t height)
{
    uint32_t unsealed = 0;
    for (uint32_t seat = 0; seat < validators->count; seat++)
        unsealed += seat != self && heights[seat] != 0 && heights[seat] <= height;
    return unsealed >= quorum_of(validators->count);
}
