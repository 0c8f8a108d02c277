/* What a replica stored, in order: records, told by number, and the ledger's ends. */
#ifndef TALLY_SCOPE_DISK_H
#define TALLY_SCOPE_DISK_H

#include "tests/scope/actor.h"

/* The same record has the same number, in every replica and schedule. */
uint16_t disk_number(const struct consensus_record *record);
const struct consensus_record *disk_record(uint16_t number);
uint16_t disk_records_count(void);
/* Forgets the records from `count` on: those that only healing made. */
void disk_records_cut(uint16_t count);

/* False when there is no room. */
bool disk_write(struct life *life, uint16_t entry) TALLY_MUST_CHECK;
/* The next `count` entries are on disk for good. What the ledger's end passed is pruned. */
void disk_sync(struct life *life, uint32_t count);
/* Of what is not on disk for good all is lost but the next so many records, and the next so many of the
 * ledger's ends: the two are different files. Those that are kept are on disk for good from now on. */
void disk_cut(struct life *life, uint32_t votes, uint32_t appends);
uint32_t disk_appends_waiting(const struct life *life);

#endif
