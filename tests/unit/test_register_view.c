// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "node/commit/register_view.h"

/* A sanitizer says whether it was freed with the last reference, and not before. */
static void a_view_stays_until_the_last_reference_is_given_back(void **state)
{
    struct member_register *value = calloc(1, sizeof *value);
    (void)state;
    assert_non_null(value);
    value->epoch = 7;
    struct register_view *view = register_view_make(value, 12);
    assert_non_null(view);
    value->epoch = 8;
    assert_ptr_equal(register_view_share(view), view);
    register_view_release(view);
    assert_int_equal(view->height, 12);
    assert_int_equal(view->value.epoch, 7);
    register_view_release(view);
    register_view_release(NULL);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_stays_until_the_last_reference_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
