// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/codec/governance_json.h"
#include "tests/vectors/governance_samples.h"

static struct sample_transaction sample;
static struct governance_transaction decoded;
static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, GOVERNANCE_ARENA_BUDGET);
    sample_transaction_init(&sample, GOVERNANCE_PROPOSE, ACTION_ADMIT_MEMBER);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sample_transaction_close(&sample);
    arena_close(&arena);
    return 0;
}

static void made(enum governance_kind kind, enum action_kind action)
{
    sample_transaction_close(&sample);
    sample_transaction_init(&sample, kind, action);
}

static int decode(struct span bytes)
{
    arena_reset(&arena);
    return governance_decode(bytes, &arena, &decoded);
}

/* ---- Actions ---- */

static int decode_action(const struct governance_action *action)
{
    static struct governance_action again;
    struct buffer bytes, bytes_again;
    buffer_init(&bytes, 2 * ACTION_SIZE_MAX);
    buffer_init(&bytes_again, 2 * ACTION_SIZE_MAX);
    action_encode(action, &bytes);
    assert_false(bytes.failed);
    arena_reset(&arena);
    int error = action_decode(buffer_span(&bytes), &arena, &again);
    if (error == TALLY_OK) {
        action_encode(&again, &bytes_again);
        assert_true(span_equal(buffer_span(&bytes), buffer_span(&bytes_again)));
    }
    buffer_close(&bytes);
    buffer_close(&bytes_again);
    return error;
}

static void an_action_of_every_kind_reads_as_it_was_written(void **state)
{
    (void)state;
    for (uint32_t kind = ACTION_ADMIT_MEMBER; kind <= ACTION_SET_FLAG; kind++) {
        made(GOVERNANCE_PROPOSE, (enum action_kind)kind);
        assert_int_equal(decode_action(&sample.fields.proposed), TALLY_OK);
        assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_OK);
        assert_int_equal(decoded.proposed.kind, kind);
        assert_int_equal(governance_check(&decoded, &sample.fields.chain_id), TALLY_OK);
    }
}

static void a_join_reads_field_by_field(void **state)
{
    (void)state;
    assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_OK);
    const struct join *join = &decoded.proposed.join, *wanted = &sample.fields.proposed.join;
    assert_string_equal(join->network, "net");
    assert_string_equal(join->name, wanted->name);
    assert_string_equal(join->kind, "commercial bank");
    assert_string_equal(join->licence, "L-7");
    assert_int_equal(join->role, ROLE_BUREAU);
    assert_int_equal(join->signing_key_count, 2);
    assert_int_equal(join->ballot_key_count, 1);
    assert_int_equal(join->node_count, 2);
    assert_memory_equal(join->signing_keys, wanted->signing_keys, 2 * PUBLIC_KEY_SIZE);
    assert_memory_equal(join->ballot_keys, wanted->ballot_keys, PUBLIC_KEY_SIZE);
    assert_string_equal(join->nodes[1].address, "a.example:7000");
    assert_true(join->nodes[0].validator);
    assert_false(join->nodes[1].validator);
}

#define refused(name, ...)                                                                                   \
    static void name(struct governance_action *action)                                                       \
    {                                                                                                        \
        __VA_ARGS__;                                                                                         \
    }
#define TEXT(field, text) (void)snprintf(action->field, sizeof action->field, "%s", text)
refused(no_network, TEXT(join.network, "")) refused(a_network_of_two_words,
    TEXT(join.network, "a b")) refused(no_name, TEXT(join.name, "")) refused(a_name_with_a_line_break,
    TEXT(join.name, "a\nb")) refused(a_name_that_is_no_utf8, TEXT(join.name, "a\xff")) refused(no_institution,
    TEXT(join.kind, "")) refused(a_licence_with_an_escape, TEXT(join.licence, "\x1b[2J")) refused(no_role,
    action->join.role = (enum member_role)0) refused(a_role_that_is_none,
    action->join.role = (enum member_role)5) refused(no_ballot_key, action->join.ballot_key_count = 0)
    refused(no_node, action->join.node_count = 0) refused(one_key_for_two_works,
        action->join.ballot_keys[0] = action->join.signing_keys[0]) refused(one_key_for_two_nodes,
        action->join.nodes[1].key = action->join.nodes[0].key) refused(one_name_for_two_nodes,
        TEXT(join.nodes[1].name, action->join.nodes[0].name)) refused(a_node_without_a_name,
        TEXT(join.nodes[0].name, "")) refused(a_node_that_names_a_path, TEXT(join.nodes[0].name, "../x"))
        refused(a_node_without_an_address, TEXT(join.nodes[0].address, "")) refused(
            an_address_without_a_port, TEXT(join.nodes[0].address, "host")) refused(an_address_without_a_host,
            TEXT(join.nodes[0].address, ":7000")) refused(a_port_of_zero,
            TEXT(join.nodes[0].address, "host:0")) refused(a_port_too_large,
            TEXT(join.nodes[0].address, "host:65536")) refused(a_port_that_is_no_number,
            TEXT(join.nodes[0].address, "host:70x0")) refused(an_address_with_a_space,
            TEXT(join.nodes[0].address, "ho st:7000")) refused(colons_without_brackets,
            TEXT(join.nodes[0].address, "::1:7000")) refused(a_name_of_digits, TEXT(join.name, "12"))
            refused(a_node_named_by_a_number, TEXT(join.nodes[0].name, "7")) refused(
                member_zero, action->member_id = 0) refused(member_zero_restored, action->member_id = 0)
                refused(member_zero_removed, action->member_id = 0) refused(a_key_for_member_zero,
                    action->member_id = 0) refused(a_node_key_added_alone, action->key_kind = KEY_NODE)
                    refused(a_key_of_no_kind, action->key_kind = (enum key_kind)0) refused(a_key_of_kind_four,
                        action->key_kind = (enum key_kind)4) refused(a_node_of_member_zero,
                        action->member_id = 0) refused(no_choice, action->choice_count = 0)
                        refused(one_choice_twice, action->choices[1] = action->choices[0]) refused(
                            choices_out_of_order, action->choices[1].node_id = 1) refused(node_zero,
                            action->choices[0].node_id = 0) refused(no_policy,
                            action->policy.size = 0) refused(a_policy_that_is_cut, action->policy.size--)
                            refused(a_policy_with_a_space_in_front, action->policy.data--;
                                    action->policy.size++) refused(no_parameter,
                                action->parameter = (enum parameter)0)
                                refused(parameter_three, action->parameter = (enum parameter)3) refused(
                                    a_heartbeat_too_slow, action->value = REGISTER_HEARTBEAT_MS_MAX + 1ull)
                                    refused(a_timeout_of_zero, action->parameter = PARAMETER_BASE_TIMEOUT_MS)
                                        refused(flag_zero, action->flag = 0) refused(
                                            a_height_that_no_number_in_json_is, action->height = 1ull << 63)
                                            refused(height_zero, action->height = 0)

                                                static const struct {
    enum action_kind kind;
    void (*change)(struct governance_action *action);
} faults[] = {
    {ACTION_ADMIT_MEMBER, no_network},
    {ACTION_ADMIT_MEMBER, a_network_of_two_words},
    {ACTION_ADMIT_MEMBER, no_name},
    {ACTION_ADMIT_MEMBER, a_name_with_a_line_break},
    {ACTION_ADMIT_MEMBER, a_name_that_is_no_utf8},
    {ACTION_ADMIT_MEMBER, no_institution},
    {ACTION_ADMIT_MEMBER, a_licence_with_an_escape},
    {ACTION_ADMIT_MEMBER, no_role},
    {ACTION_ADMIT_MEMBER, a_role_that_is_none},
    {ACTION_ADMIT_MEMBER, no_ballot_key},
    {ACTION_ADMIT_MEMBER, no_node},
    {ACTION_ADMIT_MEMBER, one_key_for_two_works},
    {ACTION_ADMIT_MEMBER, one_key_for_two_nodes},
    {ACTION_ADMIT_MEMBER, one_name_for_two_nodes},
    {ACTION_ADMIT_MEMBER, a_node_without_a_name},
    {ACTION_ADMIT_MEMBER, a_node_that_names_a_path},
    {ACTION_ADMIT_MEMBER, a_node_without_an_address},
    {ACTION_ADMIT_MEMBER, an_address_without_a_port},
    {ACTION_ADMIT_MEMBER, an_address_without_a_host},
    {ACTION_ADMIT_MEMBER, a_port_of_zero},
    {ACTION_ADMIT_MEMBER, a_port_too_large},
    {ACTION_ADMIT_MEMBER, a_port_that_is_no_number},
    {ACTION_ADMIT_MEMBER, an_address_with_a_space},
    {ACTION_ADMIT_MEMBER, colons_without_brackets},
    {ACTION_ADMIT_MEMBER, a_name_of_digits},
    {ACTION_ADMIT_MEMBER, a_node_named_by_a_number},
    {ACTION_SUSPEND_MEMBER, member_zero},
    {ACTION_RESTORE_MEMBER, member_zero_restored},
    {ACTION_REMOVE_MEMBER, member_zero_removed},
    {ACTION_ADD_KEY, a_key_for_member_zero},
    {ACTION_ADD_KEY, a_node_key_added_alone},
    {ACTION_ADD_KEY, a_key_of_no_kind},
    {ACTION_ROTATE_KEY, a_key_of_kind_four},
    {ACTION_ADD_NODE, a_node_of_member_zero},
    {ACTION_SET_VALIDATORS, no_choice},
    {ACTION_SET_VALIDATORS, one_choice_twice},
    {ACTION_SET_VALIDATORS, choices_out_of_order},
    {ACTION_SET_VALIDATORS, node_zero},
    {ACTION_SET_POLICY, no_policy},
    {ACTION_SET_POLICY, a_policy_that_is_cut},
    {ACTION_SET_POLICY, a_policy_with_a_space_in_front},
    {ACTION_SET_PARAMETER, no_parameter},
    {ACTION_SET_PARAMETER, parameter_three},
    {ACTION_SET_PARAMETER, a_heartbeat_too_slow},
    {ACTION_SET_PARAMETER, a_timeout_of_zero},
    {ACTION_SET_FLAG, flag_zero},
    {ACTION_SET_FLAG, a_height_that_no_number_in_json_is},
    {ACTION_SET_FLAG, height_zero},
};

static void an_action_of_another_form_is_refused(void **state)
{
    (void)state;
    struct buffer policy;
    buffer_init(&policy, POLICY_TEXT_SIZE_MAX);
    buffer_u8(&policy, ' ');
    sample_policy_print(2, &policy);
    struct span text = span_of(policy.data + 1, policy.size - 1);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct governance_action action = sample_action(faults[i].kind, text);
        assert_int_equal(decode_action(&action), TALLY_OK);
        faults[i].change(&action);
        if (decode_action(&action) != TALLY_EFORM) fail_msg("fault %zu passes", i);
    }
    buffer_close(&policy);
}

static void addresses_have_a_host_and_a_port(void **state)
{
    (void)state;
    static const char *const good[] = {"host:1", "10.0.0.1:65535", "[::1]:7000", "a-b_c.example:80"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct governance_action action = sample_action(ACTION_ADD_NODE, span_of(NULL, 0));
        (void)snprintf(action.node.address, sizeof action.node.address, "%s", good[i]);
        assert_int_equal(decode_action(&action), TALLY_OK);
    }
}

static void an_action_has_a_bound(void **state)
{
    (void)state;
    static uint8_t bytes[ACTION_SIZE_MAX + 1];
    static struct governance_action action;
    assert_int_equal(action_decode(span_of(bytes, sizeof bytes), &arena, &action), TALLY_EFORM);
    assert_int_equal(action_decode(span_of(NULL, 0), &arena, &action), TALLY_EFORM);
    assert_null(action_name(0));
    assert_null(action_name(ACTION_SET_FLAG + 1));
}

/* ---- Transactions ---- */

static void a_transaction_of_every_kind_reads_as_it_was_written(void **state)
{
    (void)state;
    struct buffer again;
    for (uint32_t kind = GOVERNANCE_PROPOSE; kind <= GOVERNANCE_READY; kind++) {
        made((enum governance_kind)kind, ACTION_ROTATE_KEY);
        assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_OK);
        assert_int_equal(decoded.kind, kind);
        assert_true(digest_equal(&decoded.digest, &sample.fields.digest));
        assert_int_equal(governance_check(&decoded, &sample.fields.chain_id), TALLY_OK);
        buffer_init(&again, GOVERNANCE_SIZE_MAX);
        governance_encode(&decoded, &again);
        assert_true(span_equal(buffer_span(&again), buffer_span(&sample.whole)));
        buffer_close(&again);
        assert_non_null(governance_kind_name(kind));
    }
    assert_null(governance_kind_name(0));
    assert_null(governance_kind_name(GOVERNANCE_READY + 1));
}

/* Whatever byte is changed: it has no form, or is signed by nobody. */
static void every_byte_of_a_transaction_is_signed(void **state)
{
    (void)state;
    for (uint32_t kind = GOVERNANCE_PROPOSE; kind <= GOVERNANCE_READY; kind++) {
        made((enum governance_kind)kind, ACTION_ADD_NODE);
        for (size_t at = 0; at < sample.whole.size; at++) {
            sample.whole.data[at] ^= 1;
            if (decode(buffer_span(&sample.whole)) == TALLY_OK)
                assert_int_not_equal(governance_check(&decoded, &sample.fields.chain_id), TALLY_OK);
            sample.whole.data[at] ^= 1;
        }
        buffer_u8(&sample.whole, 0);
        assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_EFORM);
    }
}

static void a_transaction_belongs_to_its_chain(void **state)
{
    (void)state;
    struct digest other = sample_digest("other");
    assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_OK);
    assert_int_equal(governance_check(&decoded, &other), TALLY_ECHAIN);
}

/* Signed by member 1's key, and then said to be of another. */
static void a_transaction_belongs_to_its_member_and_key(void **state)
{
    (void)state;
    assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_OK);
    decoded.key = sample_key(201);
    assert_int_equal(governance_check(&decoded, &sample.fields.chain_id), TALLY_ESIGNATURE);
    memset(&decoded.key, 0xFF, sizeof decoded.key);
    assert_int_equal(governance_check(&decoded, &sample.fields.chain_id), TALLY_ESIGNATURE);
}

static void every_new_key_proves_itself(void **state)
{
    (void)state;
    for (size_t key = 0; key < 5; key++) {
        assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_OK);
        assert_int_equal(decoded.proofs.size, 5 * SIGNATURE_SIZE);
        static uint8_t proofs[5 * SIGNATURE_SIZE];
        memcpy(proofs, decoded.proofs.data, sizeof proofs);
        proofs[key * SIGNATURE_SIZE + 40] ^= 1;
        decoded.proofs = span_of(proofs, sizeof proofs);
        assert_int_equal(governance_check(&decoded, &sample.fields.chain_id), TALLY_ESIGNATURE);
    }
}

/* Every key of one's own signed, but not in its place. */
static void proofs_stand_in_the_order_of_the_keys(void **state)
{
    (void)state;
    uint8_t proofs[5 * SIGNATURE_SIZE];
    assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_OK);
    memcpy(proofs, decoded.proofs.data + SIGNATURE_SIZE, SIGNATURE_SIZE);
    memcpy(proofs + SIGNATURE_SIZE, decoded.proofs.data, SIGNATURE_SIZE);
    memcpy(proofs + 2 * SIGNATURE_SIZE, decoded.proofs.data + 2 * SIGNATURE_SIZE, 3 * SIGNATURE_SIZE);
    decoded.proofs = span_of(proofs, sizeof proofs);
    assert_int_equal(governance_check(&decoded, &sample.fields.chain_id), TALLY_ESIGNATURE);
}

static void there_is_one_proof_for_each_new_key(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 4 * SIGNATURE_SIZE, 5 * SIGNATURE_SIZE - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        sample.fields.proofs.size = sizes[i];
        sample_transaction_finish(&sample, 200);
        assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_EFORM);
    }
    made(GOVERNANCE_BALLOT, ACTION_ADD_KEY);
    sample.fields.proofs = span_of(sample.fields.signature.bytes, SIGNATURE_SIZE);
    sample_transaction_finish(&sample, 200);
    assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_EFORM);
}

/* One's own key under another's action. */
static void a_proof_is_of_its_action_and_chain(void **state)
{
    (void)state;
    struct buffer proofs;
    struct digest other = sample_digest("other");
    buffer_init(&proofs, GOVERNANCE_SIZE_MAX);
    sample_proofs(&sample.fields.proposed, &other, sample.fields.action, &proofs);
    sample.fields.proofs = buffer_span(&proofs);
    sample_transaction_finish(&sample, 200);
    assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_OK);
    assert_int_equal(governance_check(&decoded, &sample.fields.chain_id), TALLY_ESIGNATURE);
    buffer_close(&proofs);
}

static void a_sequence_stands_in_all_but_ready(void **state)
{
    (void)state;
    sample.fields.sequence = 0;
    sample_transaction_finish(&sample, 200);
    assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_EFORM);
    made(GOVERNANCE_READY, ACTION_ADD_KEY);
    sample.fields.sequence = 1;
    sample_transaction_finish(&sample, 0);
    assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_EFORM);
}

static void member_zero_says_nothing(void **state)
{
    (void)state;
    sample.fields.member_id = 0;
    sample_transaction_finish(&sample, 200);
    assert_int_equal(decode(buffer_span(&sample.whole)), TALLY_EFORM);
}

static void a_transaction_has_a_bound(void **state)
{
    (void)state;
    static uint8_t bytes[GOVERNANCE_SIZE_MAX + 1];
    assert_int_equal(decode(span_of(bytes, sizeof bytes)), TALLY_EFORM);
    assert_int_equal(decode(span_of(NULL, 0)), TALLY_EFORM);
    arena.budget = 64;
    arena_reset(&arena);
    assert_int_equal(governance_decode(buffer_span(&sample.whole), &arena, &decoded), TALLY_ENOMEM);
    arena.budget = GOVERNANCE_ARENA_BUDGET;
}

/* ---- Join files ---- */

static char why[200];

static int join_parse(struct span json, const struct digest *chain_id)
{
    static struct governance_action action;
    struct buffer bytes, proofs;
    buffer_init(&bytes, ACTION_SIZE_MAX);
    buffer_init(&proofs, NEW_KEYS_MAX * SIGNATURE_SIZE);
    int error = join_file_parse(json, chain_id, &action, &bytes, &proofs, why, sizeof why);
    if (error == TALLY_OK) {
        assert_true(span_equal(buffer_span(&bytes), sample.fields.action));
        assert_int_equal(
            action_proofs_check(&action, chain_id, buffer_span(&bytes), buffer_span(&proofs)), TALLY_OK);
    }
    buffer_close(&bytes);
    buffer_close(&proofs);
    return error;
}

static void join_made(struct buffer *json)
{
    buffer_init(json, GOVERNANCE_SIZE_MAX);
    join_file_print(&sample.fields.proposed, sample.fields.proofs, json);
    assert_false(json->failed);
}

static void a_join_file_reads_as_it_was_written(void **state)
{
    (void)state;
    struct buffer json;
    join_made(&json);
    assert_int_equal(join_parse(buffer_span(&json), &sample.fields.chain_id), TALLY_OK);
    buffer_close(&json);
}

static void a_join_file_belongs_to_its_chain(void **state)
{
    (void)state;
    struct digest founding = {{0}};
    struct buffer json, proofs;
    join_made(&json);
    assert_int_equal(join_parse(buffer_span(&json), &founding), TALLY_ESIGNATURE);
    assert_non_null(strstr(why, "another chain"));
    buffer_clear(&json);
    buffer_init(&proofs, GOVERNANCE_SIZE_MAX);
    sample_proofs(&sample.fields.proposed, &founding, sample.fields.action, &proofs);
    join_file_print(&sample.fields.proposed, buffer_span(&proofs), &json);
    assert_int_equal(join_parse(buffer_span(&json), &founding), TALLY_OK);
    assert_int_equal(join_parse(buffer_span(&json), &sample.fields.chain_id), TALLY_ESIGNATURE);
    buffer_close(&json);
    buffer_close(&proofs);
}

/* Only what says the same passes: white space, and letters of hexadecimal. */
static void a_join_file_altered_anywhere_is_refused(void **state)
{
    (void)state;
    struct buffer json;
    join_made(&json);
    for (size_t at = 0; at < json.size; at++) {
        uint8_t was = json.data[at];
        if (was == ' ' || was == '\n') continue;
        json.data[at] = was == 'x' ? 'y' : was == '1' ? '2' : was >= '0' && was <= '9' ? '1' : 'x';
        why[0] = '\0';
        if (join_parse(buffer_span(&json), &sample.fields.chain_id) == TALLY_OK)
            fail_msg("byte %zu may be altered", at);
        assert_true(why[0] != '\0');
        json.data[at] = was;
    }
    assert_int_equal(join_parse(buffer_span(&json), &sample.fields.chain_id), TALLY_OK);
    buffer_close(&json);
}

static void join_refused(const char *from, const char *to, const char *part)
{
    struct buffer json, changed;
    join_made(&json);
    buffer_u8(&json, '\0');
    char *at = strstr((char *)json.data, from);
    assert_non_null(at);
    buffer_init(&changed, 2 * GOVERNANCE_SIZE_MAX);
    buffer_append(&changed, json.data, (size_t)(at - (char *)json.data));
    buffer_append(&changed, to, strlen(to));
    buffer_append(&changed, at + strlen(from), strlen(at + strlen(from)));
    assert_int_not_equal(join_parse(buffer_span(&changed), &sample.fields.chain_id), TALLY_OK);
    if (strstr(why, part) == NULL) fail_msg("\"%s\" does not say \"%s\"", why, part);
    buffer_close(&json);
    buffer_close(&changed);
}

static void what_is_wrong_with_a_join_file_is_said(void **state)
{
    (void)state;
    join_refused("\"licence\"", "\"license\"", "license");
    join_refused("\"net\"", "7", "\"network\" is not a string");
    join_refused("\"bureau\"", "\"king\"", "role");
    join_refused("\"B\xc3\xa4nk\"", "\"Bank\"", "altered");
    join_refused("\"n1003\"", "\"../n\"", "a name, an address or a key");
    join_refused("\"a.example:7000\"", "\"a.example\"", "a name, an address or a key");
    join_refused("\"a.example:7000\"", "[]", "nodes[0]: \"address\"");
    join_refused("\"validator\": true", "\"validator\": 1", "validator");
    join_refused("\"validator\": true", "\"validator\": false", "altered");
    join_refused("\"commercial bank\"", "\"a commercial bank with a very long kind\"", "longer than 32");
    join_refused("\"signing_keys\": [", "\"signing_keys\": [\"02ff\", ", "not a public key");
    join_refused("\"proofs\": [", "\"proofs\": [\"ff\", ", "not a signature");
    join_refused("{", "", "line 2");
}

static void every_action_can_be_shown(void **state)
{
    (void)state;
    struct buffer json;
    for (uint32_t kind = ACTION_ADMIT_MEMBER; kind <= ACTION_SET_FLAG; kind++) {
        made(GOVERNANCE_PROPOSE, (enum action_kind)kind);
        buffer_init(&json, GOVERNANCE_SIZE_MAX);
        action_print(&sample.fields.proposed, &json);
        assert_false(json.failed);
        buffer_u8(&json, '\0');
        assert_non_null(strstr((char *)json.data, action_name(kind)));
        buffer_close(&json);
    }
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        test(an_action_of_every_kind_reads_as_it_was_written),
        test(a_join_reads_field_by_field),
        test(an_action_of_another_form_is_refused),
        test(addresses_have_a_host_and_a_port),
        test(an_action_has_a_bound),
        test(a_transaction_of_every_kind_reads_as_it_was_written),
        test(every_byte_of_a_transaction_is_signed),
        test(a_transaction_belongs_to_its_chain),
        test(a_transaction_belongs_to_its_member_and_key),
        test(every_new_key_proves_itself),
        test(proofs_stand_in_the_order_of_the_keys),
        test(there_is_one_proof_for_each_new_key),
        test(a_proof_is_of_its_action_and_chain),
        test(a_sequence_stands_in_all_but_ready),
        test(member_zero_says_nothing),
        test(a_transaction_has_a_bound),
        test(a_join_file_reads_as_it_was_written),
        test(a_join_file_belongs_to_its_chain),
        test(a_join_file_altered_anywhere_is_refused),
        test(what_is_wrong_with_a_join_file_is_said),
        test(every_action_can_be_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
