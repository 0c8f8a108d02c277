// links: credit codec crypto base
/* The sections of a subject's file beside its accounts: consents, reservations, disputes, items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/subject_samples.h"

#define ID_7                                                                                                 \
    "07000000000000000000000000000000"                                                                       \
    "00000000000000000000000000000000"
#define ID_8                                                                                                 \
    "08000000000000000000000000000000"                                                                       \
    "00000000000000000000000000000000"

static void the_other_sections_encode_to_these_bytes(void **context)
{
    (void)context;
    static const char expected[] = "03"
                                   "020000003e"
                                   "0001" ID_7 "00000009"
                                   "00000021"
                                   "000032c8"
                                   "000032d2"
                                   "00000002"
                                   "0000000000000005"
                                   "030000003a"
                                   "0001" ID_7 "00000009"
                                   "02"
                                   "0385"
                                   "01"
                                   "00000000000001f4"
                                   "00000000000f4240"
                                   "040000002a"
                                   "0001" ID_7 "00000009"
                                   "0000000a"
                                   "0500000024"
                                   "00000003" ID_8;
    struct consent consent = {{{7}}, 9, 0x21, 13000, 13010, 2, 5};
    struct reservation reservation = {{{7}}, 9, ACCOUNT_REVOLVING, 901, true, 500, 1000000};
    struct dispute dispute = {{{7}}, 9, 10};
    struct subject_state subject;
    struct buffer out;
    char text[1024];

    subject_state_init(&subject);
    buffer_init(&out, SUBJECT_STATE_SIZE_MAX);
    assert_int_equal(record_list_add(&subject.consents, sizeof(consent), 1, &consent), TALLY_OK);
    assert_int_equal(record_list_add(&subject.reservations, sizeof(reservation), 1, &reservation), TALLY_OK);
    assert_int_equal(record_list_add(&subject.disputes, sizeof(dispute), 1, &dispute), TALLY_OK);
    subject.item_count = 3;
    subject.item_ids = (struct digest){{8}};
    encode(&subject, &out);
    hex_encode(buffer_span(&out), text);
    assert_string_equal(text, expected);
    buffer_close(&out);
    subject_state_close(&subject);
}

/* Sections as text, and whether they are a file. */
static void other_sections_have_one_form(void **context)
{
    (void)context;
#define CONSENT(id, rest) id "00000009" rest
#define FIELDS                                                                                               \
    "00000021"                                                                                               \
    "000032c8"                                                                                               \
    "000032d2"                                                                                               \
    "00000002"                                                                                               \
    "0000000000000005"
#define RESERVATION(rest)                                                                                    \
    "03"                                                                                                     \
    "030000003a"                                                                                             \
    "0001" ID_7 rest
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {"03"
         "020000003e"
         "0001" CONSENT(ID_7, FIELDS),
            TALLY_OK},
        {"03"
         "020000007a"
         "0002" CONSENT(ID_7, FIELDS) CONSENT(ID_8, FIELDS),
            TALLY_OK},
        /* Out of order, twice, too few, too many, none. */
        {"03"
         "020000007a"
         "0002" CONSENT(ID_8, FIELDS) CONSENT(ID_7, FIELDS),
            TALLY_EFORM},
        {"03"
         "020000007a"
         "0002" CONSENT(ID_7, FIELDS) CONSENT(ID_7, FIELDS),
            TALLY_EFORM},
        {"03"
         "020000003e"
         "0002" CONSENT(ID_7, FIELDS),
            TALLY_EFORM},
        {"03"
         "020000007a"
         "0001" CONSENT(ID_7, FIELDS) CONSENT(ID_8, FIELDS),
            TALLY_EFORM},
        {"03"
         "0200000002"
         "0000",
            TALLY_EFORM},
        /* Of no member, for no purpose, for one that is none, ended before it began, used without a use. */
        {"03"
         "020000003e"
         "0001" ID_7 "00000000" FIELDS,
            TALLY_EFORM},
        {"03"
         "020000003e"
         "0001" CONSENT(ID_7, "00000000"
                              "000032c8"
                              "000032d2"
                              "00000002"
                              "0000000000000005"),
            TALLY_EFORM},
        {"03"
         "020000003e"
         "0001" CONSENT(ID_7, "00000040"
                              "000032c8"
                              "000032d2"
                              "00000002"
                              "0000000000000005"),
            TALLY_EFORM},
        {"03"
         "020000003e"
         "0001" CONSENT(ID_7, "00000021"
                              "000032d3"
                              "000032d2"
                              "00000002"
                              "0000000000000005"),
            TALLY_EFORM},
        {"03"
         "020000003e"
         "0001" CONSENT(ID_7, "00000021"
                              "000032c8"
                              "000032d2"
                              "00000000"
                              "0000000000000000"),
            TALLY_EFORM},
        {RESERVATION("00000009"
                     "02"
                     "0385"
                     "01"
                     "00000000000001f4"
                     "00000000000f4240"),
            TALLY_OK},
        {RESERVATION("00000009"
                     "02"
                     "0385"
                     "00"
                     "0000000000000000"
                     "00000000000f4240"),
            TALLY_OK},
        /* Of no member, no type, no flag, an amount that is absent, less than nothing, never alive. */
        {RESERVATION("00000000"
                     "02"
                     "0385"
                     "01"
                     "00000000000001f4"
                     "00000000000f4240"),
            TALLY_EFORM},
        {RESERVATION("00000009"
                     "03"
                     "0385"
                     "01"
                     "00000000000001f4"
                     "00000000000f4240"),
            TALLY_EFORM},
        {RESERVATION("00000009"
                     "02"
                     "0385"
                     "02"
                     "00000000000001f4"
                     "00000000000f4240"),
            TALLY_EFORM},
        {RESERVATION("00000009"
                     "02"
                     "0385"
                     "00"
                     "00000000000001f4"
                     "00000000000f4240"),
            TALLY_EFORM},
        {RESERVATION("00000009"
                     "02"
                     "0385"
                     "01"
                     "ffffffffffffffff"
                     "00000000000f4240"),
            TALLY_EFORM},
        {RESERVATION("00000009"
                     "02"
                     "0385"
                     "01"
                     "00000000000001f4"
                     "0000000000000000"),
            TALLY_EFORM},
        {RESERVATION("00000009"
                     "02"
                     "0385"
                     "01"
                     "00000000000001f4"
                     "ffffffffffffffff"),
            TALLY_EFORM},
        {"03"
         "040000002a"
         "0001" ID_7 "00000009"
         "0000000a",
            TALLY_OK},
        {"03"
         "040000002a"
         "0001" ID_7 "00000000"
         "0000000a",
            TALLY_EFORM},
        {"03"
         "040000002a"
         "0001" ID_7 "00000009"
         "00000000",
            TALLY_EFORM},
        {"03"
         "0500000024"
         "00000001" ID_7,
            TALLY_OK},
        {"03"
         "0500000024"
         "00000000" ID_7,
            TALLY_EFORM},
        {"03"
         "0500000020"
         "00000001",
            TALLY_EFORM},
        /* Sections in another order, and twice. */
        {"03"
         "040000002a"
         "0001" ID_7 "00000009"
         "0000000a"
         "0500000024"
         "00000001" ID_7,
            TALLY_OK},
        {"03"
         "0500000024"
         "00000001" ID_7 "040000002a"
         "0001" ID_7 "00000009"
         "0000000a",
            TALLY_EFORM},
        {"03"
         "0500000024"
         "00000001" ID_7 "0500000024"
         "00000001" ID_7,
            TALLY_EFORM},
        {"03"
         "0600000000",
            TALLY_EFORM},
        {"03"
         "0000000000",
            TALLY_EFORM},
    };
    struct subject_state subject;
    uint8_t bytes[512];

    subject_state_init(&subject);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t size = strlen(cases[i].text) / 2;
        assert_true(size <= sizeof(bytes));
        assert_int_equal(hex_decode(cases[i].text, bytes, size), TALLY_OK);
        int error = subject_state_decode(span_of(bytes, size), &subject);
        if (error != cases[i].error) fail_msg("case %zu: %d", i, error);
        if (error) assert_int_equal(subject.consents.count + subject.item_count, 0);
    }
    subject_state_close(&subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_other_sections_encode_to_these_bytes),
        cmocka_unit_test(other_sections_have_one_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
