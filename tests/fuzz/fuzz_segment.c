// links: storage codec crypto base
/* Any bytes as a segment: opening ends, cuts a tail or says what is wrong; and what it let through once stays
 * so. */
#include "tests/fuzz/fuzz.h"

#include "proto/crypto/digest.h"
#include "storage/segment_log.h"
#include "tests/fault/memory_disk.h"

static struct segment_log_config config_of(struct memory_disk *disk)
{
    struct segment_log_config config = {.disk = &disk->disk,
        .dir = "log",
        .kind = SEGMENT_LOG_VOTES,
        .segment_size_max = 1 << 16,
        .record_size_max = 4096,
        .allocate_step = 512,
        .check = CHECK_ALL};
    return config;
}

static int count_record(void *context, const struct segment_log_record *record)
{
    uint64_t *sum = context;
    for (uint32_t i = 0; i < record->size; i++)
        *sum = *sum * 31 + record->payload.data[i];
    *sum = *sum * 31 + record->number + 1;
    return TALLY_OK;
}

static int open_with(struct memory_disk *disk, uint64_t *sum, struct segment_log **log)
{
    struct segment_log_config config = config_of(disk);
    struct segment_log_report report;
    *sum = 0;
    return segment_log_open(&config, count_record, sum, log, &report);
}

static struct memory_disk *disk_with(const uint8_t *data, size_t size)
{
    struct memory_disk *disk = memory_disk_make(1);
    int file;
    CHECK(disk->disk.make_dir(disk, "log") == TALLY_OK);
    CHECK(disk->disk.open(disk, "log/0000000000000001", DISK_CREATE, &file) == TALLY_OK);
    if (size > 0) CHECK(disk->disk.write(disk, file, 0, data, size) == TALLY_OK);
    return disk;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_disk *disk = disk_with(data, size);
    struct segment_log *log;
    uint64_t first, again;
    if (open_with(disk, &first, &log) == TALLY_OK) {
        segment_log_close(log);
        CHECK(open_with(disk, &again, &log) == TALLY_OK);
        CHECK(first == again);
        struct segment_log_entry entry = {.type = 1, .number = 9, .parts = {span_of("fresh", 5)}};
        CHECK(segment_log_append(log, &entry, 1, NULL, NULL) == TALLY_OK);
        CHECK(segment_log_sync(log) == TALLY_OK);
        segment_log_close(log);
        CHECK(open_with(disk, &again, &log) == TALLY_OK);
        segment_log_close(log);
    }
    memory_disk_close(disk);
    return 0;
}

/* A small whole segment with several records, one more of them in each sample. */
size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    if (number >= 6) return 0;
    struct memory_disk *disk = memory_disk_make(1);
    struct segment_log *log;
    uint64_t sum;
    CHECK(disk->disk.make_dir(disk, "log") == TALLY_OK);
    struct segment_log_config config = config_of(disk);
    CHECK(segment_log_create(&config, 1, NULL) == TALLY_OK);
    CHECK(open_with(disk, &sum, &log) == TALLY_OK);
    for (uint32_t i = 0; i < number; i++) {
        struct segment_log_entry entry = {.type = 1, .number = i, .parts = {span_of("some bytes", 10)}};
        CHECK(segment_log_append(log, &entry, 1, NULL, NULL) == TALLY_OK);
        CHECK(segment_log_sync(log) == TALLY_OK);
    }
    size_t size = 0;
    for (size_t i = 0; i < disk->count; i++)
        if (strcmp(disk->files[i].name, "log/0000000000000001") == 0) size = disk->files[i].size;
    if (size > size_max) size = 0;
    for (size_t i = 0; i < disk->count; i++)
        if (size > 0 && disk->files[i].size == size) memcpy(bytes, disk->files[i].data, size);
    segment_log_close(log);
    memory_disk_close(disk);
    return size;
}
