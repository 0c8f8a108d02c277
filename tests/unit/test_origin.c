// links: storage codec crypto base
/* Copies and moves of a marked folder, on the real file system, by the tools people use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/origin.h"

static char dir[32];

/* Runs a shell command in the test's folder. */
static void run(const char *command)
{
    char line[256];
    snprintf(line, sizeof line, "cd %s && %s", dir, command);
    assert_int_equal(system(line), 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "origin-test-XXXXXX");
    if (mkdtemp(dir) == NULL) return -1;
    run("mkdir votes");
    return 0;
}

static int tear_down(void **state)
{
    char line[64];
    (void)state;
    snprintf(line, sizeof line, "rm -rf %s", dir);
    return system(line);
}

static const char *path_of(const char *name)
{
    static char path[DISK_PATH_SIZE_MAX];
    assert_int_equal(disk_join(dir, name, path), TALLY_OK);
    return path;
}

static void mark(const char *name)
{
    assert_int_equal(origin_mark(disk_system(), path_of(name)), TALLY_OK);
}

static int check(const char *name)
{
    char detail[ORIGIN_DETAIL_SIZE];
    int error = origin_check(disk_system(), path_of(name), detail);
    assert_true((error == TALLY_EDENIED) == (detail[0] != '\0'));
    return error;
}

static void a_folder_without_a_mark_has_none(void **state)
{
    (void)state;
    assert_int_equal(check("votes"), TALLY_ENOTFOUND);
    assert_int_equal(check("nowhere"), TALLY_ENOTFOUND);
    run("touch votes/other");
    assert_int_equal(check("votes"), TALLY_ENOTFOUND);
}

static void the_original_holds_where_it_stands_and_where_it_is_moved(void **state)
{
    (void)state;
    mark("votes");
    assert_int_equal(check("votes"), TALLY_OK);
    run("mv votes moved && chmod -R go-rwx moved && touch moved/*");
    assert_int_equal(check("moved"), TALLY_OK);
    run("ln -s moved link");
    assert_int_equal(check("link"), TALLY_OK);
}

static void one_mark_is_left_however_often_it_is_made(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        mark("votes");
    run("test $(ls votes | wc -l) = 1");
    assert_int_equal(check("votes"), TALLY_OK);
}

static void a_copy_does_not_hold(void **state)
{
    (void)state;
    static const char *const ways[] = {"cp -a votes copy", "cp -r votes copy",
        "mkdir copy && tar c votes | tar x -C copy --strip-components=1",
        "mkdir copy && cp --reflink=auto votes/* copy"};
    mark("votes");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        run(ways[i]);
        assert_int_equal(check("copy"), TALLY_EDENIED);
        assert_int_equal(check("votes"), TALLY_OK);
        run("rm -r copy");
    }
}

/* The inode number may well be the same one again: the time of birth, to a tick of the kernel's clock, is
 * not.
 */
static void a_copy_put_in_the_place_of_the_original_does_not_hold(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        mark("votes");
        run("cp -a votes backup && rm -r votes && sleep 0.02 && cp -a backup votes");
        assert_int_equal(check("votes"), TALLY_EDENIED);
        run("rm -r backup votes && mkdir votes");
    }
}

static void a_copy_of_before_the_last_start_put_over_the_original_does_not_hold(void **state)
{
    (void)state;
    mark("votes");
    run("cp -a votes backup");
    mark("votes");
    run("cp -a backup/. votes");
    assert_int_equal(check("votes"), TALLY_EDENIED);
}

static void a_mark_that_cannot_be_read_does_not_hold(void **state)
{
    (void)state;
    mark("votes");
    run("for f in votes/origin-*; do : > $f; done");
    assert_int_equal(check("votes"), TALLY_EDENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_without_a_mark_has_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_original_holds_where_it_stands_and_where_it_is_moved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_mark_is_left_however_often_it_is_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_does_not_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_copy_put_in_the_place_of_the_original_does_not_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_copy_of_before_the_last_start_put_over_the_original_does_not_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mark_that_cannot_be_read_does_not_hold, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
