// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "node/config.h"

#define PRINT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PRINT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEAD                                                                                                 \
    "name: validator-1\n"                                                                                    \
    "peer_address: 127.0.0.1:7001\n"                                                                         \
    "rpc_address: 127.0.0.1:7002\n"                                                                          \
    "peers:\n"                                                                                               \
    "  - {name: validator-2, address: \"127.0.0.1:7003\"}\n"
#define CLIENT_A "  - {name: a, fingerprint: \"" PRINT_A "\", roles: [read]}\n"

static struct config *config;
static char why[512];

static int parse(const char *text)
{
    memset(config, 0, sizeof *config);
    why[0] = '\0';
    return config_parse(span_of(text, strlen(text)), "node.yaml", config, why, sizeof why);
}

static int start(void **state)
{
    (void)state;
    config = calloc(1, sizeof *config);
    return config == NULL;
}

static int stop(void **state)
{
    (void)state;
    free(config);
    return 0;
}

static void a_client_has_limits_by_itself(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD "clients:\n" CLIENT_A), TALLY_OK);
    assert_int_equal(config->client_count, 1);
    assert_string_equal(config->clients[0].name, "a");
    assert_int_equal(config->clients[0].roles, RPC_ROLE_READ);
    assert_int_equal(config->clients[0].rate, CLIENT_RATE_DEFAULT);
    assert_int_equal(config->clients[0].concurrency, CLIENT_CONCURRENCY_DEFAULT);
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_int_equal(config->peers[0].address.port, 7003);
}

static void a_peer_is_reached_where_the_file_says_or_else_the_network(void **state)
{
    (void)state;
    assert_int_equal(parse("name: v\npeer_address: \"[::]:7001\"\nrpc_address: a:1\n"), TALLY_OK);
    assert_string_equal(config->peer_address.host, "::");
    assert_int_equal(config->peer_count, 0);
    assert_int_equal(parse(HEAD), TALLY_OK);
    struct config_address address = config_peer_address(config, "validator-2", "elsewhere:1");
    assert_string_equal(address.host, "127.0.0.1");
    assert_int_equal(address.port, 7003);
    address = config_peer_address(config, "validator-3", "[fe80::1]:65535");
    assert_string_equal(address.host, "fe80::1");
    assert_int_equal(address.port, 65535);
}

static void a_client_has_the_limits_it_is_given(void **state)
{
    (void)state;
    assert_int_equal(
        parse(HEAD "log_level: debug\nclients:\n  - name: a\n    fingerprint: " PRINT_A
                   "\n    roles: [submit, inquire, admin]\n    rate: 1000000\n    concurrency: 1\n"),
        TALLY_OK);
    assert_int_equal(config->clients[0].roles, RPC_ROLE_SUBMIT | RPC_ROLE_INQUIRE | RPC_ROLE_ADMIN);
    assert_int_equal(config->clients[0].rate, CLIENT_RATE_MAX);
    assert_int_equal(config->clients[0].concurrency, 1);
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(parse(HEAD "clients: []\n"), TALLY_OK);
    assert_int_equal(config->client_count, 0);
}

/* What is wrong, on which line, and what would be allowed. */
static const struct {
    const char *text, *line, *what, *allowed;
} bad[] = {
    {"nane: x\n" HEAD, "line 1:", "nane", "the keys are name, peer_address"},
    {"name: validator-1\n", "line 1:", "peer_address", "HOST:PORT"},
    {HEAD "subject_cache_mib: 262145\n", "line 6:", "262145", "262144 MiB"},
    {HEAD "subject_cache_mib: much\n", "line 6:", "much", "262144 MiB"},
    {HEAD "log_level: loud\n", "line 6:", "loud", "debug, info, unusual"},
    {HEAD "name: twice\n", "line 6:", "already seen: name", "1 to 64 characters"},
    {HEAD "clients: none\n", "line 6:", "SEQUENCE", "a list of clients"},
    {HEAD "clients:\n" CLIENT_A "  - {name: b, fingerprint: \"" PRINT_B "\", roles: [read], rote: 3}\n",
        "line 8:", "rote", "maybe rate and concurrency"},
    {HEAD "clients:\n" CLIENT_A "  - name: b\n    fingerprint: " PRINT_B "\n    roles: [read]\n    rote: 3\n",
        "line 11:", "rote", "maybe rate and concurrency"},
    {HEAD "rate: 5\n", "line 6:", "rate", "the keys are"},
    {HEAD "clients:\n  - name: b\n    fingerprint: " PRINT_B "\n    roles: [read]\n    rate: -3\n",
        "line 10:", "-3", "1 to 1000000 calls a second"},
    {HEAD "clients:\n  - name: b\n    fingerprint: " PRINT_B "\n    roles: [read]\n    rate: 0\n",
        "line 10:", "client \"b\": rate is 0", "1 to 1000000 calls a second"},
    {HEAD "clients:\n  - name: b\n    fingerprint: " PRINT_B "\n    roles: [read]\n    rate: 1000001\n",
        "line 10:", "1000001", "1 to 1000000"},
    {HEAD "clients:\n  - name: b\n    fingerprint: " PRINT_B "\n    roles: [read]\n    concurrency: 10001\n",
        "line 10:", "10001", "1 to 10000 calls at once"},
    {HEAD "clients:\n  - name: b\n    fingerprint: " PRINT_B "\n    roles:\n      - read\n      - write\n",
        "line 9:", "client \"b\": no role \"write\"", "submit, inquire, read, admin"},
    {HEAD "clients:\n" CLIENT_A "  - {name: b, fingerprint: \"abcd\", roles: [read]}\n", "line 8:", "abcd",
        "64 hexadecimal digits"},
    {HEAD "clients:\n  - {name: b, fingerprint: \"zz" PRINT_B "\", roles: [read]}\n", "line 7:", "zzbb",
        "64 hexadecimal digits"},
    {HEAD "clients:\n  - {fingerprint: \"" PRINT_B "\", roles: [read]}\n", "line 7:", "name",
        "1 to 64 characters"},
    {HEAD "clients:\n  - {name: b, roles: [read]}\n", "line 7:", "fingerprint", "64 hexadecimal digits"},
    {HEAD "clients:\n" CLIENT_A "  - {name: a, fingerprint: \"" PRINT_B "\", roles: [read]}\n",
        "line 8:", "client \"a\" is listed twice", "a list of clients"},
    {HEAD "clients:\n" CLIENT_A "  - {name: b, fingerprint: \"" PRINT_A "\", roles: [read]}\n",
        "line 8:", "client \"b\" has the fingerprint of client \"a\"", "a list of clients"},
    {"name: v\npeer_address: here\nrpc_address: a:1\npeers: []\n", "line 2:", "peer_address is \"here\"",
        "HOST:PORT"},
    {"name: v\npeer_address: a:1\nrpc_address: a:65536\npeers: []\n", "line 3:", "a:65536", "HOST:PORT"},
    {"name: v\npeer_address: a:1\nrpc_address: a:1\npeers:\n  - name: x\n    address: b\n",
        "line 6:", "address is \"b\"", "HOST:PORT"},
    {HEAD "clients: [\n", "line ", "libyaml", "allowed"},
    {"", "", "", "the keys are"},
    {"- a\n", "line 1:", "MAPPING", "the keys are"},
};

static void what_is_wrong_is_told_with_its_line_and_what_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(parse(bad[i].text), TALLY_EFORM);
        if (strstr(why, "node.yaml") == NULL || strstr(why, bad[i].line) == NULL ||
            strstr(why, bad[i].what) == NULL || strstr(why, bad[i].allowed) == NULL)
            fail_msg("case %zu: %s", i, why);
    }
}

/* As where a file is read while somebody writes it. */
static void any_part_of_a_file_is_taken_or_refused(void **state)
{
    (void)state;
    static const char whole[] = HEAD "log_level: info\nclients:\n" CLIENT_A;
    assert_int_equal(config_parse(span_of(NULL, 0), "node.yaml", config, why, sizeof why), TALLY_EFORM);
    assert_non_null(strstr(why, "is empty"));
    for (size_t size = 0; size < sizeof whole; size++) {
        char *part = malloc(size + 1);
        assert_non_null(part);
        memcpy(part, whole, size);
        part[size] = '\0';
        int error = parse(part);
        free(part);
        assert_true(error == TALLY_OK || (error == TALLY_EFORM && why[0] != '\0'));
    }
}

static void a_file_with_any_byte_changed_is_taken_or_refused(void **state)
{
    (void)state;
    static const char whole[] = HEAD "clients:\n" CLIENT_A;
    static const char bytes[] = "\n -:{}[]\"'#&*!|>%@`,?\t0x\xff\x01";
    char text[sizeof whole];
    for (size_t at = 0; at + 1 < sizeof whole; at++)
        for (size_t i = 0; i + 1 < sizeof bytes; i++) {
            memcpy(text, whole, sizeof text);
            text[at] = bytes[i];
            int error = parse(text);
            assert_true(error == TALLY_OK || (error == TALLY_EFORM && why[0] != '\0'));
        }
}

static void more_clients_than_a_node_takes_are_refused(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text, 1u * MIB);
    for (uint32_t count = CLIENTS_MAX; count <= CLIENTS_MAX + 1; count++) {
        buffer_clear(&text);
        buffer_append(&text, HEAD "clients:\n", strlen(HEAD "clients:\n"));
        for (uint32_t i = 0; i < count; i++) {
            char line[160];
            int size =
                snprintf(line, sizeof line, "  - {name: c%u, fingerprint: \"%064x\", roles: [read]}\n", i, i);
            buffer_append(&text, line, (size_t)size);
        }
        buffer_u8(&text, 0);
        assert_int_equal(parse((const char *)text.data), count == CLIENTS_MAX ? TALLY_OK : TALLY_EFORM);
    }
    buffer_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_has_limits_by_itself),
        cmocka_unit_test(a_peer_is_reached_where_the_file_says_or_else_the_network),
        cmocka_unit_test(a_client_has_the_limits_it_is_given),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line_and_what_is_allowed),
        cmocka_unit_test(any_part_of_a_file_is_taken_or_refused),
        cmocka_unit_test(a_file_with_any_byte_changed_is_taken_or_refused),
        cmocka_unit_test(more_clients_than_a_node_takes_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
