// links: storage codec crypto base
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/segment.h"
#include "tests/unit/ledger_chain.h"

static const struct ledger_options careful = {.segment_size_max = SEGMENT_SIZE, .verify_all = true};

static void append(struct ledger *ledger, uint64_t from, uint64_t to)
{
    for (uint64_t height = from; height <= to; height++)
        assert_int_equal(ledger_append(ledger, &blocks[height]), TALLY_OK);
}

static void check_block(struct ledger *ledger, uint64_t height, const struct block *expected)
{
    struct arena arena;
    struct block read;
    arena_init(&arena, 64 * MIB);
    for (int with_bodies = 0; with_bodies < 2; with_bodies++) {
        struct buffer wanted, got, served;
        buffer_init(&wanted, 16 * MIB);
        buffer_init(&got, 16 * MIB);
        buffer_init(&served, 16 * MIB);
        assert_int_equal(ledger_read(ledger, height, with_bodies == 1, &arena, &read), TALLY_OK);
        assert_int_equal(ledger_read_encoded(ledger, height, with_bodies == 1, &arena, &served), TALLY_OK);
        block_encode(expected, with_bodies == 1, &wanted);
        block_encode(&read, with_bodies == 1, &got);
        assert_true(span_equal(buffer_span(&wanted), buffer_span(&got)));
        assert_true(span_equal(buffer_span(&wanted), buffer_span(&served)));
        buffer_close(&wanted);
        buffer_close(&got);
        buffer_close(&served);
    }
    uint32_t index = 0;
    for (uint32_t b = 0; b < expected->batch_count; b++) {
        for (uint32_t e = 0; e < expected->batches[b].event_count; e++, index++) {
            struct ledger_event event;
            const struct batch_event *wanted = &expected->batches[b].events[e];
            assert_int_equal(ledger_event_read(ledger, height, index, &arena, &event), TALLY_OK);
            assert_true(span_equal(event.header, wanted->header));
            assert_int_equal(event.has_body, wanted->has_body);
            assert_true(span_equal(event.body, wanted->body));
            assert_memory_equal(event.salt, wanted->salt, SALT_SIZE);
        }
    }
    struct ledger_event none;
    struct digest hash;
    assert_int_equal(ledger_event_read(ledger, height, index, &arena, &none), TALLY_ENOTFOUND);
    assert_int_equal(ledger_hash(ledger, height, &hash), TALLY_OK);
    assert_true(digest_equal(&hash, &expected->hash));
    arena_close(&arena);
}

/* The ledger holds exactly the blocks up to `height`. */
static void check_ledger(struct ledger *ledger, uint64_t height)
{
    struct ledger_head head;
    ledger_head(ledger, &head);
    assert_int_equal(head.height, height);
    assert_int_equal(ledger_height(ledger), height);
    assert_true(digest_equal(&head.hash, &blocks[height].hash));
    if (height > 0) {
        assert_int_equal(head.header.view, blocks[height].header.view);
        assert_int_equal(head.has_finalization, blocks[height].has_finalization);
    }
    for (uint64_t h = 1; h <= height; h++)
        check_block(ledger, h, &blocks[h]);
    struct arena arena;
    struct block read;
    arena_init(&arena, MIB);
    assert_int_equal(ledger_read(ledger, height + 1, false, &arena, &read), TALLY_ENOTFOUND);
    assert_int_equal(ledger_read(ledger, 0, false, &arena, &read), TALLY_ENOTFOUND);
    arena_close(&arena);
}

static void a_fresh_ledger_is_empty_and_stays_so(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    for (int i = 0; i < 2; i++) {
        struct ledger *ledger = open_ledger(disk, &options);
        check_ledger(ledger, 0);
        ledger_close(ledger);
    }
    memory_disk_close(disk);
}

static void blocks_come_back_as_they_were_over_many_segments(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct ledger *ledger = open_ledger(disk, &options);
    append(ledger, 1, 2);
    assert_int_equal(ledger_height(ledger), 0);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    check_ledger(ledger, 2);
    append(ledger, 3, BLOCKS);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    check_ledger(ledger, BLOCKS);
    assert_true(disk->count > 8);
    ledger_close(ledger);
    ledger = open_ledger(disk, &options);
    check_ledger(ledger, BLOCKS);
    ledger_close(ledger);
    ledger = open_ledger(disk, &careful);
    check_ledger(ledger, BLOCKS);
    ledger_close(ledger);
    memory_disk_close(disk);
}

static void only_the_child_of_the_last_block_is_appended(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct ledger *ledger = open_ledger(disk, &options);
    assert_int_equal(ledger_append(ledger, &blocks[2]), TALLY_EINVALID);
    append(ledger, 1, 1);
    assert_int_equal(ledger_append(ledger, &blocks[1]), TALLY_EINVALID);
    struct block stranger = blocks[2];
    stranger.header.parent_hash.bytes[0] ^= 1;
    assert_int_equal(ledger_append(ledger, &stranger), TALLY_EINVALID);
    append(ledger, 2, 2);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    check_ledger(ledger, 2);
    ledger_close(ledger);
    struct digest other = blocks_digest(77);
    struct ledger_report report;
    assert_int_equal(ledger_open(&disk->disk, "home", &other, &options, &ledger, &report), TALLY_ECHAIN);
    assert_true(report.detail[0] != '\0');
    memory_disk_close(disk);
}

static void blocks_without_their_own_certificate_are_cut_from_the_tail(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct ledger *ledger = open_ledger(disk, &options);
    append(ledger, 1, 6); /* 6 has none of its own */
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    ledger_close(ledger);
    struct ledger_report report;
    assert_int_equal(ledger_open(&disk->disk, "home", &chain_id, &options, &ledger, &report), TALLY_OK);
    assert_int_equal(report.blocks_cut, 1);
    check_ledger(ledger, 5);
    append(ledger, 6, BLOCKS);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    check_ledger(ledger, BLOCKS);
    ledger_close(ledger);
    memory_disk_close(disk);
}

/* The newest height that may be the head when the blocks up to `height` are on disk. */
static uint64_t finalized_at_or_below(uint64_t height)
{
    while (height > 0 && !blocks[height].has_finalization)
        height--;
    return height;
}

/* Appends in steps, each synced; returns the height of the last sync that was answered as done. */
static uint64_t write_until_fault(struct memory_disk *disk, uint64_t *attempted)
{
    struct ledger *ledger = NULL;
    struct ledger_report report;
    uint64_t synced = 0;
    static const uint64_t steps[] = {1, 4, 5, 8, 10, BLOCKS};
    *attempted = 0;
    if (ledger_open(&disk->disk, "home", &chain_id, &options, &ledger, &report) != TALLY_OK) return 0;
    uint64_t next = 1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        int error = TALLY_OK;
        for (; error == TALLY_OK && next <= steps[i]; next++) {
            error = ledger_append(ledger, &blocks[next]);
            *attempted = next;
        }
        if (error == TALLY_OK) error = ledger_sync(ledger);
        if (error == TALLY_OK) {
            synced = steps[i];
            continue;
        }
        /* Once it has failed it stays so. */
        if (next <= BLOCKS) assert_int_not_equal(ledger_append(ledger, &blocks[next]), TALLY_OK);
        assert_int_not_equal(ledger_sync(ledger), TALLY_OK);
        break;
    }
    ledger_close(ledger);
    return synced;
}

static void whatever_call_a_crash_strikes_what_was_synced_is_there(void **state)
{
    (void)state;
    static const size_t torn[] = {0, 1, 17, 40, 100000};
    uint64_t crashes = 0;
    for (uint64_t at = 1;; at++) {
        bool struck = false;
        for (size_t t = 0; t < sizeof torn / sizeof *torn; t++) {
            for (int kind = CRASH_KEEPS_ALL; kind <= CRASH_KEEPS_SOME; kind++) {
                struct memory_disk *disk = fresh_disk();
                disk->seed = at * 31 + t;
                memory_fault(disk, FAULT_CRASH, at, torn[t]);
                uint64_t attempted, synced = write_until_fault(disk, &attempted);
                struck = struck || disk->dead;
                crashes++;
                memory_disk_crash(disk, (enum crash_kind)kind);
                struct ledger *ledger = open_ledger(disk, &options);
                uint64_t height = ledger_height(ledger);
                assert_true(height >= finalized_at_or_below(synced) && height <= attempted);
                check_ledger(ledger, height);
                /* And it goes on from there. */
                append(ledger, height + 1, BLOCKS);
                assert_int_equal(ledger_sync(ledger), TALLY_OK);
                ledger_close(ledger);
                ledger = open_ledger(disk, &careful);
                check_ledger(ledger, BLOCKS);
                ledger_close(ledger);
                memory_disk_close(disk);
            }
        }
        if (!struck) break;
    }
    assert_true(crashes > 300);
}

/* After a kill the page cache still has what was never synced. Whoever opens the ledger then relies on it. */
static void what_was_there_at_one_start_survives_a_power_cut_after(void **state)
{
    (void)state;
    bool struck = true;
    for (uint64_t at = 1; struck; at++) {
        struct memory_disk *disk = fresh_disk();
        memory_fault(disk, FAULT_CRASH, at, 100000);
        uint64_t attempted;
        write_until_fault(disk, &attempted);
        struck = disk->dead;
        memory_disk_crash(disk, CRASH_KEEPS_ALL);
        struct ledger *ledger = open_ledger(disk, &options);
        uint64_t height = ledger_height(ledger);
        ledger_close(ledger);
        memory_disk_crash(disk, CRASH_KEEPS_SYNCED);
        ledger = open_ledger(disk, &options);
        check_ledger(ledger, height);
        ledger_close(ledger);
        memory_disk_close(disk);
    }
}

static void an_error_or_a_full_disk_at_any_call_loses_nothing_synced(void **state)
{
    (void)state;
    for (int fault = FAULT_IO; fault <= FAULT_FULL; fault++) {
        for (uint64_t at = 1;; at++) {
            struct memory_disk *disk = fresh_disk();
            memory_fault(disk, (enum fault_kind)fault, at, 13);
            uint64_t attempted, synced = write_until_fault(disk, &attempted);
            bool struck = disk->changes >= disk->fault_at;
            memory_disk_crash(disk, CRASH_KEEPS_SYNCED);
            struct ledger *ledger = open_ledger(disk, &careful);
            uint64_t height = ledger_height(ledger);
            assert_true(height >= finalized_at_or_below(synced) && height <= attempted);
            check_ledger(ledger, height);
            ledger_close(ledger);
            memory_disk_close(disk);
            if (!struck) break;
        }
    }
}

static void a_record_torn_at_any_byte_is_cut(void **state)
{
    (void)state;
    struct memory_disk *before = fresh_disk();
    struct ledger *ledger = open_ledger(before, &options);
    append(ledger, 1, 1);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    ledger_close(ledger);
    /* The last write of the next sync is the block's record. */
    struct memory_disk *probe = memory_disk_copy(before);
    ledger = open_ledger(probe, &options);
    append(ledger, 2, 2);
    uint64_t changes = probe->changes;
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    uint64_t last_write = probe->changes - changes - 1;
    ledger_close(ledger);
    memory_disk_close(probe);
    bool whole = false;
    for (size_t torn = 0; !whole; torn++) {
        struct memory_disk *disk = memory_disk_copy(before);
        ledger = open_ledger(disk, &options);
        append(ledger, 2, 2);
        memory_fault(disk, FAULT_CRASH, last_write, torn);
        assert_int_equal(ledger_sync(ledger), TALLY_EIO);
        ledger_close(ledger);
        memory_disk_crash(disk, CRASH_KEEPS_ALL);
        ledger = open_ledger(disk, &options);
        whole = ledger_height(ledger) == 2;
        check_ledger(ledger, whole ? 2 : 1);
        ledger_close(ledger);
        memory_disk_close(disk);
        assert_true(torn < 8000);
    }
    memory_disk_close(before);
}

/* Reads everything; returns the first error, or TALLY_OK when all is as it was. */
static int read_everything(struct memory_disk *disk, uint64_t *height)
{
    struct ledger *ledger;
    struct ledger_report report;
    int error = ledger_open(&disk->disk, "home", &chain_id, &careful, &ledger, &report);
    if (error != TALLY_OK) {
        assert_true(report.detail[0] != '\0');
        return error;
    }
    *height = ledger_height(ledger);
    check_ledger(ledger, *height);
    ledger_close(ledger);
    return TALLY_OK;
}

static void any_flipped_byte_is_found_or_lies_in_named_slack(void **state)
{
    (void)state;
    struct memory_disk *before = fresh_disk();
    struct ledger *ledger = open_ledger(before, &options);
    append(ledger, 1, 7);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    append(ledger, 8, 8);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    ledger_close(ledger);
    size_t found = 0, cut = 0, slack = 0;
    for (size_t f = 0; f < before->count; f++) {
        for (size_t at = 0; at < before->files[f].size; at += at < 512 ? 1 : 7) {
            struct memory_disk *disk = memory_disk_copy(before);
            disk->files[f].data[at] ^= (uint8_t)(1u << at % 8);
            uint64_t height = 0;
            int error = read_everything(disk, &height);
            if (error == TALLY_OK && height == 8) {
                /* Unflipped again behind the last record, or nowhere: only slack may be silent. */
                slack++;
                bool zeroed = at >= disk->files[f].size || disk->files[f].data[at] == 0;
                assert_true(zeroed && before->files[f].data[at] == 0);
            } else if (error == TALLY_OK) {
                /* The last record of the newest segment: no different from a torn write. */
                assert_int_equal(height, 7);
                cut++;
            } else {
                assert_int_equal(error, TALLY_EDAMAGED);
                found++;
            }
            memory_disk_close(disk);
        }
    }
    assert_true(found > 500 && cut > 20 && slack > 100);
    memory_disk_close(before);
}

static void damage_names_its_height_and_cuts_nothing(void **state)
{
    (void)state;
    static const struct ledger_options large = {.segment_size_max = MIB};
    struct memory_disk *disk = fresh_disk();
    struct ledger *ledger = open_ledger(disk, &large);
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        append(ledger, height, height);
        assert_int_equal(ledger_sync(ledger), TALLY_OK);
    }
    ledger_close(ledger);
    struct memory_file *file = NULL;
    for (size_t i = 0; i < disk->count; i++)
        if (strncmp(disk->files[i].name, "home/ledger/0", 13) == 0) file = &disk->files[i];
    assert_non_null(file);
    /* Find block 5's hash in the file, and break what stands behind it. */
    uint8_t *at = memmem(file->data, file->size, blocks[5].hash.bytes, DIGEST_SIZE);
    assert_non_null(at);
    uint8_t *copy = malloc(file->size);
    assert_non_null(copy);
    at[DIGEST_SIZE + 300] ^= 4;
    memcpy(copy, file->data, file->size);
    struct ledger_report report;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            ledger_open(&disk->disk, "home", &chain_id, &large, &ledger, &report), TALLY_EDAMAGED);
        assert_int_equal(report.damaged_height, 5);
        assert_memory_equal(copy, file->data, file->size);
    }
    free(copy);
    memory_disk_close(disk);
}

static void a_missing_segment_is_damage(void **state)
{
    (void)state;
    struct memory_disk *before = fresh_disk();
    struct ledger *ledger = open_ledger(before, &options);
    append(ledger, 1, BLOCKS);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    ledger_close(ledger);
    size_t removed = 0;
    for (size_t f = 0; f < before->count; f++) {
        const char *name = before->files[f].name;
        if (name[0] == '\0' || name[strlen(name) - 1] == '/') continue;
        struct memory_disk *disk = memory_disk_copy(before);
        disk->files[f].name[0] = '\0';
        uint64_t height = BLOCKS;
        int error = read_everything(disk, &height);
        /* Without its newest segment a ledger is a shorter one; its bodies then go too. Peers have the rest.
         */
        if (error == TALLY_OK)
            assert_true(height < BLOCKS);
        else
            assert_int_equal(error, TALLY_EDAMAGED);
        removed += error != TALLY_OK;
        memory_disk_close(disk);
    }
    assert_true(removed >= 3);
    memory_disk_close(before);
}

static void an_erased_body_leaves_everything_else_as_it_was(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct ledger *ledger = open_ledger(disk, &options);
    append(ledger, 1, BLOCKS);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    struct batch_event *gone = &blocks[7].batches[1].events[0];
    uint32_t index = blocks[7].batches[0].event_count;
    uint8_t salt[SALT_SIZE];
    memcpy(salt, gone->salt, SALT_SIZE);
    assert_int_equal(ledger_body_erase(ledger, 7, index), TALLY_OK);
    assert_int_equal(ledger_body_erase(ledger, 7, index), TALLY_OK);
    assert_int_equal(ledger_body_erase(ledger, 7, 1000), TALLY_ENOTFOUND);
    assert_int_equal(ledger_body_erase(ledger, BLOCKS + 1, 0), TALLY_ENOTFOUND);
    gone->has_body = false;
    gone->body = span_of(NULL, 0);
    memset(gone->salt, 0, SALT_SIZE);
    check_ledger(ledger, BLOCKS);
    ledger_close(ledger);
    ledger = open_ledger(disk, &careful);
    check_ledger(ledger, BLOCKS);
    ledger_close(ledger);
    for (size_t f = 0; f < disk->count; f++)
        if (disk->files[f].size > 0)
            assert_null(memmem(disk->files[f].data, disk->files[f].size, salt, SALT_SIZE));
    memory_disk_close(disk);
}

static void an_erasure_struck_by_a_crash_can_be_done_again(void **state)
{
    (void)state;
    struct memory_disk *before = fresh_disk();
    struct ledger *ledger = open_ledger(before, &options);
    append(ledger, 1, BLOCKS);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    ledger_close(ledger);
    struct batch_event gone = {.has_body = false};
    struct batch_event kept = blocks[7].batches[1].events[0];
    gone.header = kept.header;
    gone.fields = kept.fields;
    gone.id = kept.id;
    uint32_t index = blocks[7].batches[0].event_count;
    for (uint64_t at = 1; at <= 4; at++) {
        for (size_t torn = 0; torn < 64; torn += 21) {
            for (int kind = CRASH_KEEPS_ALL; kind <= CRASH_KEEPS_SYNCED; kind++) {
                struct memory_disk *disk = memory_disk_copy(before);
                ledger = open_ledger(disk, &options);
                memory_fault(disk, FAULT_CRASH, at, at == 1 ? 0 : torn);
                assert_int_not_equal(ledger_body_erase(ledger, 7, index), TALLY_OK);
                ledger_close(ledger);
                memory_disk_crash(disk, (enum crash_kind)kind);
                ledger = open_ledger(disk, &careful);
                assert_int_equal(ledger_body_erase(ledger, 7, index), TALLY_OK);
                blocks[7].batches[1].events[0] = gone;
                check_ledger(ledger, BLOCKS);
                blocks[7].batches[1].events[0] = kept;
                ledger_close(ledger);
                memory_disk_close(disk);
            }
        }
    }
    memory_disk_close(before);
}

static void blocks_arrive_without_bodies_too(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct ledger *ledger = open_ledger(disk, &options);
    struct digest parent = chain_id;
    struct block bare = blocks_make(&scratch, 1, &parent, 2, 2, false, true);
    assert_int_equal(ledger_append(ledger, &bare), TALLY_OK);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    check_block(ledger, 1, &bare);
    assert_int_equal(ledger_body_erase(ledger, 1, 0), TALLY_OK);
    ledger_close(ledger);
    memory_disk_close(disk);
}

static void a_long_run_of_unsynced_blocks_takes_bounded_memory(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct ledger *ledger = open_ledger(disk, NULL);
    struct digest parent = chain_id;
    struct arena arena;
    arena_init(&arena, 512 * MIB);
    uint64_t durable = 0;
    for (uint64_t height = 1; height <= 20; height++) {
        struct block block = blocks_make(&arena, height, &parent, 10, 900, false, true);
        assert_int_equal(ledger_append(ledger, &block), TALLY_OK);
        parent = block.hash;
        durable = ledger_height(ledger);
    }
    assert_true(durable > 0);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    assert_int_equal(ledger_height(ledger), 20);
    ledger_close(ledger);
    arena_close(&arena);
    memory_disk_close(disk);
}

/* Reads whatever is durable, over and over, until everything is. */
static void *reading(void *context)
{
    struct ledger *ledger = context;
    for (uint64_t height = 0; height < BLOCKS;) {
        height = ledger_height(ledger);
        struct ledger_head head;
        ledger_head(ledger, &head);
        if (head.height < height) return ledger;
        struct arena arena;
        struct block block;
        struct ledger_event event;
        arena_init(&arena, 16 * MIB);
        for (uint64_t h = 1; h <= height; h++) {
            if (ledger_read(ledger, h, true, &arena, &block) != TALLY_OK) return ledger;
            if (!digest_equal(&block.hash, &blocks[h].hash)) return ledger;
            if (block.header.payload_events == 0) continue;
            if (ledger_event_read(ledger, h, 0, &arena, &event) != TALLY_OK) return ledger;
        }
        arena_close(&arena);
    }
    return NULL;
}

static void other_threads_read_while_one_appends_and_erases(void **state)
{
    (void)state;
    char dir[] = "ledger-test-XXXXXX";
    struct ledger *ledger;
    struct ledger_report report;
    pthread_t readers[3];
    assert_non_null(mkdtemp(dir));
    assert_int_equal(ledger_open(disk_system(), dir, &chain_id, &options, &ledger, &report), TALLY_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, reading, ledger), 0);
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        append(ledger, height, height);
        assert_int_equal(ledger_sync(ledger), TALLY_OK);
        if (blocks[height].header.payload_events > 0)
            assert_int_equal(ledger_body_erase(ledger, height, 0), TALLY_OK);
    }
    for (size_t i = 0; i < 3; i++) {
        void *failed;
        assert_int_equal(pthread_join(readers[i], &failed), 0);
        assert_null(failed);
    }
    ledger_close(ledger);
    assert_int_equal(ledger_open(disk_system(), dir, &chain_id, &careful, &ledger, &report), TALLY_OK);
    assert_int_equal(ledger_height(ledger), BLOCKS);
    ledger_close(ledger);
    static const char *folders[] = {"ledger", "bodies"};
    for (size_t f = 0; f < 2; f++) {
        char folder[64], path[128];
        snprintf(folder, sizeof folder, "%s/%s", dir, folders[f]);
        for (uint32_t sequence = 1; sequence < 64; sequence++) {
            snprintf(path, sizeof path, "%s/%016x", folder, sequence);
            unlink(path);
        }
        assert_int_equal(rmdir(folder), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fresh_ledger_is_empty_and_stays_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(blocks_come_back_as_they_were_over_many_segments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_child_of_the_last_block_is_appended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            blocks_without_their_own_certificate_are_cut_from_the_tail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            whatever_call_a_crash_strikes_what_was_synced_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_was_there_at_one_start_survives_a_power_cut_after, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_error_or_a_full_disk_at_any_call_loses_nothing_synced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_torn_at_any_byte_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_flipped_byte_is_found_or_lies_in_named_slack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_names_its_height_and_cuts_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_segment_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_erased_body_leaves_everything_else_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_erasure_struck_by_a_crash_can_be_done_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_threads_read_while_one_appends_and_erases, set_up, tear_down),
        cmocka_unit_test_setup_teardown(blocks_arrive_without_bodies_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_long_run_of_unsynced_blocks_takes_bounded_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
