// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "node/config_edit.h"

#define PRINT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PRINT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define PRINT_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define HEAD                                                                                                 \
    "# Geführt von der IT, 運用 🏦\n"                                                                   \
    "name: validator-1\n"                                                                                    \
    "peer_address: 127.0.0.1:7001\n"                                                                         \
    "rpc_address: 127.0.0.1:7002 # loopback\n"                                                               \
    "peers:\n"                                                                                               \
    "  - {name: validator-2, address: \"127.0.0.1:7003\"}\n"
#define FLOW_A "{name: a, fingerprint: \"" PRINT_A "\", roles: [read]}"
#define FLOW_B "{name: b, fingerprint: \"" PRINT_B "\", roles: [submit, read]}"
/* As it is written here. */
#define NEW "{name: \"new\", fingerprint: \"" PRINT_C "\", roles: [submit, inquire], rate: 200}"
#define BLOCK_A "- name: a # the first\n    fingerprint: " PRINT_A "\n    roles:\n      - read\n"

static struct buffer out;
static char why[512];

static const char *made(void)
{
    buffer_u8(&out, 0);
    assert_false(out.failed);
    return (const char *)out.data;
}

static int add(const char *text, const char *name, uint8_t fingerprint)
{
    struct client_entry entry = {
        .roles = RPC_ROLE_SUBMIT | RPC_ROLE_INQUIRE, .rate = 200, .concurrency = CLIENT_CONCURRENCY_DEFAULT};
    snprintf(entry.name, sizeof entry.name, "%s", name);
    memset(entry.fingerprint.bytes, fingerprint, DIGEST_SIZE);
    buffer_clear(&out);
    return config_client_add(span_of(text, strlen(text)), "node.yaml", &entry, &out, why, sizeof why);
}

static int remove_one(const char *text, const char *name)
{
    buffer_clear(&out);
    return config_client_remove(span_of(text, strlen(text)), "node.yaml", name, &out, why, sizeof why);
}

static const struct {
    const char *before, *after;
} added[] = {
    {HEAD, HEAD "clients:\n  - " NEW "\n"},
    {HEAD "log_level: info", HEAD "log_level: info\nclients:\n  - " NEW "\n"},
    {HEAD "clients: []\n", HEAD "clients: [" NEW "]\n"},
    {HEAD "clients: [" FLOW_A "]\n# end\n", HEAD "clients: [" FLOW_A ", " NEW "]\n# end\n"},
    {HEAD "clients: # who may call\n  - " FLOW_A " # one\n# end\n",
        HEAD "clients: # who may call\n  - " FLOW_A " # one\n  - " NEW "\n# end\n"},
    {HEAD "clients:\n  - " FLOW_A, HEAD "clients:\n  - " FLOW_A "\n  - " NEW "\n"},
    {"clients:\n- " FLOW_A "\n" HEAD, "clients:\n- " FLOW_A "\n- " NEW "\n" HEAD},
    {"clients:\n  " BLOCK_A "\n# next\n" HEAD, "clients:\n  " BLOCK_A "  - " NEW "\n\n# next\n" HEAD},
};

static void a_client_is_added_and_every_other_line_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) {
        int error = add(added[i].before, "new", 0xCC);
        if (error != TALLY_OK) fail_msg("case %zu: %s", i, why);
        assert_string_equal(made(), added[i].after);
    }
}

static const struct {
    const char *before, *name, *after;
} removed[] = {
    {HEAD "clients:\n  - " FLOW_A "\n  # two\n  - " FLOW_B " # b\n# end\n", "b",
        HEAD "clients:\n  - " FLOW_A "\n  # two\n# end\n"},
    {HEAD "clients:\n  - " FLOW_A "\n  - " FLOW_B, "a", HEAD "clients:\n  - " FLOW_B},
    {HEAD "clients: # all\n  - " FLOW_A "\n# end\n", "a", HEAD "# end\n"},
    {HEAD "clients: [" FLOW_A ", " FLOW_B "]\n", "a", HEAD "clients: [" FLOW_B "]\n"},
    {HEAD "clients: [" FLOW_A ", " FLOW_B "]\n", "b", HEAD "clients: [" FLOW_A "]\n"},
    {HEAD "clients: [" FLOW_A "]\n", "a", HEAD "clients: []\n"},
    {"clients:\n  " BLOCK_A "  - " FLOW_B "\n" HEAD, "a", "clients:\n  - " FLOW_B "\n" HEAD},
};

static void a_client_is_removed_and_every_other_line_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++) {
        int error = remove_one(removed[i].before, removed[i].name);
        if (error != TALLY_OK) fail_msg("case %zu: %s", i, why);
        assert_string_equal(made(), removed[i].after);
    }
}

static void adding_and_removing_gives_the_text_back(void **state)
{
    (void)state;
    static char text[4096];
    snprintf(text, sizeof text, "%s", HEAD "clients:\n  - " FLOW_A "\n# end\n");
    assert_int_equal(add(text, "new", 0xCC), TALLY_OK);
    static char with[4096];
    snprintf(with, sizeof with, "%s", made());
    assert_int_equal(remove_one(with, "new"), TALLY_OK);
    assert_string_equal(made(), text);
}

static void names_and_certificates_are_listed_once(void **state)
{
    (void)state;
    const char *text = HEAD "clients:\n  - " FLOW_A "\n";
    assert_int_equal(add(text, "a", 0xCC), TALLY_EEXISTS);
    assert_string_equal(why, "node.yaml lists a client \"a\" already");
    assert_int_equal(add(text, "new", 0xAA), TALLY_EEXISTS);
    assert_string_equal(why, "node.yaml lists this certificate already, as \"a\"");
    assert_int_equal(remove_one(text, "b"), TALLY_ENOTFOUND);
    assert_string_equal(why, "node.yaml lists no client \"b\"");
    assert_int_equal(remove_one(HEAD, "b"), TALLY_ENOTFOUND);
}

static void a_file_that_is_refused_is_not_changed(void **state)
{
    (void)state;
    assert_int_equal(add(HEAD "extra: 1\n", "new", 0xCC), TALLY_EFORM);
    assert_non_null(strstr(why, "extra"));
    assert_int_equal(add("", "new", 0xCC), TALLY_EFORM);
    assert_int_equal(remove_one("[", "new"), TALLY_EFORM);
}

/* Sound YAML, of which an entry cannot be taken out alone. */
static void what_cannot_be_changed_here_is_said(void **state)
{
    (void)state;
    static const char shared[] =
        HEAD "clients:\n  - {name: a, fingerprint: \"" PRINT_A
             "\", roles: &r [read]}\n  - {name: b, fingerprint: \"" PRINT_B "\", roles: *r}\n";
    assert_int_equal(remove_one(shared, "a"), TALLY_EFORM);
    assert_non_null(strstr(why, "by hand"));
}

static int start(void **state)
{
    (void)state;
    buffer_init(&out, 64u * KIB);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    buffer_close(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_added_and_every_other_line_stays),
        cmocka_unit_test(a_client_is_removed_and_every_other_line_stays),
        cmocka_unit_test(adding_and_removing_gives_the_text_back),
        cmocka_unit_test(names_and_certificates_are_listed_once),
        cmocka_unit_test(a_file_that_is_refused_is_not_changed),
        cmocka_unit_test(what_cannot_be_changed_here_is_said),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
