// links: tools
/* Reading lines, and counting which of several identical ones a line is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/import_account.h"
#include "tools/line_reader.h"
#include "tools/occurrence.h"

#define LINE_SIZE_MAX 8

/* Reads `text` through a file, and writes what came of it: lines in brackets, ! for one that was too long. */
static void read_all(const char *text, char *told)
{
    struct line_reader reader;
    struct span line;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    rewind(file);
    assert_int_equal(line_reader_open(&reader, fileno(file), LINE_SIZE_MAX), TALLY_OK);
    *told = '\0';
    uint64_t number = 0;
    for (;;) {
        int error = line_reader_next(&reader, &line);
        if (error == TALLY_ENOTFOUND) break;
        assert_int_equal(reader.number, ++number);
        if (error == TALLY_ELIMIT) {
            strcat(told, "!");
        } else {
            assert_int_equal(error, TALLY_OK);
            sprintf(told + strlen(told), "[%.*s]", (int)line.size, (const char *)line.data);
        }
    }
    line_reader_close(&reader);
    fclose(file);
}

static void lines_come_out_whole_whatever_ends_them(void **state)
{
    (void)state;
    char told[256];
    read_all("", told);
    assert_string_equal(told, "");
    read_all("a\nbc\r\n\nd", told);
    assert_string_equal(told, "[a][bc][][d]");
    read_all("12345678\n1234567\n12345678", told);
    assert_string_equal(told, "[12345678][1234567][12345678]");
}

static void a_line_that_is_too_long_is_skipped_and_the_next_one_read(void **state)
{
    (void)state;
    char told[256];
    read_all("a\n123456789\nb\n", told);
    assert_string_equal(told, "[a]![b]");
    read_all("1234567890123456789012345678901234567890\nb", told);
    assert_string_equal(told, "![b]");
    read_all("b\n12345678901234567890", told);
    assert_string_equal(told, "[b]!");
}

static void lines_that_trickle_in_are_read_as_one(void **state)
{
    (void)state;
    int ends[2];
    struct line_reader reader;
    struct span line;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        const char *text = "abc\ndefg\n";
        for (const char *at = text; *at != '\0'; at++) {
            if (write(ends[1], at, 1) != 1) _exit(1);
            usleep(500);
        }
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(line_reader_open(&reader, ends[0], LINE_SIZE_MAX), TALLY_OK);
    assert_int_equal(line_reader_next(&reader, &line), TALLY_OK);
    assert_memory_equal(line.data, "abc", 3);
    assert_int_equal(line_reader_next(&reader, &line), TALLY_OK);
    assert_int_equal(line.size, 4);
    assert_int_equal(line_reader_next(&reader, &line), TALLY_ENOTFOUND);
    line_reader_close(&reader);
    close(ends[0]);
}

static void occurrences_are_counted_through_growth(void **state)
{
    (void)state;
    struct occurrences table;
    uint32_t before;
    occurrences_init(&table);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 20000; i++) {
            assert_int_equal(occurrence_count(&table, i * 0x9E3779B97F4A7C15u, &before), TALLY_OK);
            assert_int_equal(before, round);
        }
    }
    occurrences_close(&table);
}

static void accounts_are_found_again_through_growth(void **state)
{
    (void)state;
    struct import_accounts accounts;
    uint8_t ref[ACCOUNT_REF_SIZE] = {0};
    import_accounts_init(&accounts);
    assert_null(import_account_find(&accounts, ref));
    for (uint32_t i = 0; i < 5000; i++) {
        put_u32(ref + 12, i);
        struct import_account *account = import_account_get(&accounts, ref);
        assert_non_null(account);
        account->next_seq = i;
    }
    for (uint32_t i = 0; i < 5000; i++) {
        put_u32(ref + 12, i);
        assert_int_equal(import_account_find(&accounts, ref)->next_seq, i);
        assert_ptr_equal(import_account_find(&accounts, ref), import_account_get(&accounts, ref));
    }
    assert_int_equal(accounts.count, 5000);
    import_accounts_close(&accounts);
}

static void an_applied_event_is_known_in_and_out_of_order(void **state)
{
    (void)state;
    struct import_account account = {.asked = true};
    struct digest *applied = calloc(3, sizeof *applied), other = {{9}};
    for (uint8_t i = 0; i < 3; i++)
        applied[i].bytes[0] = (uint8_t)(i + 1);
    struct digest copy[3] = {applied[0], applied[1], applied[2]};
    assert_false(import_account_is_applied(&account, &copy[0]));
    import_account_applied_take(&account, applied, 3);
    static const uint8_t order[] = {0, 1, 2, 0, 2, 1, 1};
    for (size_t i = 0; i < sizeof order; i++)
        assert_true(import_account_is_applied(&account, &copy[order[i]]));
    assert_false(import_account_is_applied(&account, &other));
    import_account_reset(&account);
    assert_false(import_account_is_applied(&account, &copy[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_whole_whatever_ends_them),
        cmocka_unit_test(a_line_that_is_too_long_is_skipped_and_the_next_one_read),
        cmocka_unit_test(lines_that_trickle_in_are_read_as_one),
        cmocka_unit_test(occurrences_are_counted_through_growth),
        cmocka_unit_test(accounts_are_found_again_through_growth),
        cmocka_unit_test(an_applied_event_is_known_in_and_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
