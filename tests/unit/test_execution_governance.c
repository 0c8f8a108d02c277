// links: policies node
/* What members decide by ballot, block by block: the register under the state root, what the rules make of it
 * from the next height on, epochs in checkpoints, and the same again after a restart and a snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/commit/execution.h"
#include "node/credit/subject_state.h"
#include "proto/codec/ruling.h"
#include "storage/state.h"
#include "tests/unit/governance_blocks.h"

#define START_MS 1123200000000ull
#define BATCHES_MAX 8u

struct machine {
    char dir[64];
    struct state *state;
    struct execution *execution;
    struct governance_writer writer;
    uint64_t height, time_ms, epoch;
    uint8_t subject;
    uint32_t told;
    struct event_result results[BATCHES_MAX]; /* each batch's first, in the block's order */
    uint32_t places[BATCHES_MAX];
    struct checkpoint checkpoint;
};

static struct fixture *fixture;

static int set_up(void **context)
{
    (void)context;
    fixture = fixture_open();
    fixture->genesis.heartbeat_ms = 10000;
    genesis_identify(&fixture->genesis);
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    fixture_close(fixture);
    return 0;
}

static void machine_start(struct machine *machine)
{
    struct state_config config = {.chain_id = fixture->genesis.chain_id, .accounts = subject_state_chains};
    struct header_source headers = header_source_of(NULL);
    assert_int_equal(state_open(machine->dir, &config, &machine->state), TALLY_OK);
    assert_int_equal(
        execution_open(machine->state, &fixture->genesis, &headers, &machine->execution), TALLY_OK);
}

static void machine_stop(struct machine *machine)
{
    execution_close(machine->execution);
    state_close(machine->state);
}

static struct machine *machine_open(void)
{
    struct machine *machine = calloc(1, sizeof *machine);
    assert_non_null(machine);
    strcpy(machine->dir, "/tmp/test_execution_governance.XXXXXX");
    assert_non_null(mkdtemp(machine->dir));
    machine->writer.fixture = fixture;
    machine->time_ms = START_MS;
    machine->epoch = 1;
    machine_start(machine);
    return machine;
}

static void machine_close(struct machine *machine)
{
    machine_stop(machine);
    assert_int_equal(state_discard(machine->dir), TALLY_OK);
    assert_int_equal(rmdir(machine->dir), 0);
    free(machine);
}

static void note(void *context, const struct executed_batch *executed)
{
    struct machine *machine = context;
    assert_int_equal(executed->batch_index, machine->told);
    assert_int_equal(executed->result_count, 1);
    machine->results[machine->told] = executed->results[0];
    machine->places[machine->told++] = executed->first_index;
}

/* The next block; `seals` is NULL, or the set that it seals its epoch with. */
static int apply(
    struct machine *machine, struct batch *batches, uint32_t count, const struct validator_set *seals)
{
    struct block block = {.header = {.chain_id = fixture->genesis.chain_id,
                              .epoch = machine->epoch,
                              .height = machine->height + 1,
                              .time_ms = machine->time_ms + 1000,
                              .seals = seals != NULL},
        .batch_count = count,
        .batches = batches};
    for (uint32_t i = 0; i < count; i++)
        block.header.payload_events += batches[i].event_count;
    if (seals != NULL) block.header.next_set = validator_set_hash(seals);
    put_u64(block.hash.bytes, block.header.height);
    machine->told = 0;
    int error = execution_apply(machine->execution, &block, note, machine, &machine->checkpoint);
    if (error != TALLY_OK) return error;
    machine->height++;
    machine->time_ms += 1000;
    if (seals != NULL) machine->epoch++;
    return TALLY_OK;
}

static void run(struct machine *machine, struct batch *batches, uint32_t count)
{
    assert_int_equal(apply(machine, batches, count, NULL), TALLY_OK);
    assert_int_equal(machine->told, count);
}

static uint64_t now_ms(const struct machine *machine)
{
    return machine->time_ms + 1000;
}

/* A new account of somebody new, signed with the key of a number. */
static struct batch opening(struct machine *machine, uint32_t member_id, uint8_t key_number)
{
    struct secret_key secret = fixture_secret(key_number);
    uint8_t subject = ++machine->subject;
    struct batch_event event = fixture_event(
        fixture, fixture_header(member_id, EVENT_ACCOUNT_OPEN, subject, subject), span_of(NULL, 0));
    struct batch batch = fixture_batch(fixture, member_id, &event, 1, now_ms(machine) + 60000);
    fixture_sign(fixture, &batch, &secret);
    return batch;
}

static void result_is(const struct machine *machine, uint32_t batch, uint16_t code)
{
    if (machine->results[batch].code != code) fail_msg("batch %u: %u", batch, machine->results[batch].code);
}

/* Decides in the next block, in which nothing else is. */
static void decide(struct machine *machine, const struct governance_action *action)
{
    struct batch batches[GOVERNANCE_DECIDED];
    governance_decide(&machine->writer, action, now_ms(machine), batches);
    run(machine, batches, GOVERNANCE_DECIDED);
    for (uint32_t i = 0; i < GOVERNANCE_DECIDED; i++)
        result_is(machine, i, RULING_OK);
    assert_int_equal(machine->results[GOVERNANCE_DECIDED - 1].detail[0], PROPOSAL_PASSED);
}

static struct state_register stored_register(struct machine *machine, struct arena *arena)
{
    struct state_register stored;
    arena_init(arena, MIB);
    assert_int_equal(state_register_get(machine->state, arena, &stored), TALLY_OK);
    return stored;
}

/* ---- Order, and results ---- */

static void events_come_first_and_are_judged_by_what_was_before(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct governance_action suspend = {.kind = ACTION_SUSPEND_MEMBER, .member_id = OTHER_LENDER};
    struct batch batches[GOVERNANCE_DECIDED + 2];
    governance_decide(&machine->writer, &suspend, now_ms(machine), batches);
    /* It stands behind what suspends its member, and is of the register before. */
    batches[GOVERNANCE_DECIDED] = opening(machine, OTHER_LENDER, SIGNING_NUMBER(OTHER_LENDER));
    batches[GOVERNANCE_DECIDED + 1] = opening(machine, LENDER, SIGNING_NUMBER(LENDER));
    run(machine, batches, GOVERNANCE_DECIDED + 2);
    for (uint32_t i = 0; i < GOVERNANCE_DECIDED + 2; i++)
        result_is(machine, i, RESULT_OK);
    assert_int_equal(machine->places[GOVERNANCE_DECIDED], 0);
    assert_int_equal(machine->places[GOVERNANCE_DECIDED + 1], 1);
    assert_int_equal(machine->places[0], 2);
    assert_int_equal(machine->places[3], 5);
    assert_true(execution_register_changed(machine->execution));
    /* Its events are no longer taken, and what it is counted for is others' to say. */
    batches[0] = opening(machine, OTHER_LENDER, SIGNING_NUMBER(OTHER_LENDER));
    run(machine, batches, 1);
    result_is(machine, 0, RESULT_NOT_ALLOWED);
    assert_false(execution_register_changed(machine->execution));
    struct state_counts counts;
    state_counts(machine->state, &counts);
    assert_int_equal(counts.events, 3);
    assert_int_equal(counts.applied, 2);
    machine_close(machine);
}

static void a_transaction_has_a_result_of_its_own(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct governance_action suspend = {.kind = ACTION_SUSPEND_MEMBER, .member_id = OTHER_LENDER};
    struct batch batches[2] = {governance_propose(&machine->writer, 1, &suspend, now_ms(machine))};
    batches[1] = opening(machine, LENDER, SIGNING_NUMBER(LENDER));
    run(machine, batches, 2);
    struct arena arena;
    struct state_result *results;
    struct state_event at;
    uint32_t count;
    arena_init(&arena, MIB);
    assert_int_equal(state_results_read(machine->state, 1, &arena, &results, &count), TALLY_OK);
    assert_int_equal(count, 2);
    assert_true(digest_equal(&results[1].event_id, &batches[0].digest));
    assert_int_equal(results[1].result.code, RULING_OK);
    assert_int_equal(state_ruling_find(machine->state, &batches[0].digest, &at), TALLY_OK);
    assert_int_equal(at.height, 1);
    assert_int_equal(at.index, 1);
    assert_true(at.applied);
    /* It is no event: nothing can aim at it. */
    assert_int_equal(state_event_get(machine->state, &batches[0].digest, &at), TALLY_ENOTFOUND);
    /* Said again it is out of turn, and where it stood first counts. */
    run(machine, batches, 1);
    result_is(machine, 0, RULING_OUT_OF_SEQUENCE);
    assert_int_equal(state_ruling_find(machine->state, &batches[0].digest, &at), TALLY_OK);
    assert_int_equal(at.height, 1);
    arena_close(&arena);
    machine_close(machine);
}

static void a_key_revoked_by_its_owner_signs_nothing_from_the_next_block_on(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct public_key key = fixture_public(SIGNING_NUMBER(LENDER));
    struct batch batches[2] = {governance_revoke_own(&machine->writer, LENDER, &key, now_ms(machine))};
    batches[1] = opening(machine, LENDER, SIGNING_NUMBER(LENDER));
    run(machine, batches, 2);
    result_is(machine, 0, RULING_OK);
    result_is(machine, 1, RESULT_OK);
    batches[0] = opening(machine, LENDER, SIGNING_NUMBER(LENDER));
    batches[1] = opening(machine, LENDER, 100);
    run(machine, batches, 2);
    result_is(machine, 0, RESULT_KEY_REVOKED);
    result_is(machine, 1, RESULT_OK);
    machine_close(machine);
}

static void a_policy_by_ballot_holds_from_the_next_height_on(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct credit_policy policy = fixture->genesis.policy;
    struct buffer text;
    struct arena arena;
    policy.version++;
    policy.accounts_max = 1;
    buffer_init(&text, POLICY_TEXT_SIZE_MAX);
    credit_policy_print(&policy, &text);
    struct governance_action set = {
        .kind = ACTION_SET_POLICY, .policy = fixture_keep(fixture, &text), .policy_version = policy.version};
    buffer_close(&text);
    decide(machine, &set);
    struct digest root = credit_policy_root(&policy);
    struct state_register stored = stored_register(machine, &arena);
    assert_true(digest_equal(&stored.policy_root, &root));
    arena_close(&arena);
    machine_close(machine);
}

/* ---- Roots and restarts ---- */

static void the_register_is_written_where_a_block_changed_it_and_is_under_the_root(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct member_register *expected = calloc(1, sizeof *expected);
    struct arena arena;
    struct digest root;
    assert_non_null(expected);
    run(machine, NULL, 0);
    assert_int_equal(register_from_genesis(&fixture->genesis, expected), TALLY_OK);
    assert_int_equal(register_root(expected, &root), TALLY_OK);
    struct state_register stored = stored_register(machine, &arena);
    struct digest kept = digest_tagged(TAG_REGISTER, stored.bytes);
    assert_true(digest_equal(&kept, &root));
    struct state_roots roots;
    assert_int_equal(state_flush(machine->state, 1), TALLY_OK);
    size_t before = state_unflushed_size(machine->state);
    run(machine, NULL, 0);
    assert_true(state_unflushed_size(machine->state) - before < stored.bytes.size);
    arena_close(&arena);
    struct governance_action set = {
        .kind = ACTION_SET_PARAMETER, .parameter = PARAMETER_HEARTBEAT_MS, .value = 7000};
    decide(machine, &set);
    stored = stored_register(machine, &arena);
    kept = digest_tagged(TAG_REGISTER, stored.bytes);
    assert_false(digest_equal(&kept, &root));
    assert_int_equal(state_roots_get(machine->state, machine->height, &roots), TALLY_OK);
    assert_true(digest_equal(&roots.state_root, &machine->checkpoint.state_root));
    arena_close(&arena);
    free(expected);
    machine_close(machine);
}

static void after_a_restart_the_same_register_goes_on(void **context)
{
    (void)context;
    struct machine *machine = machine_open(), *other = machine_open();
    struct governance_action suspend = {.kind = ACTION_SUSPEND_MEMBER, .member_id = OTHER_LENDER};
    decide(machine, &suspend);
    decide(other, &suspend);
    assert_int_equal(state_flush(machine->state, machine->height), TALLY_OK);
    machine_stop(machine);
    machine_start(machine);
    struct digest root, other_root;
    assert_int_equal(register_root(execution_register(machine->execution), &root), TALLY_OK);
    assert_int_equal(register_root(execution_register(other->execution), &other_root), TALLY_OK);
    assert_true(digest_equal(&root, &other_root));
    struct batch batches[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct machine *at = i == 0 ? machine : other;
        batches[0] = opening(at, OTHER_LENDER, SIGNING_NUMBER(OTHER_LENDER));
        batches[1] = governance_propose(&at->writer, 1, &suspend, now_ms(at));
        run(at, batches, 2);
        result_is(at, 0, RESULT_NOT_ALLOWED);
        result_is(at, 1, RULING_WRONG_STATUS);
    }
    assert_true(digest_equal(&machine->checkpoint.state_root, &other->checkpoint.state_root));
    assert_true(digest_equal(&machine->checkpoint.results_root, &other->checkpoint.results_root));
    machine_close(machine);
    machine_close(other);
}

/* ---- Epochs ---- */

static void a_seal_begins_the_next_epoch_and_its_checkpoint_names_both_sets(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct validator_set first, next, wrong;
    struct checkpoint again;
    genesis_validator_set(&fixture->genesis, &first);
    struct digest first_hash = validator_set_hash(&first);
    struct governance_action set = {
        .kind = ACTION_SET_PARAMETER, .parameter = PARAMETER_HEARTBEAT_MS, .value = 7000};
    assert_false(register_wants_epoch(execution_register(machine->execution), &next));
    decide(machine, &set);
    assert_true(register_wants_epoch(execution_register(machine->execution), &next));
    struct digest next_hash = validator_set_hash(&next);
    assert_false(digest_equal(&first_hash, &next_hash));
    assert_true(digest_equal(&machine->checkpoint.next_set_hash, &first_hash));
    /* A block of another epoch is none of this one's. */
    machine->epoch = 2;
    assert_int_equal(apply(machine, NULL, 0, NULL), TALLY_EINVALID);
    machine->epoch = 1;
    assert_int_equal(apply(machine, NULL, 0, &next), TALLY_OK);
    assert_int_equal(machine->checkpoint.epoch, 1);
    assert_true(digest_equal(&machine->checkpoint.set_hash, &first_hash));
    assert_true(digest_equal(&machine->checkpoint.next_set_hash, &next_hash));
    /* It can be told again after a restart, when the register is the next epoch's. */
    assert_int_equal(state_flush(machine->state, machine->height), TALLY_OK);
    machine_stop(machine);
    machine_start(machine);
    again = machine->checkpoint;
    memset(&again.set_hash, 0, sizeof again.set_hash);
    execution_epoch_at(machine->execution, machine->height, &again);
    assert_memory_equal(&again, &machine->checkpoint, sizeof again);
    run(machine, NULL, 0);
    assert_int_equal(machine->checkpoint.epoch, 2);
    assert_true(digest_equal(&machine->checkpoint.set_hash, &next_hash));
    assert_true(digest_equal(&machine->checkpoint.next_set_hash, &next_hash));
    execution_epoch_at(machine->execution, 1, &again);
    assert_int_equal(again.epoch, 1);
    assert_true(digest_equal(&again.set_hash, &first_hash));
    assert_true(digest_equal(&again.next_set_hash, &first_hash));
    /* Nothing is settled: no set can be sealed with. */
    wrong = next;
    wrong.epoch = 3;
    assert_int_equal(apply(machine, NULL, 0, &wrong), TALLY_EDAMAGED);
    machine_close(machine);
}

static void a_flag_that_is_not_known_ends_it_before_its_height(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct governance_action set = {.kind = ACTION_SET_FLAG, .flag = FLAGS_KNOWN + 1, .height = 3};
    decide(machine, &set);
    assert_int_equal(execution_unknown_flag(machine->execution), 0);
    run(machine, NULL, 0);
    assert_int_equal(execution_unknown_flag(machine->execution), FLAGS_KNOWN + 1);
    assert_int_equal(apply(machine, NULL, 0, NULL), TALLY_EVERSION);
    assert_int_equal(state_applied_height(machine->state), 2);
    assert_int_equal(state_flush(machine->state, 2), TALLY_OK);
    machine_close(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_first_and_are_judged_by_what_was_before),
        cmocka_unit_test(a_transaction_has_a_result_of_its_own),
        cmocka_unit_test(a_key_revoked_by_its_owner_signs_nothing_from_the_next_block_on),
        cmocka_unit_test(a_policy_by_ballot_holds_from_the_next_height_on),
        cmocka_unit_test(the_register_is_written_where_a_block_changed_it_and_is_under_the_root),
        cmocka_unit_test(after_a_restart_the_same_register_goes_on),
        cmocka_unit_test(a_seal_begins_the_next_epoch_and_its_checkpoint_names_both_sets),
        cmocka_unit_test(a_flag_that_is_not_known_ends_it_before_its_height),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
