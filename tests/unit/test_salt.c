// links: tools
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/import_line.h"
#include "tools/salt.h"

static const uint8_t key[SALT_KEY_SIZE] = {4, 5};

#define SUBJECT "\"subject\":\"00000000000000000000000000000000000000000000000000000000000000aa\""
#define ACCOUNT "\"account\":\"000000000000000000000000000000bb\""

struct salted {
    uint8_t salt[SALT_SIZE];
    uint64_t hash;
};

static struct salted salted_of(const uint8_t *with, const char *text, uint32_t occurrence)
{
    struct import_line line;
    struct salted salted;
    char why[128];
    import_line_init(&line);
    assert_int_equal(import_line_parse(span_of(text, strlen(text)), &line, why, sizeof why), TALLY_OK);
    struct salt_source source = {
        &line.fields, buffer_span(&line.body), span_of(line.ref, line.ref_size), occurrence};
    assert_int_equal(salt_derive(with, &source, salted.salt), TALLY_OK);
    assert_int_equal(salt_source_hash(&source, &salted.hash), TALLY_OK);
    import_line_close(&line);
    return salted;
}

static bool same(const struct salted *a, const struct salted *b)
{
    return memcmp(a->salt, b->salt, SALT_SIZE) == 0;
}

static const char plain[] = "{\"type\":\"PAYMENT\"," SUBJECT "," ACCOUNT
                            ",\"event_date\":\"2024-02-29\",\"body\":{\"amount_minor\":5,\"fee_minor\":1}}";

static void spacing_and_the_order_of_keys_do_not_change_the_salt(void **state)
{
    (void)state;
    struct salted a = salted_of(key, plain, 0);
    struct salted b = salted_of(key,
        " { \"body\" : {\"fee_minor\":1, \"amount_minor\": 5}, \"event_date\":\"2024-02-29\", " ACCOUNT
        "," SUBJECT ",\"type\":\"PAYMENT\"}  ",
        0);
    assert_true(same(&a, &b));
    assert_true(a.hash == b.hash);
}

static void everything_a_line_says_changes_the_salt(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{\"type\":\"DISBURSE\"," SUBJECT "," ACCOUNT
        ",\"event_date\":\"2024-02-29\",\"body\":{\"amount_minor\":5}}",
        "{\"type\":\"PAYMENT\"," SUBJECT "," ACCOUNT
        ",\"event_date\":\"2024-02-28\",\"body\":{\"amount_minor\":5,\"fee_minor\":1}}",
        "{\"type\":\"PAYMENT\"," SUBJECT "," ACCOUNT
        ",\"event_date\":\"2024-02-29\",\"body\":{\"amount_minor\":5}}",
        "{\"type\":\"PAYMENT\"," SUBJECT "," ACCOUNT
        ",\"event_date\":\"2024-02-29\",\"ref\":\"b\",\"body\":{\"amount_minor\":5,\"fee_minor\":1}}",
        "{\"type\":\"PAYMENT\"," SUBJECT ",\"account\":\"000000000000000000000000000000bc\",\"event_date\":"
        "\"2024-02-29\",\"body\":{\"amount_minor\":5,\"fee_minor\":1}}",
    };
    struct salted a = salted_of(key, plain, 0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct salted b = salted_of(key, others[i], 0);
        assert_false(same(&a, &b));
        assert_false(a.hash == b.hash);
    }
}

static void public_fields_that_no_body_tells_change_the_salt(void **state)
{
    (void)state;
#define STATUS(fields)                                                                                       \
    "{\"type\":\"STATUS\"," SUBJECT "," ACCOUNT ",\"event_date\":\"2024-02-29\"," fields "}"
    struct salted frozen = salted_of(key, STATUS("\"new_state\":\"FROZEN\",\"reason\":\"FRAUD\""), 0);
    struct salted opened = salted_of(key, STATUS("\"new_state\":\"OPEN\",\"reason\":\"FRAUD\""), 0);
    assert_false(same(&frozen, &opened));
    assert_false(frozen.hash == opened.hash);
#undef STATUS
}

static void the_occurrence_and_the_key_change_the_salt_but_not_the_hash(void **state)
{
    (void)state;
    const uint8_t other_key[SALT_KEY_SIZE] = {6};
    struct salted a = salted_of(key, plain, 0), twin = salted_of(key, plain, 1),
                  foreign = salted_of(other_key, plain, 0);
    assert_false(same(&a, &twin));
    assert_false(same(&a, &foreign));
    assert_true(a.hash == twin.hash && a.hash == foreign.hash);
}

/* The item id that is made for a line. */
static struct digest item_of(const uint8_t *with, const char *text, uint32_t occurrence)
{
    struct import_line line;
    struct digest item = {{0}};
    char why[128];
    import_line_init(&line);
    assert_int_equal(import_line_parse(span_of(text, strlen(text)), &line, why, sizeof why), TALLY_OK);
    assert_false(line.has_item);
    struct salt_source source = {
        &line.fields, buffer_span(&line.body), span_of(line.ref, line.ref_size), occurrence};
    assert_int_equal(item_id_derive(with, &source, item.bytes), TALLY_OK);
    import_line_close(&line);
    return item;
}

static void a_line_without_an_item_always_gets_the_same_one_and_no_other_line_does(void **state)
{
    (void)state;
#define STATEMENT(fields) "{\"type\":\"STATEMENT\"," SUBJECT ",\"event_date\":\"2024-02-29\"," fields "}"
    static const char statement[] = STATEMENT("\"body\":{\"text\":\"x\"}");
    static const char *const others[] = {
        STATEMENT("\"body\":{\"text\":\"y\"}"),
        STATEMENT("\"ref\":\"b\",\"body\":{\"text\":\"x\"}"),
        "{\"type\":\"STATEMENT\"," SUBJECT ",\"event_date\":\"2024-02-28\",\"body\":{\"text\":\"x\"}}",
    };
    const uint8_t other_key[SALT_KEY_SIZE] = {6};
    struct digest item = item_of(key, statement, 0);
    struct digest again = item_of(key, STATEMENT("\"body\" : { \"text\" : \"x\" }"), 0);
    assert_true(digest_equal(&item, &again));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct digest other = item_of(key, others[i], 0);
        assert_false(digest_equal(&item, &other));
    }
    struct digest twin = item_of(key, statement, 1), foreign = item_of(other_key, statement, 0);
    assert_false(digest_equal(&item, &twin));
    assert_false(digest_equal(&item, &foreign));
#undef STATEMENT
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spacing_and_the_order_of_keys_do_not_change_the_salt),
        cmocka_unit_test(everything_a_line_says_changes_the_salt),
        cmocka_unit_test(public_fields_that_no_body_tells_change_the_salt),
        cmocka_unit_test(a_line_without_an_item_always_gets_the_same_one_and_no_other_line_does),
        cmocka_unit_test(the_occurrence_and_the_key_change_the_salt_but_not_the_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
