// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/limits.h"
#include "storage/disk.h"

static char dir[32];

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "disk-test-XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static const char *path_of(const char *name)
{
    static char path[DISK_PATH_SIZE_MAX];
    assert_int_equal(disk_join(dir, name, path), TALLY_OK);
    return path;
}

static void a_file_keeps_what_is_written_where_it_is_written(void **state)
{
    (void)state;
    const struct disk *disk = disk_system();
    int file, second;
    uint64_t size;
    char bytes[16];
    size_t got;
    assert_int_equal(disk->open(disk->context, path_of("f"), DISK_WRITE, &file), TALLY_ENOTFOUND);
    assert_int_equal(disk->open(disk->context, path_of("f"), DISK_CREATE, &file), TALLY_OK);
    assert_int_equal(disk->open(disk->context, path_of("f"), DISK_CREATE, &second), TALLY_EEXISTS);
    struct stat status;
    assert_int_equal(stat(path_of("f"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(disk->write(disk->context, file, 4, "data", 4), TALLY_OK);
    assert_int_equal(disk->sync(disk->context, file), TALLY_OK);
    assert_int_equal(disk->read(disk->context, file, 2, bytes, sizeof bytes, &got), TALLY_OK);
    assert_int_equal(got, 6);
    assert_memory_equal(bytes, "\0\0data", 6);
    assert_int_equal(disk->allocate(disk->context, file, 8, 100), TALLY_OK);
    assert_int_equal(disk->size(disk->context, file, &size), TALLY_OK);
    assert_int_equal(size, 108);
    assert_int_equal(disk->resize(disk->context, file, 6), TALLY_OK);
    assert_int_equal(disk->read(disk->context, file, 100, bytes, sizeof bytes, &got), TALLY_OK);
    assert_int_equal(got, 0);
    disk->close(disk->context, file);
    assert_int_equal(disk->open(disk->context, path_of("f"), DISK_READ, &file), TALLY_OK);
    assert_int_equal(disk->write(disk->context, file, 0, "x", 1), TALLY_EIO);
    disk->close(disk->context, file);
    assert_int_equal(disk->remove(disk->context, path_of("f")), TALLY_OK);
    assert_int_equal(disk->remove(disk->context, path_of("f")), TALLY_ENOTFOUND);
    assert_int_equal(rmdir(dir), 0);
}

/* It goes in pieces, from wherever it begins. */
static void a_large_write_is_read_back_whole(void **state)
{
    (void)state;
    const struct disk *disk = disk_system();
    const size_t size = 3 * MIB + 5;
    const uint64_t offsets[] = {0, 7, 2 * MIB};
    uint8_t *data = malloc(size), *found = malloc(size + 1);
    assert_non_null(data);
    assert_non_null(found);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 31 >> 7);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        int file;
        size_t got;
        assert_int_equal(disk->open(disk->context, path_of("f"), DISK_CREATE, &file), TALLY_OK);
        assert_int_equal(disk->write(disk->context, file, offsets[i], data, size), TALLY_OK);
        assert_int_equal(disk->read(disk->context, file, offsets[i], found, size + 1, &got), TALLY_OK);
        assert_int_equal(got, size);
        assert_memory_equal(found, data, size);
        disk->close(disk->context, file);
        assert_int_equal(disk->remove(disk->context, path_of("f")), TALLY_OK);
    }
    free(found);
    free(data);
    assert_int_equal(rmdir(dir), 0);
}

static int count_name(void *context, const char *name)
{
    unsigned *names = context;
    assert_int_equal(strlen(name), 1);
    *names |= 1u << (name[0] - 'a');
    return name[0] == 'z' ? TALLY_EFORM : TALLY_OK;
}

static void folders_are_made_listed_and_their_files_renamed(void **state)
{
    (void)state;
    const struct disk *disk = disk_system();
    unsigned names = 0;
    int file;
    assert_int_equal(disk_ensure_dir(disk, dir, path_of("a")), TALLY_OK);
    assert_int_equal(disk_ensure_dir(disk, dir, path_of("a")), TALLY_OK);
    assert_int_equal(disk->open(disk->context, path_of("b"), DISK_CREATE, &file), TALLY_OK);
    disk->close(disk->context, file);
    char from[DISK_PATH_SIZE_MAX];
    strcpy(from, path_of("b"));
    assert_int_equal(disk->rename(disk->context, from, path_of("c")), TALLY_OK);
    assert_int_equal(disk->sync_dir(disk->context, dir), TALLY_OK);
    assert_int_equal(disk->list(disk->context, dir, count_name, &names), TALLY_OK);
    assert_int_equal(names, 1u << 0 | 1u << 2);
    assert_int_equal(disk->rename(disk->context, path_of("c"), path_of("c")), TALLY_OK);
    assert_int_equal(disk->list(disk->context, path_of("none"), count_name, &names), TALLY_ENOTFOUND);
    assert_int_equal(disk->sync_dir(disk->context, path_of("none")), TALLY_ENOTFOUND);
    assert_int_equal(disk->remove(disk->context, path_of("c")), TALLY_OK);
    assert_int_equal(rmdir(path_of("a")), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void a_file_keeps_its_identity_when_it_is_renamed_and_a_copy_has_another(void **state)
{
    (void)state;
    const struct disk *disk = disk_system();
    struct disk_identity made, renamed, copy;
    int file, second;
    char from[DISK_PATH_SIZE_MAX];
    strcpy(from, path_of("f"));
    assert_int_equal(disk->open(disk->context, from, DISK_CREATE, &file), TALLY_OK);
    assert_int_equal(disk->identify(disk->context, file, &made), TALLY_OK);
    assert_int_equal(disk->write(disk->context, file, 0, "data", 4), TALLY_OK);
    assert_int_equal(disk->rename(disk->context, from, path_of("g")), TALLY_OK);
    assert_int_equal(disk->open(disk->context, path_of("g"), DISK_READ, &second), TALLY_OK);
    assert_int_equal(disk->identify(disk->context, second, &renamed), TALLY_OK);
    assert_memory_equal(&made, &renamed, sizeof made);
    disk->close(disk->context, second);
    assert_int_equal(disk->open(disk->context, from, DISK_CREATE, &second), TALLY_OK);
    assert_int_equal(disk->identify(disk->context, second, &copy), TALLY_OK);
    assert_true(copy.inode != made.inode);
    disk->close(disk->context, second);
    disk->close(disk->context, file);
    assert_int_equal(disk->remove(disk->context, from), TALLY_OK);
    assert_int_equal(disk->remove(disk->context, path_of("g")), TALLY_OK);
    assert_int_equal(rmdir(dir), 0);
}

static void one_folder_has_one_holder(void **state)
{
    (void)state;
    const struct disk *disk = disk_system();
    int first, second;
    assert_int_equal(disk_lock(disk, dir, &first), TALLY_OK);
    assert_int_equal(disk_lock(disk, dir, &second), TALLY_EBUSY);
    assert_int_equal(disk_lock_holder(disk, dir), getpid());
    disk_unlock(disk, first);
    assert_int_equal(disk_lock(disk, dir, &second), TALLY_OK);
    disk_unlock(disk, second);
    assert_int_equal(disk_lock(disk, path_of("none"), &first), TALLY_ENOTFOUND);
    assert_int_equal(disk->remove(disk->context, path_of("LOCK")), TALLY_OK);
    assert_int_equal(rmdir(dir), 0);
}

static void a_path_too_long_is_refused(void **state)
{
    (void)state;
    char name[DISK_PATH_SIZE_MAX], path[DISK_PATH_SIZE_MAX];
    memset(name, 'n', sizeof name);
    name[DISK_PATH_SIZE_MAX - 2] = '\0';
    assert_int_equal(disk_join("d", name, path), TALLY_ELIMIT);
    name[DISK_PATH_SIZE_MAX - 4] = '\0';
    assert_int_equal(disk_join("ddd", name, path), TALLY_ELIMIT);
    assert_int_equal(disk_join("d", name, path), TALLY_OK);
    assert_int_equal(strlen(path), DISK_PATH_SIZE_MAX - 2);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_file_keeps_what_is_written_where_it_is_written, set_up),
        cmocka_unit_test_setup(a_large_write_is_read_back_whole, set_up),
        cmocka_unit_test_setup(folders_are_made_listed_and_their_files_renamed, set_up),
        cmocka_unit_test_setup(a_file_keeps_its_identity_when_it_is_renamed_and_a_copy_has_another, set_up),
        cmocka_unit_test_setup(one_folder_has_one_holder, set_up),
        cmocka_unit_test_setup(a_path_too_long_is_refused, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
