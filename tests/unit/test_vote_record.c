// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"
#include "storage/vote_record.h"
#include "tests/fault/memory_disk.h"

#define FILE_SIZE 1500
#define RECORDS_MAX 400

static const struct vote_record_options options = {.file_size_max = FILE_SIZE};
static struct digest chain_id;

static struct memory_disk *fresh_disk(void)
{
    struct memory_disk *disk = memory_disk_make(1);
    chain_id = digest_tagged(TAG_SYNTH, span_of("votes", 5));
    assert_int_equal(disk->disk.make_dir(disk, "home"), TALLY_OK);
    strcpy(disk->files[0].durable_name, disk->files[0].name);
    return disk;
}

/* What was given back: the numbers of the records, which their bytes tell. */
struct replayed {
    uint32_t numbers[RECORDS_MAX];
    size_t count;
};

static size_t record_bytes(uint32_t number, uint8_t bytes[256])
{
    memset(bytes, (int)number, 256);
    put_u32(bytes, number);
    return 4 + number * 13 % 250;
}

static int replay(void *context, uint8_t type, uint64_t view, struct span bytes)
{
    struct replayed *replayed = context;
    uint8_t expected[256];
    assert_true(bytes.size >= 4 && replayed->count < RECORDS_MAX);
    uint32_t number = get_u32(bytes.data);
    size_t size = record_bytes(number, expected);
    assert_true(span_equal(bytes, span_of(expected, size)));
    assert_int_equal(type, 1 + number % 3);
    assert_int_equal(view, number / 2);
    replayed->numbers[replayed->count++] = number;
    return TALLY_OK;
}

static int open_record(struct memory_disk *disk, struct vote_record **record, struct replayed *replayed)
{
    struct vote_record_report report;
    replayed->count = 0;
    int error = vote_record_open(&disk->disk, "home", &chain_id, &options, replay, replayed, record, &report);
    if (error == TALLY_OK) assert_int_equal(report.records, replayed->count);
    return error;
}

static int append(struct vote_record *record, uint32_t number)
{
    uint8_t bytes[256];
    size_t size = record_bytes(number, bytes);
    return vote_record_append(record, (uint8_t)(1 + number % 3), number / 2, span_of(bytes, size));
}

/* The records are consecutive, and end with `last`. */
static void check_run(const struct replayed *replayed, uint32_t last)
{
    for (size_t i = 1; i < replayed->count; i++)
        assert_int_equal(replayed->numbers[i], replayed->numbers[i - 1] + 1);
    if (replayed->count > 0)
        assert_int_equal(replayed->numbers[replayed->count - 1], last);
    else
        assert_int_equal(last, 0);
}

static void a_record_is_made_by_an_explicit_call_alone(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct vote_record *record;
    struct replayed replayed;
    assert_int_equal(open_record(disk, &record, &replayed), TALLY_ENOTFOUND);
    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_OK);
    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_EEXISTS);
    assert_int_equal(open_record(disk, &record, &replayed), TALLY_OK);
    assert_int_equal(replayed.count, 0);
    assert_int_equal(vote_record_checkpoint_height(record), 0);
    vote_record_close(record);
    /* Its files gone, a folder is left: that is a lost record, not a first start. */
    for (size_t i = 0; i < disk->count; i++)
        if (strncmp(disk->files[i].name, "home/votes/0", 12) == 0) disk->files[i].name[0] = '\0';
    assert_int_equal(open_record(disk, &record, &replayed), TALLY_ENOTFOUND);
    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_EEXISTS);
    memory_disk_close(disk);
}

static void records_come_back_in_order_over_many_files(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct vote_record *record;
    struct replayed replayed;
    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_OK);
    for (uint32_t round = 0; round < 5; round++) {
        assert_int_equal(open_record(disk, &record, &replayed), TALLY_OK);
        check_run(&replayed, round * 20);
        assert_int_equal(replayed.count, round * 20);
        for (uint32_t number = round * 20 + 1; number <= round * 20 + 20; number++)
            assert_int_equal(append(record, number), TALLY_OK);
        assert_int_equal(vote_record_sync(record), TALLY_OK);
        vote_record_close(record);
    }
    memory_disk_close(disk);
}

static void an_empty_record_and_one_too_large(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct vote_record *record;
    struct replayed replayed;
    struct vote_record_report report;
    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_OK);
    assert_int_equal(open_record(disk, &record, &replayed), TALLY_OK);
    uint8_t *large = calloc(1, VOTE_RECORD_SIZE_MAX);
    assert_non_null(large);
    assert_int_equal(vote_record_append(record, 1, 1, span_of(large, VOTE_RECORD_SIZE_MAX)), TALLY_ELIMIT);
    assert_int_equal(vote_record_append(record, 1, 1, span_of(large, VOTE_RECORD_SIZE_MAX - 1)), TALLY_OK);
    assert_int_equal(vote_record_append(record, 2, 1, span_of(NULL, 0)), TALLY_OK);
    assert_int_equal(vote_record_sync(record), TALLY_OK);
    vote_record_close(record);
    free(large);
    assert_int_equal(
        vote_record_open(&disk->disk, "home", &chain_id, NULL, NULL, NULL, &record, &report), TALLY_OK);
    assert_int_equal(report.records, 2);
    vote_record_close(record);
    memory_disk_close(disk);
}

static void a_checkpoint_is_promised_once_ever_for_a_height(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct vote_record *record;
    struct replayed replayed;
    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_OK);
    uint32_t number = 1;
    for (uint64_t height = 1; height <= 40; height++) {
        assert_int_equal(open_record(disk, &record, &replayed), TALLY_OK);
        assert_int_equal(vote_record_checkpoint_height(record), height - 1);
        assert_int_equal(vote_record_checkpoint(record, height - 1), TALLY_EEXISTS);
        assert_int_equal(vote_record_checkpoint(record, height), TALLY_OK);
        assert_int_equal(vote_record_checkpoint(record, height), TALLY_EEXISTS);
        for (int i = 0; i < 6; i++)
            assert_int_equal(append(record, number++), TALLY_OK);
        assert_int_equal(vote_record_sync(record), TALLY_OK);
        /* Pruned as far as can be, file after file. */
        assert_int_equal(vote_record_prune(record, number), TALLY_OK);
        vote_record_close(record);
    }
    memory_disk_close(disk);
}

static void a_promise_outlives_pruning_even_where_files_hold_one_record_each(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct vote_record *record;
    struct vote_record_report report;
    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_OK);
    uint8_t bytes[FILE_SIZE] = {0};
    for (uint64_t round = 0; round < 30; round++) {
        assert_int_equal(
            vote_record_open(&disk->disk, "home", &chain_id, &options, NULL, NULL, &record, &report),
            TALLY_OK);
        assert_int_equal(vote_record_checkpoint_height(record), round == 0 ? 0 : 7);
        if (round == 0) assert_int_equal(vote_record_checkpoint(record, 7), TALLY_OK);
        size_t size = 1200 + round * 10;
        assert_int_equal(vote_record_append(record, 1, round, span_of(bytes, size)), TALLY_OK);
        for (int i = 0; i < 3; i++)
            assert_int_equal(vote_record_prune(record, round), TALLY_OK);
        vote_record_close(record);
    }
    memory_disk_close(disk);
}

static size_t files_of(const struct memory_disk *disk)
{
    size_t count = 0;
    for (size_t i = 0; i < disk->count; i++)
        count += strncmp(disk->files[i].name, "home/votes/0", 12) == 0;
    return count;
}

static void pruning_keeps_the_record_bounded_and_what_is_needed(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct vote_record *record;
    struct replayed replayed;
    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_OK);
    assert_int_equal(open_record(disk, &record, &replayed), TALLY_OK);
    for (uint32_t number = 1; number <= 300; number++) {
        assert_int_equal(append(record, number), TALLY_OK);
        assert_int_equal(vote_record_sync(record), TALLY_OK);
        if (number > 40) assert_int_equal(vote_record_prune(record, (number - 40) / 2), TALLY_OK);
        assert_true(files_of(disk) < 16);
    }
    vote_record_close(record);
    assert_int_equal(open_record(disk, &record, &replayed), TALLY_OK);
    check_run(&replayed, 300);
    assert_true(replayed.numbers[0] <= 262 && replayed.numbers[0] > 200);
    assert_int_equal(vote_record_prune(record, 1000), TALLY_OK);
    assert_int_equal(files_of(disk), 1);
    vote_record_close(record);
    memory_disk_close(disk);
}

static int count_views(void *context, uint8_t type, uint64_t view, struct span bytes)
{
    uint64_t *views = context;
    (void)type;
    (void)bytes;
    *views |= 1ull << view;
    return TALLY_OK;
}

/* Such a record fills a file alone, and what a new file restates begins the next one. */
static void a_record_larger_than_a_file_is_not_pruned_before_its_time(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct vote_record *record;
    struct vote_record_report report;
    uint64_t views = 0;
    uint8_t bytes[2 * FILE_SIZE] = {0};
    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_OK);
    assert_int_equal(
        vote_record_open(&disk->disk, "home", &chain_id, &options, NULL, NULL, &record, &report), TALLY_OK);
    for (uint64_t view = 1; view <= 8; view++)
        assert_int_equal(vote_record_append(record, 1, view, span_of(bytes, sizeof bytes)), TALLY_OK);
    assert_int_equal(vote_record_sync(record), TALLY_OK);
    for (uint64_t view = 1; view <= 6; view++)
        assert_int_equal(vote_record_prune(record, view), TALLY_OK);
    vote_record_close(record);
    assert_int_equal(
        vote_record_open(&disk->disk, "home", &chain_id, &options, count_views, &views, &record, &report),
        TALLY_OK);
    assert_int_equal(views & (1ull << 7 | 1ull << 8), 1ull << 7 | 1ull << 8);
    vote_record_close(record);
    memory_disk_close(disk);
}

/* Appends and syncs until the disk fails; returns the last number whose sync was answered as done. */
static uint32_t write_until_fault(
    struct memory_disk *disk, uint32_t *attempted, uint64_t *promised, uint64_t *pruned)
{
    struct vote_record *record;
    struct replayed replayed;
    uint32_t synced = 0;
    *attempted = 0;
    *promised = *pruned = 0;
    if (open_record(disk, &record, &replayed) != TALLY_OK) return 0;
    for (uint32_t number = 1; number <= 30; number++) {
        *attempted = number;
        int error = append(record, number);
        if (error == TALLY_OK && number % 5 == 0) error = vote_record_checkpoint(record, number);
        if (error == TALLY_OK && number % 3 == 0) {
            error = vote_record_sync(record);
            if (error == TALLY_OK) synced = number;
            if (error == TALLY_OK) *promised = number / 5 * 5;
        }
        if (error == TALLY_OK && number % 12 == 0) {
            *pruned = number / 2 - 3;
            error = vote_record_prune(record, *pruned);
        }
        if (error == TALLY_OK) continue;
        assert_int_not_equal(append(record, number + 1), TALLY_OK);
        assert_int_not_equal(vote_record_sync(record), TALLY_OK);
        break;
    }
    vote_record_close(record);
    return synced;
}

static void check_after(
    struct memory_disk *disk, uint32_t synced, uint32_t attempted, uint64_t promised, uint64_t pruned)
{
    struct vote_record *record;
    struct replayed replayed;
    assert_int_equal(open_record(disk, &record, &replayed), TALLY_OK);
    uint32_t last = replayed.count > 0 ? replayed.numbers[replayed.count - 1] : 0;
    check_run(&replayed, last);
    assert_true(last >= synced && last <= attempted);
    if (replayed.count > 0) assert_true(replayed.numbers[0] <= 2 * pruned + 2);
    assert_true(vote_record_checkpoint_height(record) >= promised);
    assert_true(vote_record_checkpoint_height(record) <= attempted);
    /* It goes on. */
    for (uint32_t number = last + 1; number <= last + 20; number++)
        assert_int_equal(append(record, number), TALLY_OK);
    assert_int_equal(vote_record_sync(record), TALLY_OK);
    vote_record_close(record);
    assert_int_equal(open_record(disk, &record, &replayed), TALLY_OK);
    check_run(&replayed, last + 20);
    vote_record_close(record);
}

static void no_synced_vote_is_forgotten_whatever_call_fails(void **state)
{
    (void)state;
    static const size_t torn[] = {0, 1, 33, 200};
    for (int fault = FAULT_CRASH; fault <= FAULT_FULL; fault++) {
        bool struck = true;
        for (uint64_t at = 1; struck; at++) {
            struck = false;
            for (size_t t = 0; t < sizeof torn / sizeof *torn; t++) {
                for (int kind = CRASH_KEEPS_ALL; kind <= CRASH_KEEPS_SOME; kind++) {
                    struct memory_disk *disk = fresh_disk();
                    disk->seed = at * 17 + t;
                    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_OK);
                    memory_fault(disk, (enum fault_kind)fault, at, torn[t]);
                    uint32_t attempted;
                    uint64_t promised, pruned;
                    uint32_t synced = write_until_fault(disk, &attempted, &promised, &pruned);
                    struck = struck || disk->changes >= disk->fault_at;
                    memory_disk_crash(disk, (enum crash_kind)kind);
                    check_after(disk, synced, attempted, promised, pruned);
                    memory_disk_close(disk);
                }
            }
        }
    }
}

/* What a failed sync did not write may be read again for as long as the power stays on. */
static void what_was_given_back_once_survives_a_power_cut_after(void **state)
{
    (void)state;
    static const enum fault_kind faults[] = {FAULT_CRASH, FAULT_PHANTOM};
    bool struck = true;
    for (uint64_t at = 2; struck; at++) {
        struct memory_disk *disk = fresh_disk();
        struct vote_record *record;
        struct replayed first, second;
        assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_OK);
        memory_fault(disk, faults[at % 2], at / 2, 100000);
        uint32_t attempted;
        uint64_t promised, pruned;
        write_until_fault(disk, &attempted, &promised, &pruned);
        struck = disk->changes >= disk->fault_at;
        memory_disk_crash(disk, CRASH_KEEPS_ALL);
        assert_int_equal(open_record(disk, &record, &first), TALLY_OK);
        vote_record_close(record);
        assert_true(memory_disk_is_synced(disk, "home/votes"));
        memory_disk_crash(disk, CRASH_KEEPS_SYNCED);
        assert_int_equal(open_record(disk, &record, &second), TALLY_OK);
        assert_int_equal(second.count, first.count);
        vote_record_close(record);
        memory_disk_close(disk);
    }
}

static void a_creation_struck_by_a_crash_never_passes_for_a_whole_one(void **state)
{
    (void)state;
    bool struck = true;
    for (uint64_t at = 1; struck; at++) {
        for (int kind = CRASH_KEEPS_ALL; kind <= CRASH_KEEPS_SOME; kind++) {
            struct memory_disk *disk = fresh_disk();
            struct vote_record *record;
            struct replayed replayed;
            memory_fault(disk, FAULT_CRASH, at, 40);
            int made = vote_record_create(&disk->disk, "home", &chain_id);
            struck = disk->dead;
            memory_disk_crash(disk, (enum crash_kind)kind);
            int error = open_record(disk, &record, &replayed);
            if (made == TALLY_OK)
                assert_int_equal(error, TALLY_OK);
            else
                assert_true(error == TALLY_OK || error == TALLY_ENOTFOUND);
            if (error == TALLY_OK) {
                assert_int_equal(replayed.count, 0);
                vote_record_close(record);
            }
            memory_disk_close(disk);
        }
    }
}

static void a_flipped_byte_or_a_missing_file_means_no_voting(void **state)
{
    (void)state;
    struct memory_disk *before = fresh_disk();
    struct vote_record *record;
    struct replayed replayed;
    assert_int_equal(vote_record_create(&before->disk, "home", &chain_id), TALLY_OK);
    assert_int_equal(open_record(before, &record, &replayed), TALLY_OK);
    for (uint32_t number = 1; number <= 40; number++) {
        assert_int_equal(append(record, number), TALLY_OK);
        assert_int_equal(vote_record_sync(record), TALLY_OK);
    }
    assert_int_equal(vote_record_prune(record, 5), TALLY_OK);
    assert_int_equal(append(record, 41), TALLY_OK);
    assert_int_equal(vote_record_sync(record), TALLY_OK);
    vote_record_close(record);
    size_t found = 0, missing = 0;
    for (size_t f = 0; f < before->count; f++) {
        const char *name = before->files[f].name;
        if (strncmp(name, "home/votes/0", 12) != 0) continue;
        for (size_t at = 0; at < before->files[f].size && at < 4096; at += 3) {
            struct memory_disk *disk = memory_disk_copy(before);
            disk->files[f].data[at] ^= 0x10;
            int error = open_record(disk, &record, &replayed);
            /* The last record of all cannot be told from a torn one, and behind it lies slack; nothing else
             * passes. */
            if (error == TALLY_OK) {
                assert_true(replayed.numbers[replayed.count - 1] >= 40);
                vote_record_close(record);
            } else {
                assert_int_equal(error, TALLY_EDAMAGED);
                found++;
            }
            memory_disk_close(disk);
        }
        struct memory_disk *disk = memory_disk_copy(before);
        disk->files[f].name[0] = '\0';
        int error = open_record(disk, &record, &replayed);
        if (error == TALLY_OK)
            vote_record_close(record);
        else
            missing++;
        memory_disk_close(disk);
    }
    assert_true(found > 300);
    /* At least all but the newest. */
    assert_true(missing + 1 >= files_of(before));
    memory_disk_close(before);
}

/* Once the end was noted, the last vote is as safe as the others, and what can be lost is the note. */
static void behind_a_noted_end_no_damage_passes_for_a_torn_write(void **state)
{
    (void)state;
    struct memory_disk *before = fresh_disk();
    struct vote_record *record;
    struct replayed replayed;
    assert_int_equal(vote_record_create(&before->disk, "home", &chain_id), TALLY_OK);
    for (int starts = 0; starts < 2; starts++) {
        assert_int_equal(open_record(before, &record, &replayed), TALLY_OK);
        assert_int_equal(append(record, (uint32_t)replayed.count + 1), TALLY_OK);
        assert_int_equal(append(record, (uint32_t)replayed.count + 2), TALLY_OK);
        assert_int_equal(vote_record_end(record), TALLY_OK);
        vote_record_close(record);
    }
    struct memory_file *file = memory_find(before, "home/votes/0000000000000001");
    assert_non_null(file);
    size_t end = file->size, found = 0, note = 0;
    while (file->data[end - 1] == 0)
        end--;
    for (size_t at = 0; at < end; at++) {
        struct memory_disk *disk = memory_disk_copy(before);
        memory_find(disk, file->name)->data[at] ^= 0x10;
        int error = open_record(disk, &record, &replayed);
        if (error == TALLY_OK) {
            assert_int_equal(replayed.count, 4);
            vote_record_close(record);
            note++;
        } else {
            assert_int_equal(error, TALLY_EDAMAGED);
            found++;
        }
        memory_disk_close(disk);
    }
    /* The note is the last record, of one byte. */
    assert_true(note > 0 && note <= 64 && found == end - note);
    memory_disk_close(before);
}

static void remake(struct memory_disk *disk, size_t file)
{
    disk->files[file].inode = ++disk->inodes;
}

/* A record of three votes, as a backup found it, and what came after: three more, signed and sent. */
static struct memory_disk *backed_up(struct memory_disk *disk)
{
    struct vote_record *record;
    struct replayed replayed;
    struct memory_disk *backup = NULL;
    assert_int_equal(vote_record_create(&disk->disk, "home", &chain_id), TALLY_OK);
    for (uint32_t number = 1; number <= 6; number++) {
        if (number == 4) backup = memory_disk_copy(disk);
        assert_int_equal(open_record(disk, &record, &replayed), TALLY_OK);
        assert_int_equal(append(record, number), TALLY_OK);
        assert_int_equal(vote_record_sync(record), TALLY_OK);
        vote_record_close(record);
    }
    return backup;
}

static void a_copy_of_a_record_is_not_opened_and_the_original_goes_on(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk(), *copy = backed_up(disk);
    struct vote_record *record;
    struct replayed replayed;
    struct vote_record_report report;
    for (size_t i = 0; i < copy->count; i++)
        remake(copy, i);
    for (int tries = 0; tries < 2; tries++) {
        assert_int_equal(
            vote_record_open(&copy->disk, "home", &chain_id, &options, NULL, NULL, &record, &report),
            TALLY_EDENIED);
        assert_non_null(strstr(report.detail, "its mark was made in inode"));
    }
    assert_int_equal(open_record(disk, &record, &replayed), TALLY_OK);
    check_run(&replayed, 6);
    vote_record_close(record);
    memory_disk_close(copy);
    memory_disk_close(disk);
}

/* The files of a backup put over the newer ones: names that both have keep the inode they have, the others
 * are made. */
static void an_older_record_put_over_the_original_is_not_opened(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk(), *over = backed_up(disk);
    struct vote_record *record;
    struct replayed replayed;
    for (size_t i = 0; i < over->count; i++) {
        const struct memory_file *there = memory_find(disk, over->files[i].name);
        over->files[i].inode = there != NULL ? there->inode : ++disk->inodes;
    }
    assert_int_equal(open_record(over, &record, &replayed), TALLY_EDENIED);
    memory_disk_close(over);
    memory_disk_close(disk);
}

static void a_record_that_lost_its_mark_is_not_opened(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk(), *unmarked = backed_up(disk);
    struct vote_record *record;
    struct replayed replayed;
    for (size_t i = 0; i < unmarked->count; i++)
        if (strncmp(unmarked->files[i].name, "home/votes/origin-", 18) == 0)
            unmarked->files[i].name[0] = '\0';
    assert_int_equal(open_record(unmarked, &record, &replayed), TALLY_EDENIED);
    memory_disk_close(unmarked);
    memory_disk_close(disk);
}

static void the_folder_is_locked_against_a_second_process(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    int first, second;
    assert_int_equal(disk_lock(&disk->disk, "home", &first), TALLY_OK);
    assert_int_equal(disk_lock(&disk->disk, "home", &second), TALLY_EBUSY);
    disk_unlock(&disk->disk, first);
    assert_int_equal(disk_lock(&disk->disk, "home", &second), TALLY_OK);
    memory_disk_close(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_made_by_an_explicit_call_alone),
        cmocka_unit_test(records_come_back_in_order_over_many_files),
        cmocka_unit_test(an_empty_record_and_one_too_large),
        cmocka_unit_test(a_checkpoint_is_promised_once_ever_for_a_height),
        cmocka_unit_test(a_promise_outlives_pruning_even_where_files_hold_one_record_each),
        cmocka_unit_test(pruning_keeps_the_record_bounded_and_what_is_needed),
        cmocka_unit_test(a_record_larger_than_a_file_is_not_pruned_before_its_time),
        cmocka_unit_test(no_synced_vote_is_forgotten_whatever_call_fails),
        cmocka_unit_test(what_was_given_back_once_survives_a_power_cut_after),
        cmocka_unit_test(a_creation_struck_by_a_crash_never_passes_for_a_whole_one),
        cmocka_unit_test(a_flipped_byte_or_a_missing_file_means_no_voting),
        cmocka_unit_test(behind_a_noted_end_no_damage_passes_for_a_torn_write),
        cmocka_unit_test(a_copy_of_a_record_is_not_opened_and_the_original_goes_on),
        cmocka_unit_test(an_older_record_put_over_the_original_is_not_opened),
        cmocka_unit_test(a_record_that_lost_its_mark_is_not_opened),
        cmocka_unit_test(the_folder_is_locked_against_a_second_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
