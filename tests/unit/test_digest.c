// links: crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"

static void expect(struct digest digest, const char *expected)
{
    char text[2 * DIGEST_SIZE + 1];
    hex_encode(span_of(digest.bytes, DIGEST_SIZE), text);
    assert_string_equal(text, expected);
}

static void plain_digests_are_sha256(void **state)
{
    (void)state;
    /* FIPS 180-4's examples. */
    expect(
        digest_plain(span_of(NULL, 0)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(
        digest_plain(span_of("abc", 3)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(digest_plain(span_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56)),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Each length from 0 to 1000, in each two pieces: around all block borders, the padding's included. The
 * digest of all those digests was computed by another library. */
static void every_length_in_any_pieces_is_sha256(void **state)
{
    (void)state;
    uint8_t message[1000];
    struct hasher all;
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 7 + 3);
    hasher_init_plain(&all);
    for (size_t size = 0; size <= sizeof message; size++) {
        struct digest whole = digest_plain(span_of(message, size));
        hasher_digest(&all, &whole);
        for (size_t cut = 0; cut <= size; cut++) {
            struct hasher hasher;
            hasher_init_plain(&hasher);
            hasher_bytes(&hasher, message, cut);
            hasher_bytes(&hasher, message + cut, size - cut);
            struct digest pieces = hasher_final(&hasher);
            assert_true(digest_equal(&pieces, &whole));
        }
    }
    expect(hasher_final(&all), "cda434928e5df689ee9ffa39182b1cf3e75b1160fdfb2f96aeb2df864ed3c88b");
}

/* FIPS 180-4's long example. */
static void a_million_letters_are_sha256(void **state)
{
    (void)state;
    struct hasher hasher;
    hasher_init_plain(&hasher);
    for (int i = 0; i < 1000000; i++)
        hasher_u8(&hasher, 'a');
    expect(hasher_final(&hasher), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void a_tag_is_the_first_byte(void **state)
{
    (void)state;
    struct digest tagged = digest_tagged(TAG_EVENT, span_of("abc", 3));
    struct digest plain = digest_plain(span_of("\x04"
                                               "abc",
        4));
    assert_true(digest_equal(&tagged, &plain));
}

static void a_keyed_digest_is_hmac(void **state)
{
    (void)state;
    /* RFC 4231's cases 1, 2 and 6 want messages whose first byte serves as the tag here. */
    uint8_t key[131];
    memset(key, 0x0b, 20);
    expect(digest_keyed(span_of(key, 20), (enum tag)'H', span_of("i There", 7)),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    expect(digest_keyed(span_of("Jefe", 4), (enum tag)'w', span_of("hat do ya want for nothing?", 27)),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    expect(digest_keyed(span_of(key, 131), (enum tag)'T',
               span_of("est Using Larger Than Block-Size Key - Hash Key First", 53)),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void fields_are_fed_big_endian_and_sized(void **state)
{
    (void)state;
    struct hasher hasher;
    hasher_init(&hasher, TAG_EVENT);
    hasher_u8(&hasher, 1);
    hasher_u16(&hasher, 0x0203);
    hasher_u32(&hasher, 0x04050607);
    hasher_u64(&hasher, 0x08090a0b0c0d0e0full);
    hasher_sized(&hasher, span_of("xy", 2));
    struct digest digest = hasher_final(&hasher);
    struct digest same =
        digest_tagged(TAG_EVENT, span_of("\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\0\0\0\2xy", 21));
    assert_true(digest_equal(&digest, &same));
}

static void a_copied_hasher_goes_its_own_way(void **state)
{
    (void)state;
    struct hasher first, second;
    hasher_init(&first, TAG_EVENT);
    hasher_bytes(&first, "a", 1);
    second = first;
    hasher_bytes(&first, "b", 1);
    hasher_bytes(&second, "c", 1);
    struct digest ab = hasher_final(&first), ac = hasher_final(&second);
    struct digest expected = digest_tagged(TAG_EVENT, span_of("ab", 2));
    assert_true(digest_equal(&ab, &expected));
    expected = digest_tagged(TAG_EVENT, span_of("ac", 2));
    assert_true(digest_equal(&ac, &expected));
}

static void random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_digests_are_sha256),
        cmocka_unit_test(every_length_in_any_pieces_is_sha256),
        cmocka_unit_test(a_million_letters_are_sha256),
        cmocka_unit_test(a_tag_is_the_first_byte),
        cmocka_unit_test(a_keyed_digest_is_hmac),
        cmocka_unit_test(fields_are_fed_big_endian_and_sized),
        cmocka_unit_test(a_copied_hasher_goes_its_own_way),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
