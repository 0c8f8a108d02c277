// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "proto/codec/genesis.h"
#include "tests/vectors/samples.h"

#define KEY(number) "@" #number "@"
#define MEMBER(id, name, keys)                                                                               \
    "{\"id\": " #id ", \"name\": \"" name                                                                    \
    "\", \"kind\": \"bank\", \"licence\": \"\", \"role\": \"lender\", \"keys\": [" keys                      \
    "], \"ballot_keys\": [\"" KEY(2##id) "\"]}"
#define NODE(name, member, key)                                                                              \
    "{\"name\": \"" name "\", \"member\": " #member                                                          \
    ", \"address\": \"a.example:7000\", \"key\": \"" KEY(key) "\"}"
#define POLICY                                                                                               \
    "{\"name\": \"dev\", \"version\": 1, \"reservations\": {\"live_max\": 0, \"lenders_max\": 0, "           \
    "\"accounts_max\": 0, \"cooling_off_days\": 0, \"amount_caps\": [], \"life_ms_max\": 86400000, "         \
    "\"authorization_from_ms\": null}, \"access\": {\"purposes\": [\"CREDIT_DECISION\"], \"legal_bases\": "  \
    "{\"lender\": [], \"bureau\": [], \"regulator\": [], \"operator\": []}, \"answer_ttl_ms\": 60000}, "     \
    "\"retention\": {\"from\": \"END\", \"years\": 5}, \"disputes\": {\"days\": 20, \"extension_days\": 0, " \
    "\"unverifiable\": \"KEEP\"}}"
#define HEAD                                                                                                 \
    "\"network\": \"net\", \"created_ms\": 1700000000000, \"open_reads\": true, \"base_timeout_ms\": 60, "   \
    "\"heartbeat_ms\": 10000, \"policy\": " POLICY ", "
#define MEMBERS                                                                                              \
    "\"members\": [" MEMBER(1, "Member 1", "\"" KEY(10) "\"") ", " MEMBER(2, "B\xc3\xa4nk", "") "], "
#define VALIDATORS                                                                                           \
    "\"validators\": [" NODE("v-1", 1, 0) ", " NODE("v-2", 2, 1) ", " NODE("v-3", 1, 2) ", " NODE(           \
        "v-4", 1, 3) "], "
#define OBSERVERS "\"observers\": [" NODE("o-1", 2, 4) "]"
#define GOOD "{" HEAD MEMBERS VALIDATORS OBSERVERS "}"

static struct genesis genesis;
static char why[200];

/* Puts real keys where the text says @number@. */
static void fill_keys(const char *text, struct buffer *out)
{
    while (*text != '\0') {
        unsigned number;
        int used = 0;
        if (*text != '@' || sscanf(text, "@%u@%n", &number, &used) != 1 || used == 0) {
            buffer_u8(out, (uint8_t)*text++);
            continue;
        }
        struct secret_key secret = sample_secret(number);
        struct public_key key;
        char hex[2 * PUBLIC_KEY_SIZE + 1];
        assert_int_equal(secret_key_public(&secret, &key), TALLY_OK);
        hex_encode(span_of(key.bytes, PUBLIC_KEY_SIZE), hex);
        buffer_append(out, hex, strlen(hex));
        text += used;
    }
}

static int parse(const char *text)
{
    struct buffer json;
    buffer_init(&json, 4 * MIB);
    fill_keys(text, &json);
    assert_false(json.failed);
    why[0] = '\0';
    int error = genesis_parse(buffer_span(&json), &genesis, why, sizeof why);
    buffer_close(&json);
    return error;
}

static void refused(const char *text, int expected, const char *part)
{
    assert_int_equal(parse(text), expected);
    if (strstr(why, part) == NULL) fail_msg("\"%s\" does not say \"%s\"", why, part);
}

static void a_genesis_is_read(void **state)
{
    (void)state;
    assert_int_equal(parse(GOOD), TALLY_OK);
    assert_string_equal(genesis.network, "net");
    assert_int_equal(genesis.created_ms, 1700000000000);
    assert_true(genesis.open_reads);
    assert_int_equal(genesis.base_timeout_ms, 60);
    assert_int_equal(genesis.heartbeat_ms, 10000);
    assert_int_equal(genesis.member_count, 2);
    assert_int_equal(genesis.members[0].key_count, 1);
    assert_int_equal(genesis.members[1].key_count, 0);
    assert_int_equal(genesis.members[0].role, ROLE_LENDER);
    assert_int_equal(genesis.validator_count, 4);
    assert_int_equal(genesis.observer_count, 1);
    assert_false(digest_is_zero(&genesis.chain_id));
}

static void spacing_and_key_order_do_not_change_the_chain(void **state)
{
    (void)state;
    assert_int_equal(parse(GOOD), TALLY_OK);
    struct digest chain = genesis.chain_id;
    assert_int_equal(parse("{" OBSERVERS ",\n\n" VALIDATORS MEMBERS HEAD "\"x\": 1}"), TALLY_EFORM);
    assert_int_equal(parse("{" MEMBERS "  \n" VALIDATORS HEAD OBSERVERS "}"), TALLY_OK);
    assert_true(digest_equal(&genesis.chain_id, &chain));
}

static void what_is_printed_reads_as_the_same_chain(void **state)
{
    (void)state;
    struct buffer out;
    assert_int_equal(parse(GOOD), TALLY_OK);
    struct digest chain = genesis.chain_id;
    buffer_init(&out, MIB);
    genesis_print(&genesis, &out);
    assert_false(out.failed);
    assert_int_equal(out.data[out.size - 1], '\n');
    assert_int_equal(genesis_parse(buffer_span(&out), &genesis, why, sizeof why), TALLY_OK);
    assert_true(digest_equal(&genesis.chain_id, &chain));
    assert_string_equal(genesis.members[1].name, "B\xc3\xa4nk");
    buffer_close(&out);
}

static void every_field_changes_the_chain(void **state)
{
    (void)state;
    assert_int_equal(parse(GOOD), TALLY_OK);
    struct digest before = genesis.chain_id;
#define changes(change, undo)                                                                                \
    do {                                                                                                     \
        change;                                                                                              \
        genesis_identify(&genesis);                                                                          \
        assert_false(digest_equal(&genesis.chain_id, &before));                                              \
        undo;                                                                                                \
        genesis_identify(&genesis);                                                                          \
        assert_true(digest_equal(&genesis.chain_id, &before));                                               \
    } while (0)
    changes(genesis.network[0] = 'm', genesis.network[0] = 'n');
    changes(genesis.created_ms++, genesis.created_ms--);
    changes(genesis.open_reads = false, genesis.open_reads = true);
    changes(genesis.base_timeout_ms++, genesis.base_timeout_ms--);
    changes(genesis.heartbeat_ms++, genesis.heartbeat_ms--);
    changes(genesis.policy.version++, genesis.policy.version--);
    changes(genesis.policy.name[0] = 'x', genesis.policy.name[0] = 'd');
    changes(genesis.members[0].id = 9, genesis.members[0].id = 1);
    changes(genesis.members[1].name[0] = 'C', genesis.members[1].name[0] = 'B');
    changes(genesis.members[1].kind[0] = 'B', genesis.members[1].kind[0] = 'b');
    changes(genesis.members[1].licence[0] = '1', genesis.members[1].licence[0] = '\0');
    changes(genesis.members[1].role = ROLE_BUREAU, genesis.members[1].role = ROLE_LENDER);
    changes(genesis.members[0].key_count = 0, genesis.members[0].key_count = 1);
    changes(genesis.members[0].ballot_key_count = 0, genesis.members[0].ballot_key_count = 1);
    changes(genesis.members[0].keys[0].bytes[5] ^= 1, genesis.members[0].keys[0].bytes[5] ^= 1);
    changes(genesis.validators[2].name[0] = 'w', genesis.validators[2].name[0] = 'v');
    changes(genesis.validators[2].member_id = 2, genesis.validators[2].member_id = 1);
    changes(genesis.validators[2].address[0] = 'b', genesis.validators[2].address[0] = 'a');
    changes(genesis.validators[2].key.bytes[5] ^= 1, genesis.validators[2].key.bytes[5] ^= 1);
    changes(genesis.observer_count = 0, genesis.observer_count = 1);
#undef changes
}

static void the_validator_set_is_sorted_and_checks(void **state)
{
    (void)state;
    struct validator_set set;
    struct verify_set verify;
    assert_int_equal(parse(GOOD), TALLY_OK);
    genesis_validator_set(&genesis, &set);
    assert_int_equal(set.count, 4);
    assert_int_equal(set.epoch, 1);
    assert_int_equal(verify_set_init(&set, &verify), TALLY_OK);
}

static void members_and_nodes_are_found(void **state)
{
    (void)state;
    assert_int_equal(parse(GOOD), TALLY_OK);
    assert_ptr_equal(genesis_member_by_id(&genesis, 2), &genesis.members[1]);
    assert_null(genesis_member_by_id(&genesis, 3));
    assert_ptr_equal(genesis_node_by_key(&genesis, &genesis.validators[3].key), &genesis.validators[3]);
    assert_ptr_equal(genesis_node_by_key(&genesis, &genesis.observers[0].key), &genesis.observers[0]);
    assert_null(genesis_node_by_key(&genesis, &genesis.members[0].keys[0]));
}

static void text_that_is_no_json_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("", TALLY_EFORM, "line");
    refused("{", TALLY_EFORM, "line 1");
    refused("[]", TALLY_EFORM, "not an object");
    refused(GOOD " x", TALLY_EFORM, "line");
    refused("{\"network\": \"a\", \"network\": \"b\"}", TALLY_EFORM, "duplicate");
}

static void unknown_and_missing_keys_are_refused_by_name(void **state)
{
    (void)state;
    refused("{\"netwrok\": \"a\"}", TALLY_EFORM, "netwrok");
    refused("{" MEMBERS VALIDATORS OBSERVERS "}", TALLY_EFORM, "no \"network\"");
    refused("{" HEAD MEMBERS VALIDATORS
            "\"observers\": [{\"name\": \"o\", \"member\": 1, \"address\": \"a:1\"}]}",
        TALLY_EFORM, "observers[0]: no \"key\"");
    refused("{" HEAD "\"members\": [{\"id\": 1, \"name\": \"M\", \"kind\": \"bank\", \"licence\": \"\", "
            "\"role\": \"lender\", \"keys\": [], "
            "\"ballot_keys\": [], \"x\": "
            "1}], " VALIDATORS OBSERVERS "}",
        TALLY_EFORM, "members[0]: unknown key \"x\"");
}

#define HEAD_WITH(network, created, reads, timeout, heartbeat, policy)                                       \
    "{\"network\": " network ", \"created_ms\": " created ", \"open_reads\": " reads                         \
    ", \"base_timeout_ms\": " timeout ", \"heartbeat_ms\": " heartbeat ", \"policy\": " policy               \
    ", " MEMBERS VALIDATORS OBSERVERS "}"

static void values_out_of_range_are_refused_by_name(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD_WITH("\"n\"", "1", "false", "30000", "0", POLICY)), TALLY_OK);
    refused(HEAD_WITH("\"\"", "1", "false", "1", "0", POLICY), TALLY_EFORM, "network");
    refused(HEAD_WITH("\"a b\"", "1", "false", "1", "0", POLICY), TALLY_EFORM, "network");
    refused(HEAD_WITH("\"../x\"", "1", "false", "1", "0", POLICY), TALLY_EFORM, "network");
    refused(HEAD_WITH("7", "1", "false", "1", "0", POLICY), TALLY_EFORM, "network");
    refused(HEAD_WITH("\"n\"", "0", "false", "1", "0", POLICY), TALLY_EFORM, "created_ms");
    refused(HEAD_WITH("\"n\"", "1.5", "false", "1", "0", POLICY), TALLY_EFORM, "created_ms");
    refused(HEAD_WITH("\"n\"", "99999999999999999", "false", "1", "0", POLICY), TALLY_EFORM, "created_ms");
    refused(HEAD_WITH("\"n\"", "1", "1", "1", "0", POLICY), TALLY_EFORM, "open_reads");
    refused(HEAD_WITH("\"n\"", "1", "false", "0", "0", POLICY), TALLY_EFORM, "base_timeout_ms");
    refused(HEAD_WITH("\"n\"", "1", "false", "30001", "0", POLICY), TALLY_EFORM, "base_timeout_ms");
    refused(HEAD_WITH("\"n\"", "1", "false", "1", "-1", POLICY), TALLY_EFORM, "heartbeat_ms");
    refused(HEAD_WITH("\"n\"", "1", "false", "1", "0", "null"), TALLY_EFORM, "policy");
    refused(
        "{" HEAD "\"members\": [" MEMBER(1, "a\\nb", "") "], " VALIDATORS OBSERVERS "}", TALLY_EFORM, "name");
    refused("{" HEAD "\"members\": [" MEMBER(1, "12", "") "], " VALIDATORS OBSERVERS "}", TALLY_EFORM,
        "\"name\" is a number, as ids are");
}

static void keys_are_points_and_stand_once(void **state)
{
    (void)state;
    refused("{" HEAD "\"members\": [" MEMBER(1, "M", "\"02ff\"") "], " VALIDATORS OBSERVERS "}", TALLY_EFORM,
        "members[0]: not a public key");
    refused("{" HEAD "\"members\": [" MEMBER(1, "M", "7") "], " VALIDATORS OBSERVERS "}", TALLY_EFORM,
        "members[0]: not a public key");
    refused("{" HEAD "\"members\": [" MEMBER(1, "M", "\"" KEY(9) "\", \"" KEY(9) "\"") ", " MEMBER(
                2, "N", "") "], " VALIDATORS OBSERVERS "}",
        TALLY_EFORM, "member 1");
    refused("{" HEAD MEMBERS VALIDATORS "\"observers\": [" NODE("o-1", 1, 2) "]}", TALLY_EFORM, "node o-1");
    refused("{" HEAD "\"members\": [" MEMBER(1, "M", "\"" KEY(3) "\"") ", " MEMBER(
                2, "N", "") "], " VALIDATORS OBSERVERS "}",
        TALLY_EFORM, "node v-4 has a member's own key");
    refused("{" HEAD "\"members\": [" MEMBER(1, "M", "\"" KEY(9) "\"") ", " MEMBER(
                2, "N", "\"" KEY(9) "\"") "], " VALIDATORS OBSERVERS "}",
        TALLY_EFORM, "member 2");
}

#define MEMBER_WITH(keys, ballot_keys)                                                                       \
    "{" HEAD "\"members\": [{\"id\": 1, \"name\": \"M\", \"kind\": \"bank\", \"licence\": \"\", \"role\": "  \
    "\"lender\", \"keys\": [" keys "], \"ballot_keys\": [" ballot_keys                                       \
    "]}, " MEMBER(2, "N", "") "], " VALIDATORS OBSERVERS "}"

static void ballot_keys_are_read_and_are_nobody_elses(void **state)
{
    (void)state;
    assert_int_equal(parse(MEMBER_WITH("\"" KEY(10) "\"", "\"" KEY(11) "\", \"" KEY(12) "\"")), TALLY_OK);
    assert_int_equal(genesis.members[0].key_count, 1);
    assert_int_equal(genesis.members[0].ballot_key_count, 2);
    struct digest chain = genesis.chain_id;
    struct buffer out;
    buffer_init(&out, MIB);
    genesis_print(&genesis, &out);
    assert_int_equal(genesis_parse(buffer_span(&out), &genesis, why, sizeof why), TALLY_OK);
    assert_true(digest_equal(&genesis.chain_id, &chain));
    buffer_close(&out);
    /* The same keys, for other work, make another network. */
    assert_int_equal(parse(MEMBER_WITH("\"" KEY(10) "\", \"" KEY(11) "\"", "\"" KEY(12) "\"")), TALLY_OK);
    assert_false(digest_equal(&genesis.chain_id, &chain));
    refused(MEMBER_WITH("\"" KEY(10) "\"", "\"" KEY(10) "\""), TALLY_EFORM, "member 1");
    refused(MEMBER_WITH("", "\"" KEY(4) "\""), TALLY_EFORM, "node o-1");
    refused(MEMBER_WITH("", "\"02ff\""), TALLY_EFORM, "members[0]: not a public key");
}

#define VOTELESS(id)                                                                                         \
    "{\"id\": " #id ", \"name\": \"M" #id                                                                    \
    "\", \"kind\": \"bank\", \"licence\": \"\", \"role\": \"lender\", \"keys\": [], \"ballot_keys\": []}"

static void some_member_has_a_ballot_key(void **state)
{
    (void)state;
    assert_int_equal(
        parse("{" HEAD "\"members\": [" VOTELESS(1) ", " MEMBER(2, "N", "") "], " VALIDATORS OBSERVERS "}"),
        TALLY_OK);
    refused("{" HEAD "\"members\": [" VOTELESS(1) ", " VOTELESS(2) "], " VALIDATORS OBSERVERS "}",
        TALLY_EFORM, "no member has a ballot key");
}

static void names_and_ids_stand_once(void **state)
{
    (void)state;
    refused("{" HEAD "\"members\": [" MEMBER(2, "M", "") ", " MEMBER(2, "N", "") "], " VALIDATORS OBSERVERS
                                                                                 "}",
        TALLY_EFORM, "members[1]: \"id\"");
    refused(
        "{" HEAD "\"members\": [" MEMBER(0, "M", "") "], " VALIDATORS OBSERVERS "}", TALLY_EFORM, "\"id\"");
    refused("{" HEAD "\"members\": [" MEMBER(1, "M", "") ", " MEMBER(2, "M", "") "], " VALIDATORS OBSERVERS
                                                                                 "}",
        TALLY_EFORM, "two members");
    refused("{" HEAD MEMBERS VALIDATORS "\"observers\": [" NODE("v-1", 1, 5) "]}", TALLY_EFORM, "two nodes");
    refused("{" HEAD MEMBERS VALIDATORS "\"observers\": [" NODE("o-1", 7, 5) "]}", TALLY_EFORM, "member 7");
}

static void counts_are_bounded(void **state)
{
    (void)state;
    refused("{" HEAD MEMBERS
            "\"validators\": [" NODE("a", 1, 1) ", " NODE("b", 1, 2) ", " NODE("c", 1, 3) "], " OBSERVERS "}",
        TALLY_ELIMIT, "validators");
    refused("{" HEAD "\"members\": [], " VALIDATORS OBSERVERS "}", TALLY_ELIMIT, "members");
    refused("{" HEAD "\"members\": {}, " VALIDATORS OBSERVERS "}", TALLY_EFORM, "members");
    char *large = malloc(MIB + 2);
    assert_non_null(large);
    memset(large, ' ', MIB + 1);
    assert_int_equal(genesis_parse(span_of(large, MIB + 1), &genesis, why, sizeof why), TALLY_ELIMIT);
    free(large);
}

#define NODE_AT(address)                                                                                     \
    "{" HEAD MEMBERS VALIDATORS "\"observers\": [{\"name\": \"o-1\", \"member\": 2, \"address\": \"" address \
    "\", \"key\": \"" KEY(4) "\"}]}"
#define MEMBER_THAT_IS(kind, licence)                                                                        \
    "{" HEAD "\"members\": [{\"id\": 1, \"name\": \"M\", \"kind\": \"" kind "\", \"licence\": \"" licence    \
    "\", \"role\": \"lender\", \"keys\": [], \"ballot_keys\": [\"" KEY(                                      \
        29) "\"]"                                                                                            \
            "}, " MEMBER(2, "N", "") "], " VALIDATORS OBSERVERS "}"

static void addresses_kinds_and_licences_are_read(void **state)
{
    (void)state;
    static const char *const sound[] = {"a:1", "10.0.0.1:65535", "[fe80::1]:7000", "node-1.bank.example:80"};
    static const char *const bad[] = {"a", "a:", ":1", "a:0", "a:01", "a:65536", "a:100000", "a b:1",
        "fe80::1:7000", "[]:80", "[:80", "]:80", "[[::1]]:80"};
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++)
        if (!address_is_sound(sound[i])) fail_msg("%s", sound[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (address_is_sound(bad[i])) fail_msg("%s", bad[i]);
    assert_int_equal(parse(NODE_AT("[::1]:7001")), TALLY_OK);
    assert_string_equal(genesis.observers[0].address, "[::1]:7001");
    refused(NODE_AT("nowhere"), TALLY_EFORM, "observers[0]: \"address\" is not HOST:PORT");
    refused(NODE_AT(""), TALLY_EFORM, "\"address\" is not of 1 to 128 bytes");
    assert_int_equal(parse(MEMBER_THAT_IS("credit union", "No. 7")), TALLY_OK);
    assert_string_equal(genesis.members[0].kind, "credit union");
    assert_string_equal(genesis.members[0].licence, "No. 7");
    refused(MEMBER_THAT_IS("", ""), TALLY_EFORM, "members[0]: \"kind\" is not of 1 to 32 bytes");
}

static void roles_have_names(void **state)
{
    (void)state;
    assert_string_equal(member_role_name(ROLE_REGULATOR), "regulator");
    assert_null(member_role_name(0));
    assert_null(member_role_name(5));
    refused("{" HEAD "\"members\": [{\"id\": 1, \"name\": \"M\", \"kind\": \"bank\", \"licence\": \"\", "
            "\"role\": \"king\", \"keys\": [], "
            "\"ballot_keys\": []}], " VALIDATORS OBSERVERS "}",
        TALLY_EFORM, "role");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_genesis_is_read),
        cmocka_unit_test(spacing_and_key_order_do_not_change_the_chain),
        cmocka_unit_test(what_is_printed_reads_as_the_same_chain),
        cmocka_unit_test(every_field_changes_the_chain),
        cmocka_unit_test(the_validator_set_is_sorted_and_checks),
        cmocka_unit_test(members_and_nodes_are_found),
        cmocka_unit_test(text_that_is_no_json_is_refused_with_its_line),
        cmocka_unit_test(unknown_and_missing_keys_are_refused_by_name),
        cmocka_unit_test(values_out_of_range_are_refused_by_name),
        cmocka_unit_test(keys_are_points_and_stand_once),
        cmocka_unit_test(ballot_keys_are_read_and_are_nobody_elses),
        cmocka_unit_test(some_member_has_a_ballot_key),
        cmocka_unit_test(names_and_ids_stand_once),
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(addresses_kinds_and_licences_are_read),
        cmocka_unit_test(roles_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
