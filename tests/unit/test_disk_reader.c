// links: storage codec crypto base
/* A ledger looked at through disk_reader: as a crash left it, and left so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/disk_reader.h"
#include "storage/ledger.h"
#include "tests/fault/blocks.h"

/* Small, so that there are sealed ones and the cut reaches back into one. */
#define SEGMENT_SIZE (4u * KIB)
#define BLOCKS 12u
#define FINALIZED 9u

static const struct ledger_options options = {.segment_size_max = SEGMENT_SIZE};
static struct digest chain_id;

struct fixture {
    char dir[64];
    struct arena arena;
};

static void write_ledger(struct fixture *fixture)
{
    struct ledger *ledger;
    struct ledger_report report;
    struct digest parent = chain_id;
    assert_int_equal(
        ledger_open(disk_system(), fixture->dir, &chain_id, &options, &ledger, &report), TALLY_OK);
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        struct block block = blocks_make(&fixture->arena, height, &parent, 2, 3, true, height <= FINALIZED);
        assert_int_equal(ledger_append(ledger, &block), TALLY_OK);
        parent = block.hash;
    }
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    ledger_close(ledger);
}

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    chain_id = blocks_chain_id();
    arena_init(&fixture->arena, 64 * MIB);
    strcpy(fixture->dir, "disk-reader-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    write_ledger(fixture);
    *state = fixture;
    return 0;
}

static void path_of(
    const struct fixture *fixture, const char *folder, uint32_t sequence, const char *suffix, char path[128])
{
    snprintf(path, 128, "%s/%s/%016x%s", fixture->dir, folder, sequence, suffix);
}

/* All files' sizes and bytes, in one hash; removes them where `removes`. */
static struct digest files_hash(const struct fixture *fixture, bool removes)
{
    static const char *const folders[] = {"ledger", "bodies"}, *const suffixes[] = {"", ".new"};
    char path[128];
    struct buffer all;
    buffer_init(&all, 64 * MIB);
    for (uint32_t i = 0; i < 4 * 64; i++) {
        path_of(fixture, folders[i % 2], 1 + i / 4, suffixes[i / 2 % 2], path);
        FILE *file = fopen(path, "r");
        buffer_u8(&all, file != NULL);
        if (file == NULL) continue;
        for (int byte; (byte = fgetc(file)) != EOF;)
            buffer_u8(&all, (uint8_t)byte);
        buffer_u32(&all, (uint32_t)all.size);
        fclose(file);
        if (removes) assert_int_equal(unlink(path), 0);
    }
    assert_false(all.failed);
    struct digest hash = digest_plain(buffer_span(&all));
    buffer_close(&all);
    return hash;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    (void)files_hash(fixture, true);
    snprintf(path, sizeof path, "%s/ledger", fixture->dir);
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof path, "%s/bodies", fixture->dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(fixture->dir), 0);
    arena_close(&fixture->arena);
    free(fixture);
    return 0;
}

static uint32_t last_sequence(const struct fixture *fixture)
{
    char path[128];
    uint32_t sequence = 1;
    for (;; sequence++) {
        path_of(fixture, "ledger", sequence + 1, "", path);
        if (access(path, F_OK) != 0) return sequence;
    }
}

static void leave(const struct fixture *fixture, uint32_t sequence, const char *suffix, const char *bytes)
{
    char path[128];
    path_of(fixture, "ledger", sequence, suffix, path);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs(bytes, file);
    assert_int_equal(fclose(file), 0);
}

/* Twice: had the first look changed anything, the second would see it. */
static void a_ledger_is_read_and_left_as_it_lies(void **state)
{
    struct fixture *fixture = *state;
    uint32_t last = last_sequence(fixture);
    assert_true(last > 2);
    leave(fixture, last, "", "a torn record");
    leave(fixture, last + 1, ".new", "a segment half made");
    struct digest before = files_hash(fixture, false);
    for (int look = 0; look < 2; look++) {
        struct ledger *ledger;
        struct ledger_report report;
        assert_int_equal(
            ledger_open(disk_reader(), fixture->dir, &chain_id, &options, &ledger, &report), TALLY_OK);
        assert_int_equal(ledger_height(ledger), FINALIZED);
        assert_int_equal(report.blocks_cut, BLOCKS - FINALIZED);
        assert_true(report.bytes_cut > 0);
        for (uint64_t height = 1; height <= FINALIZED; height++) {
            struct block block;
            assert_int_equal(ledger_read(ledger, height, true, &fixture->arena, &block), TALLY_OK);
            assert_int_equal(block.header.height, height);
        }
        ledger_close(ledger);
        struct digest after = files_hash(fixture, false);
        assert_true(digest_equal(&before, &after));
    }
    struct ledger *ledger;
    struct ledger_report report;
    assert_int_equal(
        ledger_open(disk_system(), fixture->dir, &chain_id, &options, &ledger, &report), TALLY_OK);
    ledger_close(ledger);
    struct digest after = files_hash(fixture, false);
    assert_false(digest_equal(&before, &after)); /* the node's own opening does clean up */
}

static void nothing_is_made(void **state)
{
    struct fixture *fixture = *state;
    struct ledger *ledger;
    struct ledger_report report;
    int file;
    const struct disk *disk = disk_reader();
    assert_int_not_equal(
        ledger_open(disk, "no-such-folder", &chain_id, &options, &ledger, &report), TALLY_OK);
    assert_int_not_equal(access("no-such-folder", F_OK), 0);
    assert_int_equal(disk->open(disk->context, "no-such-file", DISK_CREATE, &file), TALLY_EIO);
    assert_int_equal(disk_lock(disk, fixture->dir, &file), TALLY_EIO);
    assert_int_not_equal(access("no-such-file", F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(a_ledger_is_read_and_left_as_it_lies),
        TEST(nothing_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
