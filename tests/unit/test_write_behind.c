// links: storage codec crypto base
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/store.h"
#include "storage/write_behind.h"

#define MIB (1l << 20)
#define FILES 3u

static char dir[32];
static _Atomic ino_t files[FILES];
/* How far the system was told to write each of them: up to the first byte that it was not told of. */
static _Atomic long told[FILES];
static _Atomic ino_t never; /* a file that it must not be told of */

static bool no_watches; /* as where inotify is missing, or its limit is reached */

/* In place of the system's. */
int inotify_init1(int flags)
{
    return no_watches ? -1 : (int)syscall(SYS_inotify_init1, flags);
}

/* Likewise. */
int sync_file_range(int file, off_t from, off_t size, unsigned flags)
{
    struct stat status;
    assert_int_equal(fstat(file, &status), 0);
    assert_int_equal(flags, SYNC_FILE_RANGE_WRITE);
    assert_true(status.st_ino != never);
    for (size_t i = 0; i < FILES; i++) {
        if (files[i] != status.st_ino) continue;
        assert_int_equal(told[i], from); /* each byte once */
        assert_true(from + size <= status.st_size);
        told[i] = from + size;
    }
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "write-behind-XXXXXX");
    for (size_t i = 0; i < FILES; i++) {
        files[i] = 0;
        told[i] = 0;
    }
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(dir);
}

static const char *path_of(size_t number)
{
    static char path[64];
    (void)snprintf(path, sizeof path, "%s/%06zu.log", dir, number);
    return path;
}

static int file_make(size_t number)
{
    struct stat status;
    int file = open(path_of(number), O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(file >= 0 && fstat(file, &status) == 0);
    files[number % FILES] = status.st_ino;
    told[number % FILES] = 0;
    return file;
}

static void file_grow(int file, long size)
{
    static const char bytes[65536];
    for (; size > 0; size -= (long)sizeof bytes)
        assert_int_equal(write(file, bytes, sizeof bytes), sizeof bytes);
}

static void file_end(int file, size_t number)
{
    files[number % FILES] = 0; /* another file may be of its number */
    assert_int_equal(close(file), 0);
    assert_int_equal(unlink(path_of(number)), 0);
}

static void expect_told(size_t number, long size)
{
    for (uint32_t i = 0; told[number % FILES] != size && i < 10000; i++)
        usleep(1000);
    assert_int_equal(told[number % FILES], size);
}

static size_t open_files(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    assert_int_equal(closedir(folder), 0);
    return count;
}

static void each_whole_piece_of_a_file_is_written_early_and_once(void **state)
{
    (void)state;
    struct write_behind *watch;
    assert_int_equal(write_behind_open(dir, &watch), TALLY_OK);
    int file = file_make(1);
    file_grow(file, 2 * MIB + MIB / 2);
    expect_told(1, 2 * MIB);
    file_grow(file, MIB);
    expect_told(1, 3 * MIB);
    file_grow(file, 20 * MIB + MIB / 2);
    expect_told(1, 24 * MIB);
    write_behind_close(watch);
    file_grow(file, 2 * MIB);
    assert_int_equal(told[1], 24 * MIB);
    file_end(file, 1);
}

static void files_grow_beside_each_other(void **state)
{
    (void)state;
    struct write_behind *watch;
    assert_int_equal(write_behind_open(dir, &watch), TALLY_OK);
    int grown[FILES];
    for (size_t i = 0; i < FILES; i++)
        grown[i] = file_make(i);
    for (uint32_t round = 0; round < 8; round++)
        for (size_t i = 0; i < FILES; i++)
            file_grow(grown[i], MIB / 2);
    for (size_t i = 0; i < FILES; i++) {
        expect_told(i, 4 * MIB);
        file_end(grown[i], i);
    }
    write_behind_close(watch);
}

static void a_file_that_ended_is_held_no_longer(void **state)
{
    (void)state;
    struct write_behind *watch;
    assert_int_equal(write_behind_open(dir, &watch), TALLY_OK);
    size_t before = open_files();
    for (size_t number = 0; number < 20; number++) {
        int file = file_make(number);
        file_grow(file, MIB);
        expect_told(number, MIB);
        file_end(file, number);
    }
    for (uint32_t i = 0; open_files() != before && i < 10000; i++)
        usleep(1000);
    assert_int_equal(open_files(), before);
    write_behind_close(watch);
}

/* Closing a file that LevelDB has locked would drop its lock. */
static void files_that_are_no_logs_and_no_tables_are_let_be(void **state)
{
    (void)state;
    struct write_behind *watch;
    struct stat status;
    char path[64];
    assert_int_equal(write_behind_open(dir, &watch), TALLY_OK);
    size_t before = open_files();
    (void)snprintf(path, sizeof path, "%s/LOCK", dir);
    int lock = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(lock >= 0 && fstat(lock, &status) == 0);
    never = status.st_ino;
    file_grow(lock, 2 * MIB);
    int file = file_make(1);
    file_grow(file, MIB);
    expect_told(1, MIB);
    assert_int_equal(
        open_files(), before + 3); /* the two that are written, and one of them to be looked at */
    file_end(file, 1);
    write_behind_close(watch);
    never = 0;
    assert_true(close(lock) == 0 && unlink(path) == 0);
}

static void a_folder_that_goes_or_is_missing_is_no_trouble(void **state)
{
    (void)state;
    struct write_behind *watch;
    assert_int_equal(write_behind_open(dir, &watch), TALLY_OK);
    assert_int_equal(rmdir(dir), 0);
    usleep(10000);
    write_behind_close(watch);
    size_t before = open_files();
    assert_int_equal(write_behind_open(dir, &watch), TALLY_EIO);
    assert_int_equal(open_files(), before);
    write_behind_close(NULL);
    assert_int_equal(mkdir(dir, 0700), 0);
}

static void a_store_without_watches_opens_and_says_so(void **state)
{
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/state", dir);
    for (int i = 0; i < 2; i++) {
        struct store *store;
        no_watches = i == 0;
        assert_int_equal(store_open(path, &store), TALLY_OK);
        assert_int_equal(store_writes_early(store), i == 1);
        store_close(store);
    }
    assert_int_equal(store_destroy(path), TALLY_OK);
    (void)rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            each_whole_piece_of_a_file_is_written_early_and_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_grow_beside_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_ended_is_held_no_longer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_are_no_logs_and_no_tables_are_let_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_without_watches_opens_and_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_goes_or_is_missing_is_no_trouble, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
