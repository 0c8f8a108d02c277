// links: policies node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/net/log.h"
#include "tests/fault/memory_disk.h"
#include "tests/fault/small_node.h"

/* A node's ledger, votes and state together, in the order a node writes them, on a disk that fails at every
 * call, or is torn at every byte. The ledger and the votes are on the disk in memory. LevelDB has files of
 * its own: after a crash they are as they were then, or those of the flush before, or cut in their last log.
 * What a power cut makes of them is for tests/cluster/test_power.py. */

#define BLOCKS 11u
#define EVENTS 3u /* in a batch */

static struct small_node *node;
static bool full;

enum state_left { STATE_KEPT, STATE_OLDER, STATE_CUT, STATE_GONE };
#define STATE_LEFT_COUNT 4u

/* What one life of the node promised, and to whom it answered. */
struct life {
    struct memory_disk *disk;
    char dir[96], older[112]; /* of the state, and as the flush before the last left it */
    uint64_t promised;        /* votes up to this one may have left */
    uint64_t final;           /* blocks up to this one were answered as final */
    uint64_t attempted;
    uint64_t votes;       /* given back at the start */
    uint64_t tail_change; /* the disk's calls before those of the last block */
};

static int set_up(void **state)
{
    (void)state;
    const char *wanted = getenv("TALLY_TEST_FULL");
    full = wanted != NULL && strcmp(wanted, "1") == 0;
    log_set_level(LOG_LEVEL_BROKEN);
    node = small_node_make(BLOCKS, EVENTS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    small_node_close(node);
    return 0;
}

/* ---- A life ---- */

struct copying {
    size_t skip; /* of a path: the folder it is copied from */
    const char *to;
};

static void copy_file(void *context, const char *path)
{
    const struct copying *copying = context;
    char to[1200];
    struct buffer bytes = small_read(path);
    CHECK(snprintf(to, sizeof to, "%s%s", copying->to, path + copying->skip) < (int)sizeof to);
    small_write(to, &bytes);
    buffer_close(&bytes);
}

/* While no store is open on either, or the one that is reads and writes nothing. */
static void copy_state(const char *from, const char *to)
{
    char folder[160];
    struct copying copying = {strlen(from), to};
    small_remove(to);
    CHECK(snprintf(folder, sizeof folder, "%s/state", to) < (int)sizeof folder);
    CHECK(mkdir(to, 0700) == 0 && mkdir(folder, 0700) == 0);
    small_walk(from, copy_file, &copying);
}

static struct life begin_life(void)
{
    struct life life = {.disk = memory_disk_make(1)};
    const struct disk *disk = &life.disk->disk;
    snprintf(life.dir, sizeof life.dir, "%s-state-XXXXXX", node->dir);
    CHECK(mkdtemp(life.dir) != NULL);
    snprintf(life.older, sizeof life.older, "%s.older", life.dir);
    CHECK(disk->make_dir(disk->context, "data") == TALLY_OK);
    CHECK(disk->sync_dir(disk->context, "") == TALLY_OK);
    CHECK(vote_record_create(disk, "data", &node->genesis.chain_id) == TALLY_OK);
    return life;
}

static void end_life(struct life *life)
{
    small_remove(life->dir);
    small_remove(life->older);
    memory_disk_close(life->disk);
}

static int count_vote(void *context, uint8_t type, uint64_t view, struct span bytes)
{
    struct life *life = context;
    CHECK(type == 1 && view == life->votes + 1 && bytes.size == 100 + view);
    for (size_t i = 0; i < bytes.size; i++)
        CHECK(bytes.data[i] == (uint8_t)view);
    life->votes++;
    return TALLY_OK;
}

/* The vote is on disk before it leaves. */
static int vote(struct life *life, struct vote_record *record, uint64_t height)
{
    uint8_t bytes[200];
    if (height <= life->votes) return TALLY_OK;
    memset(bytes, (int)height, sizeof bytes);
    int error = vote_record_append(record, 1, height, span_of(bytes, 100 + height));
    if (error == TALLY_OK && height % 3 == 0) error = vote_record_checkpoint(record, height);
    if (error == TALLY_EEXISTS) error = TALLY_OK;
    if (error == TALLY_OK) error = vote_record_sync(record);
    if (error == TALLY_OK) {
        life->promised = height;
        return TALLY_OK;
    }
    /* It never tries again on a page cache that may have lied. */
    CHECK(vote_record_sync(record) != TALLY_OK);
    return error;
}

static int append(struct life *life, struct ledger *ledger, uint64_t height)
{
    const struct block *block = &node->blocks[height];
    life->attempted = height;
    int error = ledger_append(ledger, block);
    if (error != TALLY_OK || !block->has_finalization) return error;
    error = ledger_sync(ledger);
    if (error == TALLY_OK)
        life->final = height;
    else
        CHECK(ledger_sync(ledger) != TALLY_OK && ledger_append(ledger, &node->blocks[height]) != TALLY_OK);
    return error;
}

/* Applies what is final, and now and then flushes it, the last but two blocks. */
static int apply(struct life *life, struct replay *replay)
{
    int error = TALLY_OK;
    for (uint64_t height = state_applied_height(replay->state) + 1;
         error == TALLY_OK && height <= life->final; height++) {
        struct checkpoint checkpoint;
        error = replay_apply(replay, &node->blocks[height], NULL, NULL, &checkpoint);
        if (error == TALLY_OK) CHECK(digest_equal(&checkpoint.state_root, &node->roots[height]));
        if (error != TALLY_OK || height % 4 != 0) continue;
        copy_state(life->dir, life->older);
        error = state_flush(replay->state, height - 2);
    }
    return error;
}

static int open_life(struct life *life, struct vote_record **record, struct replay *replay)
{
    static const struct vote_record_options options = {.file_size_max = 900};
    const struct disk *disk = &life->disk->disk;
    struct ledger_options ledger_options = small_options;
    struct vote_record_report vote_report;
    struct ledger_report report;
    struct ledger *ledger;
    ledger_options.segment_size_max = 9000;
    ledger_options.mend = true;
    life->votes = 0;
    *replay = (struct replay){.data_dir = life->dir, .genesis = &node->genesis};
    int error = vote_record_open(
        disk, "data", &node->genesis.chain_id, &options, count_vote, life, record, &vote_report);
    if (error != TALLY_OK) return error;
    error = ledger_open(disk, "data", &node->genesis.chain_id, &ledger_options, &ledger, &report);
    if (error == TALLY_OK) {
        assert_int_equal(report.lost + report.bodies_lost + report.headers_mended, 0);
        replay->ledger = ledger;
        error = replay_open(replay);
        if (error != TALLY_OK) ledger_close(ledger);
    }
    if (error != TALLY_OK) {
        replay_close(replay);
        vote_record_close(*record);
    }
    return error;
}

/* Until all blocks are there, or the disk fails. Errors: the disk's. */
static int live(struct life *life)
{
    struct vote_record *record;
    struct replay replay;
    int error = open_life(life, &record, &replay);
    if (error != TALLY_OK) return error;
    uint64_t height = ledger_height(replay.ledger);
    if (height > life->final) life->final = height;
    copy_state(life->dir, life->older);
    for (height++; error == TALLY_OK && height <= BLOCKS; height++) {
        if (height == BLOCKS) life->tail_change = life->disk->changes;
        error = vote(life, record, height);
        if (error == TALLY_OK) error = append(life, replay.ledger, height);
        if (error == TALLY_OK) error = apply(life, &replay);
    }
    replay_close(&replay);
    ledger_close(replay.ledger);
    vote_record_close(record);
    return error;
}

/* ---- And the one after it ---- */

static void find_log(const char *dir, char path[512])
{
    char folder[128];
    path[0] = '\0';
    snprintf(folder, sizeof folder, "%s/state", dir);
    DIR *listed = opendir(folder);
    CHECK(listed != NULL);
    for (const struct dirent *entry; (entry = readdir(listed)) != NULL;) {
        char found[512];
        size_t size = strlen(entry->d_name);
        if (size < 5 || strcmp(entry->d_name + size - 4, ".log") != 0) continue;
        snprintf(found, sizeof found, "%s/%s", folder, entry->d_name);
        if (strcmp(found, path) > 0) strcpy(path, found);
    }
    closedir(listed);
}

static void leave_state(struct life *life, enum state_left left)
{
    char path[512];
    struct stat status;
    switch (left) {
    case STATE_KEPT:
        return;
    case STATE_OLDER:
        if (access(life->older, F_OK) == 0) copy_state(life->older, life->dir);
        return;
    case STATE_CUT:
        snprintf(path, sizeof path, "%s/state", life->dir);
        if (access(path, F_OK) != 0) return;
        find_log(life->dir, path);
        if (path[0] == '\0' || stat(path, &status) != 0) return;
        CHECK(truncate(path, status.st_size * 2 / 3) == 0);
        return;
    case STATE_GONE:
        CHECK(state_discard(life->dir) == TALLY_OK);
        return;
    }
}

/* What was promised and what was final is there, and the node comes to the end as if nothing had been. */
static void live_again(struct life *life)
{
    struct vote_record *record;
    struct replay replay;
    uint64_t promised = life->promised, final = life->final, attempted = life->attempted;
    assert_int_equal(open_life(life, &record, &replay), TALLY_OK);
    uint64_t height = ledger_height(replay.ledger);
    assert_true(life->votes >= promised && life->votes <= attempted + 1);
    assert_true(vote_record_checkpoint_height(record) >= promised / 3 * 3);
    assert_true(height >= final && height <= attempted);
    assert_int_equal(state_applied_height(replay.state), height);
    for (uint64_t h = 1; h <= height; h++) {
        struct digest hash;
        assert_int_equal(ledger_hash(replay.ledger, h, &hash), TALLY_OK);
        assert_true(digest_equal(&hash, &node->blocks[h].hash));
    }
    replay_close(&replay);
    ledger_close(replay.ledger);
    vote_record_close(record);
    assert_int_equal(live(life), TALLY_OK);
    assert_int_equal(life->final, BLOCKS);
}

/* Whether the fault struck before the end; *torn says whether it cut a write short. */
static bool live_through(enum fault_kind fault, uint64_t at, size_t torn_size, enum crash_kind kind,
    enum state_left left, bool *torn)
{
    struct life life = begin_life();
    memory_fault(life.disk, fault, at, torn_size);
    int error = live(&life);
    bool struck = life.disk->changes >= life.disk->fault_at;
    *torn = life.disk->torn;
    assert_true(error == TALLY_OK ? !struck || fault == FAULT_FULL : struck);
    memory_disk_crash(life.disk, kind);
    leave_state(&life, left);
    live_again(&life);
    end_life(&life);
    return struck;
}

static void whatever_call_fails_nothing_promised_or_final_is_lost(void **state)
{
    (void)state;
    uint32_t lives = 0;
    for (int fault = FAULT_CRASH; fault <= FAULT_FULL; fault++) {
        bool struck = true, torn;
        for (uint64_t at = 1; struck; at++) {
            struck = false;
            for (unsigned variant = 0; variant < (full ? 12u : 1u); variant++) {
                unsigned way = full ? variant : (unsigned)(at * 5 + (unsigned)fault) % 12u;
                struck |= live_through((enum fault_kind)fault, at, way * 37, (enum crash_kind)(way % 3),
                    (enum state_left)(way / 3), &torn);
                lives++;
            }
        }
    }
    print_message("%u lives, each struck at another call\n", lives);
    assert_true(lives > 300);
}

static void whatever_byte_of_the_last_writes_is_torn_nothing_final_is_lost(void **state)
{
    (void)state;
    struct life probe = begin_life();
    assert_int_equal(live(&probe), TALLY_OK);
    uint64_t first = probe.tail_change + 1, last = probe.disk->changes;
    end_life(&probe);
    assert_true(last >= first + 5); /* the vote, the bodies, the block: each is written, and synced */
    uint32_t lives = 0;
    for (uint64_t at = first; at <= last; at++) {
        bool torn = true;
        for (size_t size = 0; torn; size += full ? 1 : 61) {
            live_through(FAULT_CRASH, at, size, lives % 2 == 0 ? CRASH_KEEPS_ALL : CRASH_KEEPS_SOME,
                (enum state_left)(lives % STATE_LEFT_COUNT), &torn);
            lives++;
        }
    }
    assert_true(lives > 40);
    print_message("%u lives, torn at the bytes of the last %u calls\n", lives, (unsigned)(last - first + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_call_fails_nothing_promised_or_final_is_lost),
        cmocka_unit_test(whatever_byte_of_the_last_writes_is_torn_nothing_final_is_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
