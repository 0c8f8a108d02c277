// links: keys storage crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/keys/key_text.h"

static const struct key_cost cheap = {10, 1, 1};
static struct secret_key secret;
static struct public_key public_key;

static struct passphrase phrase(const char *text)
{
    struct passphrase made = {.size = strlen(text)};
    memcpy(made.bytes, text, made.size);
    return made;
}

static int make_key(void **state)
{
    (void)state;
    secret_key_generate(&secret);
    return secret_key_public(&secret, &public_key);
}

static void sealed_text(struct buffer *out, const char *passphrase)
{
    struct passphrase with = phrase(passphrase);
    buffer_init(out, KEY_TEXT_SIZE_MAX);
    assert_int_equal(key_text_seal(secret.bytes, &public_key, &with, cheap, out), TALLY_OK);
}

static void a_plain_key_is_digits(void **state)
{
    (void)state;
    struct buffer text;
    uint8_t read[KEY_TEXT_SECRET_SIZE];
    buffer_init(&text, KEY_TEXT_SIZE_MAX);
    key_text_print(secret.bytes, &text);
    assert_int_equal(text.size, 65);
    assert_false(key_text_is_sealed(buffer_span(&text)));
    assert_int_equal(key_text_open(buffer_span(&text), NULL, read), TALLY_OK);
    assert_memory_equal(read, secret.bytes, sizeof read);
    assert_int_equal(key_text_open(span_of(text.data, 64), NULL, read), TALLY_OK);
    assert_int_equal(key_text_open(span_of(text.data, 63), NULL, read), TALLY_EFORM);
    assert_int_equal(key_text_open(span_of(NULL, 0), NULL, read), TALLY_EFORM);
    buffer_close(&text);
}

static void a_sealed_key_opens_with_its_passphrase_alone(void **state)
{
    (void)state;
    struct buffer text, other;
    uint8_t read[KEY_TEXT_SECRET_SIZE] = {0}, zeros[KEY_TEXT_SECRET_SIZE] = {0};
    char hex[2 * PUBLIC_KEY_SIZE + 1];
    struct passphrase right = phrase("correct horse"), wrong = phrase("correct hors"), none = {.size = 0};
    sealed_text(&text, "correct horse");
    assert_true(key_text_is_sealed(buffer_span(&text)));
    hex_encode(span_of(public_key.bytes, PUBLIC_KEY_SIZE), hex);
    assert_non_null(memmem(text.data, text.size, hex, strlen(hex)));
    assert_int_equal(key_text_open(buffer_span(&text), &wrong, read), TALLY_EDENIED);
    assert_int_equal(key_text_open(buffer_span(&text), &none, read), TALLY_EDENIED);
    assert_int_equal(key_text_open(buffer_span(&text), NULL, read), TALLY_EDENIED);
    assert_memory_equal(read, zeros, sizeof read);
    assert_non_null(strstr(key_text_fault(TALLY_EDENIED, &wrong), "does not open it"));
    assert_non_null(strstr(key_text_fault(TALLY_EDENIED, NULL), "--passphrase-file"));
    assert_int_equal(key_text_open(buffer_span(&text), &right, read), TALLY_OK);
    assert_memory_equal(read, secret.bytes, sizeof read);
    struct public_key named;
    assert_int_equal(key_text_public(buffer_span(&text), &named), TALLY_OK);
    assert_true(public_key_equal(&named, &public_key));
    /* Sealed twice it is not the same text. */
    sealed_text(&other, "correct horse");
    assert_false(span_equal(buffer_span(&text), buffer_span(&other)));
    buffer_close(&other);
    /* What has no public half is sealed as well. */
    buffer_init(&other, KEY_TEXT_SIZE_MAX);
    assert_int_equal(key_text_seal(secret.bytes, NULL, &right, cheap, &other), TALLY_OK);
    assert_int_equal(key_text_open(buffer_span(&other), &right, read), TALLY_OK);
    assert_int_equal(key_text_public(buffer_span(&other), &named), TALLY_ENOTFOUND);
    buffer_close(&other);
    buffer_close(&text);
}

static void a_byte_changed_anywhere_is_found(void **state)
{
    (void)state;
    struct buffer text;
    uint8_t read[KEY_TEXT_SECRET_SIZE] = {0}, zeros[KEY_TEXT_SECRET_SIZE] = {0};
    struct passphrase right = phrase("p");
    sealed_text(&text, "p");
    for (size_t at = 0; at < text.size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            text.data[at] ^= (uint8_t)(1u << bit);
            assert_int_not_equal(key_text_open(buffer_span(&text), &right, read), TALLY_OK);
            text.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    for (size_t size = 0; size < text.size; size++)
        assert_int_not_equal(key_text_open(span_of(text.data, size), &right, read), TALLY_OK);
    buffer_u8(&text, '\n');
    assert_int_equal(key_text_open(buffer_span(&text), &right, read), TALLY_EFORM);
    assert_memory_equal(read, zeros, sizeof read);
    buffer_close(&text);
}

/* A file cannot make its reader take a gigabyte, or an hour. */
static void the_cost_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *cost;
        int expected;
    } cases[] = {
        {"21 8 1", TALLY_ELIMIT}, {"9 8 1", TALLY_ELIMIT}, {"20 8 1", TALLY_ELIMIT},
        {"17 17 1", TALLY_ELIMIT}, {"10 8 5", TALLY_ELIMIT}, {"10 0 1", TALLY_ELIMIT},
        {"10 1 0", TALLY_ELIMIT}, {"999999999 8 1", TALLY_ELIMIT}, {"4294967306 1 1", TALLY_EFORM},
        {"10 1", TALLY_EFORM}, {"+10 1 1", TALLY_EFORM}, {"-10 1 1", TALLY_EFORM}, {"10  1 1", TALLY_EFORM},
        {"11 1 1", TALLY_EDENIED}, /* allowed, and not what it was sealed at */
    };
    struct buffer text;
    uint8_t read[KEY_TEXT_SECRET_SIZE];
    struct passphrase right = phrase("p");
    sealed_text(&text, "p");
    const char *at = memmem(text.data, text.size, "scrypt 10 1 1\n", 14);
    assert_non_null(at);
    size_t before = (size_t)(at - (const char *)text.data);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer changed;
        buffer_init(&changed, KEY_TEXT_SIZE_MAX);
        buffer_append(&changed, text.data, before);
        buffer_append(&changed, "scrypt ", 7);
        buffer_append(&changed, cases[i].cost, strlen(cases[i].cost));
        buffer_append(&changed, text.data + before + 13, text.size - before - 13);
        assert_int_equal(key_text_open(buffer_span(&changed), &right, read), cases[i].expected);
        buffer_close(&changed);
    }
    text.data[strlen("tallystick-key ")] = '2';
    assert_int_equal(key_text_open(buffer_span(&text), &right, read), TALLY_EVERSION);
    buffer_close(&text);
}

static int written(const char *text, size_t size, mode_t mode, struct passphrase *passphrase)
{
    char path[] = "/tmp/test_key_text.XXXXXX", why[256] = "";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, size), size);
    assert_int_equal(fchmod(file, mode), 0);
    close(file);
    int error = passphrase_read(path, passphrase, why, sizeof why);
    assert_true((error == TALLY_OK) == (why[0] == '\0'));
    unlink(path);
    return error;
}

static void a_passphrase_is_a_files_first_line(void **state)
{
    (void)state;
    struct passphrase read = {.size = 0};
    static char large[PASSPHRASE_SIZE_MAX + 1];
    memset(large, 'x', sizeof large);
    assert_int_equal(written("secret words\nmore", 17, 0600, &read), TALLY_OK);
    assert_true(span_equal(span_of(read.bytes, read.size), span_of("secret words", 12)));
    assert_int_equal(written("a\r\n", 3, 0400, &read), TALLY_OK);
    assert_int_equal(read.size, 1);
    assert_int_equal(written(large, PASSPHRASE_SIZE_MAX, 0600, &read), TALLY_OK);
    assert_int_equal(written(large, PASSPHRASE_SIZE_MAX + 1, 0600, &read), TALLY_EFORM);
    assert_int_equal(written("", 0, 0600, &read), TALLY_EFORM);
    assert_int_equal(written("\nx", 2, 0600, &read), TALLY_EFORM);
    assert_int_equal(written("a\n", 2, 0640, &read), TALLY_EDENIED);
    char why[256];
    assert_int_equal(passphrase_read("/nowhere/at/all", &read, why, sizeof why), TALLY_ENOTFOUND);
    passphrase_wipe(&read);
    assert_int_equal(read.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_key_is_digits),
        cmocka_unit_test(a_sealed_key_opens_with_its_passphrase_alone),
        cmocka_unit_test(a_byte_changed_anywhere_is_found),
        cmocka_unit_test(the_cost_is_bounded),
        cmocka_unit_test(a_passphrase_is_a_files_first_line),
    };
    return cmocka_run_group_tests(tests, make_key, NULL);
}
