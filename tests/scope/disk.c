#include "tests/scope/disk.h"

#include <stdlib.h>

#include "proto/base/check.h"

#define RECORDS_MAX LOG_LEDGER
#define BUCKETS 65536u

static struct consensus_record *records[RECORDS_MAX];
static uint16_t next_in_bucket[RECORDS_MAX], buckets[BUCKETS];
static uint16_t record_total = 1; /* 0 is none */

static uint64_t mark_of(const struct consensus_record *record)
{
    const uint8_t *at = (const uint8_t *)record;
    uint64_t mark = 0;
    for (size_t i = 0; i + 8 <= sizeof *record; i += 8)
        mark = (mark ^ get_u64(at + i)) * 0x9fb21c651e98df25u ^ mark >> 29;
    return mark ^ mark >> 32;
}

/* Records come zeroed from the core, so their bytes compare. */
uint16_t disk_number(const struct consensus_record *record)
{
    uint16_t *bucket = &buckets[mark_of(record) % BUCKETS];
    for (uint16_t i = *bucket; i != 0; i = next_in_bucket[i])
        if (memcmp(records[i], record, sizeof *record) == 0) return i;
    CHECK(record_total < RECORDS_MAX);
    uint16_t number = record_total++;
    records[number] = malloc(sizeof *record);
    CHECK(records[number]);
    memcpy(records[number], record, sizeof *record);
    next_in_bucket[number] = *bucket;
    *bucket = number;
    return number;
}

const struct consensus_record *disk_record(uint16_t number)
{
    CHECK(number > 0 && number < record_total);
    return records[number];
}

uint16_t disk_records_count(void)
{
    return record_total;
}

void disk_records_cut(uint16_t count)
{
    CHECK(count >= 1 && count <= record_total);
    while (record_total > count) {
        uint16_t number = --record_total;
        buckets[mark_of(records[number]) % BUCKETS] = next_in_bucket[number];
        free(records[number]);
    }
}

bool disk_write(struct life *life, uint16_t entry)
{
    if (life->log_count == LOG_MAX) return false;
    life->log[life->log_count++] = entry;
    return true;
}

static uint64_t view_of(uint16_t entry)
{
    const struct consensus_record *record = disk_record(entry);
    return record->kind == RECORD_PROPOSAL ? record->header.view : record->vote.view;
}

/* Own votes at or below the floor leave the disk once the floor is there. */
static void prune(struct life *life)
{
    uint8_t count = 0, durable = life->log_durable, floor = term_at(life->ledger_durable)->view;
    for (uint8_t i = 0; i < life->log_count; i++) {
        uint16_t entry = life->log[i];
        bool gone = i < durable && (entry & LOG_LEDGER || view_of(entry) <= floor);
        if (gone)
            life->log_durable--;
        else
            life->log[count++] = entry;
    }
    memset(life->log + count, 0, (size_t)(life->log_count - count) * sizeof *life->log);
    life->log_count = count;
}

void disk_sync(struct life *life, uint32_t count)
{
    CHECK(count <= life_unsynced(life));
    bool appended = false;
    for (; count > 0; count--) {
        uint16_t entry = life->log[life->log_durable++];
        if (!(entry & LOG_LEDGER)) continue;
        life->ledger_durable = entry & (uint16_t)~LOG_LEDGER;
        appended = true;
    }
    if (appended) prune(life);
}

uint32_t disk_appends_waiting(const struct life *life)
{
    uint32_t count = 0;
    for (uint8_t i = life->log_durable; i < life->log_count; i++)
        if (life->log[i] & LOG_LEDGER) count++;
    return count;
}

void disk_cut(struct life *life, uint32_t votes, uint32_t appends)
{
    uint8_t count = life->log_durable;
    for (uint8_t i = life->log_durable; i < life->log_count; i++) {
        uint32_t *left = life->log[i] & LOG_LEDGER ? &appends : &votes;
        if (*left == 0) continue;
        --*left;
        life->log[count++] = life->log[i];
    }
    CHECK(votes == 0 && appends == 0);
    memset(life->log + count, 0, (size_t)(life->log_count - count) * sizeof *life->log);
    life->log_count = count;
    disk_sync(life, life_unsynced(life));
    life->ledger = life->ledger_durable;
}
