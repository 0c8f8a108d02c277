// links: rpc base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "node/rpc/clients.h"

#define START_MS 5000u

static struct clients *clients;

static struct client_entry entry(const char *name, uint8_t fingerprint, uint32_t rate, uint32_t concurrency)
{
    struct client_entry made = {.roles = RPC_ROLE_READ, .rate = rate, .concurrency = concurrency};
    snprintf(made.name, sizeof made.name, "%s", name);
    memset(made.fingerprint.bytes, fingerprint, DIGEST_SIZE);
    return made;
}

static void list(const struct client_entry *entries, uint32_t count)
{
    assert_int_equal(clients_replace(clients, entries, count), TALLY_OK);
}

static const struct client_entry *find(uint8_t fingerprint)
{
    struct digest digest;
    memset(digest.bytes, fingerprint, DIGEST_SIZE);
    return clients_find(clients, &digest);
}

static int call(const char *name, uint64_t now_ms, uint32_t *retry_after_ms)
{
    *retry_after_ms = 0;
    return client_call_begin(clients, name, now_ms, retry_after_ms);
}

static uint32_t calls_that_pass(const char *name, uint64_t now_ms)
{
    uint32_t retry_after_ms, passed = 0;
    while (call(name, now_ms, &retry_after_ms) == TALLY_OK) {
        client_call_end(clients, name);
        passed++;
    }
    return passed;
}

static int start(void **state)
{
    (void)state;
    return clients_open(&clients);
}

static int stop(void **state)
{
    (void)state;
    clients_close(clients);
    return 0;
}

static void a_client_is_found_by_its_certificate_alone(void **state)
{
    (void)state;
    assert_null(find(1));
    const struct client_entry entries[] = {entry("one", 1, 10, 10), entry("two", 2, 10, 10)};
    list(entries, 2);
    assert_string_equal(find(2)->name, "two");
    assert_null(find(3));
    list(entries, 1);
    assert_null(find(2));
    assert_string_equal(find(1)->name, "one");
}

static void a_quiet_client_may_make_one_seconds_calls_at_once(void **state)
{
    (void)state;
    const struct client_entry entries[] = {entry("one", 1, 50, 10), entry("two", 2, 1, 10)};
    list(entries, 2);
    assert_int_equal(calls_that_pass("one", START_MS), 50);
    assert_int_equal(calls_that_pass("one", START_MS + 100), 5);
    assert_int_equal(calls_that_pass("one", START_MS + 119), 0);
    assert_int_equal(calls_that_pass("one", START_MS + 120), 1);
    assert_int_equal(calls_that_pass("one", START_MS + 3600000), 50);
    assert_int_equal(calls_that_pass("two", START_MS), 1);
    assert_int_equal(calls_that_pass("two", START_MS + 999), 0);
    assert_int_equal(calls_that_pass("two", START_MS + 1000), 1);
}

static void the_hint_is_when_the_next_call_is_due(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 3, 200, 1000, 7777, CLIENT_RATE_MAX};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        const struct client_entry one = entry("one", 1, rates[i], 10);
        uint32_t retry_after_ms;
        clients_close(clients);
        assert_int_equal(clients_open(&clients), TALLY_OK);
        list(&one, 1);
        assert_int_equal(calls_that_pass("one", START_MS), rates[i]);
        assert_int_equal(call("one", START_MS, &retry_after_ms), TALLY_EFULL);
        assert_int_equal(retry_after_ms, (1000 + rates[i] - 1) / rates[i]);
        if (retry_after_ms > 1) {
            uint32_t ignored;
            assert_int_equal(call("one", START_MS + retry_after_ms - 1, &ignored), TALLY_EFULL);
        }
        assert_int_equal(call("one", START_MS + retry_after_ms, &retry_after_ms), TALLY_OK);
        client_call_end(clients, "one");
    }
}

static void refused_calls_are_not_held_against_a_client(void **state)
{
    (void)state;
    const struct client_entry one = entry("one", 1, 10, 10);
    uint32_t retry_after_ms;
    list(&one, 1);
    assert_int_equal(calls_that_pass("one", START_MS), 10);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(call("one", START_MS, &retry_after_ms), TALLY_EFULL);
    assert_int_equal(calls_that_pass("one", START_MS + 100), 1);
}

static void calls_open_at_once_are_bounded(void **state)
{
    (void)state;
    const struct client_entry entries[] = {entry("one", 1, 1000, 2), entry("two", 2, 1000, 1)};
    uint32_t retry_after_ms;
    list(entries, 2);
    assert_int_equal(call("one", START_MS, &retry_after_ms), TALLY_OK);
    assert_int_equal(call("one", START_MS, &retry_after_ms), TALLY_OK);
    assert_int_equal(call("one", START_MS, &retry_after_ms), TALLY_EBUSY);
    assert_int_equal(retry_after_ms, CLIENT_CONCURRENCY_RETRY_MS);
    assert_int_equal(call("two", START_MS, &retry_after_ms), TALLY_OK);
    assert_int_equal(client_calls_open(clients, "one"), 2);
    client_call_end(clients, "one");
    assert_int_equal(call("one", START_MS, &retry_after_ms), TALLY_OK);
    client_call_end(clients, "one");
    client_call_end(clients, "one");
    client_call_end(clients, "two");
    assert_int_equal(client_calls_open(clients, "one"), 0);
}

static void what_a_client_has_used_outlives_a_new_list(void **state)
{
    (void)state;
    struct client_entry one = entry("one", 1, 10, 2);
    uint32_t retry_after_ms;
    list(&one, 1);
    assert_int_equal(call("one", START_MS, &retry_after_ms), TALLY_OK);
    assert_int_equal(call("one", START_MS, &retry_after_ms), TALLY_OK);
    one = entry("one", 9, 10, 3);
    list(&one, 1);
    assert_null(find(1));
    assert_string_equal(find(9)->name, "one");
    assert_int_equal(client_calls_open(clients, "one"), 2);
    assert_int_equal(call("one", START_MS, &retry_after_ms), TALLY_OK);
    assert_int_equal(call("one", START_MS, &retry_after_ms), TALLY_EBUSY);
    client_call_end(clients, "one");
    client_call_end(clients, "one");
    client_call_end(clients, "one");
    assert_int_equal(calls_that_pass("one", START_MS), 6);
    one.rate = 2; /* what it had saved is cut to the new burst */
    list(&one, 1);
    assert_int_equal(calls_that_pass("one", START_MS + 60000), 2);
}

static void calls_of_a_client_that_is_gone_end_as_any(void **state)
{
    (void)state;
    const struct client_entry entries[] = {entry("one", 1, 10, 2), entry("two", 2, 10, 2)};
    uint32_t retry_after_ms;
    list(entries, 2);
    assert_int_equal(call("two", START_MS, &retry_after_ms), TALLY_OK);
    assert_int_equal(call("two", START_MS, &retry_after_ms), TALLY_OK);
    list(entries, 1);
    assert_null(find(2));
    assert_int_equal(call("two", START_MS, &retry_after_ms), TALLY_ENOTFOUND);
    list(entries, 1);
    client_call_end(clients, "two");
    list(entries, 2);
    assert_int_equal(client_calls_open(clients, "two"), 1);
    client_call_end(clients, "two");
    list(entries, 1);
    assert_int_equal(client_calls_open(clients, "two"), 0);
    assert_int_equal(call("nobody", START_MS, &retry_after_ms), TALLY_ENOTFOUND);
}

static void every_role_has_one_name(void **state)
{
    (void)state;
    uint32_t all = 0, role = 0, parsed;
    const char *name;
    for (uint32_t i = 0; (name = rpc_role_at(i, &role)) != NULL; i++) {
        assert_int_equal(rpc_role_parse(name, &parsed), TALLY_OK);
        assert_int_equal(parsed, role);
        assert_int_equal(all & role, 0);
        assert_non_null(strstr(RPC_ROLE_NAMES, name));
        all |= role;
    }
    assert_int_equal(all, RPC_ROLE_SUBMIT | RPC_ROLE_INQUIRE | RPC_ROLE_READ | RPC_ROLE_ADMIN);
    assert_int_equal(rpc_role_parse("supervise", &parsed), TALLY_EFORM);
    assert_int_equal(rpc_role_parse("", &parsed), TALLY_EFORM);
    assert_int_equal(rpc_role_parse("reads", &parsed), TALLY_EFORM);
}

#define on_clients(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_clients(a_client_is_found_by_its_certificate_alone),
        on_clients(a_quiet_client_may_make_one_seconds_calls_at_once),
        on_clients(the_hint_is_when_the_next_call_is_due),
        on_clients(refused_calls_are_not_held_against_a_client),
        on_clients(calls_open_at_once_are_bounded),
        on_clients(what_a_client_has_used_outlives_a_new_list),
        on_clients(calls_of_a_client_that_is_gone_end_as_any),
        cmocka_unit_test(every_role_has_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
