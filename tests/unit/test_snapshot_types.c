// links: node
/* Events of every type, folded before a snapshot and after it: a state that came with it, and has none of the
 * older blocks, gives the same results and roots as the one that applied all, and makes the same snapshots;
 * and whatever is altered of what it was told of those events is found. */
#include <unistd.h>

#include "tests/unit/random_events.h"

#include "proto/codec/event_facts.h"
#include "storage/base_record.h"
#include "storage/state_check.h"
#include "storage/state_load.h"
#include "storage/store.h"
#include "tests/fault/cut_node.h"

#define BEFORE 90u /* blocks before the snapshot */
#define BLOCKS 150u
#define FILLED 120u /* the older blocks come after this one */
#define BLOCK_EVENTS 24u
#define STEP_MS 1500000u
#define MEMBERS 6u
#define INDEX_GENERATION 300u

/* ---- A network whose members have every role, and its blocks ---- */

static struct small_node *node;
static struct cut_node cut;
static struct world world;
static struct event_result expected[BLOCKS + 1][BLOCK_EVENTS];
static bool folds[BLOCKS + 1][BLOCK_EVENTS];

static void make_genesis(void)
{
    static const uint32_t ids[MEMBERS] = {LENDER, BUREAU, REGULATOR, OPERATOR, OTHER_LENDER, THIRD_LENDER};
    struct genesis *genesis = &node->genesis;
    small_genesis(node);
    genesis->member_count = MEMBERS;
    for (uint32_t i = 0; i < MEMBERS; i++) {
        struct secret_key secret = sample_secret(1000 + ids[i]);
        struct genesis_member *member = &genesis->members[i];
        *member = (struct genesis_member){
            .id = ids[i], .role = (enum member_role)world_member_role(NULL, ids[i]), .key_count = 1};
        assert_int_equal(secret_key_public(&secret, &member->keys[0]), TALLY_OK);
    }
    /* The chain that rules_world.h names events in. */
    genesis->chain_id = node->network.chain_id = (struct digest){{0xCC}};
    node->blocks[0].hash = genesis->chain_id;
}

/* One that has its form; most that are drawn have. */
static struct event_header draw(uint64_t time_ms, struct batch_event *event)
{
    struct buffer bytes;
    struct event_header header, decoded;
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    do {
        header = random_event(&world);
        if (header.type == EVENT_RESERVE && header.expires_ms < time_ms)
            header.expires_ms = time_ms + random_below(4) * 4000000;
        buffer_clear(&bytes);
        event_header_encode(&header, &bytes);
    } while (event_header_decode(buffer_span(&bytes), &decoded) != TALLY_OK);
    *event = (struct batch_event){.header = small_keep(node, &bytes), .fields = decoded};
    event->id = event_id(&node->genesis.chain_id, event->header);
    buffer_close(&bytes);
    return decoded;
}

/* A batch of one event. */
static void make_batch(struct batch *batch, uint64_t time_ms, struct event_result *result, bool *is_folded)
{
    struct batch_event *event = arena_take_zeroed(&node->arena, 1, sizeof *event);
    struct event_header header = draw(time_ms, event);
    struct secret_key secret = sample_secret(1000 + header.member_id);
    *result = world_apply_at(&world, &header, time_ms);
    *is_folded = credit_result_folds(header.type, result->code);
    *batch = (struct batch){.chain_id = node->genesis.chain_id,
        .member_id = header.member_id,
        .expires_at_ms = time_ms + 1 + random_below(300000),
        .event_count = 1,
        .events = event};
    assert_int_equal(secret_key_public(&secret, &batch->signing_key), TALLY_OK);
    batch->digest = batch_digest(batch);
    signature_make(&secret, &batch->digest, &batch->signature);
}

static void make_block(uint64_t height)
{
    struct block *block = &node->blocks[height];
    struct digest digests[BLOCK_EVENTS];
    uint64_t time_ms = BLOCK_TIME_MS + height * STEP_MS;
    uint8_t *justification = arena_take_zeroed(&node->arena, 60, 1);
    *block = (struct block){.header = {.chain_id = node->genesis.chain_id,
                                .epoch = 1,
                                .view = height,
                                .height = height,
                                .parent_view = height - 1,
                                .parent_hash = node->blocks[height - 1].hash,
                                .payload_events = BLOCK_EVENTS,
                                .time_ms = time_ms},
        .justification = span_of(justification, 60),
        .has_finalization = true,
        .batch_count = BLOCK_EVENTS,
        .batches = arena_take_zeroed(&node->arena, BLOCK_EVENTS, sizeof *block->batches)};
    block->header.justification_root = justification_root(block->justification);
    for (uint32_t i = 0; i < BLOCK_EVENTS; i++) {
        make_batch(&block->batches[i], time_ms, &expected[height][i], &folds[height][i]);
        digests[i] = block->batches[i].digest;
        block->header.payload_size += (uint32_t)batch_size_without_bodies(&block->batches[i]);
    }
    block->header.payload_root = payload_root(digests, BLOCK_EVENTS);
    block->hash = block_header_hash(&block->header);
    struct digest proposal = proposal_digest(&node->genesis.chain_id, &block->header, &block->hash);
    signature_make(&node->network.secrets[leader_of(height, 4)], &proposal, &block->signature);
    sample_certificate(&node->network, VOTE_FINALIZE, height, &block->hash, &block->finalization);
}

static void certify(struct state *state, const struct checkpoint *checkpoint)
{
    struct certified_checkpoint certified = {.checkpoint = *checkpoint};
    struct digest digest = checkpoint_digest(checkpoint);
    certified.signers = sample_quorum(&node->network);
    sample_sign(&node->network, &digest, certified.signers, certified.signatures);
    assert_int_equal(state_certified_put(state, &certified), TALLY_OK);
}

static int set_up(void **context)
{
    (void)context;
    node = calloc(1, sizeof *node);
    assert_non_null(node);
    strcpy(node->dir, "/tmp/tally-types.XXXXXX");
    assert_non_null(mkdtemp(node->dir));
    arena_init(&node->arena, 64 * MIB);
    make_genesis();
    world_open(&world);
    world.policy = *credit_policy_by_name(node->genesis.policy);
    random_state = 77;
    for (uint64_t height = 1; height <= BLOCKS; height++)
        make_block(height);
    node->block_count = BLOCKS;
    small_ledger(node);
    cut_node_of(&cut, node);
    cut.config.index_generation = INDEX_GENERATION;
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    world_close(&world);
    small_node_close(node);
    return 0;
}

/* ---- Two states ---- */

static struct event_header header_at(uint64_t height, uint32_t index)
{
    return node->blocks[height].batches[index].events[0].fields;
}

static int read_header(void *context, uint64_t height, uint32_t index, struct event_header *header)
{
    assert_true(height > *(const uint64_t *)context);
    *header = header_at(height, index);
    return TALLY_OK;
}

static int read_header_bytes(
    void *context, uint64_t height, uint32_t index, struct arena *arena, struct span *header)
{
    (void)context, (void)arena;
    *header = node->blocks[height].batches[index].events[0].header;
    return TALLY_OK;
}

struct side {
    char dir[64];
    uint64_t base;
    struct state *state;
    struct execution *execution;
};

static void side_start(struct side *side)
{
    struct header_source headers = {read_header, &side->base};
    assert_int_equal(state_open(side->dir, &cut.config, &side->state), TALLY_OK);
    assert_int_equal(execution_open(side->state, &node->genesis, &headers, &side->execution), TALLY_OK);
    side->base = state_base_height(side->state);
}

static void side_stop(struct side *side)
{
    execution_close(side->execution);
    state_close(side->state);
}

static void side_make(struct side *side, uint64_t base)
{
    *side = (struct side){.base = base, .dir = "/tmp/tally-types.XXXXXX"};
    assert_non_null(mkdtemp(side->dir));
}

static void side_close(struct side *side)
{
    side_stop(side);
    small_remove(side->dir);
}

static void note_results(void *context, const struct executed_batch *executed)
{
    const struct event_result *result = &executed->results[0];
    uint32_t *told = context, i = (*told)++;
    const struct event_result *wanted = &expected[executed->height][i];
    const struct event_header *header = &executed->batch->events[0].fields;
    if (result->code != wanted->code)
        fail_msg("block %u, event %u: %s is %s, with a list behind it %s", (unsigned)executed->height, i,
            event_type_name(header->type), result_name(result->code), result_name(wanted->code));
    assert_int_equal(result->detail_size, wanted->detail_size);
    assert_memory_equal(result->detail, wanted->detail, result->detail_size);
}

static struct checkpoint side_apply(struct side *side, uint64_t height)
{
    struct checkpoint checkpoint;
    uint32_t told = 0;
    assert_int_equal(
        execution_apply(side->execution, &node->blocks[height], note_results, &told, &checkpoint), TALLY_OK);
    assert_int_equal(told, BLOCK_EVENTS);
    certify(side->state, &checkpoint);
    return checkpoint;
}

static void count_found(void *context, const char *what)
{
    assert_true(what[0] != '\0');
    ++*(size_t *)context;
}

static int look_at(struct side *side, size_t *found)
{
    struct state_checker checker = {.header = read_header_bytes, .found = count_found, .context = found};
    *found = 0;
    return state_check_accounts(side->state, &checker);
}

/* With nothing in memory alone. */
static void side_is_sound(struct side *side)
{
    size_t found;
    assert_int_equal(state_flush(side->state, state_applied_height(side->state)), TALLY_OK);
    side_stop(side);
    side_start(side);
    assert_int_equal(look_at(side, &found), TALLY_OK);
    assert_int_equal(found, 0);
}

static void load(const char *from, struct side *side)
{
    struct state_load *loading;
    struct snapshot_head *head = head_of(&cut, from);
    assert_int_equal(state_load_begin(side->dir, head, &loading), TALLY_OK);
    for (uint32_t kind = SNAPSHOT_HISTORY; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; i < state_load_count(loading, kind); i++) {
            struct buffer bytes = part_of(from, cut.height, kind, i);
            bytes.data[bytes.size - 1] ^= 1;
            assert_int_equal(state_load_part(loading, kind, i, buffer_span(&bytes)), TALLY_EDAMAGED);
            bytes.data[bytes.size - 1] ^= 1;
            assert_int_equal(state_load_part(loading, kind, i, buffer_span(&bytes)), TALLY_OK);
            buffer_close(&bytes);
        }
    assert_int_equal(state_load_end(loading), TALLY_OK);
    state_load_close(loading);
    snapshot_head_close(head);
}

/* Its own, from the first block up to where the snapshot is made; and another that came with that. */
static void sides_open(struct side *own, struct side *joined, uint32_t run)
{
    cut.config.snapshot_run = run;
    cut.height = BEFORE;
    side_make(own, 0);
    side_start(own);
    for (uint64_t height = 1; height <= BEFORE; height++) {
        (void)side_apply(own, height);
        if (height % 17 == 0) assert_int_equal(state_flush(own->state, height), TALLY_OK);
    }
    side_is_sound(own);
    side_stop(own);
    cut_node_write(&cut, own->dir, own->dir);
    side_start(own);
    side_make(joined, BEFORE);
    load(own->dir, joined);
    side_start(joined);
    assert_int_equal(state_base_height(joined->state), BEFORE);
}

static void backfill(struct side *own, struct side *joined)
{
    for (uint64_t height = 1; height <= BEFORE; height++) {
        struct state_older_result *results;
        uint32_t count;
        struct arena arena;
        arena_init(&arena, MIB);
        older_results(own->state, height, &arena, &results, &count);
        for (uint32_t i = 0; i < count; i++)
            results[i].folded = folds[height][i];
        assert_int_equal(state_backfill_put(joined->state, height, results, count), TALLY_OK);
        arena_close(&arena);
    }
}

/* All of `a`'s snapshot is in `b`'s, to the byte. */
static void same_parts(const char *a, const char *b)
{
    struct snapshot_reading *reading;
    struct snapshot_head *head = head_of(&cut, a);
    assert_int_equal(snapshot_reading_open(head, &reading), TALLY_OK);
    for (uint32_t kind = SNAPSHOT_HISTORY; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; i < snapshot_reading_count(reading, kind); i++) {
            struct buffer ours = part_of(a, cut.height, kind, i), theirs = part_of(b, cut.height, kind, i);
            assert_true(span_equal(buffer_span(&ours), buffer_span(&theirs)));
            assert_int_equal(snapshot_reading_check(reading, kind, i, buffer_span(&theirs)), TALLY_OK);
            buffer_close(&ours);
            buffer_close(&theirs);
        }
    snapshot_reading_close(reading);
    snapshot_head_close(head);
}

static void go_on_as_one(uint32_t run)
{
    struct side own, joined;
    sides_open(&own, &joined, run);
    side_is_sound(&joined);
    for (uint64_t height = BEFORE + 1; height <= BLOCKS; height++) {
        struct checkpoint ours = side_apply(&own, height), theirs = side_apply(&joined, height);
        struct digest a = checkpoint_digest(&ours), b = checkpoint_digest(&theirs);
        assert_memory_equal(a.bytes, b.bytes, DIGEST_SIZE);
        if (height % 23 == 0) side_is_sound(&joined);
        if (height == FILLED) backfill(&own, &joined);
    }
    side_is_sound(&own);
    side_is_sound(&joined);
    side_stop(&own);
    side_stop(&joined);
    cut.height = BLOCKS;
    cut_node_write(&cut, own.dir, own.dir);
    cut_node_write(&cut, joined.dir, joined.dir);
    same_parts(own.dir, joined.dir);
    side_start(&own);
    side_start(&joined);
    side_close(&own);
    side_close(&joined);
}

static void a_joined_state_rules_on_every_type_as_one_that_applied_all(void **context)
{
    (void)context;
    unsigned corrected = 0, retracted = 0, of_item = 0, refused = 0, types_seen = 0, seen[64] = {0};
    for (size_t i = 0; i < world.applied_count; i++) {
        const struct applied *applied = &world.applied[i];
        corrected += applied->header.type == EVENT_CORRECT;
        retracted += applied->header.type == EVENT_RETRACT;
        of_item += !applied->header.has_account;
        refused += applied->code != RESULT_OK;
        types_seen += seen[applied->header.type]++ == 0;
    }
    printf("%zu folded, %u corrections, %u retractions, %u with an item id, %u refused, %u types\n",
        world.applied_count, corrected, retracted, of_item, refused, types_seen);
    assert_true(corrected > 10 && retracted > 10 && of_item > 100 && refused > 10 && types_seen == 21);
    go_on_as_one(SNAPSHOT_RUN); /* subjects whole in their parts, and indexed */
    go_on_as_one(32);           /* and cut into runs */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_joined_state_rules_on_every_type_as_one_that_applied_all),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
