// links: governance codec crypto base
/* What the vectors of the model (tests/vectors/governance_rules.jsonl) cannot say: bounds that no sequence of
 * transactions reaches in reasonable time, seals of another set, and what a refusal leaves as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/governance/rules.h"
#include "tests/vectors/governance_samples.h"

static struct genesis genesis;
static struct member_register governed, before;
static struct governance_block block;
static struct sample_transaction sample;

static int setup(void **state)
{
    (void)state;
    sample_genesis(&genesis);
    block = (struct governance_block){
        .chain_id = sample_digest("chain"), .height = 10, .time_ms = SAMPLE_TIME_MS};
    sample_transaction_init(&sample, GOVERNANCE_PROPOSE, ACTION_ADMIT_MEMBER);
    return register_from_genesis(&genesis, &governed);
}

static int teardown(void **state)
{
    (void)state;
    sample_transaction_close(&sample);
    return 0;
}

/* Applies the sample; a refusal changes its member's sequence, or nothing. */
static struct event_result applied(void)
{
    struct event_result result = {0};
    before = governed;
    assert_int_equal(governance_apply(&governed, &block, &sample.fields, &result), TALLY_OK);
    if (result.code != RULING_OK) {
        struct register_member *member = &governed.members[sample.fields.member_id - 1];
        assert_true(member->sequence - before.members[sample.fields.member_id - 1].sequence <= 1);
        before.members[sample.fields.member_id - 1].sequence = member->sequence;
        assert_memory_equal(&before, &governed, sizeof governed);
    }
    return result;
}

static enum ruling rule_on(enum action_kind kind)
{
    struct governance_action action = sample_action(kind, buffer_span(&sample.policy));
    return governance_action_rule(&governed, &block, &action);
}

/* ---- Bounds ---- */

static void fill_keys(uint32_t count)
{
    for (; governed.key_count < count; governed.key_count++) {
        struct register_key *key = &governed.keys[governed.key_count];
        *key = (struct register_key){.member_id = 1, .kind = KEY_SIGNING, .from = 1, .until = 2};
        put_u32(key->key.bytes, governed.key_count + 1);
    }
}

static void keys_have_a_bound(void **state)
{
    (void)state;
    fill_keys(REGISTER_KEYS_MAX - 5);
    assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_OK);
    fill_keys(REGISTER_KEYS_MAX - 4);
    assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_REGISTER_FULL);
    fill_keys(REGISTER_KEYS_MAX - 1);
    assert_int_equal(rule_on(ACTION_ADD_KEY), RULING_OK);
    assert_int_equal(rule_on(ACTION_ROTATE_KEY), RULING_OK);
    assert_int_equal(rule_on(ACTION_ADD_NODE), RULING_OK);
    fill_keys(REGISTER_KEYS_MAX);
    assert_int_equal(rule_on(ACTION_ADD_KEY), RULING_REGISTER_FULL);
    assert_int_equal(rule_on(ACTION_ROTATE_KEY), RULING_REGISTER_FULL);
    assert_int_equal(rule_on(ACTION_ADD_NODE), RULING_REGISTER_FULL);
    assert_int_equal(rule_on(ACTION_REVOKE_KEY), RULING_OK);
}

static void fill_nodes(uint32_t count, bool validators)
{
    for (; governed.node_count < count; governed.node_count++) {
        struct register_node *node = &governed.nodes[governed.node_count];
        *node = (struct register_node){
            .id = ++governed.last_node_id, .member_id = 1, .validator = validators, .from = 1};
        (void)snprintf(node->name, sizeof node->name, "filler-%u", governed.node_count);
        put_u32(node->key.bytes, governed.node_count + 1);
    }
}

static void nodes_have_a_bound(void **state)
{
    (void)state;
    fill_nodes(REGISTER_NODES_MAX - 2, false);
    assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_OK);
    fill_nodes(REGISTER_NODES_MAX - 1, false);
    assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_REGISTER_FULL);
    assert_int_equal(rule_on(ACTION_ADD_NODE), RULING_OK);
    fill_nodes(REGISTER_NODES_MAX, false);
    assert_int_equal(rule_on(ACTION_ADD_NODE), RULING_REGISTER_FULL);
}

static void node_ids_have_a_bound(void **state)
{
    (void)state;
    governed.last_node_id = UINT32_MAX - 1;
    assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_REGISTER_FULL);
    assert_int_equal(rule_on(ACTION_ADD_NODE), RULING_OK);
    governed.last_node_id = UINT32_MAX;
    assert_int_equal(rule_on(ACTION_ADD_NODE), RULING_REGISTER_FULL);
}

static void validators_have_a_bound(void **state)
{
    (void)state;
    struct governance_action promote = {
        .kind = ACTION_SET_VALIDATORS, .choice_count = 1, .choices = {{5, true}}};
    fill_nodes(5 + VALIDATORS_MAX - 5, true);
    assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_OK);
    assert_int_equal(governance_action_rule(&governed, &block, &promote), RULING_OK);
    fill_nodes(5 + VALIDATORS_MAX - 4, true);
    assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_REGISTER_FULL);
    assert_int_equal(rule_on(ACTION_ADD_NODE), RULING_REGISTER_FULL);
    assert_int_equal(governance_action_rule(&governed, &block, &promote), RULING_REGISTER_FULL);
    /* One for another is none more. */
    promote = (struct governance_action){
        .kind = ACTION_SET_VALIDATORS, .choice_count = 2, .choices = {{5, true}, {6, false}}};
    assert_int_equal(governance_action_rule(&governed, &block, &promote), RULING_OK);
}

static void members_have_a_bound(void **state)
{
    (void)state;
    for (; governed.member_count < MEMBERS_MAX; governed.member_count++) {
        struct register_member *member = &governed.members[governed.member_count];
        *member = (struct register_member){
            .id = governed.member_count + 1, .role = ROLE_LENDER, .status = MEMBER_REMOVED};
        if (governed.member_count == MEMBERS_MAX - 1)
            assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_OK);
    }
    assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_REGISTER_FULL);
}

static void member_ids_have_a_bound(void **state)
{
    (void)state;
    governed.members[3].id = UINT32_MAX - 2;
    assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_OK);
    governed.members[3].id = UINT32_MAX - 1;
    assert_int_equal(rule_on(ACTION_ADMIT_MEMBER), RULING_REGISTER_FULL);
}

/* ---- A member joins, whole ---- */

static void vote(uint32_t member_id, const struct digest *proposal)
{
    sample_transaction_close(&sample);
    sample_transaction_init(&sample, GOVERNANCE_BALLOT, ACTION_ADD_KEY);
    sample.fields.member_id = member_id;
    sample.fields.proposal = *proposal;
    sample_transaction_finish(&sample, 199 + member_id);
    assert_int_equal(applied().code, RULING_OK);
}

static void a_newcomer_is_admitted_as_its_join_file_says(void **state)
{
    (void)state;
    struct event_result result = applied();
    struct digest proposal = sample.fields.digest;
    struct public_key signing = sample_key(1001);
    assert_int_equal(result.code, RULING_OK);
    assert_int_equal(result.detail_size, 1);
    assert_int_equal(result.detail[0], PROPOSAL_OPEN);
    assert_true(digest_equal(&register_proposal_find(&governed, &proposal)->id, &proposal));
    vote(2, &proposal);
    vote(3, &proposal);
    assert_null(register_proposal_find(&governed, &proposal));
    assert_int_equal(register_closed_find(&governed, &proposal)->outcome, PROPOSAL_PASSED);
    const struct register_member *member = register_member_by_id(&governed, 5);
    assert_string_equal(member->name, "B\xc3\xa4nk");
    assert_string_equal(member->kind, "commercial bank");
    assert_string_equal(member->licence, "L-7");
    assert_int_equal(member->role, ROLE_BUREAU);
    assert_int_equal(member->from, 11);
    assert_false(register_key_holds(&governed, KEY_SIGNING, 5, &signing, 10));
    assert_true(register_key_holds(&governed, KEY_SIGNING, 5, &signing, 11));
    assert_int_equal(governed.node_count, 7);
    assert_true(governed.nodes[5].validator && !governed.nodes[6].validator);
    assert_string_equal(governed.nodes[5].address, "a.example:7000");
}

static void a_refusal_changes_nothing_but_the_sequence(void **state)
{
    (void)state;
    sample.fields.closes_ms = block.time_ms;
    sample_transaction_finish(&sample, 200);
    assert_int_equal(applied().code, RULING_CLOSING_TIME);
    assert_int_equal(governed.members[0].sequence, 1);
    struct event_result result = applied();
    assert_int_equal(result.code, RULING_OUT_OF_SEQUENCE);
    assert_int_equal(result.detail_size, 8);
    assert_int_equal(get_u64(result.detail), 2);
    assert_int_equal(governed.members[0].sequence, 1);
}

/* ---- Seals ---- */

static void want_an_epoch(void)
{
    bool changed;
    governed.heartbeat_ms = 5000;
    assert_int_equal(governance_end(&governed, &block, NULL, &changed), TALLY_OK);
    assert_true(changed);
}

static void a_seal_names_the_set_that_was_settled(void **state)
{
    (void)state;
    struct validator_set next;
    struct digest hash, other = sample_digest("other");
    bool changed;
    assert_int_equal(governance_end(&governed, &block, &other, &changed), TALLY_EINVALID);
    want_an_epoch();
    assert_int_equal(governed.next_from, 10);
    assert_true(register_wants_epoch(&governed, &next));
    assert_int_equal(next.epoch, 2);
    hash = validator_set_hash(&next);
    block.height++;
    before = governed;
    assert_int_equal(governance_end(&governed, &block, &other, &changed), TALLY_EINVALID);
    assert_memory_equal(&before, &governed, sizeof governed);
    assert_int_equal(governance_end(&governed, &block, &hash, &changed), TALLY_OK);
    assert_true(changed);
    assert_int_equal(governed.epoch, 2);
    assert_int_equal(governed.epoch_from, 12);
    assert_int_equal(governed.set.heartbeat_ms, 5000);
    assert_false(register_wants_epoch(&governed, &next));
    assert_int_equal(governance_end(&governed, &block, NULL, &changed), TALLY_OK);
    assert_false(changed);
}

/* The same keys are another set in another epoch. */
static void the_present_set_does_not_seal(void **state)
{
    (void)state;
    struct validator_set set;
    bool changed;
    want_an_epoch();
    register_current_set(&governed, &set);
    struct digest hash = validator_set_hash(&set);
    assert_int_equal(governance_end(&governed, &block, &hash, &changed), TALLY_EINVALID);
}

static void proposals_expire_before_the_block(void **state)
{
    (void)state;
    assert_int_equal(applied().code, RULING_OK);
    block.time_ms = sample.fields.closes_ms - 1;
    assert_false(governance_begin(&governed, &block));
    block.time_ms++;
    assert_true(governance_begin(&governed, &block));
    assert_int_equal(governed.open_count, 0);
    assert_int_equal(governed.closed[0].outcome, PROPOSAL_EXPIRED);
    assert_false(governance_begin(&governed, &block));
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        test(keys_have_a_bound),
        test(nodes_have_a_bound),
        test(node_ids_have_a_bound),
        test(validators_have_a_bound),
        test(members_have_a_bound),
        test(member_ids_have_a_bound),
        test(a_newcomer_is_admitted_as_its_join_file_says),
        test(a_refusal_changes_nothing_but_the_sequence),
        test(a_seal_names_the_set_that_was_settled),
        test(the_present_set_does_not_seal),
        test(proposals_expire_before_the_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
