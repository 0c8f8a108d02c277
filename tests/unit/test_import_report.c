// links: tools
/* What an import tells of a file's lines and of a node's answers is text from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/import_report.h"
#include "tools/import_source.h"

static FILE *caught;
static int kept;

/* From here on standard error goes to a file. */
static void catch_begin(void)
{
    caught = tmpfile();
    assert_non_null(caught);
    fflush(stderr);
    kept = dup(STDERR_FILENO);
    assert_int_equal(dup2(fileno(caught), STDERR_FILENO), STDERR_FILENO);
}

static void catch_end(char *text, size_t size)
{
    fflush(stderr);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    close(kept);
    rewind(caught);
    text[fread(text, 1, size - 1, caught)] = '\0';
    fclose(caught);
}

static void a_rejection_is_told_without_what_acts_on_a_terminal(void **state)
{
    (void)state;
    struct context context = {.json = false};
    struct import_report report;
    const struct import_rejection rejection = {7, 0, "\x1b[1mOK",
        "there is no type '\x1b[2J\xc2\x9b"
        "1m\nline 8: OK'"};
    char text[256];
    assert_int_equal(import_report_open(&context, NULL, &report), 0);
    catch_begin();
    import_report_rejection(&report, &rejection);
    catch_end(text, sizeof text);
    import_report_close(&report);
    assert_string_equal(text, "line 7: \\x1B[1mOK: there is no type '\\x1B[2J\\xC2\\x9B1m\\x0Aline 8: OK'\n");
}

static int one_bad_line(void *context, struct span *text, uint64_t *number, char why[IMPORT_WHY_SIZE])
{
    bool *told = context;
    (void)text;
    if (*told) return TALLY_ENOTFOUND;
    *told = true;
    *number = 3;
    snprintf(why, IMPORT_WHY_SIZE, "column 1 (\x1b]0;x\x07)");
    return TALLY_EFORM;
}

static void a_line_that_is_not_printed_is_told_so_too(void **state)
{
    (void)state;
    struct context context = {.json = false};
    bool told = false;
    const struct import_source source = {&told, one_bad_line, NULL};
    char text[256];
    catch_begin();
    enum tool_exit code = import_source_print(&context, "file", &source);
    catch_end(text, sizeof text);
    assert_int_equal(code, TOOL_REFUSED);
    assert_string_equal(text, "line 3: column 1 (\\x1B]0;x\\x07)\n");
}

static void a_failure_says_nothing_that_acts_either(void **state)
{
    (void)state;
    struct context context = {.json = false};
    assert_int_equal(context_fail(&context, TOOL_REFUSED, "A\xc2\x9b[2J",
                         "says \x1b[2J\xc2\x9b"
                         "2J \xe2\x80\xae."),
        TOOL_REFUSED);
    assert_string_equal(context.message, "says  [2J\\xC2\\x9B2J \\xE2\\x80\\xAE.");
    assert_string_equal(context.reason, "A\\xC2\\x9B[2J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rejection_is_told_without_what_acts_on_a_terminal),
        cmocka_unit_test(a_line_that_is_not_printed_is_told_so_too),
        cmocka_unit_test(a_failure_says_nothing_that_acts_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
