// links: rpc base
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/rpc/recent.h"

static struct recent *recent;
static struct buffer out;

static int begin(void **state)
{
    (void)state;
    assert_int_equal(recent_open(&recent), TALLY_OK);
    buffer_init(&out, 4 * MIB);
    return 0;
}

static int end(void **state)
{
    (void)state;
    recent_close(recent);
    buffer_close(&out);
    return 0;
}

/* Whether the key is found with this text. */
static bool holds(uint64_t generation, uint64_t height, uint32_t kind, const char *text)
{
    buffer_clear(&out);
    bool found = recent_find(recent, &(struct recent_key){generation, height, kind}, &out);
    assert_true(found || out.size == 0);
    return found && span_equal(buffer_span(&out), span_of(text, strlen(text)));
}

static void keep(uint64_t generation, uint64_t height, uint32_t kind, const char *text)
{
    recent_keep(recent, &(struct recent_key){generation, height, kind}, span_of(text, strlen(text)));
}

static void what_was_kept_is_found_by_all_of_its_key_alone(void **state)
{
    (void)state;
    assert_false(holds(0, 1, 0, ""));
    keep(0, 5, 1, "five");
    assert_true(holds(0, 5, 1, "five"));
    assert_false(holds(1, 5, 1, "five"));
    assert_false(holds(0, 5, 2, "five"));
    assert_false(holds(0, 5 + RECENT_SLOTS, 1, "five"));
    keep(1, 5, 1, "anew");
    assert_true(holds(1, 5, 1, "anew"));
    assert_false(holds(0, 5, 1, "five"));
}

static void the_newest_heights_of_every_kind_stay(void **state)
{
    (void)state;
    char text[16];
    for (uint32_t height = 1; height <= 100; height++)
        for (uint32_t kind = 0; kind < 3; kind++) {
            snprintf(text, sizeof text, "%u %u", height, kind);
            keep(0, height, kind, text);
            assert_true(holds(0, height, kind, text));
        }
    for (uint32_t height = 97; height <= 100; height++)
        for (uint32_t kind = 0; kind < 3; kind++) {
            snprintf(text, sizeof text, "%u %u", height, kind);
            assert_true(holds(0, height, kind, text));
        }
}

static void what_is_too_large_is_not_kept_and_drives_out_nothing(void **state)
{
    (void)state;
    uint8_t *large = calloc(1, RECENT_SIZE_MAX + 1);
    struct recent_key key = {0, 3, 0}, same_slot = {0, 3 + RECENT_SLOTS, 0};
    assert_non_null(large);
    keep(0, 3, 0, "three");
    recent_keep(recent, &same_slot, span_of(large, RECENT_SIZE_MAX + 1));
    assert_false(recent_find(recent, &same_slot, &out));
    assert_true(holds(0, 3, 0, "three"));
    recent_keep(recent, &key, span_of(large, RECENT_SIZE_MAX));
    buffer_clear(&out);
    assert_true(recent_find(recent, &key, &out));
    assert_int_equal(out.size, RECENT_SIZE_MAX);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_kept_is_found_by_all_of_its_key_alone, begin, end),
        cmocka_unit_test_setup_teardown(the_newest_heights_of_every_kind_stay, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_not_kept_and_drives_out_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
