// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/mapped.h"

#define SIZE (MAPPED_SIZE_MAX + MAPPED_SIZE_MAX / 4)
#define PAGE 4096u

static char path[32];

static int set_up(void **state)
{
    (void)state;
    strcpy(path, "mapped-test-XXXXXX.ldb");
    int file = mkstemps(path, 4);
    return file < 0 ? -1 : close(file);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

/* A file whose every page begins with its number, mapped as LevelDB does, and read. */
static uint8_t *map_and_read(const char *name)
{
    FILE *file = fopen(name, "w+");
    assert_non_null(file);
    uint8_t page[PAGE] = {0};
    for (uint32_t i = 0; i < SIZE / PAGE; i++) {
        memcpy(page, &i, sizeof i);
        assert_int_equal(fwrite(page, PAGE, 1, file), 1);
    }
    assert_int_equal(fflush(file), 0);
    /* Pages that are still to be written are not given back. */
    assert_int_equal(fsync(fileno(file)), 0);
    uint8_t *mapped = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fileno(file), 0);
    assert_true(mapped != MAP_FAILED);
    assert_int_equal(fclose(file), 0);
    return mapped;
}

static void assert_pages(const uint8_t *mapped)
{
    for (uint32_t i = 0; i < SIZE / PAGE; i++)
        assert_memory_equal(mapped + (size_t)i * PAGE, &i, sizeof i);
}

static void pages_that_were_read_are_given_back(void **state)
{
    (void)state;
    uint8_t *mapped = map_and_read(path);
    assert_false(mapped_is_much());
    assert_pages(mapped);
    assert_true(mapped_is_much());
    assert_int_equal(mapped_give_back(), TALLY_OK);
    assert_false(mapped_is_much());
    assert_pages(mapped);
    assert_int_equal(munmap(mapped, SIZE), 0);
}

static void other_files_are_left_alone(void **state)
{
    (void)state;
    char other[] = "mapped-test-XXXXXX.txt";
    int file = mkstemps(other, 4);
    assert_true(file >= 0);
    assert_int_equal(close(file), 0);
    uint8_t *mapped = map_and_read(other);
    assert_pages(mapped);
    assert_int_equal(mapped_give_back(), TALLY_OK);
    assert_true(mapped_is_much());
    assert_int_equal(munmap(mapped, SIZE), 0);
    assert_int_equal(unlink(other), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_that_were_read_are_given_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_files_are_left_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
