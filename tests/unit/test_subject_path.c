// links: crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"
#include "proto/crypto/subject_path.h"

static struct digest digest_of(const char *text)
{
    return digest_plain(span_of(text, strlen(text)));
}

static void bits_are_read_from_the_most_significant(void **state)
{
    (void)state;
    struct digest position = {.bytes = {0x80, 0x01, [31] = 0x01}};
    assert_int_equal(position_bit(&position, 0), 1);
    assert_int_equal(position_bit(&position, 1), 0);
    assert_int_equal(position_bit(&position, 8), 0);
    assert_int_equal(position_bit(&position, 15), 1);
    assert_int_equal(position_bit(&position, 255), 1);
}

static void shared_bits_are_counted_exactly(void **state)
{
    (void)state;
    struct digest a = digest_of("a"), b;
    assert_int_equal(position_shared_bits(&a, &a), 256);
    for (size_t bit = 0; bit < 256; bit++) {
        b = a;
        b.bytes[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
        if (bit < 248) b.bytes[31] ^= 1; /* what follows does not matter */
        assert_int_equal(position_shared_bits(&a, &b), bit);
    }
}

static void a_leaf_binds_its_position_and_every_field(void **state)
{
    (void)state;
    struct digest a = digest_of("a"), b = digest_of("b");
    const struct subject_leaf leaf = {.count = 1, .last_height = 2, .acc = a, .summary = b};
    struct subject_leaf changed[4] = {leaf, leaf, leaf, leaf};
    struct digest hashes[6] = {subject_leaf_hash(&a, &leaf), subject_leaf_hash(&b, &leaf)};
    changed[0].count++;
    changed[1].last_height++;
    changed[2].acc = b;
    changed[3].summary = a;
    for (size_t i = 0; i < 4; i++)
        hashes[2 + i] = subject_leaf_hash(&a, &changed[i]);
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(digest_equal(&hashes[i], &hashes[j]));
}

static void a_fold_binds_every_field_and_the_order(void **state)
{
    (void)state;
    struct digest chain = digest_of("chain"), subject = digest_of("subject"), id = digest_of("event");
    struct digest start = subject_fold_start(&chain, &subject), position = subject_position(&chain, &subject);
    struct digest turned = subject_fold_start(&subject, &chain);
    struct digest steps[] = {
        start,
        position,
        turned,
        subject_fold_step(&start, 0, 1, 2, 3, &id),
        subject_fold_step(&chain, 0, 1, 2, 3, &id),
        subject_fold_step(&start, 1, 1, 2, 3, &id),
        subject_fold_step(&start, 0, 2, 2, 3, &id),
        subject_fold_step(&start, 0, 1, 3, 3, &id),
        subject_fold_step(&start, 0, 1, 2, 4, &id),
        subject_fold_step(&start, 0, 1, 2, 3, &chain),
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(digest_equal(&steps[i], &steps[j]));
}

static void hashes_are_those_of_the_design(void **state)
{
    (void)state;
    struct digest chain = digest_of("chain"), subject = digest_of("subject");
    uint8_t bytes[65];
    memcpy(bytes + 1, chain.bytes, 32);
    memcpy(bytes + 33, subject.bytes, 32);
    bytes[0] = TAG_SUBJECT_POSITION;
    struct digest expected = digest_plain(span_of(bytes, 65)), position = subject_position(&chain, &subject);
    assert_true(digest_equal(&position, &expected));
    bytes[0] = TAG_HISTORY_START;
    expected = digest_plain(span_of(bytes, 65));
    struct digest start = subject_fold_start(&chain, &subject);
    assert_true(digest_equal(&start, &expected));
    bytes[0] = TAG_MAP_NODE;
    expected = digest_plain(span_of(bytes, 65));
    struct digest node = subject_node_hash(&chain, &subject);
    assert_true(digest_equal(&node, &expected));
}

static void a_path_turns_at_each_bit_of_the_position(void **state)
{
    (void)state;
    struct digest position = {.bytes = {0x40}}; /* left, right, left */
    struct digest leaf = digest_of("leaf"), siblings[3] = {digest_of("0"), digest_of("1"), digest_of("2")};
    struct digest node = subject_node_hash(&leaf, &siblings[2]);
    node = subject_node_hash(&siblings[1], &node);
    node = subject_node_hash(&node, &siblings[0]);
    struct digest root = subject_path_root(&position, &leaf, siblings, 3);
    assert_true(digest_equal(&root, &node));
    root = subject_path_root(&position, &leaf, siblings, 0);
    assert_true(digest_equal(&root, &leaf));
}

static void the_longest_path_is_256_turns(void **state)
{
    (void)state;
    static struct digest siblings[SUBJECT_PATH_LENGTH_MAX];
    struct digest position = digest_of("position"), leaf = digest_of("leaf"), other = leaf;
    struct digest root = subject_path_root(&position, &leaf, siblings, SUBJECT_PATH_LENGTH_MAX);
    other.bytes[0] ^= 1;
    struct digest other_root = subject_path_root(&position, &other, siblings, SUBJECT_PATH_LENGTH_MAX);
    assert_false(digest_equal(&root, &other_root));
    position.bytes[31] ^= 1;
    other_root = subject_path_root(&position, &leaf, siblings, SUBJECT_PATH_LENGTH_MAX);
    assert_false(digest_equal(&root, &other_root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_read_from_the_most_significant),
        cmocka_unit_test(shared_bits_are_counted_exactly),
        cmocka_unit_test(a_leaf_binds_its_position_and_every_field),
        cmocka_unit_test(a_fold_binds_every_field_and_the_order),
        cmocka_unit_test(hashes_are_those_of_the_design),
        cmocka_unit_test(a_path_turns_at_each_bit_of_the_position),
        cmocka_unit_test(the_longest_path_is_256_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
