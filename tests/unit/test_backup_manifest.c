// links: tools
/* What a backup says of itself: one form, and no byte of it is slack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/backup_manifest.h"

static void sample(struct backup_manifest *manifest, struct buffer *bytes)
{
    static const char *const names[] = {
        "ledger/0000000000000001", "bodies/0000000000000001", "snapshots/00000000000000000031-head"};
    *manifest = (struct backup_manifest){.chain_id = {{7, 8}}, .height = 31};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct backup_file file = {.size = i * 1000, .digest = {{(uint8_t)i, 9}}};
        strcpy(file.name, names[i]);
        assert_int_equal(backup_manifest_add(manifest, &file), TALLY_OK);
    }
    buffer_init(bytes, BACKUP_MANIFEST_SIZE_MAX);
    backup_manifest_encode(manifest, bytes);
    assert_false(bytes->failed);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct backup_manifest manifest, again = {.count = 0};
    struct buffer bytes;
    sample(&manifest, &bytes);
    assert_int_equal(backup_manifest_decode(buffer_span(&bytes), &again), TALLY_OK);
    assert_true(digest_equal(&again.chain_id, &manifest.chain_id));
    assert_int_equal(again.height, 31);
    assert_int_equal(again.count, manifest.count);
    for (size_t i = 0; i < again.count; i++) {
        assert_string_equal(again.files[i].name, manifest.files[i].name);
        assert_int_equal(again.files[i].size, manifest.files[i].size);
        assert_true(digest_equal(&again.files[i].digest, &manifest.files[i].digest));
    }
    backup_manifest_close(&again);
    backup_manifest_close(&manifest);
    buffer_close(&bytes);
}

static void refused(struct span bytes)
{
    struct backup_manifest manifest = {.count = 0};
    assert_int_not_equal(backup_manifest_decode(bytes, &manifest), TALLY_OK);
    backup_manifest_close(&manifest);
}

static void a_byte_that_is_changed_cut_or_added_is_refused(void **state)
{
    (void)state;
    struct backup_manifest manifest;
    struct buffer bytes;
    sample(&manifest, &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 1;
        refused(buffer_span(&bytes));
        bytes.data[i] ^= 1;
        refused(span_of(bytes.data, i));
    }
    buffer_u8(&bytes, '\n');
    refused(buffer_span(&bytes));
    backup_manifest_close(&manifest);
    buffer_close(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_byte_that_is_changed_cut_or_added_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
