// links: policies node
/* Copies of a node's files: whole, or told to be not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/credit/subject_state.h"
#include "storage/backup.h"
#include "storage/disk_reader.h"
#include "storage/fsck.h"
#include "tests/fault/small_node.h"

#define BLOCKS 61u
#define FILES_MAX 64u

static struct small_node *node;

static int set_up(void **context)
{
    (void)context;
    node = small_node_make(BLOCKS, 6); /* over several segments */
    small_snapshot(node);
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    small_node_close(node);
    return 0;
}

struct copied {
    struct backup_file files[FILES_MAX];
    size_t count;
};

static int told(void *context, const struct backup_file *file)
{
    struct copied *copied = context;
    assert_true(copied->count < FILES_MAX);
    copied->files[copied->count++] = *file;
    return TALLY_OK;
}

static void make_dir(char dir[64])
{
    strcpy(dir, "/tmp/tally-backup.XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static uint64_t height_in(const char *dir)
{
    struct ledger *ledger;
    struct ledger_report report;
    assert_int_equal(
        ledger_open(disk_reader(), dir, &node->genesis.chain_id, NULL, &ledger, &report), TALLY_OK);
    uint64_t height = ledger_height(ledger);
    ledger_close(ledger);
    return height;
}

static void put_all(const char *from, const char *to, const struct copied *copied)
{
    for (size_t i = 0; i < copied->count; i++)
        assert_int_equal(backup_put(disk_system(), from, to, &copied->files[i]), TALLY_OK);
    assert_int_equal(backup_put_end(disk_system(), to), TALLY_OK);
}

static void a_restored_folder_replays_to_the_same_roots(void **context)
{
    char copy[64], again[64];
    struct copied copied = {.count = 0};
    struct replay replay;
    struct ledger *ledger;
    struct state_roots roots;
    (void)context;
    make_dir(copy);
    make_dir(again);
    assert_int_equal(backup_copy(disk_system(), node->dir, copy, told, &copied), TALLY_OK);
    bool of[4] = {false};
    static const char *const folders[] = {"ledger/", "bodies/", "snapshots/", "ledger/0000000000000002"};
    for (size_t i = 0; i < copied.count; i++)
        for (size_t f = 0; f < 4; f++)
            of[f] = of[f] || strncmp(copied.files[i].name, folders[f], strlen(folders[f])) == 0;
    assert_true(of[0] && of[1] && of[2] && of[3]);
    put_all(copy, again, &copied);
    assert_int_equal(height_in(again), BLOCKS);
    assert_int_equal(small_replay(node, again, &replay, &ledger), TALLY_OK);
    assert_int_equal(state_roots_get(replay.state, BLOCKS, &roots), TALLY_OK);
    assert_memory_equal(roots.state_root.bytes, node->roots[BLOCKS].bytes, DIGEST_SIZE);
    replay_close(&replay);
    ledger_close(ledger);
    small_remove(copy);
    small_remove(again);
}

/* What the node is writing while it is copied: a whole record, a torn one, and space behind it. */
static void a_torn_end_is_left_out(void **context)
{
    char copy[64], path[256];
    struct copied copied = {.count = 0};
    (void)context;
    make_dir(copy);
    (void)snprintf(path, sizeof path, "%s/ledger", node->dir);
    char newest[300] = "";
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (strlen(entry->d_name) == 16 &&
            strcmp(newest + (newest[0] ? strlen(newest) - 16 : 0), entry->d_name) < 0)
            (void)snprintf(newest, sizeof newest, "%s/%.16s", path, entry->d_name);
    closedir(folder);
    struct buffer whole = small_read(newest), torn = small_read(newest);
    size_t end = whole.size;
    while (end > 0 && whole.data[end - 1] == 0)
        end--;
    torn.size = end - 40; /* in the middle of the last record */
    for (unsigned i = 0; i < 5000; i++)
        buffer_u8(&torn, 0);
    small_write(newest, &torn);
    assert_int_equal(backup_copy(disk_system(), node->dir, copy, told, &copied), TALLY_OK);
    small_write(newest, &whole);
    assert_int_equal(height_in(copy), BLOCKS - 2); /* the one before does not carry its own FC */
    buffer_close(&whole);
    buffer_close(&torn);
    small_remove(copy);
}

static void a_file_that_is_not_what_it_was_is_not_put_back(void **context)
{
    char copy[64], again[64];
    struct copied copied = {.count = 0};
    (void)context;
    make_dir(copy);
    make_dir(again);
    assert_int_equal(backup_copy(disk_system(), node->dir, copy, told, &copied), TALLY_OK);
    struct backup_file file = copied.files[0];
    file.digest.bytes[0] ^= 1;
    assert_int_equal(backup_put(disk_system(), copy, again, &file), TALLY_EDAMAGED);
    file = copied.files[1];
    file.size++;
    assert_int_equal(backup_put(disk_system(), copy, again, &file), TALLY_EDAMAGED);
    static const char *const names[] = {"votes/0000000000000001", "ledger/../votes/00000001", "ledger", "",
        "ledger/spare", "snapshots/00000000000000000061/../../x", "state/CURRENT", "/etc/passwd"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        strcpy(file.name, names[i]);
        assert_int_equal(backup_put(disk_system(), copy, again, &file), TALLY_EINVALID);
    }
    small_remove(copy);
    small_remove(again);
}

/* ---- What a backup holds, against what was signed ---- */

struct told {
    uint32_t count;
    char file[64]; /* of the first */
};

static void on_found(void *context, const struct fsck_problem *problem)
{
    struct told *told_of = context;
    if (told_of->count++ == 0) (void)snprintf(told_of->file, sizeof told_of->file, "%s", problem->file);
}

static void on_progress(void *context, const char *what, uint64_t done, uint64_t of)
{
    (void)context, (void)what;
    assert_true(done <= of);
}

static struct fsck_counts look(const char *dir, struct told *told_of)
{
    struct fsck_counts counts;
    struct fsck_options options = {.dir = dir,
        .genesis = &node->genesis,
        .accounts = subject_state_chains,
        .found = on_found,
        .progress = on_progress,
        .context = told_of};
    *told_of = (struct told){.count = 0};
    assert_int_equal(fsck_backup(&options, &counts), TALLY_OK);
    assert_int_equal(counts.problems, told_of->count);
    return counts;
}

static void a_changed_byte_is_named_without_a_manifest(void **context)
{
    char copy[64], path[256];
    struct copied copied = {.count = 0};
    struct told told_of;
    uint64_t chance = 7;
    (void)context;
    make_dir(copy);
    assert_int_equal(backup_copy(disk_system(), node->dir, copy, told, &copied), TALLY_OK);
    struct fsck_counts counts = look(copy, &told_of);
    assert_int_equal(told_of.count, 0);
    assert_int_equal(counts.height, BLOCKS);
    assert_int_equal(counts.bodies, node->events);
    assert_int_equal(counts.withheld, 0);
    assert_int_equal(counts.snapshots, 1);
    for (size_t i = 0; i < 4 * copied.count; i++) {
        const struct backup_file *file = &copied.files[i % copied.count];
        (void)snprintf(path, sizeof path, "%s/%s", copy, file->name);
        struct buffer bytes = small_read(path);
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        uint8_t *byte = &bytes.data[(chance >> 20) % bytes.size];
        *byte ^= (uint8_t)(1u << (chance >> 61));
        small_write(path, &bytes);
        (void)look(copy, &told_of);
        assert_true(told_of.count > 0);
        assert_string_equal(told_of.file, file->name);
        *byte ^= (uint8_t)(1u << (chance >> 61));
        small_write(path, &bytes);
        buffer_close(&bytes);
    }
    (void)look(copy, &told_of);
    assert_int_equal(told_of.count, 0);
    small_remove(copy);
}

/* A node that began with a snapshot keeps what it fetched of older blocks in folders of their own. */
static void older_blocks_are_copied_too(void **context)
{
    char copy[64], again[64], path[256];
    struct copied copied = {.count = 0};
    (void)context;
    make_dir(copy);
    make_dir(again);
    (void)snprintf(path, sizeof path, "%s/ledger/0000000000000001", node->dir);
    struct buffer segment = small_read(path);
    (void)snprintf(path, sizeof path, "%s/older", node->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/older/ledger", node->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/older/ledger/0000000000000001", node->dir);
    small_write(path, &segment);
    assert_int_equal(backup_copy(disk_system(), node->dir, copy, told, &copied), TALLY_OK);
    put_all(copy, again, &copied);
    (void)snprintf(path, sizeof path, "%s/older/ledger/0000000000000001", again);
    struct buffer back = small_read(path);
    assert_true(span_equal(buffer_span(&back), buffer_span(&segment)));
    buffer_close(&back);
    buffer_close(&segment);
    (void)snprintf(path, sizeof path, "%s/older", node->dir);
    small_remove(path);
    small_remove(copy);
    small_remove(again);
}

static void without_a_ledger_there_is_nothing_to_copy(void **context)
{
    char empty[64], copy[64];
    struct copied copied = {.count = 0};
    (void)context;
    make_dir(empty);
    make_dir(copy);
    assert_int_equal(backup_copy(disk_system(), empty, copy, told, &copied), TALLY_ENOTFOUND);
    small_remove(empty);
    small_remove(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_folder_replays_to_the_same_roots),
        cmocka_unit_test(a_torn_end_is_left_out),
        cmocka_unit_test(a_file_that_is_not_what_it_was_is_not_put_back),
        cmocka_unit_test(a_changed_byte_is_named_without_a_manifest),
        cmocka_unit_test(older_blocks_are_copied_too),
        cmocka_unit_test(without_a_ledger_there_is_nothing_to_copy),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
