// links: storage base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/adoption.h"

/* The machine's disk, that dies at the n-th change. */
struct mortal {
    struct disk disk;
    const struct disk *real;
    uint64_t changes, dies_at; /* 0 = never */
    unsigned synced, marked;   /* folders that were synced, and that were when the mark was made */
};

/* A bit for each. */
static unsigned folders_of(const char *path)
{
    static const char *const folders[] = {"joining/state", "joining/bodies", "joining/ledger", "joining"};
    for (unsigned i = 0; i < 4; i++)
        if (strlen(path) > strlen(folders[i]) &&
            strcmp(path + strlen(path) - strlen(folders[i]), folders[i]) == 0)
            return 1u << i;
    return 0;
}

static int change(struct mortal *mortal)
{
    mortal->changes++;
    return mortal->dies_at != 0 && mortal->changes >= mortal->dies_at ? TALLY_EIO : TALLY_OK;
}

static int mortal_open(void *context, const char *path, enum disk_mode mode, int *file)
{
    struct mortal *mortal = context;
    if (mode == DISK_CREATE) mortal->marked = mortal->synced;
    int error = mode == DISK_CREATE ? change(mortal) : TALLY_OK;
    return error == TALLY_OK ? mortal->real->open(mortal->real->context, path, mode, file) : error;
}

static int mortal_remove(void *context, const char *path)
{
    struct mortal *mortal = context;
    int error = change(mortal);
    return error == TALLY_OK ? mortal->real->remove(mortal->real->context, path) : error;
}

static int mortal_rename(void *context, const char *from, const char *to)
{
    struct mortal *mortal = context;
    int error = change(mortal);
    return error == TALLY_OK ? mortal->real->rename(mortal->real->context, from, to) : error;
}

static int mortal_sync_dir(void *context, const char *path)
{
    struct mortal *mortal = context;
    int error = change(mortal);
    mortal->synced |= folders_of(path);
    return error == TALLY_OK ? mortal->real->sync_dir(mortal->real->context, path) : error;
}

static struct mortal mortal_disk(uint64_t dies_at)
{
    struct mortal mortal = {.disk = *disk_system(), .real = disk_system(), .dies_at = dies_at};
    mortal.disk.open = mortal_open;
    mortal.disk.remove = mortal_remove;
    mortal.disk.rename = mortal_rename;
    mortal.disk.sync_dir = mortal_sync_dir;
    return mortal;
}

static char dir[] = "/tmp/tally-adoption-XXXXXX";

static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", dir, path);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static bool has(const char *path, const char *text)
{
    char full[512], got[64] = "";
    snprintf(full, sizeof full, "%s/%s", dir, path);
    FILE *file = fopen(full, "r");
    if (file == NULL) return false;
    bool same = fgets(got, sizeof got, file) != NULL && strcmp(got, text) == 0;
    fclose(file);
    return same;
}

static bool exists(const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", dir, path);
    return access(full, F_OK) == 0;
}

static void make(const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", dir, path);
    assert_int_equal(disk_system()->make_dir(NULL, full), TALLY_OK);
}

/* A node's own folders, with a file each. */
static int set_up(void **state)
{
    (void)state;
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    assert_non_null(mkdtemp(dir));
    make("ledger");
    make("bodies");
    make("state");
    put("ledger/1", "own");
    put("bodies/1", "own");
    put("state/1", "own");
    put("state/2", "own");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static void make_new(void)
{
    char path[DISK_PATH_SIZE_MAX];
    assert_int_equal(adoption_begin(disk_system(), dir, path), TALLY_OK);
    make("joining/ledger");
    make("joining/bodies");
    make("joining/state");
    put("joining/ledger/1", "new");
    put("joining/bodies/1", "new");
    put("joining/state/1", "new");
    put("joining/state/3", "new");
}

static bool is_own(void)
{
    return has("ledger/1", "own") && has("bodies/1", "own") && has("state/1", "own") && has("state/2", "own");
}

static bool is_new(void)
{
    return has("ledger/1", "new") && has("bodies/1", "new") && has("state/1", "new") &&
           has("state/3", "new") && !exists("state/2");
}

static void what_is_whole_takes_the_place_of_what_was_there(void **state)
{
    (void)state;
    bool adopted;
    make_new();
    assert_true(is_own());
    assert_int_equal(adoption_end(disk_system(), dir), TALLY_OK);
    char path[DISK_PATH_SIZE_MAX];
    assert_int_equal(adoption_begin(disk_system(), dir, path), TALLY_EINVALID);
    assert_int_equal(adoption_finish(disk_system(), dir, &adopted), TALLY_OK);
    assert_true(adopted && is_new());
    assert_int_equal(adoption_finish(disk_system(), dir, &adopted), TALLY_OK);
    assert_true(!adopted && is_new());
}

static void what_is_not_whole_is_thrown_away(void **state)
{
    (void)state;
    bool adopted;
    make_new();
    assert_int_equal(adoption_finish(disk_system(), dir, &adopted), TALLY_OK);
    assert_true(!adopted && is_own());
    assert_false(exists("joining/state/1") || exists("joining/ledger/1") || exists("joining/bodies/1"));
}

static void a_folder_without_any_of_it_is_left_as_it_is(void **state)
{
    (void)state;
    bool adopted;
    assert_int_equal(adoption_finish(disk_system(), dir, &adopted), TALLY_OK);
    assert_true(!adopted && is_own() && !exists("joining"));
}

static void another_beginning_starts_empty(void **state)
{
    (void)state;
    char path[DISK_PATH_SIZE_MAX];
    make_new();
    assert_int_equal(adoption_begin(disk_system(), dir, path), TALLY_OK);
    assert_false(exists("joining/state/1") || exists("joining/state/3"));
}

static void the_names_of_all_files_are_durable_before_the_mark_is(void **state)
{
    (void)state;
    struct mortal mortal = mortal_disk(0);
    mortal.disk.context = &mortal;
    make_new();
    assert_int_equal(adoption_end(&mortal.disk, dir), TALLY_OK);
    assert_int_equal(mortal.marked, 0xf);
}

/* Whatever call is the last, the next start has all of the old or all of the new. */
static void death_at_any_step_leaves_the_old_or_the_new(void **state)
{
    bool done = false;
    uint64_t at = 1;
    for (; !done; at++) {
        struct mortal mortal = mortal_disk(at);
        mortal.disk.context = &mortal;
        bool adopted = false;
        make_new();
        int error = adoption_end(&mortal.disk, dir);
        if (error == TALLY_OK) error = adoption_finish(&mortal.disk, dir, &adopted);
        done = error == TALLY_OK;
        bool whole = exists("joining/whole");
        bool moved = is_new();
        assert_int_equal(adoption_finish(disk_system(), dir, &adopted), TALLY_OK);
        assert_true(adopted == whole);
        assert_true(whole || moved ? is_new() : is_own());
        tear_down(state);
        set_up(state);
    }
    assert_true(at > 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_whole_takes_the_place_of_what_was_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_whole_is_thrown_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_without_any_of_it_is_left_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_beginning_starts_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_names_of_all_files_are_durable_before_the_mark_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(death_at_any_step_leaves_the_old_or_the_new, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
