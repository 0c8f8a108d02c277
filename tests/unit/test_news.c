// links: node
/* News in turns: to a few at once, to many in shares, and what comes before one's turn together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/news.h"

struct fixture {
    uv_loop_t loop;
    struct news *news;
};

struct listener {
    struct news_follower follower;
    struct news *news;
    uint32_t told;
    bool leaves;
};

static void on_news(struct news_follower *follower)
{
    struct listener *listener = (struct listener *)(void *)follower;
    listener->told++;
    if (listener->leaves) news_unfollow(listener->news, follower);
}

static void follow(struct fixture *fixture, struct listener *listener)
{
    *listener = (struct listener){.follower = {.on_news = on_news}, .news = fixture->news};
    news_follow(fixture->news, &listener->follower);
}

static void unfollow(struct listener *listener)
{
    news_unfollow(listener->news, &listener->follower);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    assert_int_equal(news_open(&fixture->loop, &fixture->news), TALLY_OK);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    news_close(fixture->news);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    free(fixture);
    return 0;
}

/* Block `height`, while checkpoints are one behind. */
static void come(struct fixture *fixture, uint64_t height)
{
    news_came(fixture->news, &(struct news_heights){height, height - 1});
}

/* Until everyone was told. */
static void wait(struct fixture *fixture)
{
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

static void a_few_are_told_at_once(void **state)
{
    struct listener one, other;
    follow(*state, &one);
    follow(*state, &other);
    come(*state, 7);
    assert_int_equal(one.told, 1);
    assert_int_equal(other.told, 1);
    wait(*state);
    assert_int_equal(one.told, 1);
    unfollow(&one);
    unfollow(&other);
}

static void what_comes_before_ones_turn_is_told_once(void **state)
{
    struct listener listener;
    follow(*state, &listener);
    uint64_t from_ns = uv_hrtime();
    for (uint64_t height = 1; height <= 10; height++)
        come(*state, height);
    assert_int_equal(listener.told, 1);
    wait(*state);
    assert_int_equal(listener.told, 2);
    assert_true(uv_hrtime() - from_ns >= (NEWS_STEP_MS - 2u) * 1000000u);
    unfollow(&listener);
}

static void after_a_step_the_next_is_told_at_once(void **state)
{
    struct listener listener;
    follow(*state, &listener);
    come(*state, 1);
    wait(*state);
    come(*state, 2);
    assert_int_equal(listener.told, 2);
    unfollow(&listener);
}

static uint32_t count_told(const struct listener *listeners, uint32_t count, uint32_t times)
{
    uint32_t told = 0;
    for (uint32_t i = 0; i < count; i++)
        told += listeners[i].told == times;
    return told;
}

/* Also of those who were told before others, and of those who begin meanwhile. */
static void many_are_told_in_shares_and_none_is_left_out(void **state)
{
    enum { MANY = 401, SHARE = (MANY + NEWS_STEPS_MAX - 1) / NEWS_STEPS_MAX };
    static struct listener many[MANY], late;
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < MANY; i++)
        follow(fixture, &many[i]);
    come(fixture, 1);
    assert_int_equal(count_told(many, MANY, 1), SHARE);
    come(fixture, 2);
    assert_int_equal(count_told(many, MANY, 1), SHARE);
    follow(fixture, &late);
    uint32_t turns = 0;
    while (count_told(many, MANY, 0) > 0 && ++turns < 100)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_true(turns <= NEWS_STEPS_MAX);
    wait(fixture);
    assert_int_equal(count_told(many, MANY, 1), MANY - SHARE); /* of both at once */
    assert_int_equal(count_told(many, MANY, 2), SHARE);
    assert_int_equal(late.told, 0); /* it began with both there */
    come(fixture, 3);
    wait(fixture);
    assert_int_equal(late.told, 1);
    for (uint32_t i = 0; i < MANY; i++)
        unfollow(&many[i]);
    unfollow(&late);
}

static void what_waits_is_not_read_before_its_turn(void **state)
{
    struct fixture *fixture = *state;
    const struct news_heights now = {9, 8}, rebuilt = {3, 2};
    struct listener listener;
    follow(fixture, &listener);
    struct news_heights told = news_told(fixture->news, &listener.follower, &now);
    assert_int_equal(told.applied, 9); /* nothing was told, and nothing waits */
    come(fixture, 5);
    come(fixture, 9);
    told = news_told(fixture->news, &listener.follower, &now);
    assert_int_equal(told.applied, 5);
    assert_int_equal(told.certified, 4);
    told = news_told(fixture->news, &listener.follower, &rebuilt);
    assert_int_equal(told.applied, 3);
    assert_int_equal(told.certified, 2);
    wait(fixture);
    told = news_told(fixture->news, &listener.follower, &now);
    assert_int_equal(told.applied, 9);
    assert_int_equal(told.certified, 8);
    unfollow(&listener);
}

static void who_begins_late_reads_what_was_there(void **state)
{
    struct fixture *fixture = *state;
    const struct news_heights now = {6, 5};
    struct listener early, late;
    follow(fixture, &early);
    come(fixture, 5);
    follow(fixture, &late);
    come(fixture, 6);
    struct news_heights told = news_told(fixture->news, &late.follower, &now);
    assert_int_equal(told.applied, 5);
    assert_int_equal(told.certified, 4);
    wait(fixture);
    assert_int_equal(late.told, 1);
    unfollow(&early);
    unfollow(&late);
}

static void one_may_leave_when_it_is_told(void **state)
{
    struct listener stays, leaves, last;
    follow(*state, &stays);
    follow(*state, &leaves);
    follow(*state, &last);
    leaves.leaves = true;
    come(*state, 1);
    come(*state, 2);
    wait(*state);
    assert_int_equal(stays.told, 2);
    assert_int_equal(leaves.told, 1);
    assert_int_equal(last.told, 2);
    unfollow(&stays);
    unfollow(&leaves);
    unfollow(&last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_few_are_told_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_before_ones_turn_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_step_the_next_is_told_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(many_are_told_in_shares_and_none_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_is_not_read_before_its_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(who_begins_late_reads_what_was_there, setup, teardown),
        cmocka_unit_test_setup_teardown(one_may_leave_when_it_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
