// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/state_model.h"

struct listed {
    uint8_t refs[64][ACCOUNT_REF_SIZE];
    size_t count, stop_at;
};

static bool list_account(void *context, const uint8_t ref[ACCOUNT_REF_SIZE], const struct digest *subject_id)
{
    struct listed *listed = context;
    struct digest expected = digest_of(ref[0]);
    assert_true(digest_equal(subject_id, &expected));
    memcpy(listed->refs[listed->count++], ref, ACCOUNT_REF_SIZE);
    return listed->count != listed->stop_at;
}

static void accounts_are_listed_in_order_across_memory_and_store(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct digest block = digest_of(9);
    struct state_roots roots;
    static const uint8_t order[] = {40, 10, 30, 20, 60, 50};
    for (uint64_t i = 0; i < sizeof order; i++) {
        uint8_t ref[ACCOUNT_REF_SIZE] = {order[i]};
        struct digest subject = digest_of(order[i]), found;
        assert_int_equal(state_block_begin(opened, i + 1, &block, START_MS + i), TALLY_OK);
        assert_int_equal(state_account_put(opened, 7, ref, &subject), TALLY_OK);
        assert_int_equal(state_account_put(opened, 8, ref, &subject), TALLY_OK);
        assert_int_equal(state_account_event_put(opened, 7, ref, (uint32_t)i, 0), TALLY_OK);
        struct event_result ok = ok_result();
        assert_int_equal(state_result_record(opened, 0, &subject, &ok), TALLY_OK);
        assert_int_equal(state_account_event_get(opened, 7, ref, (uint32_t)i, &found), TALLY_OK);
        assert_int_equal(state_block_end(opened, &roots), TALLY_OK);
        if (i == 3) assert_int_equal(state_flush(opened, 4), TALLY_OK);
        assert_int_equal(state_account_event_get(opened, 7, ref, (uint32_t)i, &found), TALLY_OK);
        assert_true(digest_equal(&found, &subject));
        assert_int_equal(state_account_event_get(opened, 7, ref, (uint32_t)i + 1, &found), TALLY_ENOTFOUND);
        assert_int_equal(state_account_get(opened, 7, ref, &found), TALLY_OK);
        assert_int_equal(state_account_get(opened, 9, ref, &found), TALLY_ENOTFOUND);
    }
    struct listed listed = {.count = 0};
    assert_int_equal(state_account_scan(opened, 7, NULL, 64, list_account, &listed), TALLY_OK);
    assert_int_equal(listed.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(listed.refs[i][0], 10 * (i + 1));
    static const uint8_t from[ACCOUNT_REF_SIZE] = {30};
    listed = (struct listed){.count = 0};
    assert_int_equal(state_account_scan(opened, 7, from, 3, list_account, &listed), TALLY_OK);
    assert_int_equal(listed.count, 3);
    assert_int_equal(listed.refs[0][0], 30);
    assert_int_equal(listed.refs[2][0], 50);
    listed = (struct listed){.stop_at = 2};
    assert_int_equal(state_account_scan(opened, 7, NULL, 64, list_account, &listed), TALLY_OK);
    assert_int_equal(listed.count, 2);
    listed = (struct listed){.count = 0};
    assert_int_equal(state_account_scan(opened, 9, NULL, 64, list_account, &listed), TALLY_OK);
    assert_int_equal(listed.count, 0);
    state_close(opened);
    drop_dir(dir);
}

static bool block_finds(struct state *state, uint8_t number)
{
    uint8_t ref[ACCOUNT_REF_SIZE] = {number};
    struct digest expected = digest_of(number), found;
    int error = state_account_get(state, 7, ref, &found);
    assert_true(error == TALLY_OK || error == TALLY_ENOTFOUND);
    if (error == TALLY_OK) assert_true(digest_equal(&found, &expected));
    return error == TALLY_OK;
}

/* Each block opens an account of its number, and sees those of the blocks before and its own. */
static void a_block_finds_accounts_wherever_they_are(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct state_roots roots;
    for (uint8_t height = 1; height <= 12; height++) {
        uint8_t ref[ACCOUNT_REF_SIZE] = {height};
        struct digest subject = digest_of(height);
        assert_int_equal(state_block_begin(opened, height, &subject, START_MS + height), TALLY_OK);
        for (uint8_t i = 1; i < 16; i++)
            assert_int_equal(block_finds(opened, i), i < height);
        assert_int_equal(state_account_put(opened, 7, ref, &subject), TALLY_OK);
        assert_true(block_finds(opened, height));
        assert_int_equal(state_block_end(opened, &roots), TALLY_OK);
        if (height % 2 == 0) assert_int_equal(state_freeze(opened), TALLY_OK);
        if (height % 4 != 0) continue;
        assert_int_equal(state_flush(opened, height), TALLY_OK);
        state_close(opened);
        opened = open_state(dir);
    }
    state_close(opened);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_are_listed_in_order_across_memory_and_store),
        cmocka_unit_test(a_block_finds_accounts_wherever_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
