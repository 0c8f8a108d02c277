// links: tools
/* What command lines propose, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/codec/governance_json.h"
#include "tests/vectors/governance_samples.h"
#include "tools/gov_draft.h"
#include "tools/gov_words.h"

static struct gov_session *session;
static struct context context;
static struct gov_draft draft;
static char folder[] = "/tmp/tallystick-gov.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    static struct genesis genesis;
    sample_genesis(&genesis);
    session = calloc(1, sizeof *session);
    assert_non_null(session);
    assert_int_equal(register_from_genesis(&genesis, &session->now), TALLY_OK);
    session->chain_id = sample_digest("chain");
    session->member_id = 2;
    assert_non_null(mkdtemp(folder));
    snprintf(session->home.path, sizeof session->home.path, "%s", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"signing.key", "signing.key.next", "extra.key", "join.json"};
    char path[HOME_PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
    free(session);
    return 0;
}

/* The draft of words split at spaces, "set base_timeout_ms 700", which is closed by the next one. */
static enum tool_exit make(const char *line)
{
    static const struct option_spec options[] = {{"key-file", true}, {"proof", true}, {"address", true},
        {"validator", false}, {"add", true}, {"remove", true}, {"from", true}, {"unknown", false},
        {NULL, false}};
    static char text[1024];
    char *words[16], *rest = text, why[256];
    int count = 0;
    struct args args;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " "))
        words[count++] = word;
    assert_int_equal(args_parse(options, count - 1, words + 1, &args, why, sizeof why), TALLY_OK);
    gov_draft_close(&draft);
    return gov_draft_make(&context, session, words[0], &args, &draft);
}

static void refused(const char *line, enum tool_exit code, const char *reason)
{
    assert_int_equal(make(line), code);
    assert_string_equal(context.reason, reason);
}

/* As other members' tools read it, its proofs checked. */
static struct governance_action read_back(void)
{
    static struct arena arena;
    struct governance_action action;
    arena_close(&arena);
    arena_init(&arena, GOVERNANCE_ARENA_BUDGET);
    assert_int_equal(action_decode(buffer_span(&draft.bytes), &arena, &action), TALLY_OK);
    assert_int_equal(action_proofs_check(
                         &action, &session->chain_id, buffer_span(&draft.bytes), buffer_span(&draft.proofs)),
        TALLY_OK);
    return action;
}

static void members_are_named_by_id_or_by_name(void **state)
{
    (void)state;
    assert_int_equal(make("suspend 3"), TOOL_DONE);
    assert_int_equal(read_back().kind, ACTION_SUSPEND_MEMBER);
    assert_int_equal(read_back().member_id, 3);
    snprintf(session->now.members[2].name, sizeof session->now.members[2].name, "Third");
    assert_int_equal(make("restore Third"), TOOL_DONE);
    assert_int_equal(read_back().member_id, 3);
    session->now.members[2].status = MEMBER_REMOVED;
    refused("remove Third", TOOL_REFUSED, "NO_MEMBER");
    session->now.members[2].status = MEMBER_ACTIVE;
    refused("remove 17", TOOL_REFUSED, "NO_MEMBER");
    refused("remove", TOOL_USAGE, "USAGE");
}

static void validators_are_chosen_in_any_order_and_once(void **state)
{
    (void)state;
    assert_int_equal(make("validators --add o0 --remove v3,1"), TOOL_DONE);
    struct governance_action action = read_back();
    assert_int_equal(action.choice_count, 3);
    assert_int_equal(action.choices[0].node_id, 1);
    assert_int_equal(action.choices[1].node_id, 4);
    assert_int_equal(action.choices[2].node_id, 5);
    assert_true(action.choices[2].validator);
    assert_false(action.choices[0].validator);
    refused("validators --add o0 --remove o0", TOOL_USAGE, "USAGE");
    refused("validators --add nobody", TOOL_REFUSED, "NO_NODE");
    refused("validators", TOOL_USAGE, "USAGE");
}

static void parameters_flags_and_policies_have_their_ranges(void **state)
{
    (void)state;
    assert_int_equal(make("set base_timeout_ms 700"), TOOL_DONE);
    assert_int_equal(read_back().parameter, PARAMETER_BASE_TIMEOUT_MS);
    assert_int_equal(read_back().value, 700);
    refused("set base_timeout_ms 0", TOOL_USAGE, "USAGE");
    refused("set nothing 1", TOOL_USAGE, "USAGE");
    assert_int_equal(make("flag 3 --from 1000 --unknown"), TOOL_DONE);
    assert_int_equal(read_back().height, 1000);
    refused("flag 3 --from 1000", TOOL_REFUSED, "UNKNOWN_FLAG");
    refused("flag 3", TOOL_USAGE, "USAGE");
    refused("flag 0 --from 7", TOOL_USAGE, "USAGE");
    assert_int_equal(make("policy cn"), TOOL_DONE);
    assert_int_equal(read_back().policy_version, session->now.policy_version + 1);
    refused("policy nothing", TOOL_USAGE, "USAGE");
}

static void a_key_that_is_added_proves_itself(void **state)
{
    (void)state;
    char line[HOME_PATH_MAX + 64];
    snprintf(line, sizeof line, "add-key ballot --key-file %s/extra.key", folder);
    assert_int_equal(make(line), TOOL_DONE);
    struct public_key key = read_back().key;
    assert_int_equal(read_back().member_id, 2);
    assert_int_equal(make(line), TOOL_DONE);
    assert_memory_equal(read_back().key.bytes, key.bytes, PUBLIC_KEY_SIZE);
    refused("add-key ballot", TOOL_USAGE, "USAGE");
    snprintf(line, sizeof line, "add-key node --key-file %s/extra.key", folder);
    refused(line, TOOL_USAGE, "USAGE");
    snprintf(line, sizeof line, "add-node n9 --address h:7 --key-file %s/extra.key --validator", folder);
    assert_int_equal(make(line), TOOL_DONE);
    assert_true(read_back().node.validator);
}

static void write_key(const char *name, uint32_t number)
{
    char path[HOME_PATH_MAX];
    struct secret_key secret = sample_secret(number);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(secret_file_make(&context, path, secret.bytes, NULL), TOOL_DONE);
}

static void a_key_is_rotated_to_one_beside_it_and_taken_once_it_is_in_force(void **state)
{
    (void)state;
    struct key_pair pair;
    uint32_t member = 0;
    char path[HOME_PATH_MAX];
    write_key("signing.key", 101);
    assert_int_equal(make("rotate-key signing"), TOOL_DONE);
    struct governance_action action = read_back();
    assert_memory_equal(action.old_key.bytes, sample_key(101).bytes, PUBLIC_KEY_SIZE);
    assert_int_equal(make("rotate-key signing"), TOOL_DONE);
    assert_memory_equal(read_back().key.bytes, action.key.bytes, PUBLIC_KEY_SIZE);
    assert_int_equal(
        key_in_force(&context, &session->home, &session->now, KEY_SIGNING, &pair, &member), TOOL_DONE);
    assert_memory_equal(pair.public.bytes, action.old_key.bytes, PUBLIC_KEY_SIZE);
    /* It passes. */
    struct register_key *old = NULL;
    for (uint32_t i = 0; i < session->now.key_count; i++)
        if (public_key_equal(&session->now.keys[i].key, &action.old_key)) old = &session->now.keys[i];
    assert_non_null(old);
    old->until = 8;
    session->now.keys[session->now.key_count++] =
        (struct register_key){.member_id = 2, .kind = KEY_SIGNING, .key = action.key, .from = 8};
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(
            key_in_force(&context, &session->home, &session->now, KEY_SIGNING, &pair, &member), TOOL_DONE);
        assert_memory_equal(pair.public.bytes, action.key.bytes, PUBLIC_KEY_SIZE);
        assert_int_equal(member, 2);
    }
    snprintf(path, sizeof path, "%s/signing.key.next", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    session->now.keys[session->now.key_count - 1].until = 9;
    assert_int_equal(
        key_in_force(&context, &session->home, &session->now, KEY_SIGNING, &pair, &member), TOOL_REFUSED);
    assert_string_equal(context.reason, "KEY");
}

static void a_join_file_is_of_this_network_and_unaltered(void **state)
{
    (void)state;
    struct sample_transaction sample;
    struct buffer text;
    char path[HOME_PATH_MAX], line[HOME_PATH_MAX + 16], why[256];
    sample_transaction_init(&sample, GOVERNANCE_PROPOSE, ACTION_ADMIT_MEMBER);
    session->chain_id = sample.fields.chain_id;
    buffer_init(&text, 64u * KIB);
    join_file_print(&sample.fields.proposed, sample.fields.proofs, &text);
    snprintf(path, sizeof path, "%s/join.json", folder);
    snprintf(line, sizeof line, "admit %s", path);
    assert_int_equal(file_create(path, 0644, buffer_span(&text), why, sizeof why), TALLY_OK);
    assert_int_equal(make(line), TOOL_DONE);
    assert_string_equal(read_back().join.name, sample.fields.proposed.join.name);
    session->chain_id.bytes[0] ^= 1;
    refused(line, TOOL_REFUSED, "JOIN_FILE");
    session->chain_id.bytes[0] ^= 1;
    char *address = strstr((char *)text.data, "example");
    assert_non_null(address);
    *address = 'x';
    assert_int_equal(file_replace(path, 0644, buffer_span(&text), why, sizeof why), TALLY_OK);
    refused(line, TOOL_REFUSED, "JOIN_FILE");
    buffer_close(&text);
    sample_transaction_close(&sample);
}

static const char *words_of(
    void (*words)(const struct member_register *, const struct governance_action *, struct buffer *))
{
    static struct buffer said;
    struct governance_action action = read_back();
    buffer_close(&said);
    buffer_init(&said, GOV_WORDS_SIZE_MAX);
    words(&session->now, &action, &said);
    buffer_append(&said, "", 1);
    assert_false(said.failed);
    return (const char *)said.data;
}

static void what_is_proposed_is_said_with_when_it_holds(void **state)
{
    (void)state;
    static const struct {
        const char *line, *what, *effect;
    } cases[] = {
        {"suspend 4", "suspend member 4 (Member 4)", "at the height after the block in which it passes"},
        {"remove 4", "remove, for good, member 4 (Member 4)",
            "at the height after the block in which it passes; who votes changes at the next epoch"},
        {"validators --add o0", "node 5 (o0) is to vote",
            "at the next epoch, which begins at once where it can; a node that is to vote has to show first "
            "that "
            "it is synced"},
        {"set heartbeat_ms 5", "set heartbeat_ms to 5",
            "at the next epoch, which begins at once where it can"},
        {"flag 2 --from 70 --unknown",
            "switch on protocol flag 2 at height 70 (this version does not know it: every node that does not "
            "stops before that height)",
            "at height 70"},
        {"policy us", "go over to version 2 of the policy (tally gov show --json has its text)",
            "at the height after the block in which it passes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(make(cases[i].line), TOOL_DONE);
        assert_string_equal(words_of(gov_words_action), cases[i].what);
        assert_string_equal(words_of(gov_words_effect), cases[i].effect);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_named_by_id_or_by_name),
        cmocka_unit_test(validators_are_chosen_in_any_order_and_once),
        cmocka_unit_test(parameters_flags_and_policies_have_their_ranges),
        cmocka_unit_test(a_key_that_is_added_proves_itself),
        cmocka_unit_test(a_key_is_rotated_to_one_beside_it_and_taken_once_it_is_in_force),
        cmocka_unit_test(a_join_file_is_of_this_network_and_unaltered),
        cmocka_unit_test(what_is_proposed_is_said_with_when_it_holds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
