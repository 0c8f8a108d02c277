// links: tools
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/subject_id.h"

static const uint8_t key[SUBJECT_KEY_SIZE] = {1, 2, 3};

static struct digest id_of(const char *document)
{
    struct digest id;
    assert_int_equal(subject_id_derive(key, document, &id), TALLY_OK);
    return id;
}

static void an_id_is_the_hmac_of_the_sized_type_and_number(void **state)
{
    (void)state;
    /* HMAC-SHA-256(key, 1d | 00000005 | "CN_ID" | 00000012 | "11010519491231002X"), computed apart from this
     * code. */
    char text[2 * DIGEST_SIZE + 1];
    struct digest id = id_of("CN_ID:11010519491231002X");
    hex_encode(span_of(id.bytes, DIGEST_SIZE), text);
    assert_string_equal(text, "2db5e5ee934d20a6602018218d91d9c376aec03e410010a9713906f1be65b38c");
}

static void however_a_clerk_types_it_the_id_is_the_same(void **state)
{
    (void)state;
    struct digest id = id_of("CN_ID:11010519491231002X"), other = id_of("cn_id:110105-1949 1231.002/x");
    assert_true(digest_equal(&id, &other));
}

static void another_type_number_or_key_is_another_id(void **state)
{
    (void)state;
    const uint8_t other_key[SUBJECT_KEY_SIZE] = {9};
    struct digest id = id_of("ID:12345"), type = id_of("ID1:2345"), number = id_of("ID:12346"), keyed;
    assert_int_equal(subject_id_derive(other_key, "ID:12345", &keyed), TALLY_OK);
    assert_false(digest_equal(&id, &type));
    assert_false(digest_equal(&id, &number));
    assert_false(digest_equal(&id, &keyed));
}

static void what_is_no_document_is_refused(void **state)
{
    (void)state;
    struct digest id;
    static const char *const bad[] = {"", ":", "12345", "ID:", "ID:123", ":12345", "I D:12345", "ID:12:345",
        "ID:12345\n", "ID:\xC3\xA9tude",
        "ID:12345678901234567890123456789012345678901234567890123456789012345",
        "A23456789012345678901234567890123:12345"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(subject_id_derive(key, bad[i], &id), TALLY_EFORM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_the_hmac_of_the_sized_type_and_number),
        cmocka_unit_test(however_a_clerk_types_it_the_id_is_the_same),
        cmocka_unit_test(another_type_number_or_key_is_another_id),
        cmocka_unit_test(what_is_no_document_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
