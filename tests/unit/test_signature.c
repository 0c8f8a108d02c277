// links: crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"
#include "proto/crypto/signature.h"

static const struct secret_key one = {.bytes = {[31] = 1}};

static struct verify_key key_of(const struct secret_key *secret)
{
    struct public_key key;
    struct verify_key parsed;
    assert_int_equal(secret_key_public(secret, &key), TALLY_OK);
    assert_int_equal(verify_key_parse(&key, &parsed), TALLY_OK);
    return parsed;
}

static void the_secret_one_has_the_generator_as_public_key(void **state)
{
    (void)state;
    struct public_key key;
    char text[2 * PUBLIC_KEY_SIZE + 1];
    assert_int_equal(secret_key_public(&one, &key), TALLY_OK);
    hex_encode(span_of(key.bytes, PUBLIC_KEY_SIZE), text);
    assert_string_equal(text, "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
}

static void a_signature_is_deterministic_as_rfc_6979_says(void **state)
{
    (void)state;
    /* The widely published vector: secret 1, SHA-256 of "Satoshi Nakamoto". */
    struct digest digest = digest_plain(span_of("Satoshi Nakamoto", 16));
    struct signature signature;
    char text[2 * SIGNATURE_SIZE + 1];
    signature_make(&one, &digest, &signature);
    hex_encode(span_of(signature.bytes, SIGNATURE_SIZE), text);
    assert_string_equal(text, "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
                              "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5");
    struct verify_key key = key_of(&one);
    assert_int_equal(signature_check(&key, &digest, &signature), TALLY_OK);
}

static void no_bit_of_a_signature_or_digest_can_change(void **state)
{
    (void)state;
    struct verify_key key = key_of(&one);
    struct digest digest = digest_plain(span_of("x", 1));
    struct signature signature;
    signature_make(&one, &digest, &signature);
    for (size_t bit = 0; bit < 8 * SIGNATURE_SIZE; bit++) {
        signature.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(signature_check(&key, &digest, &signature), TALLY_ESIGNATURE);
        signature.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * DIGEST_SIZE; bit++) {
        digest.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(signature_check(&key, &digest, &signature), TALLY_ESIGNATURE);
        digest.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(signature_check(&key, &digest, &signature), TALLY_OK);
}

static void the_same_signature_with_a_high_s_is_refused(void **state)
{
    (void)state;
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0,
        0x36, 0x41, 0x41};
    struct verify_key key = key_of(&one);
    struct digest digest = digest_plain(span_of("x", 1));
    struct signature signature;
    signature_make(&one, &digest, &signature);
    /* s becomes order - s, which is as true an equation. */
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int difference = order[i] - signature.bytes[32 + i] - borrow;
        borrow = difference < 0 ? 1 : 0;
        signature.bytes[32 + i] = (uint8_t)(difference + 256 * borrow);
    }
    assert_int_equal(signature_check(&key, &digest, &signature), TALLY_ESIGNATURE);
}

static void another_key_does_not_check(void **state)
{
    (void)state;
    struct secret_key other;
    struct signature signature;
    struct digest digest = digest_plain(span_of("x", 1));
    secret_key_generate(&other);
    struct verify_key key = key_of(&other);
    signature_make(&one, &digest, &signature);
    assert_int_equal(signature_check(&key, &digest, &signature), TALLY_ESIGNATURE);
    secret_key_close(&other);
    struct secret_key wiped = {{0}};
    assert_memory_equal(&other, &wiped, sizeof wiped);
}

static void values_that_are_no_keys_are_refused(void **state)
{
    (void)state;
    struct secret_key zero = {{0}}, large;
    struct public_key key = {{7}}, before = key;
    struct verify_key parsed;
    memset(large.bytes, 0xff, sizeof large.bytes);
    assert_int_equal(secret_key_public(&zero, &key), TALLY_EFORM);
    assert_int_equal(secret_key_public(&large, &key), TALLY_EFORM);
    assert_memory_equal(&key, &before, sizeof key);
    assert_int_equal(verify_key_parse(&key, &parsed), TALLY_EFORM);
    memset(key.bytes, 0, sizeof key.bytes);
    key.bytes[0] = 2;
    key.bytes[32] = 5; /* no point has this x */
    assert_int_equal(verify_key_parse(&key, &parsed), TALLY_EFORM);
    key.bytes[0] = 4;
    key.bytes[32] = 1;
    assert_int_equal(verify_key_parse(&key, &parsed), TALLY_EFORM);
}

static void generated_keys_differ(void **state)
{
    (void)state;
    struct secret_key a, b;
    secret_key_generate(&a);
    secret_key_generate(&b);
    assert_memory_not_equal(&a, &b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_secret_one_has_the_generator_as_public_key),
        cmocka_unit_test(a_signature_is_deterministic_as_rfc_6979_says),
        cmocka_unit_test(no_bit_of_a_signature_or_digest_can_change),
        cmocka_unit_test(the_same_signature_with_a_high_s_is_refused),
        cmocka_unit_test(another_key_does_not_check),
        cmocka_unit_test(values_that_are_no_keys_are_refused),
        cmocka_unit_test(generated_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
