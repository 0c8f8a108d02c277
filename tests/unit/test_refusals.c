// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/refusals.h"

static char told[64 * LOG_LINE_SIZE_MAX];
static size_t told_size;
static struct log_limit limit;

static void sink(void *context, enum log_level level, const char *line, size_t size)
{
    (void)context;
    assert_int_equal(level, LOG_LEVEL_UNUSUAL);
    assert_true(told_size + size < sizeof told);
    memcpy(told + told_size, line, size);
    told_size += size;
    told[told_size] = '\0';
}

static int set_up(void **state)
{
    (void)state;
    told_size = 0;
    told[0] = '\0';
    limit = (struct log_limit){0};
    log_set_sink(sink, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    return 0;
}

static size_t lines(void)
{
    size_t count = 0;
    for (const char *at = strchr(told, '\n'); at != NULL; at = strchr(at + 1, '\n'))
        count++;
    return count;
}

static const struct admission_refusal revoked = {
    .reason = "KEY_REVOKED", .field = "signing_key", .member_id = 4, .key = {{0x02, 0xAB}}};

static void who_is_refused_is_told_with_the_reason(void **state)
{
    (void)state;
    refusals_tell_admission(&limit, NULL, TALLY_EDENIED, &revoked);
    assert_non_null(strstr(told, " unusual \"a batch was refused\" from=\"a client\" claimed_member=4 "
                                 "claimed_key=02ab000000000000 why=KEY_REVOKED field=signing_key\n"));
    refusals_tell_admission(&limit, "validator-3", TALLY_EDENIED, &revoked);
    assert_non_null(strstr(told, "from=validator-3 claimed_member=4"));
    assert_int_equal(lines(), 2);
}

static void a_clients_mistakes_are_its_own_to_hear_and_a_peers_are_told(void **state)
{
    (void)state;
    static const struct admission_refusal form = {.reason = "FORM", .field = "batch"};
    refusals_tell_admission(&limit, NULL, TALLY_EFORM, &form);
    refusals_tell_admission(&limit, NULL, TALLY_ETIMEOUT, &form);
    assert_int_equal(lines(), 0);
    refusals_tell_admission(&limit, "validator-3", TALLY_EFORM, &form);
    assert_int_equal(lines(), 1);
}

static void what_a_block_overtook_is_no_peers_fault(void **state)
{
    (void)state;
    static const struct admission_refusal again = {.reason = "OUT_OF_SEQUENCE", .field = "sequence"};
    refusals_tell_admission(&limit, "validator-3", TALLY_EDENIED, &again);
    refusals_tell_admission(&limit, "validator-3", TALLY_ETIMEOUT, &revoked);
    assert_int_equal(lines(), 0);
    refusals_tell_admission(&limit, NULL, TALLY_EDENIED, &again);
    assert_int_equal(lines(), 1);
}

static void nobody_fills_the_log(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10 * LOG_LIMIT_LINES; i++)
        refusals_tell_admission(&limit, NULL, TALLY_EDENIED, &revoked);
    assert_int_equal(lines(), LOG_LIMIT_LINES);
}

/* A transaction between two batches of one event each: all events' results stand before its ruling. */
static void what_was_ordered_and_refused_is_told_by_every_node(void **state)
{
    (void)state;
    const struct governance_transaction ballot = {
        .kind = GOVERNANCE_BALLOT, .member_id = 2, .key = {{0x03, 0xCD}}};
    struct batch batches[] = {{.member_id = 1, .event_count = 1}, batch_of_governance(&ballot),
        {.member_id = 4, .signing_key = revoked.key, .event_count = 1}};
    struct block block = {.header = {.height = 9, .payload_events = 2}, .batches = batches, .batch_count = 3};
    const struct event_result results[] = {
        {.code = RESULT_GAP}, {.code = RESULT_KEY_REVOKED}, {.code = RULING_BALLOTED}};
    struct applied_block applied = {.block = &block, .results = results, .result_count = 3};
    refusals_tell_applied(&limit, &applied);
    assert_int_equal(lines(), 2);
    assert_non_null(strstr(told, "\"a governance transaction was refused\" kind=BALLOT member=2 "
                                 "key=03cd000000000000 height=9 why=BALLOTED\n"));
    assert_non_null(strstr(
        told, "\"an ordered batch was refused\" member=4 key=02ab000000000000 height=9 why=KEY_REVOKED\n"));
    applied.result_count = 0;
    refusals_tell_applied(&limit, &applied);
    assert_int_equal(lines(), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_refused_is_told_with_the_reason),
        TEST(a_clients_mistakes_are_its_own_to_hear_and_a_peers_are_told),
        TEST(what_a_block_overtook_is_no_peers_fault),
        TEST(nobody_fills_the_log),
        TEST(what_was_ordered_and_refused_is_told_by_every_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
