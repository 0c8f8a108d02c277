// links: base
/* The sources of consensus/ quote its rules; here the quotations are held against the page they are from, and
 * what that page says to show its mistakes against the folders of tests. */
#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_SIZE_MAX (256u * 1024u)

/* Whether a character counts in a comparison: line breaks, comment stars, spaces and marks of emphasis do
 * not. */
static bool counts(int c)
{
    return isalnum(c) || (c != 0 && strchr("+-<>=(),^/.;:", c));
}

/* A file's characters that count, in lower case. */
static char *plain_text(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = malloc(TEXT_SIZE_MAX);
    assert_non_null(text);
    size_t size = 0;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        assert_true(size + 2 < TEXT_SIZE_MAX);
        if (counts(c)) text[size++] = (char)tolower(c);
    }
    text[size] = 0;
    fclose(file);
    return text;
}

/* The comments of a source, their breaks and stars gone; code is left out, since its strings quote nothing.
 */
static char *comments_of(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char line[1024], *text = calloc(1, TEXT_SIZE_MAX);
    assert_non_null(text);
    bool inside = false;
    while (fgets(line, sizeof line, file)) {
        const char *at = line;
        const char *opening = strstr(line, "/*");
        if (!inside && !opening) continue;
        if (!inside) at = opening + 2;
        while (inside && (*at == ' ' || *at == '*') && strncmp(at, "*/", 2) != 0)
            at++;
        const char *closing = strstr(at, "*/");
        size_t size = closing ? (size_t)(closing - at) : strcspn(at, "\n");
        assert_true(strlen(text) + size + 2 < TEXT_SIZE_MAX);
        strncat(text, at, size);
        strcat(text, " ");
        inside = !closing;
    }
    fclose(file);
    return text;
}

/* Squeezes a quotation the way plain_text does, and drops a full stop at its end. */
static void squeeze(const char *from, size_t size, char *to)
{
    size_t out = 0;
    for (size_t i = 0; i < size; i++)
        if (counts((unsigned char)from[i])) to[out++] = (char)tolower((unsigned char)from[i]);
    while (out > 0 && to[out - 1] == '.')
        out--;
    to[out] = 0;
}

static int quotes_check(const char *path, const char *rules, int *wrong)
{
    char *comments = comments_of(path), quotation[4096];
    int count = 0;
    for (char *open = strchr(comments, '"'); open;) {
        char *close = strchr(open + 1, '"');
        assert_non_null(close);
        assert_true((size_t)(close - open) < sizeof quotation);
        squeeze(open + 1, (size_t)(close - open - 1), quotation);
        count++;
        if (!strstr(rules, quotation)) {
            print_error("%s: not in RULES.md: %s\n", path, quotation);
            (*wrong)++;
        }
        open = strchr(close + 1, '"');
    }
    free(comments);
    return count;
}

static void every_quotation_in_the_sources_is_in_the_rules(void **state)
{
    (void)state;
    char path[1024];
    char *rules = plain_text(TALLY_SOURCE_DIR "/consensus/RULES.md");
    DIR *folder = opendir(TALLY_SOURCE_DIR "/consensus");
    assert_non_null(folder);
    int count = 0, wrong = 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        size_t size = strlen(entry->d_name);
        if (size < 3 || strcmp(entry->d_name + size - 2, ".c") != 0) continue;
        assert_true(snprintf(path, sizeof path, "%s/consensus/%s", TALLY_SOURCE_DIR, entry->d_name) <
                    (int)sizeof path);
        count += quotes_check(path, rules, &wrong);
    }
    closedir(folder);
    free(rules);
    assert_true(count > 20);
    assert_int_equal(wrong, 0);
}

/* Whether there is a trace, a unit test or a cluster test of this name. */
static bool test_exists(const char *name, size_t size)
{
    static const struct {
        const char *folder, *ending;
    } places[] = {{"trace", "txt"}, {"unit", "c"}, {"cluster", "py"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[1024];
        assert_true(snprintf(path, sizeof path, "%s/tests/%s/%.*s.%s", TALLY_SOURCE_DIR, places[i].folder,
                        (int)size, name, places[i].ending) < (int)sizeof path);
        if (access(path, R_OK) == 0) return true;
    }
    return false;
}

/* A row of the table of mistakes; returns how many names it has. */
static int names_check(const char *row)
{
    int count = 0;
    for (const char *open = strchr(row, '`'); open; count++) {
        const char *close = strchr(open + 1, '`');
        assert_non_null(close);
        if (!test_exists(open + 1, (size_t)(close - open - 1))) fail_msg("there is no such test: %s", row);
        open = strchr(close + 1, '`');
    }
    return count;
}

static void every_mistake_names_the_tests_that_show_it(void **state)
{
    (void)state;
    FILE *rules = fopen(TALLY_SOURCE_DIR "/consensus/RULES.md", "r");
    assert_non_null(rules);
    char line[1024];
    int last = 0;
    while (fgets(line, sizeof line, rules)) {
        if (strncmp(line, "| ", 2) != 0 || !isdigit((unsigned char)line[2])) continue;
        assert_int_equal(atoi(line + 2), last + 1);
        last++;
        if (names_check(line) == 0) fail_msg("nothing shows it: %s", line);
    }
    fclose(rules);
    assert_int_equal(last, 27);
}

static char *whole_file(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, TEXT_SIZE_MAX);
    assert_non_null(text);
    assert_true(fread(text, 1, TEXT_SIZE_MAX - 1, file) < TEXT_SIZE_MAX - 1);
    fclose(file);
    return text;
}

static void every_trace_is_listed(void **state)
{
    (void)state;
    char *list = whole_file(TALLY_SOURCE_DIR "/tests/trace/README.md");
    DIR *folder = opendir(TALLY_SOURCE_DIR "/tests/trace");
    assert_non_null(folder);
    int count = 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        size_t size = strlen(entry->d_name);
        if (size < 5 || strcmp(entry->d_name + size - 4, ".txt") != 0) continue;
        if (strcmp(entry->d_name, "CMakeLists.txt") == 0) continue;
        char name[300];
        assert_true(snprintf(name, sizeof name, "`%.*s`", (int)size - 4, entry->d_name) < (int)sizeof name);
        if (!strstr(list, name)) fail_msg("not in tests/trace/README.md: %s", name);
        count++;
    }
    closedir(folder);
    free(list);
    assert_true(count > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_quotation_in_the_sources_is_in_the_rules),
        cmocka_unit_test(every_mistake_names_the_tests_that_show_it),
        cmocka_unit_test(every_trace_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
