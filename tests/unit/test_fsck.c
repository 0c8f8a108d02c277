// links: policies node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/credit/subject_state.h"
#include "node/net/log.h"
#include "proto/proof/verify.h"
#include "storage/disk_reader.h"
#include "storage/fsck.h"
#include "storage/query.h"
#include "storage/segment_log.h"
#include "tests/fault/small_node.h"

#define FILES_MAX 64u
#define TOLD_MAX 16u

/* ---- The node under test, and every byte of it ---- */

struct file {
    char path[512];
    const char *name; /* below the data directory */
    struct buffer bytes;
    size_t used; /* behind it are zeros alone */
};

static struct small_node *node;
static struct file files[FILES_MAX];
static size_t file_count;
static bool full;

static void keep_file(void *context, const char *path)
{
    (void)context;
    struct file *file = &files[file_count++];
    CHECK(file_count <= FILES_MAX);
    strcpy(file->path, path);
    file->name = file->path + strlen(node->dir) + 1;
    file->bytes = small_read(path);
    for (file->used = file->bytes.size; file->used > 0 && file->bytes.data[file->used - 1] == 0;)
        file->used--;
}

static int set_up(void **state)
{
    (void)state;
    const char *wanted = getenv("TALLY_TEST_FULL");
    full = wanted != NULL && strcmp(wanted, "1") == 0;
    node = full ? small_node_make(300, 20) : small_node_make(70, 10);
    small_snapshot(node);
    small_walk(node->dir, keep_file, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    small_node_close(node);
    for (size_t i = 0; i < file_count; i++)
        buffer_close(&files[i].bytes);
    return 0;
}

static void put_back(size_t file)
{
    small_write(files[file].path, &files[file].bytes);
}

/* LevelDB makes files of its own at every opening. */
static void put_back_state(void)
{
    char state[128];
    snprintf(state, sizeof state, "%s/state", node->dir);
    small_remove(state);
    CHECK(mkdir(state, 0700) == 0);
    for (size_t i = 0; i < file_count; i++)
        if (strncmp(files[i].name, "state/", 6) == 0) put_back(i);
}

/* ---- fsck ---- */

struct told {
    uint32_t count;
    struct {
        char file[64];
        uint64_t offset, height;
    } problems[TOLD_MAX];
};

static void on_found(void *context, const struct fsck_problem *problem)
{
    struct told *told = context;
    assert_true(problem->what[0] != '\0' && problem->then[0] != '\0');
    if (told->count < TOLD_MAX) {
        snprintf(told->problems[told->count].file, 64, "%s", problem->file);
        told->problems[told->count].offset = problem->offset;
        told->problems[told->count].height = problem->height;
    }
    told->count++;
}

static void on_progress(void *context, const char *what, uint64_t done, uint64_t of)
{
    (void)context, (void)what;
    assert_true(done <= of);
}

static struct fsck_counts look(struct told *told)
{
    struct fsck_counts counts;
    struct fsck_options options = {.dir = node->dir,
        .genesis = &node->genesis,
        .is_validator = true,
        .accounts = subject_state_chains,
        .found = on_found,
        .progress = on_progress,
        .context = told};
    *told = (struct told){0};
    assert_int_equal(fsck_run(&options, &counts), TALLY_OK);
    assert_int_equal(counts.problems, told->count);
    return counts;
}

/* ---- What a node reads of its files ---- */

/* All but the FC, of which peers keep others. */
static void hash_block(struct hasher *hasher, struct ledger *ledger, uint64_t height, struct arena *arena)
{
    struct buffer bytes;
    struct block block;
    struct digest hash;
    buffer_init(&bytes, 16 * MIB);
    arena_reset(arena);
    assert_int_equal(ledger_hash(ledger, height, &hash), TALLY_OK);
    assert_int_equal(ledger_read(ledger, height, true, arena, &block), TALLY_OK);
    assert_true(digest_equal(&hash, &block.hash));
    hasher_u8(hasher, block.has_finalization);
    block.has_finalization = false;
    block_encode(&block, true, &bytes);
    hasher_sized(hasher, buffer_span(&bytes));
    buffer_close(&bytes);
}

/* The note of an end, storage/vote_record.c, promises nothing: without it nothing is lost. */
#define VOTES_CLOSED 0xFCu

static int hash_vote(void *context, const struct segment_log_record *record)
{
    if (record->type == VOTES_CLOSED) return TALLY_OK;
    hasher_u8(context, record->type);
    hasher_u64(context, record->number);
    hasher_sized(context, record->payload);
    return TALLY_OK;
}

/* Every vote. Errors: of opening them. */
static int dump_votes(struct hasher *hasher)
{
    char dir[128];
    struct segment_log *log;
    struct segment_log_report report;
    snprintf(dir, sizeof dir, "%s/votes", node->dir);
    struct segment_log_config config = {.disk = disk_reader(),
        .dir = dir,
        .chain_id = node->genesis.chain_id,
        .kind = SEGMENT_LOG_VOTES,
        .segment_size_max = MIB,
        .record_size_max = VOTE_RECORD_SIZE_MAX,
        .check = CHECK_ALL,
        .recycles = true};
    int error = segment_log_open(&config, hash_vote, hasher, &log, &report);
    if (error == TALLY_OK) segment_log_close(log);
    return error;
}

/* One height: the block with its bodies, the state's roots, each result. Errors: of reading the state. */
static int hash_height(struct hasher *hasher, struct replay *replay, uint64_t height, struct arena *arena)
{
    struct checkpoint checkpoint;
    struct state_result *results;
    uint32_t count;
    hash_block(hasher, replay->ledger, height, arena);
    int error = replay_checkpoint(replay, height, &checkpoint);
    if (error == TALLY_OK) error = state_results_read(replay->state, height, arena, &results, &count);
    if (error != TALLY_OK) return error;
    struct digest digest = checkpoint_digest(&checkpoint);
    hasher_digest(hasher, &digest);
    for (uint32_t i = 0; i < count; i++) {
        struct digest leaf = result_leaf(height, i, &results[i].event_id, &results[i].result);
        hasher_digest(hasher, &leaf);
    }
    return TALLY_OK;
}

static int hash_history(struct hasher *hasher, struct state *state, const struct digest *id, uint64_t count)
{
    struct state_history_entry *entries = calloc(count, sizeof *entries);
    struct state_event event;
    assert_non_null(entries);
    int error = state_history_read(state, id, 0, count, entries);
    for (uint64_t i = 0; error == TALLY_OK && i < count; i++) {
        error = state_event_get(state, &entries[i].event_id, &event);
        if (error != TALLY_OK) break;
        hasher_digest(hasher, &entries[i].event_id);
        hasher_u64(hasher, event.height);
    }
    free(entries);
    return error;
}

static int hash_histories(struct hasher *hasher, struct state *state, struct arena *arena)
{
    for (uint32_t i = 0; i < SMALL_ACCOUNTS / 2; i++) {
        struct digest id = sample_digest_of("subject", i);
        struct state_subject subject;
        int error = state_subject_get(state, &id, arena, &subject);
        if (error != TALLY_OK) return error;
        hasher_sized(hasher, subject.bytes);
        error = hash_history(hasher, state, &id, subject.leaf.count);
        if (error != TALLY_OK) return error;
    }
    return TALLY_OK;
}

static int hash_all(struct hasher *hasher, struct replay *replay)
{
    struct arena arena;
    arena_init(&arena, 64 * MIB);
    int error = TALLY_OK;
    hasher_init(hasher, TAG_SYNTH);
    for (uint64_t height = 1; error == TALLY_OK && height <= node->block_count; height++)
        error = hash_height(hasher, replay, height, &arena);
    if (error == TALLY_OK) error = hash_histories(hasher, replay->state, &arena);
    arena_close(&arena);
    return error;
}

/* What a node reads of its ledger and its state, which mends itself at the start, or is rebuilt where only a
 * later read meets the damage. */
static struct digest dump(void)
{
    struct hasher hasher;
    struct replay replay;
    struct ledger *ledger;
    assert_int_equal(small_replay(node, node->dir, &replay, &ledger), TALLY_OK);
    assert_int_equal(ledger_height(ledger), node->block_count);
    int error = hash_all(&hasher, &replay);
    if (error != TALLY_OK) {
        assert_int_equal(error, TALLY_EDAMAGED);
        assert_int_equal(replay_rebuild(&replay), TALLY_OK);
        assert_int_equal(hash_all(&hasher, &replay), TALLY_OK);
    }
    replay_close(&replay);
    ledger_close(ledger);
    return hasher_final(&hasher);
}

static void a_whole_node_is_clean_and_counted(void **state)
{
    (void)state;
    struct told told;
    struct fsck_counts counts = look(&told);
    assert_int_equal(counts.problems, 0);
    assert_int_equal(counts.height, node->block_count);
    assert_int_equal(counts.blocks, node->block_count);
    assert_int_equal(counts.events, node->events);
    assert_int_equal(counts.bodies, node->events);
    assert_int_equal(counts.withheld, 0);
    assert_int_equal(counts.state_height, node->block_count);
    assert_int_equal(counts.snapshots, 1);
    assert_true(
        counts.files >= 8 && counts.votes > 100 && counts.checkpoints > 20 && counts.state_keys > 200);
    assert_true(counts.signatures > 3 * counts.blocks);
    put_back_state();
}

/* ---- Flips ---- */

static uint64_t chance_seed;

static uint64_t chance(uint64_t below)
{
    chance_seed = chance_seed * 6364136223846793005u + 1442695040888963407u;
    return (chance_seed >> 20) % below;
}

static bool in_folder(const struct file *file, const char *folder)
{
    return strncmp(file->name, folder, strlen(folder)) == 0;
}

/* A file of a folder, more often a larger one, and a byte: mostly of those in use. */
static const struct file *choose(const char *folder, size_t *at)
{
    size_t all = 0;
    for (size_t i = 0; i < file_count; i++)
        all += in_folder(&files[i], folder) ? files[i].used : 0;
    size_t place = chance(all);
    const struct file *file = files;
    for (; !in_folder(file, folder) || place >= file->used; file++)
        place -= in_folder(file, folder) ? file->used : 0;
    *at = chance(8) == 0 ? chance(file->bytes.size) : place;
    return file;
}

/* The number of the record that a byte of a segment is in; `before` is that of the one before it. 0 in the
 * header, and behind the last record. */
static uint64_t number_at(const struct file *file, size_t at, uint64_t *before)
{
    const uint8_t *data = file->bytes.data;
    size_t offset = SEGMENT_HEADER_SIZE;
    *before = 0;
    if (at < offset) return 0;
    while (offset + RECORD_HEADER_SIZE <= file->bytes.size && get_u32(data + offset) != 0) {
        size_t end = offset + (size_t)record_footprint(get_u32(data + offset));
        if (at < end) return get_u64(data + offset + 8);
        *before = get_u64(data + offset + 8);
        offset = end;
    }
    return 0;
}

/* Something told is about this file, its place and its height. */
static bool is_named(const struct told *told, const struct file *file, size_t at)
{
    for (uint32_t i = 0; i < told->count && i < TOLD_MAX; i++) {
        if (in_folder(file, "state/")) {
            if (strncmp(told->problems[i].file, "state", 5) == 0) return true;
            continue;
        }
        if (in_folder(file, "snapshots/")) {
            if (strcmp(told->problems[i].file, file->name) == 0 &&
                told->problems[i].height == node->block_count)
                return true;
            continue;
        }
        if (in_folder(file, "votes/origin-") && strcmp(told->problems[i].file, "votes") == 0) return true;
        uint64_t before, number = number_at(file, at, &before), height = told->problems[i].height;
        if (strcmp(told->problems[i].file, file->name) != 0 || told->problems[i].offset > at) continue;
        /* What a vote's header does not tell any more, nobody does: its views follow no count. */
        if (in_folder(file, "votes/") && height == 0) return true;
        if (number == 0 || height == number || height == before + 1) return true;
    }
    return false;
}

/* Where fsck.h says that a byte may change unnoticed. */
static bool is_slack(const struct file *file, size_t at)
{
    static const char *const names[] = {"votes/spare", "state/LOG", "state/LOG.old", "state/LOCK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(file->name, names[i]) == 0) return true;
    /* A file used before ends with stale bytes. */
    uint64_t before;
    if (in_folder(file, "votes/0"))
        return at >= SEGMENT_HEADER_SIZE && number_at(file, at, &before) == 0 && file->bytes.data[155] == 1;
    /* A filter, its index, the footer's padding. */
    return strstr(file->name, ".ldb") != NULL;
}

struct tally {
    uint32_t found, slack;
};

static void flip_one(
    struct tally *tally, const char *folder, const struct digest *whole, const struct digest *votes)
{
    struct told told;
    struct hasher hasher;
    size_t at;
    const struct file *file = choose(folder, &at);
    uint8_t byte = file->bytes.data[at];
    uint8_t flipped = (uint8_t)(byte ^ (1 + chance(255)));
    int opened = open(file->path, O_WRONLY);
    assert_true(opened >= 0 && pwrite(opened, &flipped, 1, (off_t)at) == 1);
    close(opened);
    look(&told);
    if (told.count > 0 ? !is_named(&told, file, at) : !is_slack(file, at))
        fail_msg("%s, byte %zu: %02x made %02x: %u problems told, the first of %s at %llu, height %llu",
            file->name, at, byte, flipped, told.count, told.problems[0].file,
            (unsigned long long)told.problems[0].offset, (unsigned long long)told.problems[0].height);
    tally->found += told.count > 0;
    tally->slack += told.count == 0;
    /* Votes come back as they were, or not at all. */
    hasher_init(&hasher, TAG_SYNTH);
    int error = dump_votes(&hasher);
    struct digest digest = hasher_final(&hasher);
    assert_true(error == TALLY_EDAMAGED ? told.count > 0 : error == TALLY_OK && digest_equal(&digest, votes));
    /* A damaged state mends itself; what is slack changes nothing. */
    if (in_folder(file, "state/") || told.count == 0) {
        digest = dump();
        assert_true(digest_equal(&digest, whole));
    }
    put_back((size_t)(file - files));
    if (in_folder(file, "state/")) put_back_state();
}

/* There is no record before it that its height follows from. */
static void a_first_record_whose_header_is_damaged_is_named_by_its_height(void **state)
{
    (void)state;
    uint32_t tried = 0;
    for (size_t f = 0; f < file_count; f++) {
        size_t at = SEGMENT_HEADER_SIZE + 6;
        struct told told;
        bool has_record = in_folder(&files[f], "ledger/") || in_folder(&files[f], "bodies/");
        if (!has_record || files[f].used <= SEGMENT_HEADER_SIZE) continue;
        uint8_t flipped = files[f].bytes.data[at] ^ 1;
        int opened = open(files[f].path, O_WRONLY);
        assert_true(opened >= 0 && pwrite(opened, &flipped, 1, (off_t)at) == 1);
        close(opened);
        look(&told);
        assert_true(told.count > 0 && is_named(&told, &files[f], at));
        put_back(f);
        tried++;
    }
    assert_true(tried > 2);
}

static void any_flipped_byte_is_named_or_lies_in_slack(void **state)
{
    (void)state;
    static const char *const folders[] = {"ledger/", "bodies/", "votes/", "state/", "snapshots/"};
    struct hasher hasher;
    hasher_init(&hasher, TAG_SYNTH);
    assert_int_equal(dump_votes(&hasher), TALLY_OK);
    struct digest votes = hasher_final(&hasher), whole = dump();
    chance_seed = 4;
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        struct tally tally = {0};
        put_back_state();
        for (uint32_t flips = full ? 2500 : 50; flips > 0; flips--)
            flip_one(&tally, folders[f], &whole, &votes);
        print_message("%s %u flips named, %u in slack\n", folders[f], tally.found, tally.slack);
    }
    struct told told;
    assert_int_equal(look(&told).problems, 0);
    put_back_state();
}

/* LevelDB takes a manifest or a log that ends early for all there ever was, and goes on from an older state,
 * or from parts of two. Either is noticed, and brought level with the ledger. */
static void a_state_cut_short_anywhere_is_brought_level(void **state)
{
    (void)state;
    put_back_state();
    struct digest whole = dump();
    uint32_t cuts = 0;
    for (size_t i = 0; i < file_count; i++) {
        const struct file *file = &files[i];
        bool slack = strstr(file->name, "/LO") != NULL; /* LevelDB's own log, and its lock */
        if (!in_folder(file, "state/") || slack) continue;
        size_t step = full ? 97 : file->bytes.size / 15 + 1;
        for (size_t size = 0; size <= file->bytes.size; size += step, cuts++) {
            put_back_state();
            if (size == 0)
                assert_int_equal(unlink(file->path), 0);
            else
                assert_int_equal(truncate(file->path, (off_t)(size - 1)), 0);
            struct digest digest = dump();
            if (!digest_equal(&digest, &whole))
                fail_msg("%s, cut to %zu bytes: another state", file->name, size - 1);
        }
    }
    print_message("%u cuts\n", cuts);
    assert_true(cuts >= 30);
    put_back_state();
}

/* A copy of a block without any of its bodies, as from a peer that erased them. */
static struct block bare_block(uint64_t height, struct arena *arena)
{
    struct block block;
    struct buffer bytes;
    buffer_init(&bytes, 16 * MIB);
    block_encode(&node->blocks[height], false, &bytes);
    uint8_t *copy = arena_take(arena, bytes.size);
    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    assert_int_equal(
        block_decode(span_of(copy, bytes.size), &node->genesis.chain_id, arena, &block), TALLY_OK);
    buffer_close(&bytes);
    return block;
}

/* A body that no peer has is marked as withheld in the end; one that was erased here does not come back from
 * a peer that still has it, where the mark of its erasing is lost. */
static void a_body_that_nobody_has_is_withheld_and_an_erased_one_stays_so(void **state)
{
    (void)state;
    struct ledger_options options = small_options;
    struct ledger_report report;
    struct ledger *ledger;
    struct ledger_event event;
    struct arena arena;
    struct told told;
    const struct file *file = files;
    uint64_t height;
    bool mended = true;
    options.mend = true;
    arena_init(&arena, 64 * MIB);
    while (strcmp(file->name, "bodies/0000000000000001") != 0)
        file++;
    /* The first two bodies of block 1; the second is erased first. */
    size_t second =
        SEGMENT_HEADER_SIZE + (size_t)record_footprint(get_u32(file->bytes.data + SEGMENT_HEADER_SIZE));
    assert_int_equal(
        ledger_open(disk_system(), node->dir, &node->genesis.chain_id, &options, &ledger, &report), TALLY_OK);
    assert_int_equal(ledger_body_erase(ledger, 1, 1), TALLY_OK);
    ledger_close(ledger);
    int opened = open(file->path, O_WRONLY);
    assert_true(opened >= 0 && pwrite(opened, "?", 1, SEGMENT_HEADER_SIZE + 50) == 1);
    assert_true(pwrite(opened, "?", 1, (off_t)second + 9) == 1);
    close(opened);
    assert_int_equal(
        ledger_open(disk_system(), node->dir, &node->genesis.chain_id, &options, &ledger, &report), TALLY_OK);
    assert_int_equal(ledger_event_read(ledger, 1, 0, &arena, &event), TALLY_EDAMAGED);
    assert_int_equal(ledger_event_read(ledger, 1, 1, &arena, &event), TALLY_EDAMAGED);
    struct block bare = bare_block(1, &arena);
    assert_int_equal(ledger_mend(ledger, &bare, false, &mended), TALLY_OK);
    assert_false(mended);
    assert_int_equal(ledger_damaged(ledger, &height), TALLY_OK);
    assert_int_equal(height, 1);
    assert_int_equal(ledger_event_read(ledger, 1, 1, &arena, &event), TALLY_OK);
    assert_false(event.has_body);
    assert_int_equal(ledger_mend(ledger, &bare, true, &mended), TALLY_OK);
    assert_true(mended);
    assert_int_equal(ledger_damaged(ledger, &height), TALLY_ENOTFOUND);
    assert_int_equal(ledger_mend(ledger, &node->blocks[1], true, &mended), TALLY_OK);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(ledger_event_read(ledger, 1, i, &arena, &event), TALLY_OK);
        assert_int_equal(event.has_body, i == 2);
    }
    ledger_close(ledger);
    struct fsck_counts counts = look(&told);
    assert_int_equal(counts.problems, 0);
    assert_int_equal(counts.withheld, 2);
    put_back((size_t)(file - files));
    put_back_state();
    arena_close(&arena);
}

/* ---- Bodies that are gone ---- */

static void check_history(struct state *state, struct ledger *ledger, uint32_t subject)
{
    struct digest id = sample_digest_of("subject", subject);
    struct proof_trust trust = {.chain_id = node->genesis.chain_id, .validators = node->network.validators};
    struct proof_verdict verdict;
    struct history_proof proof;
    struct buffer bytes;
    struct arena arena;
    arena_init(&arena, 64 * MIB);
    buffer_init(&bytes, QUERY_PROOF_SIZE_MAX);
    bool more;
    assert_int_equal(query_history(state, ledger, &id, 0, true, &bytes, &more), TALLY_OK);
    assert_int_equal(history_verify(&trust, buffer_span(&bytes), &arena, &proof, &verdict), TALLY_OK);
    assert_true(verdict.authentic && verdict.complete && !verdict.absent);
    assert_true(verdict.events > 10);
    assert_int_equal(verdict.withheld, verdict.events);
    buffer_close(&bytes);
    arena_close(&arena);
}

static void without_any_body_all_else_still_holds(void **state)
{
    (void)state;
    struct told told;
    struct fsck_counts before = look(&told);
    struct ledger *ledger;
    struct replay replay;
    put_back_state();
    assert_int_equal(small_replay(node, node->dir, &replay, &ledger), TALLY_OK);
    for (uint64_t height = 1; height <= node->block_count; height++)
        for (uint32_t i = 0; i < node->blocks[height].header.payload_events; i++)
            assert_int_equal(ledger_body_erase(ledger, height, i), TALLY_OK);
    for (uint32_t subject = 0; subject < SMALL_ACCOUNTS / 2; subject++)
        check_history(replay.state, ledger, subject);
    /* The roots come out of headers alone. */
    assert_int_equal(replay_rebuild(&replay), TALLY_OK);
    for (uint64_t height = 1; height <= node->block_count; height++) {
        struct checkpoint checkpoint;
        assert_int_equal(replay_checkpoint(&replay, height, &checkpoint), TALLY_OK);
        assert_true(digest_equal(&checkpoint.state_root, &node->roots[height]));
    }
    replay_close(&replay);
    ledger_close(ledger);
    put_back_state();
    struct fsck_counts after = look(&told);
    assert_int_equal(after.problems, 0);
    assert_int_equal(after.withheld, node->events);
    assert_int_equal(after.bodies, 0);
    assert_int_equal(after.signatures, before.signatures);
    assert_int_equal(after.blocks, before.blocks);
    /* Not a salt, nor a body, is left. */
    const struct batch_event *event = &node->blocks[1].batches[0].events[0];
    for (size_t i = 0; i < file_count; i++) {
        if (!in_folder(&files[i], "bodies/")) continue;
        struct buffer bytes = small_read(files[i].path);
        assert_null(memmem(bytes.data, bytes.size, event->salt, SALT_SIZE));
        assert_null(memmem(bytes.data, bytes.size, event->body.data, event->body.size));
        buffer_close(&bytes);
        put_back(i);
    }
    put_back_state();
}

/* ---- Larger damage ---- */

static void told_of(const char *name, const char *what)
{
    struct told told;
    look(&told);
    for (uint32_t i = 0; i < told.count && i < TOLD_MAX; i++)
        if (strcmp(told.problems[i].file, name) == 0) return;
    fail_msg("%s of %s was not told", what, name);
}

static void a_lost_file_or_a_cut_one_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < file_count; i++) {
        const struct file *file = &files[i];
        if (!in_folder(file, "ledger/") && !in_folder(file, "bodies/")) continue;
        bool newest = i + 1 == file_count;
        for (size_t k = 0; k < file_count; k++)
            newest = newest ||
                     (strncmp(file->name, files[k].name, 7) == 0 && strcmp(file->name, files[k].name) < 0);
        if (!newest) continue; /* without its newest file a log is a shorter one */
        assert_int_equal(truncate(file->path, (off_t)(file->used / 2)), 0);
        told_of(file->name, "the cutting");
        assert_int_equal(unlink(file->path), 0);
        told_of(file->name, "the loss");
        put_back(i);
    }
    char stranger[128];
    snprintf(stranger, sizeof stranger, "%s/ledger/stranger", node->dir);
    struct buffer nothing;
    buffer_init(&nothing, 1);
    small_write(stranger, &nothing);
    told_of("ledger/stranger", "the coming");
    assert_int_equal(unlink(stranger), 0);
    put_back_state();
}

/* ---- Mending ---- */

/* The same block as another node keeps it: its FC may have other signers. */
static struct block peer_block(uint64_t height, bool other)
{
    struct block block = node->blocks[height];
    if (!other || !block.has_finalization) return block;
    struct digest digest =
        vote_digest(&node->genesis.chain_id, 1, VOTE_FINALIZE, block.header.view, &block.hash);
    block.finalization.signers = 14;
    sample_sign(&node->network, &digest, 14, block.finalization.signatures);
    return block;
}

static void mend_height(struct ledger *ledger, uint64_t height, bool other)
{
    struct block stranger = node->blocks[height], block = peer_block(height, other);
    bool mended = false;
    /* No child of its parent: that much is always known. */
    stranger.header.parent_hash.bytes[0] ^= 1;
    stranger.hash = block_header_hash(&stranger.header);
    assert_int_equal(ledger_mend(ledger, &stranger, true, &mended), TALLY_EINVALID);
    assert_int_equal(ledger_mend(ledger, &block, false, &mended), TALLY_OK);
    assert_true(mended);
    stranger = node->blocks[height];
    stranger.header.time_ms++;
    stranger.hash = block_header_hash(&stranger.header);
    assert_int_equal(ledger_mend(ledger, &stranger, true, &mended), TALLY_EINVALID);
}

/* What a node does: it opens, takes what was cut from its peers, meets the damage, and mends it. */
static uint32_t mend_all(bool other)
{
    struct ledger_options options = small_options;
    struct ledger *ledger;
    struct ledger_report report;
    struct arena arena;
    uint64_t height;
    uint32_t mended = 0;
    options.mend = true;
    arena_init(&arena, 64 * MIB);
    assert_int_equal(
        ledger_open(disk_system(), node->dir, &node->genesis.chain_id, &options, &ledger, &report), TALLY_OK);
    for (height = ledger_height(ledger) + 1; height <= node->block_count; height++)
        assert_int_equal(ledger_append(ledger, &node->blocks[height]), TALLY_OK);
    assert_int_equal(ledger_sync(ledger), TALLY_OK);
    for (height = 1; height <= node->block_count; height++) {
        struct block block;
        arena_reset(&arena);
        int error = ledger_read(ledger, height, true, &arena, &block);
        assert_true(error == TALLY_OK || error == TALLY_EDAMAGED);
    }
    for (; ledger_damaged(ledger, &height) == TALLY_OK; mended++)
        mend_height(ledger, height, other);
    ledger_close(ledger);
    arena_close(&arena);
    return mended;
}

static void remove_mended(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/mended", node->dir);
    small_remove(path);
}

/* `size` bytes of a file from `at` are overwritten. */
static void damage(const struct file *file, size_t at, size_t size)
{
    int opened = open(file->path, O_WRONLY);
    assert_true(opened >= 0);
    for (size_t i = at; i < at + size && i < file->bytes.size; i++) {
        uint8_t byte = (uint8_t)(file->bytes.data[i] ^ (1 + chance(255)));
        assert_true(pwrite(opened, &byte, 1, (off_t)i) == 1);
    }
    close(opened);
}

static void what_is_damaged_of_the_ledger_is_mended_to_the_same(void **state)
{
    (void)state;
    put_back_state();
    struct digest whole = dump();
    uint32_t mended = 0, elsewhere = 0;
    chance_seed = 11;
    for (uint32_t trial = 0; trial < (full ? 2000 : 60); trial++) {
        static const size_t sizes[] = {1, 1, 512, 3000};
        size_t at, size = sizes[trial / 2 % 4];
        const struct file *file = choose(trial % 2 == 0 ? "ledger/" : "bodies/", &at);
        /* More than one byte of a header is beyond mending. */
        if (size > 1 && at < SEGMENT_HEADER_SIZE) at = SEGMENT_HEADER_SIZE;
        struct told told;
        damage(file, at, size);
        mended += mend_all(trial % 3 == 0);
        struct fsck_counts counts = look(&told);
        if (counts.problems > 0)
            fail_msg("%s, byte %zu, %zu bytes: after mending, of %s at %llu", file->name, at, size,
                told.problems[0].file, (unsigned long long)told.problems[0].offset);
        elsewhere += counts.mended > 0;
        struct digest digest = dump();
        assert_true(digest_equal(&digest, &whole));
        for (size_t i = 0; i < file_count; i++)
            if (in_folder(&files[i], "ledger/") || in_folder(&files[i], "bodies/")) put_back(i);
        remove_mended();
    }
    print_message("%u blocks mended, in %u ledgers not in their place\n", mended, elsewhere);
    assert_true(mended > 30 && elsewhere > 3);
    put_back_state();
}

/* ---- Files and headers that are lost ---- */

enum loss { LOSS_FILE, LOSS_HEADER, LOSS_HEADER_AND_RECORDS, LOSS_HALF };

static void lose(const struct file *file, enum loss loss)
{
    switch (loss) {
    case LOSS_FILE:
        assert_int_equal(unlink(file->path), 0);
        return;
    case LOSS_HEADER:
        damage(file, 0, SEGMENT_HEADER_SIZE);
        return;
    case LOSS_HEADER_AND_RECORDS:
        damage(file, 0, file->bytes.size);
        return;
    case LOSS_HALF:
        /* Files lose whole blocks, so no record's header is cut in two. */
        assert_int_equal(truncate(file->path, (off_t)(file->used / 2 / 512 * 512)), 0);
        return;
    }
}

/* As often as a node would look through its ledger. */
static void mend_until_whole(const char *name, enum loss loss)
{
    struct told told;
    for (int round = 0; mend_all(round % 2 == 1) > 0; round++)
        assert_true(round < 20);
    if (look(&told).problems > 0)
        fail_msg("%s, loss %d: after mending, of %s at %llu, height %llu", name, loss, told.problems[0].file,
            (unsigned long long)told.problems[0].offset, (unsigned long long)told.problems[0].height);
}

static void put_back_ledger(void)
{
    for (size_t i = 0; i < file_count; i++)
        if (in_folder(&files[i], "ledger/") || in_folder(&files[i], "bodies/")) put_back(i);
    remove_mended();
}

static void a_lost_file_or_header_is_mended_from_peers(void **state)
{
    (void)state;
    put_back_state();
    struct digest whole = dump();
    uint32_t lost = 0;
    for (size_t i = 0; i < file_count; i++) {
        if (!in_folder(&files[i], "ledger/") && !in_folder(&files[i], "bodies/")) continue;
        for (enum loss loss = LOSS_FILE; loss <= LOSS_HALF; loss++, lost++) {
            lose(&files[i], loss);
            mend_until_whole(files[i].name, loss);
            struct digest digest = dump();
            if (!digest_equal(&digest, &whole))
                fail_msg("%s, loss %d: mended otherwise", files[i].name, loss);
            put_back_ledger();
        }
    }
    print_message("%u lost files and headers mended\n", lost);
    assert_true(lost >= 16);
    put_back_state();
}

static void several_lost_files_in_a_row_are_mended(void **state)
{
    (void)state;
    static const char *const folders[] = {"ledger/", "bodies/"};
    put_back_state();
    struct digest whole = dump();
    for (size_t f = 0; f < 2; f++) {
        uint32_t removed = 0;
        for (size_t i = 0; i < file_count; i++) {
            uint8_t sequence[8];
            if (!in_folder(&files[i], folders[f])) continue;
            assert_int_equal(hex_decode(files[i].name + 7, sequence, sizeof sequence), TALLY_OK);
            if (get_u64(sequence) > 2) continue;
            lose(&files[i], LOSS_FILE);
            removed++;
        }
        assert_int_equal(removed, 2);
        mend_until_whole(folders[f], LOSS_FILE);
        struct digest digest = dump();
        assert_true(digest_equal(&digest, &whole));
        put_back_ledger();
    }
    put_back_state();
}

/* With its header gone, a file's bodies are there still, and no peer is asked for them. */
static void a_lost_header_costs_no_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < file_count; i++) {
        if (!in_folder(&files[i], "bodies/")) continue;
        damage(&files[i], 0, SEGMENT_HEADER_SIZE);
        assert_int_equal(mend_all(false), 0);
        put_back(i);
    }
    put_back_state();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_node_is_clean_and_counted),
        cmocka_unit_test(a_first_record_whose_header_is_damaged_is_named_by_its_height),
        cmocka_unit_test(any_flipped_byte_is_named_or_lies_in_slack),
        cmocka_unit_test(a_state_cut_short_anywhere_is_brought_level),
        cmocka_unit_test(what_is_damaged_of_the_ledger_is_mended_to_the_same),
        cmocka_unit_test(a_lost_file_or_header_is_mended_from_peers),
        cmocka_unit_test(several_lost_files_in_a_row_are_mended),
        cmocka_unit_test(a_lost_header_costs_no_body),
        cmocka_unit_test(a_body_that_nobody_has_is_withheld_and_an_erased_one_stays_so),
        cmocka_unit_test(without_any_body_all_else_still_holds),
        cmocka_unit_test(a_lost_file_or_a_cut_one_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
