// links: tools
/* CSV files read record by record, mappings, and what cells become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/import_csv.h"

#define TOLD_SIZE (1u << 20)

static FILE *file_of(const char *text, size_t size)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    rewind(file);
    return file;
}

/* ---- Records ---- */

/* What came of it: "2[a|b]" a record of line 2, "3!why" a bad one. */
static void read_bytes(const char *text, size_t size, char delimiter, bool trim, char *told)
{
    struct csv_reader *reader;
    struct csv_record record;
    char why[256];
    FILE *file = file_of(text, size);
    int error;
    assert_int_equal(csv_reader_open(fileno(file), delimiter, trim, &reader), TALLY_OK);
    *told = '\0';
    while ((error = csv_reader_next(reader, &record, why, sizeof why)) != TALLY_ENOTFOUND) {
        told += sprintf(told, "%llu", (unsigned long long)record.line);
        if (error == TALLY_EFORM) {
            told += sprintf(told, "!%s!", why);
            continue;
        }
        assert_int_equal(error, TALLY_OK);
        for (uint32_t i = 0; i < record.count; i++)
            told += sprintf(told, "%c%.*s", i == 0 ? '[' : '|', (int)record.cells[i].size,
                (const char *)record.cells[i].data);
        told += sprintf(told, "]");
    }
    csv_reader_close(reader);
    fclose(file);
}

static void expect_records(const char *text, const char *wanted)
{
    char told[4096];
    read_bytes(text, strlen(text), ',', false, told);
    assert_string_equal(told, wanted);
}

static void records_come_out_as_rfc_4180_writes_them(void **state)
{
    (void)state;
    expect_records("", "");
    expect_records("a,b\nc,d\n", "1[a|b]2[c|d]");
    expect_records("a,b\r\nc,d", "1[a|b]2[c|d]");
    expect_records(",\n", "1[|]");
    expect_records("\"\"\n", "1[]");
    expect_records("a, b ,c\n", "1[a| b |c]");
    expect_records("\"a,\"\"b\"\"\",c\n", "1[a,\"b\"|c]");
    expect_records("\"a\nb\r\n\nc\",d\ne\n", "1[a\nb\n\nc|d]5[e]");
    expect_records("\n\na\n\n\nb\n", "3[a]6[b]");
    expect_records("\xEF\xBB\xBF\"a\",b\n\xEF\xBB\xBF"
                   "c\n",
        "1[a|b]2[\xEF\xBB\xBF"
        "c]");
}

static void a_delimiter_may_be_another_and_spaces_may_not_count(void **state)
{
    char told[256];
    (void)state;
    read_bytes("a, b;c\n", 7, ';', false, told);
    assert_string_equal(told, "1[a, b|c]");
    read_bytes("a\tb,\n", 5, '\t', false, told);
    assert_string_equal(told, "1[a|b,]");
    read_bytes(" a , \" b \" ,c\n", 14, ',', true, told);
    assert_string_equal(told, "1[a| b |c]");
}

static void what_is_no_csv_is_told_with_its_place_and_the_next_line_goes_on(void **state)
{
    (void)state;
#define QUOTE "a quote stands within a cell, or text behind the quote that ends it!"
    expect_records("a,b\"c\nd,e\n", "1!column 2: " QUOTE "2[d|e]");
    expect_records("\"a\"b,c\nd\n", "1!column 1: " QUOTE "2[d]");
    expect_records("a\nb,\"c", "1[a]2!column 2: the file ends within a quoted cell!");
}

static void bounds_hold_and_what_is_behind_them_is_read(void **state)
{
    char *text = malloc(TOLD_SIZE), *told = malloc(TOLD_SIZE), wanted[256];
    (void)state;
    assert_true(text != NULL && told != NULL);
    memset(text, 'x', CSV_LINE_SIZE_MAX + 1);
    strcpy(text + CSV_LINE_SIZE_MAX + 1, "\nb\n");
    read_bytes(text, strlen(text), ',', false, told);
    assert_string_equal(told, "1!column 1: a line is longer than 65536 bytes!2[b]");
    memset(text, ',', CSV_COLUMNS_MAX);
    strcpy(text + CSV_COLUMNS_MAX, "\nb\n");
    read_bytes(text, strlen(text), ',', false, told);
    assert_string_equal(told, "1!column 1025: a record has more than 1024!2[b]");
    read_bytes(text + 1, strlen(text + 1), ',', false, told);
    assert_non_null(strstr(told, "|]2[b]"));
    /* A quote that is never closed does not take the rest of the file into memory. */
    size_t lines = 0, size = (size_t)sprintf(text, "a,\"\n");
    for (; size < CSV_RECORD_SIZE_MAX; lines++)
        size += (size_t)sprintf(text + size, "%01000d\n", 0);
    size += (size_t)sprintf(text + size, "b\n");
    read_bytes(text, size, ',', false, told);
    snprintf(wanted, sizeof wanted,
        "1!column 2: a quote is never closed, or the record is over 256 KiB!%zu[b]", lines + 2);
    assert_string_equal(told, wanted);
    free(text);
    free(told);
}

/* ---- Cells ---- */

static const struct source_keys keys = {.subject = {1}, .salt = {2}};

/* The value of `cell` by a field that the mapping gives, as JSON; "!why" where it is none, "-" where absent.
 */
static void value_of(const char *field, const char *cell, size_t size, char told[512])
{
    char text[1024], why[256] = "";
    struct csv_map map;
    json_t *value;
    snprintf(text, sizeof text, "{\"events\":[{\"type\":\"T\",\"fields\":{\"f\":%s}}]}", field);
    if (csv_map_parse(span_of(text, strlen(text)), &map, why, sizeof why) != TALLY_OK)
        fail_msg("%s: %s", field, why);
    int error = csv_value(&map.events[0].fields[0], span_of(cell, size), &keys, &value, why, sizeof why);
    if (error == TALLY_OK && value != NULL) {
        char *dumped = json_dumps(value, JSON_ENCODE_ANY);
        snprintf(told, 512, "%s", dumped);
        free(dumped);
    } else {
        snprintf(told, 512, error == TALLY_OK ? "-" : "!%s", why);
    }
    json_decref(value);
    csv_map_close(&map);
}

struct cell_case {
    const char *field, *cell, *wanted;
};

static void expect_values(const struct cell_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char told[512];
        value_of(cases[i].field, cases[i].cell, strlen(cases[i].cell), told);
        if (strcmp(told, cases[i].wanted) != 0)
            fail_msg("'%s' by %s: %s, not %s", cases[i].cell, cases[i].field, told, cases[i].wanted);
    }
}
#define EXPECT_VALUES(cases) expect_values(cases, sizeof(cases) / sizeof(cases)[0])

static void amounts_are_exact_or_refused(void **state)
{
#define EUR "{\"column\":\"c\",\"as\":\"amount\",\"currency\":\"EUR\"}"
#define GERMAN "{\"column\":\"c\",\"as\":\"amount\",\"currency\":\"EUR\",\"decimal\":\",\",\"group\":\".\"}"
#define JPY "{\"column\":\"c\",\"as\":\"amount\",\"currency\":\"JPY\",\"powers\":true}"
#define TWD "{\"column\":\"c\",\"as\":\"amount\",\"currency\":\"TWD\",\"powers\":true}"
#define NO_EUR "!is no amount with at most 2 decimals"
    static const struct cell_case cases[] = {
        {EUR, "0", "0"},
        {EUR, "-0", "0"},
        {EUR, "12", "1200"},
        {EUR, "12.3", "1230"},
        {EUR, "-12.34", "-1234"},
        {EUR, "007.50", "750"},
        {EUR, "1.2300", "123"},
        {EUR, "1.234", NO_EUR},
        {EUR, "", NO_EUR},
        {EUR, "-", NO_EUR},
        {EUR, "+1", NO_EUR},
        {EUR, "1.", NO_EUR},
        {EUR, ".5", NO_EUR},
        {EUR, " 1", NO_EUR},
        {EUR, "1 ", NO_EUR},
        {EUR, "1,5", NO_EUR},
        {EUR, "1.5.0", NO_EUR},
        {EUR, "--1", NO_EUR},
        {EUR, "0x10", NO_EUR},
        {EUR, "1e3", NO_EUR},
        {EUR, "\xD9\xA1", NO_EUR},
        {EUR, "92233720368547758.07", "9223372036854775807"},
        {EUR, "92233720368547758.08", NO_EUR},
        {EUR, "-92233720368547758.08", "-9223372036854775808"},
        {EUR, "-92233720368547758.09", NO_EUR},
        {EUR, "99999999999999999999", NO_EUR},
        {GERMAN, "1.234,5", "123450"},
        {GERMAN, "1.234.567", "123456700"},
        {GERMAN, "1234,00", "123400"},
        {GERMAN, "12.34", NO_EUR},
        {GERMAN, "1234.567", NO_EUR},
        {GERMAN, ".123", NO_EUR},
        {GERMAN, "1..234", NO_EUR},
        {GERMAN, "1.234.", NO_EUR},
        {GERMAN, "1,234.5", NO_EUR},
        {JPY, "1234", "1234"},
        {JPY, "1234.00", "1234"},
        {JPY, "1234.5", "!is no amount with at most 0 decimals"},
        {JPY, "1.5e3", "1500"},
        {JPY, "1.5e0", "!is no amount with at most 0 decimals"},
        {TWD, "5e+05", "50000000"},
        {TWD, "1.23456E+02", NO_EUR},
        {TWD, "12345e-02", "12345"},
        {TWD, "1e-3", NO_EUR},
        {TWD, "1e", NO_EUR},
        {TWD, "1e+", NO_EUR},
        {TWD, "1e99", NO_EUR},
        {TWD, "1e100", NO_EUR},
    };
    (void)state;
    EXPECT_VALUES(cases);
}

static void numbers_are_whole(void **state)
{
#define NUMBER "{\"column\":\"c\",\"as\":\"number\"}"
#define NO_NUMBER "!is no whole number"
    static const struct cell_case cases[] = {{NUMBER, "0", "0"}, {NUMBER, "31", "31"}, {NUMBER, "-1", "-1"},
        {NUMBER, "9223372036854775807", "9223372036854775807"}, {NUMBER, "9223372036854775808", NO_NUMBER},
        {NUMBER, "1.0", NO_NUMBER}, {NUMBER, "1e2", NO_NUMBER}, {NUMBER, "", NO_NUMBER}};
    (void)state;
    EXPECT_VALUES(cases);
}

static void dates_and_months_follow_their_format(void **state)
{
#define DATE(format) "{\"column\":\"c\",\"as\":\"date\",\"format\":\"" format "\"}"
#define LAST "{\"column\":\"c\",\"as\":\"date\",\"format\":\"mm/yyyy\",\"day\":\"last\"}"
#define TENTH "{\"column\":\"c\",\"as\":\"date\",\"format\":\"mm/yyyy\",\"day\":10}"
#define MONTH "{\"column\":\"c\",\"as\":\"month\",\"format\":\"dd.mm.yyyy\"}"
    static const struct cell_case cases[] = {
        {"{\"column\":\"c\",\"as\":\"date\"}", "2024-02-29", "\"2024-02-29\""},
        {"{\"column\":\"c\",\"as\":\"date\"}", "2023-02-29", "!is no date of the form yyyy-mm-dd"},
        {"{\"column\":\"c\",\"as\":\"date\"}", "2023-2-9", "!is no date of the form yyyy-mm-dd"},
        {"{\"column\":\"c\",\"as\":\"date\"}", "2023-01-01 ", "!is no date of the form yyyy-mm-dd"},
        {DATE("yyyymmdd"), "20240131", "\"2024-01-31\""},
        {DATE("yyyymmdd"), "2024013", "!is no date of the form yyyymmdd"},
        {DATE("d.m.yyyy"), "1.2.2024", "\"2024-02-01\""},
        {DATE("d.m.yyyy"), "01.12.2024", "\"2024-12-01\""},
        {DATE("d.m.yyyy"), "001.2.2024", "!is no date of the form d.m.yyyy"},
        {DATE("mm/dd/yyyy"), "12/31/9999", "\"9999-12-31\""},
        {DATE("mm/dd/yyyy"), "13/01/2024", "!is no date of the form mm/dd/yyyy"},
        {DATE("mm/dd/yyyy"), "00/01/2024", "!is no date of the form mm/dd/yyyy"},
        {DATE("mm/dd/yyyy"), "01/00/2024", "!is no date of the form mm/dd/yyyy"},
        {DATE("mm/dd/yyyy"), "01/01/1899", "!is no date of the form mm/dd/yyyy"},
        {LAST, "02/2024", "\"2024-02-29\""},
        {TENTH, "02/2024", "\"2024-02-10\""},
        {MONTH, "31.01.2025", "\"2025-01\""},
        {MONTH, "31.13.2025", "!is no month of the form dd.mm.yyyy"},
        {MONTH, "99.01.2025", "!is no month of the form dd.mm.yyyy"},
        {"{\"column\":\"c\",\"as\":\"month\"}", "2025-12", "\"2025-12\""},
    };
    (void)state;
    EXPECT_VALUES(cases);
}

static void texts_values_and_absent_cells(void **state)
{
#define VALUES "{\"column\":\"c\",\"as\":\"values\",\"values\":{\"R\":\"REVOLVING\",\"0\":0,\"\":1}}"
    static const struct cell_case cases[] = {{"{\"column\":\"c\"}", "h\xC3\xA9", "\"h\xC3\xA9\""},
        {"{\"column\":\"c\"}", "", "\"\""}, {"{\"column\":\"c\"}", "\xC3", "!is no UTF-8 text"},
        {VALUES, "R", "\"REVOLVING\""}, {VALUES, "0", "0"}, {VALUES, "", "1"},
        {VALUES, "r", "!is none of the mapping's \"values\""},
        {"{\"column\":\"c\",\"absent\":[\"\",\"NA\"]}", "NA", "-"},
        {"{\"column\":\"c\",\"absent\":[\"\",\"NA\"]}", "N", "\"N\""},
        {"{\"column\":\"c\",\"as\":\"number\",\"absent\":[\"\"]}", "", "-"}, {"\"TWD\"", "x", "\"TWD\""},
        {"7", "x", "7"}, {"[\"A\",\"B\"]", "x", "[\"A\", \"B\"]"}};
    (void)state;
    EXPECT_VALUES(cases);
}

static void subjects_and_accounts_are_named_under_keys(void **state)
{
#define SUBJECT "{\"column\":\"c\",\"as\":\"subject_id\",\"document\":\"CN_ID\"}"
#define ACCOUNT "{\"column\":\"c\",\"as\":\"account_ref\"}"
    char told[512], again[512], wanted[2 * DIGEST_SIZE + 3];
    struct digest id;
    (void)state;
    value_of(SUBJECT, "1101-0119 x", 11, told);
    assert_int_equal(subject_id_derive(keys.subject, "CN_ID:11010119X", &id), TALLY_OK);
    wanted[0] = '"';
    hex_encode(span_of(id.bytes, DIGEST_SIZE), wanted + 1);
    strcat(wanted, "\"");
    assert_string_equal(told, wanted);
    value_of("{\"column\":\"c\"}", "a\0b", 3, told);
    assert_string_equal(told, "!is no UTF-8 text");
    value_of(SUBJECT, "12", 2, told);
    assert_string_equal(told, "!is no number of an identity document");
    value_of(SUBJECT, "1234\0005", 6, told);
    assert_string_equal(told, "!is no number of an identity document");
    value_of(ACCOUNT, "A-1", 3, told);
    assert_int_equal(strlen(told), 2 * ACCOUNT_REF_SIZE + 2);
    value_of(ACCOUNT, "A-1", 3, again);
    assert_string_equal(told, again);
    value_of(ACCOUNT, "A-2", 3, again);
    assert_string_not_equal(told, again);
    value_of(ACCOUNT, "", 0, told);
    assert_string_equal(told, "!is empty");
}

/* ---- Mappings ---- */

static void a_mapping_that_is_wrong_is_told_where(void **state)
{
#define ONE(field) "{\"events\":[{\"type\":\"T\",\"fields\":{\"f\":" field "}}]}"
#define AT_F "event 1 of the mapping, field f: "
    static const char *const cases[][2] = {
        {"{", "the mapping is not JSON at line 1, column 1"},
        {"[]", "the mapping: it is no JSON object"},
        {"{}", "the mapping: \"events\" is no array of 1 to 64"},
        {"{\"events\":[],\"event\":1}", "the mapping: there is no such key: event"},
        {"{\"events\":[{}]}", "event 1 of the mapping: \"type\" is no text"},
        {"{\"events\":[{\"type\":\"T\"}]}", "event 1 of the mapping: \"fields\" is no object of 1 to 64"},
        {"{\"events\":[{\"type\":\"T\",\"fields\":{\"f\":1},\"if\":1}]}",
            "event 1 of the mapping: there is no such key: if"},
        {"{\"delimiter\":\";;\",\"events\":[1]}", "the mapping: this is not one character"},
        {"{\"delimiter\":\"\\\"\",\"events\":[1]}", "the mapping: this is not one character"},
        {"{\"trim\":1,\"events\":[1]}", "the mapping: \"trim\" is neither true nor false"},
        {"{\"columns\":[1],\"events\":[1]}", "the mapping: \"columns\" is no array of texts"},
        {ONE("1.5"), AT_F "it is neither a constant nor an object"},
        {ONE("{}"), AT_F "\"column\" is no text"},
        {ONE("{\"column\":\"c\",\"as\":\"float\"}"), AT_F "\"as\" is no known kind: float"},
        {ONE("{\"column\":\"c\",\"format\":\"yyyy\"}"), AT_F "there is no such key: format"},
        {ONE("{\"column\":\"c\",\"absent\":\"\"}"), AT_F "\"absent\" is no array of texts"},
        {ONE("{\"column\":\"c\",\"as\":\"amount\"}"), AT_F "\"currency\" is no known"},
        {ONE("{\"column\":\"c\",\"as\":\"amount\",\"currency\":\"EUR\",\"group\":\".\"}"),
            AT_F "\"decimal\" and \"group\""},
        {ONE("{\"column\":\"c\",\"as\":\"amount\",\"currency\":\"EUR\",\"group\":\"5\"}"),
            AT_F "this is not one"},
        {ONE("{\"column\":\"c\",\"as\":\"date\",\"format\":\"yy-mm-dd\"}"), AT_F "\"format\" does not have"},
        {ONE("{\"column\":\"c\",\"as\":\"date\",\"format\":\"yyyy-mm-dd-mm\"}"),
            AT_F "\"format\" does not have"},
        {ONE("{\"column\":\"c\",\"as\":\"date\",\"format\":\"yyyy-mm\"}"), AT_F "either \"format\" has dd"},
        {ONE("{\"column\":\"c\",\"as\":\"date\",\"day\":3}"), AT_F "either \"format\" has dd"},
        {ONE("{\"column\":\"c\",\"as\":\"date\",\"format\":\"yyyymm\",\"day\":29}"),
            AT_F "\"day\" is neither"},
        {ONE("{\"column\":\"c\",\"as\":\"month\",\"day\":1}"), AT_F "a month has no \"day\""},
        {ONE("{\"column\":\"c\",\"as\":\"values\"}"), AT_F "\"values\" is no object"},
        {ONE("{\"column\":\"c\",\"as\":\"subject_id\"}"), AT_F "\"document\" is no text"},
        {"{\"events\":[{\"type\":\"T\",\"when\":[{\"column\":\"c\"}],\"fields\":{\"f\":1}}]}",
            "event 1 of the mapping: \"when\" wants"},
        {"{\"events\":[{\"type\":\"T\",\"when\":{},\"fields\":{\"f\":1}}]}",
            "event 1 of the mapping: \"when\" is no array"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct csv_map map;
        char why[256] = "";
        assert_int_equal(
            csv_map_parse(span_of(cases[i][0], strlen(cases[i][0])), &map, why, sizeof why), TALLY_EFORM);
        if (strncmp(why, cases[i][1], strlen(cases[i][1])) != 0) fail_msg("%s: %s", cases[i][0], why);
    }
}

/* ---- Rows ---- */

static const char rows_map[] =
    "{\"events\":[{\"type\":\"A\",\"when\":[{\"column\":\"k\",\"is\":[\"a\",\"b\"]}],"
    "\"fields\":{\"x\":{\"column\":\"n\",\"as\":\"number\"},\"y\":1}},"
    "{\"type\":\"B\",\"when\":[{\"column\":\"k\",\"is_not\":[\"a\"]}],"
    "\"fields\":{\"body.z\":{\"column\":\"t\",\"absent\":[\"\"]}}}]}";

/* The events and refusals of a file, each with its line. */
static void rows_told(const char *mapping, const char *text, char told[2048])
{
    struct csv_map map;
    struct import_csv *csv;
    struct span line;
    uint64_t number;
    char why[IMPORT_WHY_SIZE];
    int error;
    FILE *file = file_of(text, strlen(text));
    *told = '\0';
    assert_int_equal(csv_map_parse(span_of(mapping, strlen(mapping)), &map, why, sizeof why), TALLY_OK);
    if (import_csv_open(fileno(file), &map, &keys, &csv, why) != TALLY_OK) {
        sprintf(told, "!%s", why);
    } else {
        struct import_source source = import_csv_source(csv);
        while ((error = source.next(source.context, &line, &number, why)) != TALLY_ENOTFOUND) {
            assert_true(error == TALLY_OK || error == TALLY_EFORM);
            told += error == TALLY_OK
                        ? sprintf(told, "%d %.*s\n", (int)number, (int)line.size, (const char *)line.data)
                        : sprintf(told, "%d !%s\n", (int)number, why);
        }
        import_csv_close(csv);
    }
    csv_map_close(&map);
    fclose(file);
}

static void a_row_becomes_the_events_whose_conditions_hold(void **state)
{
    char told[2048];
    (void)state;
    rows_told(rows_map, "k,n,t,more\na,1,,\nb,2,hi,\nc,no,,\nb,no,x,\na,1\n", told);
    assert_string_equal(told, "2 {\"type\":\"A\",\"x\":1,\"y\":1,\"body\":{}}\n"
                              "3 {\"type\":\"A\",\"x\":2,\"y\":1,\"body\":{}}\n"
                              "3 {\"type\":\"B\",\"body\":{\"z\":\"hi\"}}\n"
                              "4 {\"type\":\"B\",\"body\":{}}\n"
                              "5 !column 2 (n), for x of A: 'no' is no whole number\n"
                              "5 {\"type\":\"B\",\"body\":{\"z\":\"x\"}}\n"
                              "6 !it has 2 columns, and not 4\n");
}

static void columns_are_found_by_name_or_told(void **state)
{
    char told[2048];
    (void)state;
    rows_told(rows_map, "", told);
    assert_string_equal(told, "!the file is empty: a header is wanted");
    rows_told(rows_map, "k,t\n", told);
    assert_string_equal(told, "!the file has no column 'n', which the mapping names");
    rows_told(rows_map, "k,n,t,n\n", told);
    assert_string_equal(told, "!the file has more than one column 'n', which the mapping names");
    rows_told(
        "{\"columns\":[\"p\",\"q\"],\"events\":[{\"type\":\"A\",\"fields\":{\"x\":{\"column\":\"q\"}}}]}",
        "1,2\n", told);
    assert_string_equal(told, "1 {\"type\":\"A\",\"x\":\"2\",\"body\":{}}\n");
}

static void a_refused_field_is_placed_in_its_column_and_whose_number_it_is_is_not_told(void **state)
{
    struct csv_map map;
    struct import_csv *csv;
    struct span line;
    uint64_t number;
    char why[IMPORT_WHY_SIZE];
    static const char mapping[] =
        "{\"events\":[{\"type\":\"A\",\"fields\":{\"day\":\"x\",\"body.day_count\":{\"column\":\"c\"}}},"
        "{\"type\":\"B\",\"fields\":{\"subject\":{\"column\":\"c\",\"as\":\"subject_id\",\"document\":\"ID\"}"
        "}}]}";
    (void)state;
    FILE *file = file_of("a,c\n1,9-\n", 9);
    assert_int_equal(csv_map_parse(span_of(mapping, strlen(mapping)), &map, why, sizeof why), TALLY_OK);
    assert_int_equal(import_csv_open(fileno(file), &map, &keys, &csv, why), TALLY_OK);
    struct import_source source = import_csv_source(csv);
    assert_int_equal(source.next(source.context, &line, &number, why), TALLY_OK);
    strcpy(why, "body.day_count is bad");
    source.place(source.context, why);
    assert_string_equal(why, "body.day_count is bad (column 2, c)");
    strcpy(why, "day is bad");
    source.place(source.context, why);
    assert_string_equal(why, "day is bad (the mapping's constant)");
    strcpy(why, "other is missing");
    source.place(source.context, why);
    assert_string_equal(why, "other is missing");
    assert_int_equal(source.next(source.context, &line, &number, why), TALLY_EFORM);
    assert_string_equal(why, "column 2 (c), for subject of B: the cell is no number of an identity document");
    import_csv_close(csv);
    csv_map_close(&map);
    fclose(file);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_as_rfc_4180_writes_them),
        cmocka_unit_test(a_delimiter_may_be_another_and_spaces_may_not_count),
        cmocka_unit_test(what_is_no_csv_is_told_with_its_place_and_the_next_line_goes_on),
        cmocka_unit_test(bounds_hold_and_what_is_behind_them_is_read),
        cmocka_unit_test(amounts_are_exact_or_refused),
        cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(dates_and_months_follow_their_format),
        cmocka_unit_test(texts_values_and_absent_cells),
        cmocka_unit_test(subjects_and_accounts_are_named_under_keys),
        cmocka_unit_test(a_mapping_that_is_wrong_is_told_where),
        cmocka_unit_test(a_row_becomes_the_events_whose_conditions_hold),
        cmocka_unit_test(columns_are_found_by_name_or_told),
        cmocka_unit_test(a_refused_field_is_placed_in_its_column_and_whose_number_it_is_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
