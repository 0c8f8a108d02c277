// links: policies node
/* What the rules say of events of every type with a plain list behind them, and with the state and a ledger's
 * headers: the same results and the same files, whatever was written, dropped from memory and read again in
 * between. */
#include <stdio.h>
#include <unistd.h>

#include "node/commit/execution.h"
#include "proto/base/check.h"
#include "storage/state.h"
#include "tests/unit/random_events.h"
#include "tests/vectors/profile.h"

#define BLOCKS 260u
#define BLOCK_EVENTS 24u
#define RUNS 6u
#define STEP_MS 1500000u /* between blocks: reservations and days pass */
#define FIRST_MS (BLOCK_TIME_MS + STEP_MS)
#define INDEX_GENERATION 200u
#define CODES (RESULT_ACCOUNT_LIMIT + 1)

/* ---- A node's state beside the list ---- */

struct node_side {
    char dir[64];
    struct genesis genesis;
    struct state *state;
    struct execution *execution;
    /* What stands for the ledger: the headers of block `height`, from 1. */
    struct event_header headers[BLOCKS + 1][BLOCK_EVENTS];
    uint32_t counts[BLOCKS + 1];
    uint64_t height;
    unsigned headers_read;
    uint32_t told;
    struct event_result results[BLOCK_EVENTS];
};

static int read_header(void *context, uint64_t height, uint32_t index, struct event_header *header)
{
    struct node_side *node = context;
    assert_true(height >= 1 && height <= node->height && index < node->counts[height]);
    *header = node->headers[height][index];
    node->headers_read++;
    return TALLY_OK;
}

static void node_start(struct node_side *node)
{
    struct state_config config = {.chain_id = node->genesis.chain_id, .index_generation = INDEX_GENERATION};
    struct header_source headers = {read_header, node};
    assert_int_equal(state_open(node->dir, &config, &node->state), TALLY_OK);
    assert_int_equal(execution_open(node->state, &node->genesis, &headers, &node->execution), TALLY_OK);
    assert_int_equal(state_applied_height(node->state), node->height);
}

static void node_stop(struct node_side *node)
{
    execution_close(node->execution);
    state_close(node->state);
}

static void node_open(struct node_side *node)
{
    static const uint32_t ids[] = {LENDER, BUREAU, REGULATOR, OPERATOR, OTHER_LENDER, THIRD_LENDER};
    struct genesis *genesis = &node->genesis;
    memset(node, 0, sizeof *node);
    strcpy(node->dir, "/tmp/test_execution_rules.XXXXXX");
    assert_non_null(mkdtemp(node->dir));
    genesis->policy = profile("cn");
    genesis->chain_id = (struct digest){{0xCC}};
    genesis->member_count = sizeof ids / sizeof ids[0];
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        struct genesis_member *member = &genesis->members[i];
        member->id = ids[i];
        member->role = (enum member_role)world_member_role(NULL, ids[i]);
        member->key_count = 1;
        member->keys[0].bytes[0] = (uint8_t)ids[i];
        member->ballot_key_count = 1;
        member->ballot_keys[0].bytes[0] = (uint8_t)(0x80 + ids[i]);
    }
    genesis->base_timeout_ms = 400;
    genesis->heartbeat_ms = 10000;
    genesis->validator_count = VALIDATORS_MIN;
    for (uint8_t i = 0; i < VALIDATORS_MIN; i++) {
        genesis->validators[i].member_id = LENDER;
        genesis->validators[i].key.bytes[0] = 0x10 + i;
    }
    node_start(node);
}

static void node_close(struct node_side *node)
{
    node_stop(node);
    assert_int_equal(state_discard(node->dir), TALLY_OK);
    assert_int_equal(rmdir(node->dir), 0);
}

static void note_results(void *context, const struct executed_batch *executed)
{
    struct node_side *node = context;
    for (uint32_t i = 0; i < executed->batch->event_count; i++)
        node->results[node->told++] = executed->results[i];
}

/* Each event in a batch of its own, as its member's. */
static void node_apply(struct node_side *node, struct batch_event *events, uint32_t count, uint64_t time_ms)
{
    struct batch batches[BLOCK_EVENTS];
    struct block block = {.header = {.epoch = 1, .height = node->height + 1, .time_ms = time_ms},
        .batch_count = count,
        .batches = batches};
    struct checkpoint checkpoint;
    put_u64(block.hash.bytes, block.header.height);
    for (uint32_t i = 0; i < count; i++) {
        batches[i] = (struct batch){.member_id = events[i].fields.member_id,
            .expires_at_ms = time_ms + 1000,
            .event_count = 1,
            .events = &events[i]};
        batches[i].signing_key.bytes[0] = (uint8_t)events[i].fields.member_id;
        put_u64(batches[i].digest.bytes, block.header.height << 16 | i);
        node->headers[block.header.height][i] = events[i].fields;
    }
    node->counts[block.header.height] = count;
    node->told = 0;
    assert_int_equal(execution_apply(node->execution, &block, note_results, node, &checkpoint), TALLY_OK);
    node->height = block.header.height;
    assert_int_equal(node->told, count);
}

/* ---- Comparing ---- */

static void same_file(struct node_side *node, const struct world *world, uint8_t number)
{
    struct digest id = {{number}};
    struct state_subject stored;
    struct buffer expected;
    struct arena arena;
    uint64_t folded = 0;
    for (size_t i = 0; i < world->applied_count; i++)
        folded += world->applied[i].header.subject_id.bytes[0] == number;
    arena_init(&arena, MIB);
    buffer_init(&expected, SUBJECT_STATE_SIZE_MAX);
    subject_state_encode(&world->files[number], &expected);
    assert_int_equal(state_subject_get(node->state, &id, &arena, &stored), TALLY_OK);
    assert_true(span_equal(stored.bytes, buffer_span(&expected)));
    assert_int_equal(stored.leaf.count, folded);
    buffer_close(&expected);
    arena_close(&arena);
}

/* The history names each folded event with the result it was folded with, and its id leads there. */
static void same_history(struct node_side *node, const struct world *world, uint8_t number)
{
    struct digest id = {{number}};
    static struct state_history_entry entries[APPLIED_MAX];
    size_t count = 0, at = 0;
    for (size_t i = 0; i < world->applied_count; i++)
        count += world->applied[i].header.subject_id.bytes[0] == number;
    assert_int_equal(state_history_read(node->state, &id, 0, count, entries), TALLY_OK);
    for (size_t i = 0; i < world->applied_count; i++) {
        const struct applied *applied = &world->applied[i];
        struct state_event event;
        if (applied->header.subject_id.bytes[0] != number) continue;
        assert_memory_equal(entries[at].event_id.bytes, applied->id.bytes, DIGEST_SIZE);
        assert_int_equal(entries[at].result, applied->code);
        assert_int_equal(state_event_get(node->state, &applied->id, &event), TALLY_OK);
        assert_int_equal(event.height, entries[at].height);
        assert_int_equal(event.index, entries[at].index);
        assert_int_equal(event.applied, applied->code == RESULT_OK);
        at++;
    }
}

static void maybe_restart(struct node_side *node)
{
    if (random_below(5) == 0) assert_int_equal(state_flush(node->state, node->height), TALLY_OK);
    if (random_below(20) != 0) return;
    assert_int_equal(state_flush(node->state, node->height), TALLY_OK);
    node_stop(node);
    node_start(node);
}

/* ---- The test ---- */

static void one_run(struct node_side *node, unsigned seen[CODES])
{
    static struct world world;
    world_open(&world);
    world.policy = profile("cn");
    node_open(node);
    for (uint32_t height = 1; height <= BLOCKS; height++) {
        struct batch_event events[BLOCK_EVENTS];
        struct event_result expected[BLOCK_EVENTS];
        uint32_t count = 1 + random_below(BLOCK_EVENTS);
        uint64_t time_ms = FIRST_MS + (uint64_t)height * STEP_MS;
        for (uint32_t i = 0; i < count; i++) {
            struct event_header header = random_event(&world);
            if (header.type == EVENT_RESERVE && header.expires_ms < time_ms)
                header.expires_ms = time_ms + random_below(4) * 4000000;
            events[i] = (struct batch_event){.fields = header, .id = id_of(&header)};
            expected[i] = world_apply_at(&world, &header, time_ms);
        }
        node_apply(node, events, count, time_ms);
        for (uint32_t i = 0; i < count; i++) {
            const struct event_result *result = &node->results[i];
            if (result->code != expected[i].code)
                fail_msg("block %u, event %u: %s is %s, with a list behind it %s", height, i,
                    event_type_name(events[i].fields.type), result_name(result->code),
                    result_name(expected[i].code));
            assert_int_equal(result->detail_size, expected[i].detail_size);
            assert_memory_equal(result->detail, expected[i].detail, result->detail_size);
            seen[result->code]++;
        }
        maybe_restart(node);
    }
    for (uint8_t i = 0; i < 4; i++) {
        same_file(node, &world, i);
        same_history(node, &world, i);
    }
    assert_true(node->headers_read > 300);
    node_close(node);
    world_close(&world);
}

static void the_state_answers_as_a_plain_list_does(void **context)
{
    (void)context;
    static const enum result_code reached[] = {RESULT_OK, RESULT_DUPLICATE, RESULT_WRONG_STATE,
        RESULT_PERIOD_TAKEN, RESULT_NOT_ALLOWED, RESULT_NO_TARGET, RESULT_STALE_TARGET, RESULT_ITEM_TAKEN,
        RESULT_NO_CONSENT, RESULT_REFUSED_CAP, RESULT_REFUSED_COOLING_OFF, RESULT_NO_AUTHORIZATION,
        RESULT_WRONG_SUBJECT};
    unsigned seen[CODES] = {0};
    struct node_side *node = malloc(sizeof *node);
    assert_non_null(node);
    for (uint32_t run = 0; run < RUNS; run++) {
        random_state = 7000 + run;
        one_run(node, seen);
    }
    for (size_t i = 0; i < sizeof reached / sizeof reached[0]; i++)
        if (seen[reached[i]] < 10) fail_msg("%s: %u", result_name(reached[i]), seen[reached[i]]);
    free(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_state_answers_as_a_plain_list_does)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
