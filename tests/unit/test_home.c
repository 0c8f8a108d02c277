// links: tools
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/net/certificate.h"
#include "proto/crypto/signature.h"
#include "tests/vectors/profile.h"
#include "tools/devnet.h"
#include "tools/trust.h"

struct place {
    char path[64];
    struct context context;
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    snprintf(place->path, sizeof place->path, "/tmp/tally-home-XXXXXX");
    assert_non_null(mkdtemp(place->path));
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", place->path);
    int ended = system(command);
    free(place);
    return ended;
}

static struct devnet_plan plan = {.validators = 4, .observers = 2};

static void the_homes_of_a_new_network_are_whole_and_agree(void **state)
{
    struct place *place = *state;
    struct context *context = &place->context;
    struct devnet devnet;
    struct home home;
    uint8_t subject_key[KEY_TEXT_SECRET_SIZE], first_subject_key[KEY_TEXT_SECRET_SIZE],
        salt_key[KEY_TEXT_SECRET_SIZE];
    assert_int_equal(devnet_kind(place->path), 0);
    assert_int_equal(devnet_make(context, place->path, &plan), TOOL_DONE);
    assert_int_equal(devnet_kind(place->path), 1);
    assert_int_equal(devnet_open(context, place->path, &devnet), TOOL_DONE);
    assert_int_equal(devnet.node_count, 6);
    assert_int_equal(devnet.genesis->member_count, 6);
    assert_int_equal(devnet.genesis->members[5].role, ROLE_REGULATOR);
    for (uint32_t i = 0; i < devnet.node_count; i++) {
        const struct devnet_node *node = &devnet.nodes[i];
        struct genesis *genesis = NULL;
        struct secret_key secret;
        struct public_key key;
        assert_int_equal(home_open(context, node->home, &home), TOOL_DONE);
        assert_string_equal(home.name, node->name);
        assert_string_equal(home.rpc_host, "127.0.0.1");
        assert_true(home.rpc_port >= DEVNET_PORT_MIN && home.rpc_port < DEVNET_PORT_MAX);
        assert_int_equal(home_genesis(context, &home, &genesis), TOOL_DONE);
        assert_true(digest_equal(&genesis->chain_id, &devnet.genesis->chain_id));
        assert_int_equal(home_key(context, &home, "node.key", secret.bytes), TOOL_DONE);
        assert_int_equal(secret_key_public(&secret, &key), TALLY_OK);
        const struct genesis_node *self = genesis_node_by_key(genesis, &key);
        assert_non_null(self);
        assert_string_equal(self->name, node->name);
        assert_int_equal(self->member_id, i + 1);
        assert_int_equal(home_key(context, &home, "signing.key", secret.bytes), TOOL_DONE);
        assert_int_equal(secret_key_public(&secret, &key), TALLY_OK);
        assert_true(public_key_equal(&key, &genesis->members[i].keys[0]));
        assert_int_equal(home_key(context, &home, "ballot.key", secret.bytes), TOOL_DONE);
        assert_int_equal(secret_key_public(&secret, &key), TALLY_OK);
        assert_true(public_key_equal(&key, &genesis->members[i].ballot_keys[0]));
        assert_int_equal(home_key(context, &home, "subject.key", subject_key), TOOL_DONE);
        if (i == 0) memcpy(first_subject_key, subject_key, KEY_TEXT_SECRET_SIZE);
        assert_memory_equal(subject_key, first_subject_key, KEY_TEXT_SECRET_SIZE);
        assert_int_equal(home_key(context, &home, "salt.key", salt_key), TOOL_DONE);
        assert_memory_not_equal(salt_key, subject_key, KEY_TEXT_SECRET_SIZE);
        free(genesis);
    }
    assert_null(devnet_node_by_name(&devnet, "validator-5"));
    assert_non_null(devnet_node_by_name(&devnet, "observer-2"));
    devnet_close(&devnet);
}

static void a_nodes_configuration_names_its_clients_fingerprint(void **state)
{
    struct place *place = *state;
    char path[128], fingerprint[2 * DIGEST_SIZE + 1], why[256];
    struct digest digest;
    struct buffer yaml;
    assert_int_equal(devnet_make(&place->context, place->path, &plan), TOOL_DONE);
    snprintf(path, sizeof path, "%s/validator-2/client.crt", place->path);
    assert_int_equal(certificate_file_fingerprint(path, &digest), TALLY_OK);
    hex_encode(span_of(digest.bytes, DIGEST_SIZE), fingerprint);
    snprintf(path, sizeof path, "%s/validator-2/node.yaml", place->path);
    buffer_init(&yaml, MIB);
    assert_int_equal(file_read(path, &yaml, why, sizeof why), TALLY_OK);
    buffer_u8(&yaml, '\0');
    assert_non_null(strstr((const char *)yaml.data, fingerprint));
    assert_non_null(strstr((const char *)yaml.data, "{name: observer-2, address: \"127.0.0.1:"));
    assert_null(strstr((const char *)yaml.data, "{name: validator-2,"));
    buffer_close(&yaml);
}

static void a_directory_with_anything_else_in_it_is_refused(void **state)
{
    struct place *place = *state;
    char path[128], why[256];
    snprintf(path, sizeof path, "%s/letters", place->path);
    assert_int_equal(file_create(path, 0644, span_of("x", 1), why, sizeof why), TALLY_OK);
    assert_int_equal(devnet_kind(place->path), -1);
    assert_int_equal(devnet_make(&place->context, place->path, &plan), TOOL_REFUSED);
    assert_string_equal(place->context.reason, "NOT_EMPTY");
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    struct place *place = *state;
    struct context *context = &place->context;
    uint8_t key[KEY_TEXT_SECRET_SIZE] = {1, 2}, read[KEY_TEXT_SECRET_SIZE];
    char path[128];
    struct stat status;
    snprintf(path, sizeof path, "%s/a.key", place->path);
    assert_int_equal(secret_file_make(context, path, key, NULL), TOOL_DONE);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(secret_file_open(context, path, read), TOOL_DONE);
    assert_memory_equal(key, read, sizeof read);
    assert_int_equal(secret_file_make(context, path, key, NULL), TOOL_REFUSED);
    assert_string_equal(context->reason, "EXISTS");
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(secret_file_open(context, path, read), TOOL_REFUSED);
    assert_non_null(strstr(context->message, "chmod 600"));
}

static void what_is_no_key_file_is_refused(void **state)
{
    struct place *place = *state;
    struct context *context = &place->context;
    static const char *const contents[] = {"", "\n", "00",
        "zz00000000000000000000000000000000000000000000000000000000000000\n",
        "00000000000000000000000000000000000000000000000000000000000000000\n"};
    uint8_t read[KEY_TEXT_SECRET_SIZE];
    char path[128], why[256];
    snprintf(path, sizeof path, "%s/b.key", place->path);
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        assert_int_equal(
            file_replace(path, 0600, span_of(contents[i], strlen(contents[i])), why, sizeof why), TALLY_OK);
        assert_int_equal(secret_file_open(context, path, read), TOOL_REFUSED);
        assert_string_equal(context->reason, "KEY");
    }
    snprintf(path, sizeof path, "%s/none.key", place->path);
    assert_int_equal(secret_file_open(context, path, read), TOOL_REFUSED);
}

static void a_sealed_key_is_opened_by_its_passphrases_file(void **state)
{
    struct place *place = *state;
    struct context *context = &place->context;
    struct secret_key secret, read;
    struct public_key key, named;
    char path[128], first[128], second[128], why[256];
    secret_key_generate(&secret);
    assert_int_equal(secret_key_public(&secret, &key), TALLY_OK);
    snprintf(path, sizeof path, "%s/c.key", place->path);
    snprintf(first, sizeof first, "%s/first", place->path);
    snprintf(second, sizeof second, "%s/second", place->path);
    assert_int_equal(file_create(first, 0600, span_of("one\n", 4), why, sizeof why), TALLY_OK);
    assert_int_equal(file_create(second, 0600, span_of("two\n", 4), why, sizeof why), TALLY_OK);
    context->passphrase_file = first;
    assert_int_equal(secret_file_make(context, path, secret.bytes, &key), TOOL_DONE);
    passphrase_forget(context);
    assert_int_equal(secret_file_public(context, path, &named), TOOL_DONE); /* takes no passphrase */
    assert_null(context->passphrase);
    assert_true(public_key_equal(&named, &key));
    assert_int_equal(secret_file_open(context, path, read.bytes), TOOL_DONE);
    assert_memory_equal(read.bytes, secret.bytes, sizeof read.bytes);
    passphrase_forget(context);
    context->passphrase_file = second;
    assert_int_equal(secret_file_open(context, path, read.bytes), TOOL_REFUSED);
    assert_string_equal(context->reason, "PASSPHRASE");
    assert_non_null(strstr(context->message, "does not open it"));
    assert_int_equal(secret_file_replace(context, path, secret.bytes, &key, context->passphrase), TOOL_DONE);
    assert_int_equal(secret_file_open(context, path, read.bytes), TOOL_DONE);
    assert_int_equal(secret_file_replace(context, path, secret.bytes, &key, NULL), TOOL_DONE);
    passphrase_forget(context);
    context->passphrase_file = NULL;
    assert_int_equal(secret_file_open(context, path, read.bytes), TOOL_DONE);
    assert_memory_equal(read.bytes, secret.bytes, sizeof read.bytes);
}

/* As one that is rotated: its passphrase was typed, and no option names any. */
static void what_opened_a_key_seals_the_next(void **state)
{
    struct place *place = *state;
    struct context *context = &place->context;
    struct secret_key secret, read;
    struct public_key key;
    char path[128], next[128], file[128], why[256];
    secret_key_generate(&secret);
    assert_int_equal(secret_key_public(&secret, &key), TALLY_OK);
    snprintf(path, sizeof path, "%s/d.key", place->path);
    snprintf(next, sizeof next, "%s/d.key.next", place->path);
    snprintf(file, sizeof file, "%s/passphrase", place->path);
    assert_int_equal(file_create(file, 0600, span_of("one\n", 4), why, sizeof why), TALLY_OK);
    context->passphrase_file = file;
    assert_int_equal(secret_file_make(context, path, secret.bytes, &key), TOOL_DONE);
    context->passphrase_file = NULL;
    assert_int_equal(secret_file_open(context, path, read.bytes), TOOL_DONE);
    assert_int_equal(secret_file_make(context, next, secret.bytes, &key), TOOL_DONE);
    passphrase_forget(context);
    struct buffer text;
    buffer_init(&text, KEY_TEXT_SIZE_MAX);
    assert_int_equal(file_read(next, &text, why, sizeof why), TALLY_OK);
    assert_true(key_text_is_sealed(buffer_span(&text)));
    buffer_close(&text);
    context->passphrase_file = file;
    assert_int_equal(secret_file_open(context, next, read.bytes), TOOL_DONE);
    assert_memory_equal(read.bytes, secret.bytes, sizeof read.bytes);
    passphrase_forget(context);
}

static void a_place_that_is_no_home_is_refused_with_what_to_do(void **state)
{
    struct place *place = *state;
    struct home home;
    char path[128], why[256];
    assert_int_equal(home_open(&place->context, place->path, &home), TOOL_REFUSED);
    assert_non_null(strstr(place->context.message, "--home"));
    snprintf(path, sizeof path, "%s/node.yaml", place->path);
    static const char *const yaml[] = {"name: [", "name: a\n", "name: a\nrpc_address: nowhere\n"};
    for (size_t i = 0; i < sizeof yaml / sizeof yaml[0]; i++) {
        assert_int_equal(
            file_replace(path, 0600, span_of(yaml[i], strlen(yaml[i])), why, sizeof why), TALLY_OK);
        assert_int_equal(home_open(&place->context, place->path, &home), TOOL_REFUSED);
    }
    place->context.home = NULL;
    assert_int_equal(home_open_given(&place->context, &home), TOOL_USAGE);
}

static void addresses_are_a_host_and_a_port(void **state)
{
    (void)state;
    char host[HOME_HOST_MAX + 1];
    uint16_t port;
    assert_int_equal(address_parse("127.0.0.1:80", host, &port), TALLY_OK);
    assert_string_equal(host, "127.0.0.1");
    assert_int_equal(port, 80);
    assert_int_equal(address_parse("[::1]:65535", host, &port), TALLY_OK);
    assert_string_equal(host, "::1");
    static const char *const bad[] = {"", ":", ":1", "a", "a:", "a:0", "a:65536", "a:1x", "[]:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(address_parse(bad[i], host, &port), TALLY_EFORM);
    }
}

static void free_ports_are_all_different(void **state)
{
    struct place *place = *state;
    uint16_t ports[10];
    assert_int_equal(devnet_ports(&place->context, 10, ports), TOOL_DONE);
    for (size_t i = 0; i < 10; i++) {
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(ports[i], ports[k]);
    }
}

static void a_pid_file_whose_process_is_another_program_counts_for_nothing(void **state)
{
    struct place *place = *state;
    struct devnet_node node = {.name = "validator-1"};
    char path[128], text[32], why[256];
    snprintf(node.home, sizeof node.home, "%s", place->path);
    assert_int_equal(devnet_node_pid(&node), 0);
    snprintf(path, sizeof path, "%s/node.pid", place->path);
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    assert_int_equal(file_replace(path, 0644, span_of(text, (size_t)size), why, sizeof why), TALLY_OK);
    assert_int_equal(devnet_node_pid(&node), 0);
    assert_int_equal(file_replace(path, 0644, span_of("-1\n", 3), why, sizeof why), TALLY_OK);
    assert_int_equal(devnet_node_pid(&node), 0);
}

static void the_last_line_of_a_log_is_found(void **state)
{
    struct place *place = *state;
    struct devnet_node node = {.name = "validator-1"};
    char path[128], line[64], why[256], big[9000];
    snprintf(node.home, sizeof node.home, "%s", place->path);
    devnet_log_last(&node, line, sizeof line);
    assert_string_equal(line, "");
    memset(big, 'y', sizeof big);
    memcpy(big + sizeof big - 11, "\nthe last\n\n", 11);
    snprintf(path, sizeof path, "%s/node.log", place->path);
    assert_int_equal(file_replace(path, 0644, span_of(big, sizeof big), why, sizeof why), TALLY_OK);
    devnet_log_last(&node, line, sizeof line);
    assert_string_equal(line, "the last");
}

int main(void)
{
    plan.policy = profile("dev");
#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_A_PLACE(the_homes_of_a_new_network_are_whole_and_agree),
        IN_A_PLACE(a_nodes_configuration_names_its_clients_fingerprint),
        IN_A_PLACE(a_directory_with_anything_else_in_it_is_refused),
        IN_A_PLACE(a_key_that_others_may_read_is_refused),
        IN_A_PLACE(what_is_no_key_file_is_refused),
        IN_A_PLACE(a_sealed_key_is_opened_by_its_passphrases_file),
        IN_A_PLACE(what_opened_a_key_seals_the_next),
        IN_A_PLACE(a_place_that_is_no_home_is_refused_with_what_to_do),
        cmocka_unit_test(addresses_are_a_host_and_a_port),
        IN_A_PLACE(free_ports_are_all_different),
        IN_A_PLACE(a_pid_file_whose_process_is_another_program_counts_for_nothing),
        IN_A_PLACE(the_last_line_of_a_log_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
