// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/limits.h"
#include "proto/crypto/digest.h"
#include "storage/segment_log.h"
#include "tests/fault/memory_disk.h"

static struct digest chain_id;

static struct segment_log_config config_of(struct memory_disk *disk)
{
    chain_id = digest_tagged(TAG_SYNTH, span_of("segments", 8));
    return (struct segment_log_config){.disk = &disk->disk,
        .dir = "log",
        .chain_id = chain_id,
        .kind = SEGMENT_LOG_VOTES,
        .segment_size_max = 2000,
        .record_size_max = 1000,
        .allocate_step = 512,
        .check = CHECK_ALL};
}

static struct memory_disk *fresh_disk(void)
{
    struct memory_disk *disk = memory_disk_make(3);
    assert_int_equal(disk->disk.make_dir(disk, "log"), TALLY_OK);
    strcpy(disk->files[0].durable_name, disk->files[0].name);
    return disk;
}

static int open_log(struct memory_disk *disk, int (*seen)(void *, const struct segment_log_record *),
    void *context, struct segment_log **log, struct segment_log_report *report)
{
    struct segment_log_config config = config_of(disk);
    return segment_log_open(&config, seen, context, log, report);
}

static struct segment_log *fresh_log(struct memory_disk *disk)
{
    struct segment_log_config config = config_of(disk);
    struct segment_log *log;
    struct segment_log_report report;
    assert_int_equal(open_log(disk, NULL, NULL, &log, &report), TALLY_ENOTFOUND);
    assert_int_equal(segment_log_create(&config, 1, NULL), TALLY_OK);
    assert_int_equal(segment_log_create(&config, 1, NULL), TALLY_EEXISTS);
    assert_int_equal(open_log(disk, NULL, NULL, &log, &report), TALLY_OK);
    return log;
}

static struct segment_place append(struct segment_log *log, uint64_t number, size_t size)
{
    uint8_t bytes[1000];
    memset(bytes, (int)number, sizeof bytes);
    struct segment_log_entry entry = {
        .type = 1, .number = number, .parts = {span_of(bytes, size / 3), span_of(bytes, size - size / 3)}};
    struct segment_place place;
    assert_int_equal(segment_log_append(log, &entry, 1, NULL, &place), TALLY_OK);
    return place;
}

static struct memory_file *file_named(struct memory_disk *disk, const char *name)
{
    struct memory_file *file = memory_find(disk, name);
    assert_non_null(file);
    return file;
}

struct listed {
    uint64_t numbers[100];
    size_t count;
};

static int list_record(void *context, const struct segment_log_record *record)
{
    struct listed *listed = context;
    for (size_t i = 0; i < record->size; i++)
        assert_int_equal(record->payload.data[i], (uint8_t)record->number);
    listed->numbers[listed->count++] = record->number;
    return TALLY_OK;
}

static struct memory_file *newest_file(struct memory_disk *disk)
{
    struct memory_file *newest = NULL;
    for (size_t i = 0; i < disk->count; i++)
        if (strncmp(disk->files[i].name, "log/0", 5) == 0 &&
            (newest == NULL || strcmp(disk->files[i].name, newest->name) > 0))
            newest = &disk->files[i];
    assert_non_null(newest);
    return newest;
}

static void headers_come_back_and_every_flipped_bit_is_seen(void **state)
{
    (void)state;
    struct segment_header header = {.kind = 2,
                              .sequence = 7,
                              .first_number = 9,
                              .previous_size = 11,
                              .used_before = true},
                          read;
    memset(header.salt, 5, sizeof header.salt);
    memset(header.previous_digest.bytes, 6, DIGEST_SIZE);
    uint8_t bytes[SEGMENT_HEADER_SIZE];
    segment_header_encode(&header, bytes);
    assert_int_equal(segment_header_decode(bytes, &read), TALLY_OK);
    assert_int_equal(read.kind, header.kind);
    assert_int_equal(read.sequence, header.sequence);
    assert_int_equal(read.first_number, header.first_number);
    assert_int_equal(read.previous_size, header.previous_size);
    assert_memory_equal(read.salt, header.salt, sizeof read.salt);
    assert_true(digest_equal(&read.previous_digest, &header.previous_digest) && read.used_before);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(segment_header_decode(bytes, &read), TALLY_EDAMAGED);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    struct record_header record = {.size = 5, .type = 3, .number = 8, .synced_size = 128, .payload_crc = 99},
                         back;
    uint8_t short_bytes[RECORD_HEADER_SIZE];
    record_header_encode(&record, 42, short_bytes);
    assert_int_equal(record_header_decode(short_bytes, 42, &back), TALLY_OK);
    assert_int_equal(back.size, record.size);
    assert_int_equal(back.type, record.type);
    assert_int_equal(back.number, record.number);
    assert_int_equal(back.synced_size, record.synced_size);
    assert_int_equal(back.payload_crc, record.payload_crc);
    assert_int_equal(record_header_decode(short_bytes, 43, &back), TALLY_EDAMAGED);
    for (size_t bit = 0; bit < 8 * sizeof short_bytes; bit++) {
        short_bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(record_header_decode(short_bytes, 42, &back), TALLY_EDAMAGED);
        short_bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void records_are_read_by_their_place(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_place places[40];
    struct segment_log_record record;
    struct arena arena;
    arena_init(&arena, MIB);
    for (uint64_t i = 0; i < 40; i++)
        places[i] = append(log, i, 1 + i * 24);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    assert_true(segment_log_last(log) > 5);
    for (uint64_t i = 0; i < 40; i++) {
        assert_int_equal(places[i].offset % RECORD_ALIGNMENT, 0);
        assert_int_equal(segment_log_read(log, places[i], &arena, &record), TALLY_OK);
        assert_int_equal(record.number, i);
        assert_int_equal(record.size, 1 + i * 24);
        if (i > 0) assert_true(segment_place_before(places[i - 1], places[i]));
    }
    struct segment_place nowhere = {segment_log_last(log) + 1, 128}, between = places[3];
    between.offset += RECORD_ALIGNMENT;
    assert_int_equal(segment_log_read(log, nowhere, &arena, &record), TALLY_ENOTFOUND);
    assert_int_equal(segment_log_read(log, between, &arena, &record), TALLY_EDAMAGED);
    uint8_t large[1001] = {0};
    struct segment_log_entry entry = {.type = 1, .parts = {span_of(large, sizeof large)}};
    assert_int_equal(segment_log_append(log, &entry, 1, NULL, NULL), TALLY_ELIMIT);
    append(log, 40, 10);
    arena_close(&arena);
    segment_log_close(log);
    memory_disk_close(disk);
}

static void a_group_stands_in_one_segment(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    uint8_t bytes[900] = {0};
    struct segment_log_entry entries[5];
    struct segment_place places[5];
    append(log, 1, 500);
    for (size_t i = 0; i < 5; i++)
        entries[i] =
            (struct segment_log_entry){.type = 1, .number = i, .parts = {span_of(bytes, sizeof bytes)}};
    assert_int_equal(segment_log_append(log, entries, 5, NULL, places), TALLY_OK);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(places[i].segment, 2);
    append(log, 6, 10);
    assert_int_equal(segment_log_last(log), 3);
    segment_log_close(log);
    memory_disk_close(disk);
}

/* Two records of one unsynced group; the first never reached the disk, the second did. */
static void a_group_that_reached_the_disk_out_of_order_is_torn_not_damaged(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_log_report report;
    append(log, 1, 100);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    struct segment_place second = append(log, 2, 100);
    append(log, 3, 100);
    segment_log_close(log);
    newest_file(disk)->data[second.offset + 40] ^= 1;
    struct listed listed = {.count = 0};
    assert_int_equal(open_log(disk, list_record, &listed, &log, &report), TALLY_OK);
    assert_int_equal(listed.count, 1);
    assert_true(report.bytes_cut > 0);
    /* What was cut never comes back. */
    append(log, 4, 100);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    segment_log_close(log);
    listed.count = 0;
    assert_int_equal(open_log(disk, list_record, &listed, &log, &report), TALLY_OK);
    assert_int_equal(listed.count, 2);
    assert_int_equal(listed.numbers[1], 4);
    segment_log_close(log);
    memory_disk_close(disk);
}

static void a_bad_record_that_was_synced_before_a_later_one_is_damage(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_log_report report;
    append(log, 1, 100);
    struct segment_place second = append(log, 2, 100);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    append(log, 3, 100);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    segment_log_close(log);
    struct memory_file *file = newest_file(disk);
    static const size_t at[] = {0, 4, 9, 20, 25, 30, 40};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        file->data[second.offset + at[i]] ^= 1;
        assert_int_equal(open_log(disk, NULL, NULL, &log, &report), TALLY_EDAMAGED);
        assert_int_equal(report.damaged_number, 2);
        assert_true(report.detail[0] != '\0');
        file->data[second.offset + at[i]] ^= 1;
    }
    assert_int_equal(open_log(disk, NULL, NULL, &log, &report), TALLY_OK);
    segment_log_close(log);
    memory_disk_close(disk);
}

static void bytes_of_a_recycled_file_never_pass_for_records(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk(), *other = fresh_disk();
    struct segment_log *log = fresh_log(disk), *stale = fresh_log(other);
    struct segment_log_report report;
    append(log, 1, 100);
    append(stale, 1, 100);
    assert_int_equal(segment_log_sync(stale), TALLY_OK);
    for (uint64_t i = 2; i < 6; i++)
        append(stale, i, 100);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    size_t end = segment_log_end(log).offset;
    segment_log_close(log);
    segment_log_close(stale);
    struct memory_file *to = newest_file(disk);
    const struct memory_file *from = newest_file(other);
    memory_resize(&to->data, &to->size, from->size);
    memcpy(to->data + end, from->data + end, from->size - end);
    struct listed listed = {.count = 0};
    assert_int_equal(open_log(disk, list_record, &listed, &log, &report), TALLY_OK);
    assert_int_equal(listed.count, 1);
    segment_log_close(log);
    memory_disk_close(disk);
    memory_disk_close(other);
}

/* By the first record that is whole; a header that only looks like one has no payload that agrees. */
static void the_seed_of_records_is_found_without_the_header(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_header header;
    uint8_t salt[SEGMENT_SALT_SIZE];
    uint64_t number = 99;
    uint32_t found = 0;
    append(log, 7, 100);
    struct segment_place second = append(log, 8, 100), third = append(log, 9, 100);
    struct memory_file *file = newest_file(disk);
    int opened;
    assert_int_equal(segment_header_decode(file->data, &header), TALLY_OK);
    uint32_t seed = segment_seed(&header);
    memset(file->data, 0xA5, SEGMENT_HEADER_SIZE);
    assert_int_equal(disk->disk.open(disk->disk.context, file->name, DISK_READ, &opened), TALLY_OK);
    assert_int_equal(segment_seed_find(&disk->disk, opened, file->size, 1000, &found, &number), TALLY_OK);
    assert_true(found == seed && number == 7);
    segment_salt_of(seed, salt);
    memcpy(header.salt, salt, sizeof salt);
    assert_int_equal(segment_seed(&header), seed);
    file->data[SEGMENT_HEADER_SIZE + RECORD_HEADER_SIZE + 3] ^= 1;
    file->data[second.offset + 9] ^= 1;
    found = 0;
    assert_int_equal(segment_seed_find(&disk->disk, opened, file->size, 1000, &found, &number), TALLY_OK);
    assert_true(found == seed && number == 0);
    file->data[third.offset + RECORD_HEADER_SIZE + 3] ^= 1;
    assert_int_equal(
        segment_seed_find(&disk->disk, opened, file->size, 1000, &found, &number), TALLY_ENOTFOUND);
    disk->disk.close(disk->disk.context, opened);
    segment_log_close(log);
    memory_disk_close(disk);
}

static void another_chain_kind_or_version_is_refused(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_log_report report;
    segment_log_close(log);
    struct segment_log_config config = config_of(disk);
    config.chain_id.bytes[0] ^= 1;
    assert_int_equal(segment_log_open(&config, NULL, NULL, &log, &report), TALLY_ECHAIN);
    config = config_of(disk);
    config.kind = SEGMENT_LOG_BODIES;
    assert_int_equal(segment_log_open(&config, NULL, NULL, &log, &report), TALLY_EDAMAGED);
    memory_disk_close(disk);
}

static void a_cut_reaches_back_over_segments(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_log_report report;
    struct segment_place places[30];
    for (uint64_t i = 0; i < 30; i++)
        places[i] = append(log, i, 200);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    for (uint64_t left = 30; left > 0; left -= 7 < left ? 7 : left) {
        struct listed listed = {.count = 0};
        if (left < 30) assert_int_equal(segment_log_cut(log, places[left]), TALLY_OK);
        segment_log_close(log);
        assert_int_equal(open_log(disk, list_record, &listed, &log, &report), TALLY_OK);
        assert_int_equal(listed.count, left);
    }
    append(log, 77, 300);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    segment_log_close(log);
    memory_disk_close(disk);
}

static void dropping_takes_the_oldest_segments_alone(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_log_report report;
    for (uint64_t i = 0; i < 30; i++)
        append(log, i, 200);
    uint32_t last = segment_log_last(log);
    assert_int_equal(segment_log_drop_before(log, 3), TALLY_OK);
    assert_int_equal(segment_log_first(log), 3);
    assert_int_equal(segment_log_drop_before(log, last), TALLY_OK);
    struct listed listed = {.count = 0};
    segment_log_close(log);
    assert_int_equal(open_log(disk, list_record, &listed, &log, &report), TALLY_OK);
    assert_int_equal(segment_log_first(log), last);
    assert_true(listed.count > 0 && listed.count < 8);
    assert_int_equal(listed.numbers[listed.count - 1], 29);
    segment_log_close(log);
    memory_disk_close(disk);
}

static int open_digests(struct memory_disk *disk, struct segment_log **log, struct segment_log_report *report)
{
    struct segment_log_config config = config_of(disk);
    config.digests = true;
    return segment_log_open(&config, NULL, NULL, log, report);
}

/* Held against a digest made at once, over restarts and a cut. */
static void a_sealed_segment_has_its_digest_in_the_next_ones_header(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_log_report report;
    struct segment_place places[40];
    segment_log_close(log);
    assert_int_equal(open_digests(disk, &log, &report), TALLY_OK);
    for (uint64_t i = 0; i < 40; i++) {
        places[i] = append(log, i, 100 + i * 7);
        if (i % 9 == 8) {
            segment_log_close(log);
            assert_int_equal(open_digests(disk, &log, &report), TALLY_OK);
        }
        if (i == 20) {
            assert_int_equal(segment_log_cut(log, places[15]), TALLY_OK);
            append(log, 15, 333);
        }
    }
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    uint32_t last = segment_log_last(log);
    segment_log_close(log);
    assert_true(last > 5);
    for (uint32_t sequence = 1; sequence < last; sequence++) {
        char sealed[40], next[40];
        struct segment_header header;
        snprintf(sealed, sizeof sealed, "log/%016x", sequence);
        snprintf(next, sizeof next, "log/%016x", sequence + 1);
        struct memory_file *file = file_named(disk, sealed);
        assert_int_equal(segment_header_decode(file_named(disk, next)->data, &header), TALLY_OK);
        assert_int_equal(header.previous_size, file->size);
        struct digest whole = digest_plain(span_of(file->data, file->size));
        assert_true(digest_equal(&whole, &header.previous_digest));
        /* Another segment, whole in itself. */
        struct segment_header other;
        uint8_t kept[SEGMENT_HEADER_SIZE];
        memcpy(kept, file->data, sizeof kept);
        assert_int_equal(segment_header_decode(file->data, &other), TALLY_OK);
        other.link.bytes[3] ^= 1;
        segment_header_encode(&other, file->data);
        assert_int_equal(open_digests(disk, &log, &report), TALLY_EDAMAGED);
        assert_non_null(strstr(report.detail, sealed + 4));
        memcpy(file->data, kept, sizeof kept);
    }
    assert_int_equal(open_digests(disk, &log, &report), TALLY_OK);
    segment_log_close(log);
    memory_disk_close(disk);
}

static int open_recycling(struct memory_disk *disk, struct listed *listed, struct segment_log **log,
    struct segment_log_report *report)
{
    struct segment_log_config config = config_of(disk);
    config.recycles = true;
    listed->count = 0;
    return segment_log_open(&config, list_record, listed, log, report);
}

static void a_dropped_segment_is_used_again_and_its_old_records_never_come_back(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_log_report report;
    struct listed listed;
    segment_log_close(log);
    assert_int_equal(open_recycling(disk, &listed, &log, &report), TALLY_OK);
    uint64_t number = 1;
    while (segment_log_last(log) < 4)
        append(log, number++, 200);
    uint64_t inode = file_named(disk, "log/0000000000000003")->inode;
    assert_int_equal(segment_log_drop_before(log, 4), TALLY_OK);
    uint64_t first = number - 1; /* what made the fourth segment */
    assert_int_equal(file_named(disk, "log/spare")->inode, inode);
    while (segment_log_last(log) < 5)
        append(log, number++, 200);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    struct memory_file *file = file_named(disk, "log/0000000000000005");
    assert_int_equal(file->inode, inode);
    assert_null(memory_find(disk, "log/spare"));
    size_t end = segment_log_end(log).offset;
    segment_log_close(log);
    /* Stale bytes behind the end are no torn write. */
    bool stale = false;
    for (size_t at = end; at < file->size; at++)
        stale = stale || file->data[at] != 0;
    assert_true(stale);
    struct memory_disk *torn = memory_disk_copy(disk);
    assert_int_equal(open_recycling(disk, &listed, &log, &report), TALLY_OK);
    assert_int_equal(report.bytes_cut, 0);
    assert_int_equal(listed.numbers[0], first);
    assert_int_equal(listed.count, number - first);
    /* It goes on growing, and comes back. */
    append(log, number++, 300);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    segment_log_close(log);
    assert_int_equal(open_recycling(disk, &listed, &log, &report), TALLY_OK);
    assert_int_equal(listed.count, number - first);
    segment_log_close(log);
    /* A torn write is one here too. */
    file_named(torn, "log/0000000000000005")->data[end - 60] ^= 1;
    assert_int_equal(open_recycling(torn, &listed, &log, &report), TALLY_OK);
    assert_true(report.bytes_cut > 0);
    assert_int_equal(listed.count, number - 2 - first);
    segment_log_close(log);
    memory_disk_close(torn);
    memory_disk_close(disk);
}

/* A failed sync leaves zeros in the page cache that are not on the disk, here up to the file's end. */
static void the_mark_behind_the_last_record_is_on_disk_once_it_is_found(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_log_report report;
    struct listed listed;
    segment_log_close(log);
    assert_int_equal(open_recycling(disk, &listed, &log, &report), TALLY_OK);
    uint64_t number = 1;
    while (segment_log_last(log) < 2)
        append(log, number++, 200);
    assert_int_equal(segment_log_drop_before(log, 2), TALLY_OK);
    while (segment_log_last(log) < 3)
        append(log, number++, 200);
    struct memory_file *file = file_named(disk, "log/0000000000000003");
    while (file->size - segment_log_end(log).offset > 256)
        append(log, number++, 200);
    assert_int_equal(segment_log_sync(log), TALLY_OK);
    append(log, number++, 256 - SEGMENT_END_MARK_SIZE - RECORD_HEADER_SIZE);
    assert_int_equal(file->size - segment_log_end(log).offset, SEGMENT_END_MARK_SIZE);
    memory_fault(disk, FAULT_PHANTOM, 1, 0);
    assert_int_equal(segment_log_sync(log), TALLY_EIO);
    segment_log_close(log);
    memory_disk_crash(disk, CRASH_KEEPS_ALL);
    for (int power_cut = 0; power_cut < 2; power_cut++) {
        assert_int_equal(open_recycling(disk, &listed, &log, &report), TALLY_OK);
        assert_int_equal(report.bytes_cut, 0);
        segment_log_close(log);
        memory_disk_crash(disk, CRASH_KEEPS_SYNCED);
    }
    memory_disk_close(disk);
}

static int note_gap(void *context, const struct segment_gap *gap)
{
    struct segment_gap *gaps = context;
    while (gaps->end != 0)
        gaps++;
    *gaps = *gap;
    return TALLY_OK;
}

static void a_walk_goes_on_behind_what_is_damaged(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct segment_log *log = fresh_log(disk);
    struct segment_place places[8];
    for (uint64_t i = 0; i < 8; i++) {
        places[i] = append(log, 10 + i, 100);
        assert_int_equal(segment_log_sync(log), TALLY_OK);
    }
    segment_log_close(log);
    struct memory_file *file = newest_file(disk);
    struct segment_header header;
    assert_int_equal(segment_header_decode(file->data, &header), TALLY_OK);
    file->data[places[2].offset + 40] ^= 1; /* a payload */
    file->data[places[4].offset + 1] ^= 1;  /* two headers in a row */
    file->data[places[5].offset + 1] ^= 1;
    file->data[places[7].offset + 50] ^= 1; /* the last one */
    for (int sealed = 0; sealed < 2; sealed++) {
        struct segment_gap gaps[5] = {0};
        struct segment_scan scan = {.disk = &disk->disk,
            .file = (int)(file - disk->files),
            .seed = segment_seed(&header),
            .size = file->size,
            .known = sealed == 1 ? file->size : 0,
            .record_size_max = 1000,
            .payloads = true,
            .gap = note_gap,
            .context = gaps};
        assert_int_equal(segment_scan(&scan), TALLY_OK);
        assert_int_equal(gaps[0].start, places[2].offset);
        assert_int_equal(gaps[0].end, places[3].offset);
        assert_int_equal(gaps[0].number, 12);
        assert_int_equal(gaps[1].start, places[4].offset);
        assert_int_equal(gaps[1].end, places[6].offset);
        assert_int_equal(gaps[1].number, 14);
        /* Nothing behind the last one says that it was on disk, but for a seal. */
        assert_int_equal(gaps[2].start, sealed == 1 ? places[7].offset : 0);
        assert_int_equal(scan.end, sealed == 1 ? file->size : places[7].offset);
        assert_false(scan.damaged);
    }
    memory_disk_close(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_come_back_and_every_flipped_bit_is_seen),
        cmocka_unit_test(records_are_read_by_their_place),
        cmocka_unit_test(a_group_stands_in_one_segment),
        cmocka_unit_test(a_group_that_reached_the_disk_out_of_order_is_torn_not_damaged),
        cmocka_unit_test(a_bad_record_that_was_synced_before_a_later_one_is_damage),
        cmocka_unit_test(bytes_of_a_recycled_file_never_pass_for_records),
        cmocka_unit_test(the_seed_of_records_is_found_without_the_header),
        cmocka_unit_test(another_chain_kind_or_version_is_refused),
        cmocka_unit_test(a_cut_reaches_back_over_segments),
        cmocka_unit_test(dropping_takes_the_oldest_segments_alone),
        cmocka_unit_test(a_sealed_segment_has_its_digest_in_the_next_ones_header),
        cmocka_unit_test(a_dropped_segment_is_used_again_and_its_old_records_never_come_back),
        cmocka_unit_test(the_mark_behind_the_last_record_is_on_disk_once_it_is_found),
        cmocka_unit_test(a_walk_goes_on_behind_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
