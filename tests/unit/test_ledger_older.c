// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/segment.h"
#include "tests/unit/ledger_chain.h"

#define FIRST 7u /* carries its own FC; the one before it does not */

static const struct ledger_options mending = {.segment_size_max = SEGMENT_SIZE, .mend = true};

/* A disk with a ledger that begins with block FIRST. */
static struct memory_disk *begun_disk(void)
{
    struct memory_disk *disk = fresh_disk();
    assert_int_equal(ledger_begin(&disk->disk, "home", &chain_id, &options, &blocks[FIRST]), TALLY_OK);
    return disk;
}

static void append(struct ledger *ledger, uint64_t from, uint64_t to)
{
    for (uint64_t height = from; height <= to; height++)
        assert_int_equal(ledger_append(ledger, &blocks[height]), TALLY_OK);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
}

static void append_older(struct ledger *ledger, uint64_t from, uint64_t to)
{
    for (uint64_t height = from; height <= to; height++)
        assert_int_equal(ledger_older_append(ledger, &blocks[height]), TALLY_OK);
    assert_int_equal(ledger_older_sync(ledger), TALLY_OK);
}

static void check_block(struct ledger *ledger, uint64_t height)
{
    struct arena arena;
    struct buffer wanted, got;
    struct ledger_event event;
    struct digest hash;
    arena_init(&arena, 64 * MIB);
    buffer_init(&wanted, 16 * MIB);
    buffer_init(&got, 16 * MIB);
    assert_int_equal(ledger_read_encoded(ledger, height, true, &arena, &got), TALLY_OK);
    block_encode(&blocks[height], true, &wanted);
    assert_true(span_equal(buffer_span(&wanted), buffer_span(&got)));
    if (blocks[height].batch_count > 0) {
        assert_int_equal(ledger_event_read(ledger, height, 0, &arena, &event), TALLY_OK);
        assert_true(span_equal(event.body, blocks[height].batches[0].events[0].body));
    }
    assert_int_equal(ledger_hash(ledger, height, &hash), TALLY_OK);
    assert_true(digest_equal(&hash, &blocks[height].hash));
    buffer_close(&wanted);
    buffer_close(&got);
    arena_close(&arena);
}

/* It holds blocks up to `older`, and from FIRST to `height`. */
static void check_ledger(struct ledger *ledger, uint64_t older, uint64_t height)
{
    struct ledger_head head;
    struct arena arena;
    struct block read;
    struct ledger_event event;
    struct digest hash;
    arena_init(&arena, MIB);
    ledger_head(ledger, &head);
    assert_int_equal(ledger_first(ledger), FIRST);
    assert_int_equal(ledger_older_height(ledger), older);
    assert_int_equal(head.height, height);
    assert_int_equal(ledger_height(ledger), height);
    assert_true(digest_equal(&head.hash, &blocks[height].hash));
    for (uint64_t h = 1; h <= height; h++) {
        if (h <= older || h >= FIRST) {
            check_block(ledger, h);
            continue;
        }
        assert_int_equal(ledger_read(ledger, h, true, &arena, &read), TALLY_EPENDING);
        assert_int_equal(ledger_event_read(ledger, h, 0, &arena, &event), TALLY_EPENDING);
        if (h + 1 < FIRST) assert_int_equal(ledger_hash(ledger, h, &hash), TALLY_EPENDING);
    }
    assert_int_equal(ledger_hash(ledger, FIRST - 1, &hash), TALLY_OK);
    assert_true(digest_equal(&hash, &blocks[FIRST - 1].hash));
    assert_int_equal(ledger_hash(ledger, 0, &hash), TALLY_OK);
    assert_true(digest_equal(&hash, &chain_id));
    assert_int_equal(ledger_read(ledger, height + 1, false, &arena, &read), TALLY_ENOTFOUND);
    assert_int_equal(ledger_read(ledger, 0, false, &arena, &read), TALLY_ENOTFOUND);
    arena_close(&arena);
}

static void a_ledger_begins_with_a_later_block_and_goes_on(void **state)
{
    (void)state;
    struct memory_disk *disk = begun_disk();
    for (int i = 0; i < 2; i++) {
        struct ledger *ledger = open_ledger(disk, &options);
        check_ledger(ledger, 0, FIRST);
        ledger_close(ledger);
    }
    struct ledger *ledger = open_ledger(disk, &options);
    assert_int_equal(ledger_append(ledger, &blocks[FIRST]), TALLY_EINVALID);
    append(ledger, FIRST + 1, BLOCKS);
    check_ledger(ledger, 0, BLOCKS);
    ledger_close(ledger);
    ledger = open_ledger(disk, &options);
    check_ledger(ledger, 0, BLOCKS);
    ledger_close(ledger);
    memory_disk_close(disk);
}

static void it_begins_where_there_is_nothing_and_with_a_final_block_alone(void **state)
{
    (void)state;
    struct memory_disk *disk = begun_disk();
    assert_int_equal(ledger_begin(&disk->disk, "home", &chain_id, &options, &blocks[8]), TALLY_EEXISTS);
    assert_int_equal(ledger_begin(&disk->disk, "home", &chain_id, &options, &blocks[6]), TALLY_EINVALID);
    assert_int_equal(ledger_begin(&disk->disk, "home", &chain_id, &options, &blocks[1]), TALLY_EINVALID);
    struct ledger *ledger = open_ledger(disk, &options);
    check_ledger(ledger, 0, FIRST);
    ledger_close(ledger);
    memory_disk_close(disk);
}

static void older_blocks_come_from_the_first_on_and_stay(void **state)
{
    (void)state;
    struct memory_disk *disk = begun_disk();
    struct ledger *ledger = open_ledger(disk, &options);
    assert_int_equal(ledger_older_append(ledger, &blocks[2]), TALLY_EINVALID);
    append_older(ledger, 1, 3);
    check_ledger(ledger, 3, FIRST);
    ledger_close(ledger);
    ledger = open_ledger(disk, &options); /* 3 has no FC, and is final all the same */
    check_ledger(ledger, 3, FIRST);
    append(ledger, FIRST + 1, FIRST + 1);
    append_older(ledger, 4, FIRST - 1);
    check_ledger(ledger, FIRST - 1, FIRST + 1);
    append_older(ledger, FIRST, FIRST);
    check_ledger(ledger, FIRST, FIRST + 1);
    assert_int_equal(ledger_older_append(ledger, &blocks[FIRST + 1]), TALLY_EINVALID);
    ledger_close(ledger);
    ledger = open_ledger(disk, &options);
    check_ledger(ledger, FIRST, FIRST + 1);
    ledger_close(ledger);
    memory_disk_close(disk);
}

/* As a snapshot brings it. */
static void the_first_block_comes_without_its_bodies_and_gets_them_last(void **state)
{
    (void)state;
    struct memory_disk *disk = memory_disk_make(1);
    struct arena arena;
    struct block bare, read;
    struct buffer bytes;
    struct ledger_event event;
    assert_int_equal(disk->disk.make_dir(disk, "home"), TALLY_OK);
    arena_init(&arena, 64 * MIB);
    buffer_init(&bytes, 16 * MIB);
    block_encode(&blocks[FIRST], false, &bytes);
    assert_int_equal(block_decode(buffer_span(&bytes), &chain_id, &arena, &bare), TALLY_OK);
    assert_int_equal(ledger_begin(&disk->disk, "home", &chain_id, &options, &bare), TALLY_OK);
    struct ledger *ledger = open_ledger(disk, &options);
    assert_int_equal(ledger_event_read(ledger, FIRST, 0, &arena, &event), TALLY_OK);
    assert_false(event.has_body);
    append_older(ledger, 1, FIRST);
    append(ledger, FIRST + 1, FIRST + 1);
    check_ledger(ledger, FIRST, FIRST + 1);
    ledger_close(ledger);
    /* Damage to either copy of it is mended. */
    for (int older = 0; older < 2; older++) {
        struct memory_file *file = memory_find(
            disk, older == 1 ? "home/older/ledger/0000000000000001" : "home/ledger/0000000000000001");
        file->data[SEGMENT_HEADER_SIZE + RECORD_HEADER_SIZE + 100] ^= 4;
        ledger = open_ledger(disk, &mending);
        uint64_t damaged;
        bool mended;
        uint64_t height = older == 1 ? 1 : FIRST;
        assert_int_equal(ledger_read(ledger, height, false, &arena, &read),
            older == 1 ? TALLY_EDAMAGED : TALLY_OK); /* of its two copies the sound one is read */
        assert_int_equal(ledger_damaged(ledger, &damaged), TALLY_OK);
        assert_int_equal(damaged, height);
        assert_int_equal(ledger_mend(ledger, &blocks[height], false, &mended), TALLY_OK);
        assert_true(mended);
        check_ledger(ledger, FIRST, FIRST + 1);
        ledger_close(ledger);
    }
    buffer_close(&bytes);
    arena_close(&arena);
    memory_disk_close(disk);
}

static void the_last_older_block_must_be_the_first_ones_parent(void **state)
{
    (void)state;
    struct memory_disk *disk = begun_disk();
    struct ledger *ledger = open_ledger(disk, &options);
    append_older(ledger, 1, FIRST - 2);
    struct block other = blocks_make(&scratch, FIRST - 1, &blocks[FIRST - 2].hash, 1, 1, true, true);
    assert_false(digest_equal(&other.hash, &blocks[FIRST - 1].hash));
    assert_int_equal(ledger_older_append(ledger, &other), TALLY_EINVALID);
    append_older(ledger, FIRST - 1, FIRST - 1);
    ledger_close(ledger);
    memory_disk_close(disk);
}

static void an_ordinary_ledger_has_nothing_older(void **state)
{
    (void)state;
    struct memory_disk *disk = memory_disk_make(1);
    assert_int_equal(disk->disk.make_dir(disk, "home"), TALLY_OK);
    struct ledger *ledger = open_ledger(disk, &options);
    assert_int_equal(ledger_first(ledger), 1);
    assert_int_equal(ledger_older_height(ledger), 0);
    assert_int_equal(ledger_older_append(ledger, &blocks[1]), TALLY_EINVALID);
    ledger_close(ledger);
    memory_disk_close(disk);
}

/* Both ends grow in turn; says what was synced at each. */
static void write_until_fault(struct memory_disk *disk, uint64_t *older, uint64_t *height)
{
    struct ledger *ledger = NULL;
    struct ledger_report report;
    int error = ledger_open(&disk->disk, "home", &chain_id, &options, &ledger, &report);
    *older = 0;
    *height = FIRST;
    if (error != TALLY_OK) return;
    for (uint64_t next = 1; error == TALLY_OK && next < FIRST; next++) {
        error = ledger_older_append(ledger, &blocks[next]);
        if (error == TALLY_OK) error = ledger_older_sync(ledger);
        if (error == TALLY_OK) *older = next;
        if (error != TALLY_OK || FIRST + next > BLOCKS) continue;
        error = ledger_append(ledger, &blocks[FIRST + next]);
        if (error == TALLY_OK) error = ledger_sync(ledger);
        if (error == TALLY_OK) *height = FIRST + next;
    }
    ledger_close(ledger);
}

static void whatever_call_a_crash_strikes_what_was_synced_is_there(void **state)
{
    (void)state;
    static const size_t torn[] = {0, 17, 100000};
    uint64_t crashes = 0;
    for (uint64_t at = 1;; at++) {
        bool struck = false;
        for (size_t t = 0; t < sizeof torn / sizeof *torn; t++) {
            for (int kind = CRASH_KEEPS_ALL; kind <= CRASH_KEEPS_SOME; kind++) {
                struct memory_disk *disk = begun_disk();
                uint64_t older, height;
                disk->seed = at * 31 + t;
                memory_fault(disk, FAULT_CRASH, at, torn[t]);
                write_until_fault(disk, &older, &height);
                struck = struck || disk->dead;
                crashes++;
                memory_disk_crash(disk, (enum crash_kind)kind);
                struct ledger *ledger = open_ledger(disk, &options);
                uint64_t now_older = ledger_older_height(ledger), now = ledger_height(ledger);
                assert_true(now_older == older || now_older == older + 1);
                assert_true(now <= BLOCKS && now + 1 >= height && (now >= height || height % 3 == 0));
                append_older(ledger, now_older + 1, FIRST - 1);
                append(ledger, now + 1, BLOCKS);
                check_ledger(ledger, FIRST - 1, BLOCKS);
                ledger_close(ledger);
                memory_disk_close(disk);
            }
        }
        if (!struck) break;
    }
    assert_true(crashes > 300);
}

/* Flips the byte at `offset` in the payload of the record that a file begins with. */
static void flip(struct memory_disk *disk, const char *path, uint64_t offset)
{
    struct memory_file *file = memory_find(disk, path);
    assert_non_null(file);
    file->data[SEGMENT_HEADER_SIZE + RECORD_HEADER_SIZE + offset] ^= 4;
}

static void mend(struct ledger *ledger, uint64_t height)
{
    uint64_t damaged;
    bool mended;
    assert_int_equal(ledger_damaged(ledger, &damaged), TALLY_OK);
    assert_int_equal(damaged, height);
    assert_int_equal(ledger_mend(ledger, &blocks[height], false, &mended), TALLY_OK);
    assert_true(mended);
    assert_int_equal(ledger_damaged(ledger, &damaged), TALLY_ENOTFOUND);
}

static void damage_on_either_side_is_named_and_mended(void **state)
{
    (void)state;
    struct memory_disk *disk = begun_disk();
    struct ledger *ledger = open_ledger(disk, &options);
    append(ledger, FIRST + 1, BLOCKS);
    append_older(ledger, 1, FIRST - 1);
    ledger_close(ledger);

    struct block read;
    flip(disk, "home/older/ledger/0000000000000001", 100);
    ledger = open_ledger(disk, &mending);
    assert_int_equal(ledger_read(ledger, 1, false, &scratch, &read), TALLY_EDAMAGED);
    mend(ledger, 1);
    check_ledger(ledger, FIRST - 1, BLOCKS);
    ledger_close(ledger);

    flip(disk, "home/ledger/0000000000000001", 100);
    ledger = open_ledger(disk, &mending);
    assert_int_equal(ledger_read(ledger, FIRST, false, &scratch, &read), TALLY_EDAMAGED);
    mend(ledger, FIRST);
    check_ledger(ledger, FIRST - 1, BLOCKS);
    ledger_close(ledger);
    ledger = open_ledger(disk, &options);
    check_ledger(ledger, FIRST - 1, BLOCKS);
    ledger_close(ledger);
    memory_disk_close(disk);
}

/* Its own first block is what a ledger rests on: without it there is none, and nothing is guessed. Where it
 * may be mended it is an empty one, whatever call a crash strikes meanwhile. */
static void a_ledger_whose_only_block_is_gone_does_not_open(void **state)
{
    (void)state;
    struct memory_disk *disk = begun_disk();
    struct ledger *ledger;
    struct ledger_report report;
    struct memory_file *file = memory_find(disk, "home/ledger/0000000000000001");
    memset(file->data + SEGMENT_HEADER_SIZE, 0, file->size - SEGMENT_HEADER_SIZE);
    assert_int_equal(ledger_open(&disk->disk, "home", &chain_id, &options, &ledger, &report), TALLY_EDAMAGED);
    assert_int_equal(report.damaged_height, FIRST);
    assert_non_null(strstr(report.detail, "begins with height 7"));
    bool struck = true;
    for (uint64_t at = 1; struck; at++) {
        struct memory_disk *other = memory_disk_copy(disk);
        memory_fault(other, FAULT_CRASH, at, 0);
        int error = ledger_open(&other->disk, "home", &chain_id, &mending, &ledger, &report);
        struck = other->dead;
        assert_true(struck || (error == TALLY_OK && report.lost == 1));
        if (error == TALLY_OK) ledger_close(ledger);
        memory_disk_crash(other, CRASH_KEEPS_SYNCED);
        ledger = open_ledger(other, &mending);
        assert_int_equal(ledger_first(ledger), 1);
        assert_int_equal(ledger_height(ledger), 0);
        append(ledger, 1, BLOCKS);
        ledger_close(ledger);
        ledger = open_ledger(other, &options);
        assert_int_equal(ledger_height(ledger), BLOCKS);
        ledger_close(ledger);
        memory_disk_close(other);
    }
    memory_disk_close(disk);
}

/* What a file can lose: all of it, its header, or that and its end. */
enum loss { LOSS_FILE, LOSS_HEADER, LOSS_CUT, LOSSES };

static void lose(struct memory_disk *disk, const char *path, enum loss loss)
{
    struct memory_file *file = memory_find(disk, path);
    assert_non_null(file);
    if (loss == LOSS_FILE)
        assert_int_equal(disk->disk.remove(disk, path), TALLY_OK);
    else
        memset(file->data, 0x5a, SEGMENT_HEADER_SIZE);
    if (loss == LOSS_CUT) file->size = 99;
}

/* How many blocks had to be mended. */
static uint64_t mend_all(struct ledger *ledger)
{
    uint64_t count = 0, damaged;
    struct arena arena;
    arena_init(&arena, 16 * MIB);
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        struct block read;
        bool mended;
        arena_reset(&arena);
        if (ledger_read(ledger, height, true, &arena, &read) == TALLY_OK) continue;
        assert_int_equal(ledger_mend(ledger, &blocks[height], false, &mended), TALLY_OK);
        assert_true(mended);
        count++;
    }
    arena_close(&arena);
    assert_int_equal(ledger_damaged(ledger, &damaged), TALLY_ENOTFOUND);
    return count;
}

/* As an ordinary ledger's: the file's blocks come back from peers, and everything else stays. */
static void a_first_segment_that_is_lost_is_mended(void **state)
{
    (void)state;
    static const char *const paths[] = {"home/ledger/0000000000000001", "home/bodies/0000000000000001",
        "home/older/ledger/0000000000000001", "home/older/bodies/0000000000000001"};
    for (size_t p = 0; p < 4; p++) {
        for (enum loss loss = 0; loss < LOSSES; loss++) {
            struct memory_disk *disk = begun_disk();
            struct ledger *ledger = open_ledger(disk, &options);
            append(ledger, FIRST + 1, BLOCKS);
            append_older(ledger, 1, FIRST - 1);
            ledger_close(ledger);
            assert_non_null(memory_find(disk, "home/ledger/0000000000000002"));
            lose(disk, paths[p], loss);
            ledger = open_ledger(disk, &mending);
            assert_int_equal(ledger_first(ledger), FIRST);
            assert_int_equal(ledger_height(ledger), BLOCKS);
            /* Bodies are found again without their file's header. */
            bool nothing = p % 2 == 1 && loss == LOSS_HEADER;
            assert_true((mend_all(ledger) == 0) == nothing);
            check_ledger(ledger, FIRST - 1, BLOCKS);
            ledger_close(ledger);
            ledger = open_ledger(disk, &options);
            check_ledger(ledger, FIRST - 1, BLOCKS);
            ledger_close(ledger);
            memory_disk_close(disk);
        }
    }
}

static void older_blocks_of_another_history_do_not_open(void **state)
{
    (void)state;
    struct memory_disk *disk = begun_disk();
    struct ledger *ledger = open_ledger(disk, &options);
    struct ledger_report report;
    append_older(ledger, 1, FIRST - 1);
    ledger_close(ledger);
    /* The same older blocks below a ledger that begins at 5. */
    struct memory_disk *other = memory_disk_copy(disk);
    for (size_t i = 0; i < other->count; i++)
        if (strncmp(other->files[i].name, "home/ledger/0", 13) == 0 ||
            strncmp(other->files[i].name, "home/bodies/0", 13) == 0)
            other->files[i].name[0] = '\0';
    assert_int_equal(ledger_begin(&other->disk, "home", &chain_id, &options, &blocks[5]), TALLY_OK);
    assert_int_equal(
        ledger_open(&other->disk, "home", &chain_id, &options, &ledger, &report), TALLY_EDAMAGED);
    assert_non_null(strstr(report.detail, "older/"));
    memory_disk_close(other);
    memory_disk_close(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_ledger_begins_with_a_later_block_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            it_begins_where_there_is_nothing_and_with_a_final_block_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_blocks_come_from_the_first_on_and_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_first_block_comes_without_its_bodies_and_gets_them_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_last_older_block_must_be_the_first_ones_parent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_ordinary_ledger_has_nothing_older, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            whatever_call_a_crash_strikes_what_was_synced_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_on_either_side_is_named_and_mended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ledger_whose_only_block_is_gone_does_not_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_first_segment_that_is_lost_is_mended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_blocks_of_another_history_do_not_open, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
