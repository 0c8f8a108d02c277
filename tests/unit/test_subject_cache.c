// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"
#include "storage/subject_cache.h"

static struct digest subject_of(uint32_t number)
{
    uint8_t bytes[4];
    put_u32(bytes, number);
    return digest_tagged(TAG_SYNTH, span_of(bytes, sizeof bytes));
}

/* Each number has values of its own, longer with each version. */
static size_t value_of(uint32_t number, uint32_t version, uint8_t value[1024])
{
    size_t size = 100 + number % 50 + version * 30;
    memset(value, (int)(number * 31 + version), size);
    return size;
}

static void put(struct subject_cache *cache, uint32_t number, uint32_t version)
{
    uint8_t value[1024];
    struct digest id = subject_of(number);
    size_t size = value_of(number, version, value);
    subject_cache_put(cache, &id, span_of(value, size));
}

/* Whether it is there; it is then what was put last. */
static bool holds(struct subject_cache *cache, uint32_t number, uint32_t version)
{
    uint8_t expected[1024];
    struct digest id = subject_of(number);
    struct span value;
    if (!subject_cache_get(cache, &id, &value)) return false;
    size_t size = value_of(number, version, expected);
    assert_true(span_equal(value, span_of(expected, size)));
    return true;
}

static void what_fits_stays_and_the_newest_value_stands(void **state)
{
    (void)state;
    struct subject_cache *cache = subject_cache_make(64 << 20);
    for (uint32_t version = 0; version < 8; version++) {
        for (uint32_t i = 0; i < 5000; i++)
            put(cache, i, version);
        for (uint32_t i = 0; i < 5000; i++)
            assert_true(holds(cache, i, version));
    }
    assert_false(holds(cache, 5000, 0));
    subject_cache_close(cache);
}

static void memory_is_bounded_and_what_is_used_stays_longest(void **state)
{
    (void)state;
    const size_t size_max = 200000;
    struct subject_cache *cache = subject_cache_make(size_max);
    uint32_t favourites = 0, others = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        put(cache, i, 0);
        assert_true(subject_cache_size(cache) <= size_max);
        for (uint32_t favourite = 0; favourite < 20 && favourite <= i; favourite++)
            favourites += holds(cache, favourite, 0);
        if (i >= 5020) others += holds(cache, i - 5000, 0);
    }
    /* Each of twenty is asked for again and again, everyone else once, long after. */
    assert_true(favourites > 19 * 20000);
    assert_int_equal(others, 0);
    subject_cache_close(cache);
}

/* A round past all of a large cache takes longer than a block may. */
static void where_all_were_used_one_of_the_first_few_goes(void **state)
{
    (void)state;
    struct subject_cache *cache = subject_cache_make(200000);
    size_t size;
    uint32_t count = 0, dropped = 0;
    do {
        size = subject_cache_size(cache);
        put(cache, count, 0);
        assert_true(holds(cache, count++, 0));
    } while (subject_cache_size(cache) > size);
    assert_true(count > 500);
    for (uint32_t i = 0; i < count; i++) {
        if (holds(cache, i, 0)) continue;
        assert_true(i < 100);
        dropped++;
    }
    assert_true(dropped > 0);
    subject_cache_close(cache);
}

static void fetching_changes_nothing(void **state)
{
    (void)state;
    struct subject_cache *cache = subject_cache_make(1 << 20);
    struct digest ids[SUBJECT_CACHE_FETCH_MAX];
    const struct digest *asked[SUBJECT_CACHE_FETCH_MAX];
    for (uint32_t i = 0; i < SUBJECT_CACHE_FETCH_MAX; i++) {
        ids[i] = subject_of(i);
        asked[i] = &ids[i];
        if (i % 2 == 0) put(cache, i, 1);
    }
    size_t size = subject_cache_size(cache);
    subject_cache_fetch(cache, asked, SUBJECT_CACHE_FETCH_MAX);
    subject_cache_fetch(cache, asked, 0);
    assert_int_equal(subject_cache_size(cache), size);
    for (uint32_t i = 0; i < SUBJECT_CACHE_FETCH_MAX; i++)
        assert_int_equal(holds(cache, i, 1), i % 2 == 0);
    subject_cache_close(cache);
}

static void a_cache_too_small_for_anything_holds_nothing(void **state)
{
    (void)state;
    struct subject_cache *cache = subject_cache_make(1);
    for (uint32_t i = 0; i < 100; i++) {
        put(cache, i, i % 4);
        assert_false(holds(cache, i, i % 4));
    }
    assert_int_equal(subject_cache_size(cache), 0);
    subject_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_stays_and_the_newest_value_stands),
        cmocka_unit_test(memory_is_bounded_and_what_is_used_stays_longest),
        cmocka_unit_test(where_all_were_used_one_of_the_first_few_goes),
        cmocka_unit_test(fetching_changes_nothing),
        cmocka_unit_test(a_cache_too_small_for_anything_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
