// links: policies node
/* Snapshots of a small node's state: written, refused where a byte of them is wrong, loaded into a state that
 * stands for the one they were made of. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/commit/execution.h"
#include "node/credit/subject_state.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/snapshot_internal.h"
#include "storage/snapshot_write.h"
#include "storage/state_check.h"
#include "storage/state_load.h"
#include "storage/state_record.h"
#include "storage/store.h"
#include "tests/fault/memory_disk.h"
#include "tests/fault/small_node.h"

#define BLOCKS 61u /* the last one carries its own FC, and batches of two minutes are remembered */
#define ENTRIES_MAX 4096u
#define BASE_KEY_SIZE (1u + DIGEST_SIZE + 4u)

static struct small_node *node;
static struct verify_set validators;
static struct state_config config;

static int set_up(void **context)
{
    struct validator_set set;
    (void)context;
    node = small_node_make(BLOCKS, 3);
    genesis_validator_set(&node->genesis, &set);
    assert_int_equal(verify_set_init(&set, &validators), TALLY_OK);
    config = (struct state_config){.chain_id = node->genesis.chain_id, .accounts = subject_state_chains};
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    small_node_close(node);
    return 0;
}

/* ---- Making and reading one ---- */

static bool go_on(void *context)
{
    (void)context;
    return true;
}

/* Writes a snapshot of the opened state into dir/snapshots. */
static int snapshot_of(struct state *state, struct ledger *ledger, const struct disk *disk, const char *dir)
{
    struct snapshot_source *source;
    struct snapshot_writing writing = {
        .disk = disk, .dir = dir, .ledger = ledger, .validators = &validators, .go_on = go_on};
    int error = snapshot_source_open(state, &source);
    if (error != TALLY_OK) return error;
    error = snapshot_write(source, &writing);
    snapshot_source_close(source);
    return error;
}

static void make_dir(char dir[64])
{
    strcpy(dir, "/tmp/tally-snapshot.XXXXXX");
    assert_non_null(mkdtemp(dir));
}

/* The node's own, once. */
static void ensure_snapshot(void)
{
    struct replay replay;
    struct ledger *ledger;
    uint64_t height;
    if (snapshot_newest(disk_system(), node->dir, UINT64_MAX, &height) == TALLY_OK) return;
    assert_int_equal(small_replay(node, node->dir, &replay, &ledger), TALLY_OK);
    assert_int_equal(snapshot_of(replay.state, ledger, disk_system(), node->dir), TALLY_OK);
    replay_close(&replay);
    ledger_close(ledger);
    assert_int_equal(snapshot_newest(disk_system(), node->dir, UINT64_MAX, &height), TALLY_OK);
    assert_int_equal(height, BLOCKS);
}

static struct buffer part_of(const char *dir, uint64_t height, uint32_t kind, uint32_t index)
{
    struct buffer bytes;
    buffer_init(&bytes, SNAPSHOT_PART_SIZE_MAX);
    int error = kind == 0 ? snapshot_head_read(disk_system(), dir, height, &bytes)
                          : snapshot_part_read(disk_system(), dir, height, kind, index, &bytes);
    assert_int_equal(error, TALLY_OK);
    return bytes;
}

static struct snapshot_head *head_of(const char *dir, uint64_t height)
{
    struct snapshot_head *head;
    struct buffer bytes = part_of(dir, height, 0, 0);
    assert_int_equal(snapshot_head_decode(buffer_span(&bytes), &validators, &config, &head), TALLY_OK);
    buffer_close(&bytes);
    return head;
}

static void load(const char *from, uint64_t height, const char *to)
{
    struct state_load *loading;
    struct snapshot_head *head = head_of(from, height);
    assert_int_equal(state_load_begin(to, head, &loading), TALLY_OK);
    for (uint32_t kind = SNAPSHOT_HISTORY; kind <= SNAPSHOT_SUBJECTS; kind++)
        for (uint32_t i = 0; i < snapshot_part_count(head, kind); i++) {
            struct buffer bytes = part_of(from, height, kind, i);
            assert_int_equal(state_load_part(loading, kind, i, buffer_span(&bytes)), TALLY_OK);
            assert_int_equal(state_load_part(loading, kind, i, buffer_span(&bytes)), TALLY_OK);
            buffer_close(&bytes);
        }
    assert_int_equal(state_load_end(loading), TALLY_OK);
    state_load_close(loading);
    snapshot_head_close(head);
}

/* ---- Two states that should be one ---- */

struct twins {
    char dir[64];
    struct replay replay; /* the node's own, computed from the first block */
    struct ledger *ledger;
    struct state *loaded;
    struct execution *execution;
};

static void twins_open(struct twins *twins)
{
    ensure_snapshot();
    make_dir(twins->dir);
    load(node->dir, BLOCKS, twins->dir);
    assert_int_equal(small_replay(node, node->dir, &twins->replay, &twins->ledger), TALLY_OK);
    assert_int_equal(state_open(twins->dir, &config, &twins->loaded), TALLY_OK);
    struct header_source headers = header_source_of(twins->ledger);
    assert_int_equal(execution_open(twins->loaded, &node->genesis, &headers, &twins->execution), TALLY_OK);
}

static void twins_close(struct twins *twins)
{
    execution_close(twins->execution);
    state_close(twins->loaded);
    replay_close(&twins->replay);
    ledger_close(twins->ledger);
    small_remove(twins->dir);
}

static void certify(struct state *state, const struct checkpoint *checkpoint)
{
    struct certified_checkpoint certified = {.checkpoint = *checkpoint};
    struct digest digest = checkpoint_digest(checkpoint);
    certified.signers = sample_quorum(&node->network);
    sample_sign(&node->network, &digest, certified.signers, certified.signatures);
    assert_int_equal(state_certified_put(state, &certified), TALLY_OK);
}

/* A block behind the newest, of a batch that repeats events of an older one, and one of other events at
 * places that are taken. */
static void repeat_block(struct block *block, uint64_t height, uint64_t from)
{
    static struct batch batches[2];
    struct digest digests[2];
    const struct block *old = &node->blocks[from];
    *block = node->blocks[BLOCKS];
    block->header.height = block->header.view = height;
    block->header.time_ms = SMALL_START_MS + height * 1000;
    block->header.payload_size = block->header.payload_events = 0;
    block->batch_count = 2;
    block->batches = batches;
    for (uint32_t b = 0; b < 2; b++) {
        struct secret_key secret = sample_secret(1000 + old->batches[b].member_id);
        batches[b] = old->batches[b];
        batches[b].expires_at_ms = block->header.time_ms + 70000;
        batches[b].digest = batch_digest(&batches[b]);
        signature_make(&secret, &batches[b].digest, &batches[b].signature);
        digests[b] = batches[b].digest;
        block->header.payload_size += (uint32_t)batch_size_without_bodies(&batches[b]);
        block->header.payload_events += batches[b].event_count;
    }
    block->header.payload_root = payload_root(digests, 2);
    block->hash = block_header_hash(&block->header);
}

static uint32_t told_duplicates;

static void count_duplicates(void *context, const struct executed_batch *executed)
{
    (void)context;
    for (uint32_t i = 0; i < executed->batch->event_count; i++)
        if (executed->results[i].code == RESULT_DUPLICATE) told_duplicates++;
}

static void both_apply(struct twins *twins, const struct block *block)
{
    struct checkpoint ours, theirs;
    assert_int_equal(replay_apply(&twins->replay, block, NULL, NULL, &ours), TALLY_OK);
    assert_int_equal(execution_apply(twins->execution, block, count_duplicates, NULL, &theirs), TALLY_OK);
    struct digest a = checkpoint_digest(&ours), b = checkpoint_digest(&theirs);
    assert_memory_equal(a.bytes, b.bytes, DIGEST_SIZE);
}

static void a_loaded_state_goes_on_as_the_one_it_was_made_of(void **context)
{
    struct twins twins;
    struct block block;
    struct state_roots roots;
    struct state_proof *proofs = calloc(2, sizeof *proofs);
    (void)context;
    assert_non_null(proofs);
    twins_open(&twins);
    assert_int_equal(state_applied_height(twins.loaded), BLOCKS);
    assert_int_equal(state_base_height(twins.loaded), BLOCKS);
    assert_int_equal(state_backfilled_height(twins.loaded), 0);
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        struct state_roots own;
        assert_int_equal(state_roots_get(twins.loaded, height, &roots), TALLY_OK);
        assert_int_equal(state_roots_get(twins.replay.state, height, &own), TALLY_OK);
        assert_memory_equal(&roots, &own, sizeof roots);
    }
    for (uint32_t s = 0; s < SMALL_ACCOUNTS / 2; s++) {
        struct digest id = sample_digest_of("subject", s);
        assert_int_equal(state_prove(twins.loaded, BLOCKS, &id, &proofs[0]), TALLY_OK);
        assert_int_equal(state_prove(twins.replay.state, BLOCKS, &id, &proofs[1]), TALLY_OK);
        assert_memory_equal(&proofs[0], &proofs[1], sizeof *proofs);
    }
    free(proofs);
    /* The rules read what came with the snapshot: ids at a seq, whose account it is, what was remembered. */
    told_duplicates = 0;
    repeat_block(&block, BLOCKS + 1, 3);
    both_apply(&twins, &block);
    assert_int_equal(told_duplicates, 2 * 3);
    block.header.height = block.header.view = BLOCKS + 2;
    block.header.time_ms += 1000; /* the same batches once more */
    block.hash = block_header_hash(&block.header);
    both_apply(&twins, &block);
    twins_close(&twins);
}

static void entries_equal(struct twins *twins, const struct digest *id)
{
    static struct state_history_entry ours[ENTRIES_MAX], theirs[ENTRIES_MAX];
    struct state_subject subject;
    struct arena arena;
    arena_init(&arena, MIB);
    assert_int_equal(state_subject_get(twins->loaded, id, &arena, &subject), TALLY_OK);
    arena_close(&arena);
    size_t count = (size_t)subject.leaf.count;
    assert_true(count > 2 && count <= ENTRIES_MAX);
    for (uint64_t from = 0; from < 2; from++) {
        size_t want = from == 0 ? count : count - 2; /* the whole, and without both ends */
        memset(ours, 0, sizeof ours);
        memset(theirs, 0, sizeof theirs);
        assert_int_equal(state_history_read(twins->replay.state, id, from, want, ours), TALLY_OK);
        assert_int_equal(state_history_read(twins->loaded, id, from, want, theirs), TALLY_OK);
        assert_memory_equal(ours, theirs, sizeof ours);
        for (size_t i = 0; i < want; i++) {
            struct state_event event;
            assert_int_equal(state_event_get(twins->loaded, &ours[i].event_id, &event), TALLY_OK);
            assert_true(event.applied && event.height == ours[i].height && event.index == ours[i].index);
        }
    }
}

/* What the other has of a block's results. */
static int backfill(struct twins *twins, uint64_t height, bool spoilt)
{
    struct state_older_result *results;
    uint32_t count;
    struct arena arena;
    arena_init(&arena, 16 * MIB);
    older_results(twins->replay.state, height, &arena, &results, &count);
    if (spoilt && count > 0) results[count / 2].at.event_id.bytes[3] ^= 1;
    if (spoilt && count == 0) results = arena_take_zeroed(&arena, ++count, sizeof *results);
    int error = state_backfill_put(twins->loaded, height, results, count);
    arena_close(&arena);
    return error;
}

static void what_was_ordered_before_comes_later(void **context)
{
    struct twins twins;
    struct arena arena;
    struct state_result *results, result;
    struct state_history_entry entry;
    struct state_event event;
    uint32_t count;
    struct digest id = sample_digest_of("subject", 0);
    (void)context;
    twins_open(&twins);
    arena_init(&arena, MIB);
    assert_int_equal(state_history_read(twins.loaded, &id, 0, 1, &entry), TALLY_EPENDING);
    assert_int_equal(state_results_read(twins.loaded, 3, &arena, &results, &count), TALLY_EPENDING);
    assert_int_equal(state_result_get(twins.loaded, 3, 0, &result), TALLY_EPENDING);
    assert_int_equal(
        state_event_get(twins.loaded, &node->blocks[3].batches[0].events[0].id, &event), TALLY_EPENDING);
    assert_int_equal(backfill(&twins, 2, false), TALLY_EINVALID);
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        assert_int_equal(backfill(&twins, height, true), TALLY_EINVALID);
        assert_int_equal(backfill(&twins, height, false), TALLY_OK);
        assert_int_equal(state_backfilled_height(twins.loaded), height);
        if (height != BLOCKS / 2) continue;
        /* What is on disk of it stands after a restart. */
        execution_close(twins.execution);
        assert_int_equal(state_flush(twins.loaded, BLOCKS), TALLY_OK);
        state_close(twins.loaded);
        assert_int_equal(state_open(twins.dir, &config, &twins.loaded), TALLY_OK);
        struct header_source headers = header_source_of(twins.ledger);
        assert_int_equal(execution_open(twins.loaded, &node->genesis, &headers, &twins.execution), TALLY_OK);
        assert_int_equal(state_backfilled_height(twins.loaded), height);
        assert_int_equal(state_results_read(twins.loaded, height, &arena, &results, &count), TALLY_OK);
        assert_int_equal(
            state_results_read(twins.loaded, height + 1, &arena, &results, &count), TALLY_EPENDING);
    }
    assert_int_equal(state_backfill_put(twins.loaded, BLOCKS + 1, NULL, 0), TALLY_EINVALID);
    struct block block;
    repeat_block(&block, BLOCKS + 1, 3);
    both_apply(&twins, &block);
    for (uint32_t s = 0; s < SMALL_ACCOUNTS / 2; s++) {
        id = sample_digest_of("subject", s);
        entries_equal(&twins, &id);
    }
    id = sample_digest_of("subject", 999);
    assert_int_equal(state_event_get(twins.loaded, &id, &event), TALLY_ENOTFOUND);
    arena_close(&arena);
    twins_close(&twins);
}

static void count_found(void *context, const char *what)
{
    assert_true(what[0] != '\0');
    (*(size_t *)context)++;
}

/* Nothing was applied to it since: no header is asked for. */
static int look_at(struct state *state, size_t *found)
{
    return state_check_accounts(state, &(struct state_checker){.found = count_found, .context = found});
}

static bool first_seen(void *context, struct span key, struct span value)
{
    struct buffer *pair = context;
    buffer_append(pair, key.data, key.size);
    buffer_append(pair, value.data, value.size);
    return false;
}

/* Changes the newest id in the first record of what came with the snapshot. */
static void spoil_base(const char *dir)
{
    char path[128];
    struct store *store;
    struct buffer pair;
    struct store_batch *batch = store_batch_make();
    buffer_init(&pair, MIB);
    (void)snprintf(path, sizeof path, "%s/state", dir);
    assert_int_equal(store_open(path, &store), TALLY_OK);
    assert_int_equal(store_scan(store, span_of("H", 1), span_of("H", 1), first_seen, &pair), TALLY_OK);
    assert_true(pair.size > BASE_KEY_SIZE);
    pair.data[pair.size - 2] ^= 1; /* before the type of a payment */
    store_batch_put(batch, span_of(pair.data, BASE_KEY_SIZE),
        span_of(pair.data + BASE_KEY_SIZE, pair.size - BASE_KEY_SIZE));
    assert_int_equal(store_commit(store, batch), TALLY_OK);
    store_batch_close(batch);
    store_close(store);
    buffer_close(&pair);
}

static void ids_that_came_with_it_are_held_against_the_files(void **context)
{
    struct twins twins;
    size_t found = 0;
    (void)context;
    twins_open(&twins);
    assert_int_equal(look_at(twins.loaded, &found), TALLY_OK);
    assert_int_equal(found, 0);
    execution_close(twins.execution);
    state_close(twins.loaded);
    spoil_base(twins.dir);
    assert_int_equal(state_open(twins.dir, &config, &twins.loaded), TALLY_OK);
    struct header_source headers = header_source_of(twins.ledger);
    assert_int_equal(execution_open(twins.loaded, &node->genesis, &headers, &twins.execution), TALLY_OK);
    assert_int_equal(look_at(twins.loaded, &found), TALLY_OK);
    assert_int_equal(found, 2); /* by its account, and by its subject */
    twins_close(&twins);
}

struct asking {
    struct twins *twins;
    atomic_bool stop;
    uint64_t answers;
};

/* Of an event that was applied nobody is told anything else. */
static void *ask(void *context)
{
    struct asking *asking = context;
    do {
        for (uint64_t height = 1; height <= BLOCKS; height++) {
            struct state_event event;
            if (node->blocks[height].batch_count == 0) continue;
            int error =
                state_event_get(asking->twins->loaded, &node->blocks[height].batches[0].events[0].id, &event);
            if (error == TALLY_EPENDING) continue;
            CHECK(error == TALLY_OK && event.applied && event.height == height);
            asking->answers++;
        }
    } while (!asking->stop);
    return NULL;
}

static void older_events_are_read_while_they_come(void **context)
{
    struct twins twins;
    pthread_t thread;
    (void)context;
    twins_open(&twins);
    struct asking asking = {.twins = &twins};
    assert_int_equal(pthread_create(&thread, NULL, ask, &asking), 0);
    for (uint64_t height = 1; height <= BLOCKS; height++)
        assert_int_equal(backfill(&twins, height, false), TALLY_OK);
    asking.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    uint64_t before = asking.answers;
    ask(&asking);
    assert_true(asking.answers - before > BLOCKS / 2);
    twins_close(&twins);
}

/* ---- The same bytes, whoever makes it ---- */

static void parts_equal(const char *a, const char *b, uint64_t height)
{
    struct snapshot_head *head = head_of(a, height);
    for (uint32_t kind = SNAPSHOT_BLOCK; kind <= SNAPSHOT_SUBJECTS; kind++)
        for (uint32_t i = 0; i < snapshot_part_count(head, kind); i++) {
            struct buffer x = part_of(a, height, kind, i), y = part_of(b, height, kind, i);
            assert_true(span_equal(buffer_span(&x), buffer_span(&y)));
            buffer_close(&x);
            buffer_close(&y);
        }
    snapshot_head_close(head);
}

/* Applies to both what the ledger, which is the node's, has next. */
static void ledger_goes_on(struct twins *twins, uint64_t height, struct checkpoint *last)
{
    small_block(node, height, 3);
    node->blocks[height].has_finalization = true;
    sample_certificate(&node->network, VOTE_FINALIZE, height, &node->blocks[height].hash,
        &node->blocks[height].finalization);
    assert_int_equal(ledger_append(twins->ledger, &node->blocks[height]), TALLY_OK);
    assert_int_equal(ledger_sync(twins->ledger), TALLY_OK);
    both_apply(twins, &node->blocks[height]);
    assert_int_equal(replay_checkpoint(&twins->replay, height, last), TALLY_OK);
}

static void a_loaded_state_makes_the_same_snapshots(void **context)
{
    struct twins twins;
    struct checkpoint last;
    (void)context;
    twins_open(&twins);
    assert_int_equal(snapshot_of(twins.loaded, twins.ledger, disk_system(), twins.dir), TALLY_OK);
    parts_equal(node->dir, twins.dir, BLOCKS);
    assert_int_equal(snapshot_of(twins.loaded, twins.ledger, disk_system(), twins.dir), TALLY_EEXISTS);
    uint32_t accounts_before = node->accounts[0].seq;
    for (uint64_t height = BLOCKS + 1; height <= BLOCKS + 9; height++)
        ledger_goes_on(&twins, height, &last);
    assert_true(node->accounts[0].seq > accounts_before);
    certify(twins.replay.state, &last);
    certify(twins.loaded, &last);
    assert_int_equal(state_flush(twins.replay.state, last.height), TALLY_OK);
    assert_int_equal(state_flush(twins.loaded, last.height), TALLY_OK);
    assert_int_equal(snapshot_of(twins.replay.state, twins.ledger, disk_system(), node->dir), TALLY_OK);
    assert_int_equal(snapshot_of(twins.loaded, twins.ledger, disk_system(), twins.dir), TALLY_OK);
    parts_equal(node->dir, twins.dir, last.height);
    twins_close(&twins);
}

/* ---- Every byte of it ---- */

static int check(const struct snapshot_head *head, uint32_t kind, uint32_t index, struct span bytes)
{
    struct snapshot_head *again;
    if (kind != 0) return snapshot_part_check(head, kind, index, bytes);
    int error = snapshot_head_decode(bytes, &validators, &config, &again);
    if (error == TALLY_OK) snapshot_head_close(again);
    return error;
}

static void no_byte_is_slack(const struct snapshot_head *head, uint32_t kind, uint32_t index)
{
    struct buffer bytes = part_of(node->dir, BLOCKS, kind, index);
    assert_int_equal(check(head, kind, index, buffer_span(&bytes)), TALLY_OK);
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t bit = (uint8_t)(1u << (i * 7 + i / 8) % 8);
        bytes.data[i] ^= bit;
        int error = check(head, kind, index, buffer_span(&bytes));
        if (error == TALLY_OK || (kind != 0 && error != TALLY_EDAMAGED))
            fail_msg("kind %u, byte %zu: %s", kind, i, tally_error_text(error));
        bytes.data[i] ^= bit;
        /* Torn there. */
        if (i % 13 == 0 || i + 1 == bytes.size)
            assert_int_not_equal(check(head, kind, index, span_of(bytes.data, i)), TALLY_OK);
    }
    buffer_u8(&bytes, 0);
    assert_int_not_equal(check(head, kind, index, buffer_span(&bytes)), TALLY_OK);
    buffer_close(&bytes);
}

static void no_byte_of_a_snapshot_is_slack(void **context)
{
    (void)context;
    ensure_snapshot();
    struct snapshot_head *head = head_of(node->dir, BLOCKS);
    no_byte_is_slack(head, 0, 0);
    for (uint32_t kind = SNAPSHOT_BLOCK; kind <= SNAPSHOT_SUBJECTS; kind++)
        for (uint32_t i = 0; i < snapshot_part_count(head, kind); i++)
            no_byte_is_slack(head, kind, i);
    snapshot_head_close(head);
}

/* Whoever changes a head makes its digest anew. */
static void no_byte_of_a_head_is_its_makers_to_choose(void **context)
{
    (void)context;
    ensure_snapshot();
    struct buffer bytes = part_of(node->dir, BLOCKS, 0, 0);
    size_t size = bytes.size - DIGEST_SIZE;
    for (size_t i = 0; i < size * 9; i++) {
        /* Each bit, and both of those that tell a leaf from an inner node. */
        uint8_t bits = (uint8_t)(i % 9 == 8 ? 3u : 1u << i % 9);
        bytes.data[i / 9] ^= bits;
        struct digest digest = digest_tagged(TAG_SNAPSHOT, span_of(bytes.data, size));
        memcpy(bytes.data + size, digest.bytes, DIGEST_SIZE);
        int error = check(NULL, 0, 0, buffer_span(&bytes));
        if (error == TALLY_OK) fail_msg("byte %zu of %zu, bits %u", i / 9, size, bits);
        bytes.data[i / 9] ^= bits;
    }
    buffer_close(&bytes);
}

/* ---- Parts of another, or in another's place ---- */

static void parts_are_refused_elsewhere(void **context)
{
    (void)context;
    ensure_snapshot();
    struct snapshot_head *head = head_of(node->dir, BLOCKS);
    assert_int_equal(snapshot_part_count(head, SNAPSHOT_BATCHES), 1 + 1); /* of two minutes */
    struct buffer first = part_of(node->dir, BLOCKS, SNAPSHOT_BATCHES, 0),
                  second = part_of(node->dir, BLOCKS, SNAPSHOT_BATCHES, 1);
    assert_int_equal(snapshot_part_check(head, SNAPSHOT_BATCHES, 1, buffer_span(&first)), TALLY_EDAMAGED);
    assert_int_equal(snapshot_part_check(head, SNAPSHOT_BATCHES, 0, buffer_span(&second)), TALLY_EDAMAGED);
    /* With the index it would need. */
    put_u32(first.data + 13, 1);
    assert_int_equal(snapshot_part_check(head, SNAPSHOT_BATCHES, 1, buffer_span(&first)), TALLY_EDAMAGED);
    assert_int_equal(snapshot_part_check(head, SNAPSHOT_BATCHES, 2, buffer_span(&first)), TALLY_EDAMAGED);
    assert_int_equal(snapshot_part_check(head, 0, 0, buffer_span(&first)), TALLY_EDAMAGED);
    assert_int_equal(snapshot_part_check(head, 5, 0, buffer_span(&first)), TALLY_EDAMAGED);
    buffer_close(&first);
    buffer_close(&second);
    snapshot_head_close(head);
}

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, PUBLIC_KEY_SIZE);
}

static void a_head_of_another_chain_or_policy_or_set_is_refused(void **context)
{
    struct snapshot_head *head;
    (void)context;
    ensure_snapshot();
    struct buffer bytes = part_of(node->dir, BLOCKS, 0, 0);
    struct state_config other = config;
    other.chain_id.bytes[0] ^= 1;
    assert_int_equal(snapshot_head_decode(buffer_span(&bytes), &validators, &other, &head), TALLY_ECHAIN);
    struct validator_set set;
    struct verify_set others;
    genesis_validator_set(&node->genesis, &set);
    for (uint32_t i = 0; i < 4; i++) {
        struct secret_key secret = sample_secret(500 + i);
        assert_int_equal(secret_key_public(&secret, &set.keys[i]), TALLY_OK);
    }
    qsort(set.keys, 4, sizeof set.keys[0], by_key);
    assert_int_equal(verify_set_init(&set, &others), TALLY_OK);
    assert_int_equal(snapshot_head_decode(buffer_span(&bytes), &others, &config, &head), TALLY_ESIGNATURE);
    buffer_close(&bytes);
}

/* ---- Loading what is wrong, or half ---- */

static void a_wrong_part_writes_nothing_and_half_a_state_is_none(void **context)
{
    char dir[64];
    struct state_load *loading;
    struct state *state;
    (void)context;
    ensure_snapshot();
    make_dir(dir);
    struct snapshot_head *head = head_of(node->dir, BLOCKS);
    struct buffer subjects = part_of(node->dir, BLOCKS, SNAPSHOT_SUBJECTS, 0),
                  history = part_of(node->dir, BLOCKS, SNAPSHOT_HISTORY, 0);
    assert_int_equal(state_load_begin(dir, head, &loading), TALLY_OK);
    subjects.data[subjects.size - 1] ^= 1;
    assert_int_equal(state_load_part(loading, SNAPSHOT_SUBJECTS, 0, buffer_span(&subjects)), TALLY_EDAMAGED);
    assert_false(state_load_has(loading, SNAPSHOT_SUBJECTS, 0));
    subjects.data[subjects.size - 1] ^= 1;
    history.data[history.size - 1] ^= 1;
    assert_int_equal(state_load_part(loading, SNAPSHOT_HISTORY, 0, buffer_span(&history)), TALLY_EDAMAGED);
    history.data[history.size - 1] ^= 1;
    assert_int_equal(state_load_part(loading, SNAPSHOT_HISTORY, 1, buffer_span(&history)), TALLY_EDAMAGED);
    assert_int_equal(state_load_part(loading, SNAPSHOT_BLOCK, 0, buffer_span(&history)), TALLY_EINVALID);
    state_load_close(loading);
    /* Nothing was written. */
    assert_int_equal(state_open(dir, &config, &state), TALLY_OK);
    assert_int_equal(state_applied_height(state), 0);
    state_close(state);
    assert_int_equal(state_load_begin(dir, head, &loading), TALLY_OK);
    assert_int_equal(state_load_part(loading, SNAPSHOT_SUBJECTS, 0, buffer_span(&subjects)), TALLY_OK);
    state_load_close(loading);
    assert_int_equal(state_open(dir, &config, &state), TALLY_EDAMAGED);
    load(node->dir, BLOCKS, dir);
    assert_int_equal(state_open(dir, &config, &state), TALLY_OK);
    assert_int_equal(state_applied_height(state), BLOCKS);
    state_close(state);
    buffer_close(&subjects);
    buffer_close(&history);
    snapshot_head_close(head);
    small_remove(dir);
}

/* ---- A disk that fails ---- */

static void a_write_that_fails_leaves_no_snapshot_and_the_next_is_whole(void **context)
{
    struct replay replay;
    struct ledger *ledger;
    (void)context;
    assert_int_equal(small_replay(node, node->dir, &replay, &ledger), TALLY_OK);
    static const enum fault_kind faults[] = {FAULT_IO, FAULT_FULL, FAULT_CRASH};
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
        int error = TALLY_EIO;
        for (uint64_t at = 1; error != TALLY_OK; at++) {
            struct memory_disk *memory = memory_disk_make(at);
            uint64_t height;
            memory_fault(memory, faults[f], at, 17);
            error = snapshot_of(replay.state, ledger, &memory->disk, "data");
            if (faults[f] == FAULT_CRASH) memory_disk_crash(memory, CRASH_KEEPS_SYNCED);
            memory_fault(memory, FAULT_NONE, 0, 0);
            memory->full = false;
            int found = snapshot_newest(&memory->disk, "data", UINT64_MAX, &height);
            if (error == TALLY_OK) assert_int_equal(found, TALLY_OK);
            if (found != TALLY_OK)
                assert_int_equal(snapshot_of(replay.state, ledger, &memory->disk, "data"), TALLY_OK);
            /* One that is there is whole. */
            assert_int_equal(snapshot_newest(&memory->disk, "data", UINT64_MAX, &height), TALLY_OK);
            struct snapshot_head *head;
            struct buffer bytes;
            buffer_init(&bytes, SNAPSHOT_PART_SIZE_MAX);
            assert_int_equal(snapshot_head_read(&memory->disk, "data", height, &bytes), TALLY_OK);
            assert_int_equal(
                snapshot_head_decode(buffer_span(&bytes), &validators, &config, &head), TALLY_OK);
            for (uint32_t kind = SNAPSHOT_BLOCK; kind <= SNAPSHOT_SUBJECTS; kind++)
                for (uint32_t i = 0; i < snapshot_part_count(head, kind); i++) {
                    buffer_clear(&bytes);
                    assert_int_equal(
                        snapshot_part_read(&memory->disk, "data", height, kind, i, &bytes), TALLY_OK);
                    assert_int_equal(snapshot_part_check(head, kind, i, buffer_span(&bytes)), TALLY_OK);
                }
            snapshot_head_close(head);
            buffer_close(&bytes);
            memory_disk_close(memory);
        }
    }
    replay_close(&replay);
    ledger_close(ledger);
}

static int save(const struct disk *disk, uint64_t height)
{
    int error = snapshot_save_begin(disk, "data", height);
    if (error == TALLY_OK)
        error = snapshot_save_part(disk, "data", height, SNAPSHOT_BLOCK, 0, span_of("part", 4));
    return error == TALLY_OK ? snapshot_save_end(disk, "data", height, span_of("head", 4)) : error;
}

/* One that stands is no failure, though an older one cannot be removed: that is for the next. */
static void an_old_one_that_stays_is_removed_with_the_next(void **context)
{
    (void)context;
    uint32_t stayed = 0;
    int error = TALLY_EIO;
    for (uint64_t at = 1; at < 40; at++) {
        struct memory_disk *memory = memory_disk_make(at);
        uint64_t height;
        for (uint64_t h = 1; h <= SNAPSHOTS_KEPT; h++)
            assert_int_equal(save(&memory->disk, h), TALLY_OK);
        memory_fault(memory, FAULT_IO, at, 0);
        error = save(&memory->disk, 3);
        memory_fault(memory, FAULT_NONE, 0, 0);
        if (error == TALLY_OK) {
            assert_int_equal(snapshot_newest(&memory->disk, "data", UINT64_MAX, &height), TALLY_OK);
            assert_int_equal(height, 3);
            stayed += snapshot_newest(&memory->disk, "data", 1, &height) == TALLY_OK;
        }
        assert_int_equal(save(&memory->disk, 4), TALLY_OK);
        assert_int_equal(snapshot_newest(&memory->disk, "data", UINT64_MAX, &height), TALLY_OK);
        assert_int_equal(height, 4);
        assert_int_equal(snapshot_newest(&memory->disk, "data", 1, &height), TALLY_ENOTFOUND);
        memory_disk_close(memory);
    }
    assert_int_equal(error, TALLY_OK);
    assert_in_range(stayed, 1, 5);
}

/* ---- Many events ---- */

/* So many that subjects are cut into parts, and the sort behind them goes through its file. */
static void subjects_are_cut_into_parts(void **context)
{
    struct small_node *few = node;
    char dir[64];
    struct state *state;
    (void)context;
    node = small_node_make(241, 60);
    struct state_config few_config = config;
    config.chain_id = node->genesis.chain_id;
    small_snapshot(node);
    struct snapshot_head *head = head_of(node->dir, 241);
    assert_int_equal(snapshot_part_count(head, SNAPSHOT_SUBJECTS), 2);
    struct buffer first = part_of(node->dir, 241, SNAPSHOT_SUBJECTS, 0);
    assert_true(first.size > 100000);
    /* A whole part in the other's place, with the number it would need. */
    put_u32(first.data + 13, 1);
    assert_int_equal(snapshot_part_check(head, SNAPSHOT_SUBJECTS, 1, buffer_span(&first)), TALLY_EDAMAGED);
    buffer_close(&first);
    snapshot_head_close(head);
    make_dir(dir);
    load(node->dir, 241, dir);
    assert_int_equal(state_open(dir, &config, &state), TALLY_OK);
    struct state_roots roots;
    assert_int_equal(state_roots_get(state, 241, &roots), TALLY_OK);
    assert_memory_equal(roots.state_root.bytes, node->roots[241].bytes, DIGEST_SIZE);
    struct ledger *ledger;
    struct ledger_report report;
    assert_int_equal(
        ledger_open(disk_system(), node->dir, &config.chain_id, &small_options, &ledger, &report), TALLY_OK);
    assert_int_equal(snapshot_of(state, ledger, disk_system(), dir), TALLY_OK);
    parts_equal(node->dir, dir, 241);
    ledger_close(ledger);
    state_close(state);
    small_remove(dir);
    small_node_close(node);
    node = few;
    config = few_config;
}

/* ---- A leaf alone ---- */

/* A head cannot say of a lone leaf that another part holds it: honest parts would not fit it. */
static void a_lone_leaf_stands_where_its_position_says(void **context)
{
    (void)context;
    struct snapshot_leaf leaf = {.position = {{0x80}}, .leaf = {.count = 1}};
    struct snapshot_subtree none = snapshot_subtree_of(NULL, 0, 1), one = snapshot_subtree_of(&leaf, 1, 1);
    for (uint32_t place = 0; place < 2; place++) {
        struct snapshot_head made = {.config = config, .depth = 1}, *read;
        struct state_parts *parts = &made.parts;
        buffer_init(&made.registered, KIB);
        buffer_append(&made.registered, "register", 8);
        struct buffer bytes;
        made.counts = (struct state_counts){.events = 20000, .applied = 25000, .subjects = 1};
        struct snapshot_range ranges[2] = {{.depth = 1, .subtree = place == 0 ? one : none},
            {.first = {{0x80}}, .depth = 1, .subtree = place == 0 ? none : one}};
        made.ranges = (struct snapshot_ranges){.items = ranges, .count = 2};
        made.history_count = 1;
        made.history = (struct digest[]){sample_digest_of("history", 0)};
        *parts = (struct state_parts){.subjects_root = snapshot_ranges_join(&made.ranges).root,
            .members_root = digest_tagged(TAG_REGISTER, buffer_span(&made.registered)),
            .policy_root = sample_digest("policy"),
            .replay_root = replay_window_root(&made.window),
            .counts_root = state_counts_root(&made.counts)};
        assert_memory_equal(parts->subjects_root.bytes, one.root.bytes, DIGEST_SIZE);
        struct checkpoint *checkpoint = &made.certified.checkpoint;
        struct replay replay;
        struct ledger *ledger;
        assert_int_equal(small_replay(node, node->dir, &replay, &ledger), TALLY_OK);
        assert_int_equal(replay_checkpoint(&replay, 7, checkpoint), TALLY_OK);
        replay_close(&replay);
        ledger_close(ledger);
        checkpoint->state_root = state_root(parts);
        checkpoint->history_root = made.history[0];
        struct digest digest = checkpoint_digest(checkpoint);
        made.certified.signers = sample_quorum(&node->network);
        sample_sign(&node->network, &digest, made.certified.signers, made.certified.signatures);
        buffer_init(&bytes, MIB);
        snapshot_head_encode(&made, &bytes);
        int error = snapshot_head_decode(buffer_span(&bytes), &validators, &config, &read);
        assert_int_equal(error, place == 1 ? TALLY_OK : TALLY_EFORM);
        if (error == TALLY_OK) snapshot_head_close(read);
        buffer_close(&bytes);
        buffer_close(&made.registered);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_that_fails_leaves_no_snapshot_and_the_next_is_whole),
        cmocka_unit_test(a_loaded_state_goes_on_as_the_one_it_was_made_of),
        cmocka_unit_test(what_was_ordered_before_comes_later),
        cmocka_unit_test(ids_that_came_with_it_are_held_against_the_files),
        cmocka_unit_test(older_events_are_read_while_they_come),
        cmocka_unit_test(no_byte_of_a_snapshot_is_slack),
        cmocka_unit_test(no_byte_of_a_head_is_its_makers_to_choose),
        cmocka_unit_test(parts_are_refused_elsewhere),
        cmocka_unit_test(a_head_of_another_chain_or_policy_or_set_is_refused),
        cmocka_unit_test(a_wrong_part_writes_nothing_and_half_a_state_is_none),
        cmocka_unit_test(an_old_one_that_stays_is_removed_with_the_next),
        cmocka_unit_test(subjects_are_cut_into_parts),
        cmocka_unit_test(a_lone_leaf_stands_where_its_position_says),
        cmocka_unit_test(a_loaded_state_makes_the_same_snapshots),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
