// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/codec/governance_json.h"
#include "proto/codec/result.h"
#include "proto/codec/ruling.h"
#include "tests/vectors/governance_samples.h"

static struct genesis genesis;
static struct member_register governed, again;

static int setup(void **state)
{
    (void)state;
    sample_genesis(&genesis);
    return register_from_genesis(&genesis, &governed);
}

static void encode(struct buffer *out)
{
    buffer_init(out, REGISTER_SIZE_MAX);
    register_encode(&governed, out);
    assert_false(out->failed);
}

static bool reads(void)
{
    struct buffer bytes;
    encode(&bytes);
    int error = register_decode(buffer_span(&bytes), &again);
    buffer_close(&bytes);
    assert_true(error == TALLY_OK || error == TALLY_EFORM);
    return error == TALLY_OK;
}

static void genesis_is_height_zero(void **state)
{
    (void)state;
    struct validator_set set, of_genesis;
    assert_int_equal(governed.member_count, 4);
    assert_int_equal(governed.key_count, 13);
    assert_int_equal(governed.node_count, 5);
    assert_int_equal(governed.last_node_id, 5);
    assert_string_equal(register_node_by_id(&governed, 5)->name, "o0");
    assert_false(register_node_by_id(&governed, 5)->validator);
    assert_int_equal(governed.epoch, 1);
    assert_int_equal(governed.epoch_from, 1);
    assert_int_equal(governed.policy_version, 1);
    assert_int_equal(register_voter_count(&governed), 4);
    register_current_set(&governed, &set);
    genesis_validator_set(&genesis, &of_genesis);
    assert_memory_equal(&set, &of_genesis, sizeof set);
    assert_false(register_wants_epoch(&governed, &set));
}

static void a_network_in_which_nobody_can_vote_is_none(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        genesis.members[i].ballot_key_count = 0;
    assert_int_equal(register_from_genesis(&genesis, &again), TALLY_EINVALID);
    genesis.members[2].ballot_key_count = 1;
    assert_int_equal(register_from_genesis(&genesis, &again), TALLY_OK);
    assert_int_equal(register_voter_count(&again), 1);
}

static void a_network_has_its_bounds(void **state)
{
    (void)state;
    genesis.member_count = MEMBERS_MAX;
    for (uint32_t i = 0; i < MEMBERS_MAX; i++) {
        genesis.members[i] = genesis.members[0];
        genesis.members[i].id = i + 1;
        genesis.members[i].key_count = 4;
    }
    assert_int_equal(register_from_genesis(&genesis, &again), TALLY_ELIMIT);
    sample_genesis(&genesis);
    genesis.policy.amount_cap_count = AMOUNT_CAPS_MAX;
    for (uint32_t i = 0; i < AMOUNT_CAPS_MAX; i++)
        genesis.policy.amount_caps[i] = (struct amount_cap){.currency = 156, .minor = INT64_MAX};
    memset(genesis.policy.name, 'n', POLICY_NAME_SIZE_MAX);
    /* The largest policy there is fits. */
    genesis.policy.purposes = PURPOSES_ALL;
    for (uint32_t role = ROLE_LENDER; role <= ROLE_OPERATOR; role++)
        genesis.policy.legal_bases[role] = 7;
    assert_int_equal(register_from_genesis(&genesis, &again), TALLY_OK);
}

static void a_register_reads_as_it_was_written(void **state)
{
    (void)state;
    struct buffer bytes;
    encode(&bytes);
    assert_int_equal(register_decode(buffer_span(&bytes), &again), TALLY_OK);
    assert_memory_equal(&again, &governed, sizeof governed);
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_equal(register_decode(span_of(bytes.data, size), &again), TALLY_EFORM);
    buffer_u8(&bytes, 0);
    assert_int_equal(register_decode(buffer_span(&bytes), &again), TALLY_EFORM);
    bytes.data[0] = REGISTER_VERSION + 1;
    assert_int_equal(register_decode(span_of(bytes.data, bytes.size - 1), &again), TALLY_EFORM);
    buffer_close(&bytes);
}

/* Any byte, and whatever is read of it is written again. */
static void a_register_has_one_encoding(void **state)
{
    (void)state;
    struct buffer bytes, out;
    encode(&bytes);
    for (size_t at = 0; at < bytes.size; at++) {
        bytes.data[at] ^= 0x81;
        if (register_decode(buffer_span(&bytes), &again) == TALLY_OK) {
            buffer_init(&out, REGISTER_SIZE_MAX);
            register_encode(&again, &out);
            assert_true(span_equal(buffer_span(&out), buffer_span(&bytes)));
            buffer_close(&out);
        }
        bytes.data[at] ^= 0x81;
    }
    buffer_close(&bytes);
}

static void what_does_not_hold_together_is_no_register(void **state)
{
    (void)state;
#define broken(change)                                                                                       \
    do {                                                                                                     \
        assert_int_equal(register_from_genesis(&genesis, &governed), TALLY_OK);                              \
        assert_true(reads());                                                                                \
        change;                                                                                              \
        assert_false(reads());                                                                               \
    } while (0)
    broken(governed.members[1].id = 1);
    broken(governed.members[1].role = (enum member_role)9);
    broken(governed.members[1].status = (enum member_status)0);
    broken(governed.keys[3].member_id = 9);
    broken(governed.keys[3].kind = (enum key_kind)4);
    broken(governed.keys[3].node_id = 1);
    broken(governed.keys[12].node_id = 0);
    broken(governed.nodes[1].id = 9);
    broken(governed.nodes[1].member_id = 9);
    broken(governed.nodes[1].id = 1);
    broken(governed.nodes[1].until = 7);
    broken(governed.set.count = 3);
    broken(governed.set.keys[0] = governed.set.keys[1]);
    broken(governed.next_from = 1);
    broken(governed.next = governed.set);
    broken(governed.epoch = 0);
    broken(governed.base_timeout_ms = 0);
    broken(governed.heartbeat_ms = REGISTER_HEARTBEAT_MS_MAX + 1);
    broken(governed.policy_size = 0);
    broken(governed.policy_version = 0);
    broken(governed.flag_count = 2; governed.flags[0].flag = 2; governed.flags[1].flag = 2);
    broken(governed.open_count = 1; governed.open[0].number = 1);
    broken(governed.closed_count = 1; governed.closed[0].kind = ACTION_ADD_KEY);
#undef broken
}

static void an_open_proposal_holds_an_action(void **state)
{
    (void)state;
    struct governance_action action = sample_action(ACTION_ADMIT_MEMBER, span_of(NULL, 0));
    struct buffer bytes;
    struct register_proposal *proposal = &governed.open[0];
    buffer_init(&bytes, ACTION_SIZE_MAX);
    action_encode(&action, &bytes);
    governed.open_count = 1;
    governed.last_proposal = 7;
    *proposal = (struct register_proposal){.number = 7,
        .id = sample_digest("proposal"),
        .member_id = 1,
        .kind = ACTION_ADMIT_MEMBER,
        .ballot_count = 2,
        .ballots = {{1, true}, {2, false}},
        .action_size = (uint32_t)bytes.size};
    memcpy(proposal->action, bytes.data, bytes.size);
    buffer_close(&bytes);
    assert_true(reads());
    assert_memory_equal(&again, &governed, sizeof governed);
    proposal->kind = ACTION_ADD_NODE;
    assert_false(reads());
    proposal->kind = ACTION_ADMIT_MEMBER;
    proposal->ballots[1].member_id = 9;
    assert_false(reads());
    proposal->ballots[1].member_id = 2;
    proposal->action[0] ^= 1;
    assert_false(reads());
    proposal->action[0] ^= 1;
    governed.last_proposal = 6;
    assert_false(reads());
}

static void all_of_it_can_be_shown(void **state)
{
    (void)state;
    struct buffer json;
    an_open_proposal_holds_an_action(state);
    governed.last_proposal = 7;
    governed.flag_count = 1;
    governed.flags[0] = (struct register_flag){2, 10};
    governed.closed_count = 1;
    governed.closed[0] = (struct closed_proposal){.number = 3,
        .member_id = 1,
        .kind = ACTION_SET_POLICY,
        .outcome = PROPOSAL_VOID,
        .why = RULING_STALE_POLICY,
        .height = 5};
    governed.next = governed.set;
    governed.next_from = 4;
    governed.keys[3].until = 77;
    assert_true(reads());
    buffer_init(&json, MIB);
    register_print(&governed, &json);
    assert_false(json.failed);
    buffer_u8(&json, '\0');
    static const char *const parts[] = {"\"Member 4\"", "\"until\": 77", "\"STALE_POLICY\"", "\"v3\"",
        "\"ADMIT_MEMBER\"", "\"yes\": 1", "\"flag\": 2", "\"next_settled\": 4", "\"void\"", "\"voters\": 3",
        "\"CREDIT_DECISION\""};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr((char *)json.data, parts[i]) == NULL) fail_msg("%s is not shown", parts[i]);
    buffer_close(&json);
}

/* The largest there is has an encoding. */
static void the_largest_register_fits(void **state)
{
    (void)state;
    struct buffer bytes;
    governed.member_count = MEMBERS_MAX;
    for (uint32_t i = 0; i < MEMBERS_MAX; i++) {
        struct register_member *member = &governed.members[i];
        member->id = i + 1;
        memset(member->name, 'n', NAME_SIZE_MAX);
        memset(member->kind, 'k', REGISTER_KIND_SIZE_MAX);
        memset(member->licence, 'l', NAME_SIZE_MAX);
    }
    governed.key_count = REGISTER_KEYS_MAX;
    governed.node_count = REGISTER_NODES_MAX;
    for (uint32_t i = 0; i < REGISTER_NODES_MAX; i++) {
        memset(governed.nodes[i].name, 'n', NAME_SIZE_MAX);
        memset(governed.nodes[i].address, 'a', REGISTER_ADDRESS_SIZE_MAX);
    }
    governed.set.count = governed.next.count = VALIDATORS_MAX;
    governed.policy_size = REGISTER_POLICY_SIZE_MAX;
    governed.flag_count = REGISTER_FLAGS_MAX;
    governed.open_count = PROPOSALS_OPEN_MAX;
    for (uint32_t i = 0; i < PROPOSALS_OPEN_MAX; i++) {
        governed.open[i].ballot_count = MEMBERS_MAX;
        governed.open[i].action_size = ACTION_SIZE_MAX;
    }
    governed.closed_count = PROPOSALS_CLOSED_MAX;
    encode(&bytes);
    assert_true(bytes.size <= REGISTER_SIZE_MAX);
    assert_true(bytes.size > REGISTER_SIZE_MAX * 9 / 10);
    buffer_close(&bytes);
}

static void the_root_is_of_all_of_it(void **state)
{
    (void)state;
    struct digest root, other;
    assert_int_equal(register_root(&governed, &root), TALLY_OK);
    governed.members[3].sequence++;
    assert_int_equal(register_root(&governed, &other), TALLY_OK);
    assert_false(digest_equal(&root, &other));
    governed.members[3].sequence--;
    governed.keys[12].until = 9;
    assert_int_equal(register_root(&governed, &other), TALLY_OK);
    assert_false(digest_equal(&root, &other));
}

static void a_key_has_its_work_its_member_and_its_heights(void **state)
{
    (void)state;
    struct public_key signing = sample_key(101), unknown = sample_key(999);
    struct register_key *key = &governed.keys[2];
    assert_ptr_equal(register_key_find(&governed, &signing), key);
    key->from = 5;
    key->until = 9;
    assert_false(register_key_holds(&governed, KEY_SIGNING, 2, &signing, 4));
    assert_true(register_key_holds(&governed, KEY_SIGNING, 2, &signing, 5));
    assert_true(register_key_holds(&governed, KEY_SIGNING, 2, &signing, 8));
    assert_false(register_key_holds(&governed, KEY_SIGNING, 2, &signing, 9));
    key->until = 0;
    assert_true(register_key_holds(&governed, KEY_SIGNING, 2, &signing, UINT64_MAX));
    assert_false(register_key_holds(&governed, KEY_BALLOT, 2, &signing, 5));
    assert_false(register_key_holds(&governed, KEY_SIGNING, 1, &signing, 5));
    assert_false(register_key_holds(&governed, KEY_SIGNING, 2, &unknown, 5));
}

static void a_node_votes_by_its_old_key_until_the_set_changes(void **state)
{
    (void)state;
    struct register_node *node = &governed.nodes[1];
    for (uint32_t i = 0; i < governed.key_count; i++)
        if (public_key_equal(&governed.keys[i].key, &node->key)) governed.keys[i].until = 8;
    node->key = sample_key(1000);
    governed.keys[governed.key_count++] = (struct register_key){
        .member_id = node->member_id, .kind = KEY_NODE, .node_id = node->id, .key = node->key, .from = 8};
    assert_false(register_set_has(&governed.set, &node->key));
    assert_true(register_set_has_node(&governed, &governed.set, node));
    assert_false(register_set_has_node(&governed, &governed.set, &governed.nodes[4]));
}

static void the_yes_that_pass_are_more_than_two_thirds(void **state)
{
    (void)state;
    static const uint32_t needed[] = {1, 1, 2, 3, 3};
    for (uint32_t voters = 4; voters > 0; voters--) {
        assert_int_equal(register_voter_count(&governed), voters);
        assert_int_equal(register_yes_needed(&governed), needed[voters]);
        governed.members[voters - 1].status = MEMBER_SUSPENDED;
    }
}

static void things_are_found(void **state)
{
    (void)state;
    struct digest nothing = sample_digest("nothing");
    struct public_key node = sample_key(2), unknown = sample_key(999);
    assert_ptr_equal(register_member_by_id(&governed, 3), &governed.members[2]);
    assert_null(register_member_by_id(&governed, 5));
    assert_ptr_equal(register_node_by_key(&governed, &node), &governed.nodes[2]);
    assert_null(register_node_by_key(&governed, &unknown));
    assert_null(register_node_by_id(&governed, 6));
    assert_null(register_proposal_find(&governed, &nothing));
    assert_null(register_closed_find(&governed, &nothing));
}

static void a_flag_is_active_from_its_height_on(void **state)
{
    (void)state;
    governed.flag_count = 2;
    governed.flags[0] = (struct register_flag){2, 10};
    governed.flags[1] = (struct register_flag){5, 20};
    assert_false(register_flag_active(&governed, 2, 9));
    assert_true(register_flag_active(&governed, 2, 10));
    assert_false(register_flag_active(&governed, 3, 100));
    assert_int_equal(register_unknown_flag(&governed, 4, 19), 0);
    assert_int_equal(register_unknown_flag(&governed, 4, 20), 5);
    assert_int_equal(register_unknown_flag(&governed, 1, 10), 2);
    assert_int_equal(register_unknown_flag(&governed, 5, 100), 0);
    assert_int_equal(register_first_unknown_flag(&governed, 4)->flag, 5);
    assert_int_equal(register_first_unknown_flag(&governed, 1)->flag, 2);
    assert_null(register_first_unknown_flag(&governed, 5));
}

static void numbers_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(member_status_name(MEMBER_SUSPENDED), "suspended");
    assert_null(member_status_name(0));
    assert_null(member_status_name(MEMBER_REMOVED + 1));
    assert_string_equal(proposal_outcome_name(PROPOSAL_OPEN), "open");
    assert_string_equal(proposal_outcome_name(PROPOSAL_WITHDRAWN), "withdrawn");
    assert_null(proposal_outcome_name(PROPOSAL_WITHDRAWN + 1));
    assert_string_equal(key_kind_name(KEY_BALLOT), "ballot");
    assert_null(key_kind_name(0));
    assert_null(key_kind_name(KEY_BALLOT + 1));
    assert_string_equal(parameter_name(PARAMETER_HEARTBEAT_MS), "heartbeat_ms");
    assert_null(parameter_name(0));
    assert_false(parameter_allows(3, 1));
}

static void every_ruling_has_a_name_of_its_own_and_a_sentence(void **state)
{
    (void)state;
    for (uint32_t code = RULING_UNKNOWN_MEMBER; code <= RULING_CHECKPOINT; code++) {
        assert_non_null(ruling_name(code));
        assert_null(result_name(code));
        assert_int_equal(ruling_sentence(code)[strlen(ruling_sentence(code)) - 1], '.');
        for (uint32_t other = RULING_UNKNOWN_MEMBER; other < code; other++)
            assert_string_not_equal(ruling_name(code), ruling_name(other));
    }
    assert_string_equal(ruling_name(RULING_OK), "OK");
    assert_string_equal(ruling_name(64), "UNKNOWN_MEMBER");
    assert_string_equal(ruling_name(90), "CHECKPOINT");
    assert_null(ruling_name(1));
    assert_ptr_equal(ruling_sentence_by_name("CHECKPOINT"), ruling_sentence(90));
    assert_null(ruling_sentence_by_name("SIGNATURE"));
    assert_null(ruling_name(RULING_CHECKPOINT + 1));
    assert_non_null(ruling_sentence(UINT32_MAX));
    assert_non_null(ruling_sentence(RULING_OK));
}

int main(void)
{
#define test(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        test(genesis_is_height_zero),
        test(a_network_in_which_nobody_can_vote_is_none),
        test(a_network_has_its_bounds),
        test(a_register_reads_as_it_was_written),
        test(a_register_has_one_encoding),
        test(what_does_not_hold_together_is_no_register),
        test(an_open_proposal_holds_an_action),
        test(all_of_it_can_be_shown),
        test(the_largest_register_fits),
        test(the_root_is_of_all_of_it),
        test(a_key_has_its_work_its_member_and_its_heights),
        test(a_node_votes_by_its_old_key_until_the_set_changes),
        test(the_yes_that_pass_are_more_than_two_thirds),
        test(things_are_found),
        test(a_flag_is_active_from_its_height_on),
        test(numbers_have_their_names),
        test(every_ruling_has_a_name_of_its_own_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
