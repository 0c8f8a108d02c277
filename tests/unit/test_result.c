// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/codec/result.h"
#include "tests/vectors/samples.h"

static void every_code_has_a_name_of_its_own_and_a_sentence(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= RESULT_ACCOUNT_LIMIT; code++) {
        assert_non_null(result_name(code));
        assert_int_equal(result_sentence(code)[strlen(result_sentence(code)) - 1], '.');
        for (uint32_t other = 0; other < code; other++)
            assert_string_not_equal(result_name(code), result_name(other));
    }
    assert_null(result_name(RESULT_ACCOUNT_LIMIT + 1));
    assert_null(result_name(UINT32_MAX));
    assert_non_null(result_sentence(UINT32_MAX));
}

static void codes_keep_their_numbers(void **state)
{
    (void)state;
    assert_string_equal(result_name(0), "OK");
    assert_string_equal(result_name(1), "DUPLICATE");
    assert_string_equal(result_name(2), "CONFLICT");
    assert_string_equal(result_name(3), "GAP");
    assert_string_equal(result_name(22), "BATCH_EXPIRED");
    assert_string_equal(result_name(23), "ACCOUNT_LIMIT");
}

static void every_reason_of_a_refusal_has_a_sentence_of_its_own(void **state)
{
    (void)state;
    for (uint32_t reason = REFUSAL_RESERVATIONS; reason <= REFUSAL_LIFE; reason++) {
        assert_int_equal(refusal_sentence(reason)[strlen(refusal_sentence(reason)) - 1], '.');
        for (uint32_t other = 0; other < reason; other++)
            assert_string_not_equal(refusal_sentence(reason), refusal_sentence(other));
    }
    assert_string_equal(refusal_sentence(0), refusal_sentence(REFUSAL_LIFE + 1));
    assert_string_equal(refusal_sentence(0), refusal_sentence(UINT32_MAX));
}

static void a_result_leaf_binds_every_field(void **state)
{
    (void)state;
    struct digest id = sample_digest("event"), other = sample_digest("other");
    struct event_result result = {.code = RESULT_GAP, .detail_size = 2, .detail = {1, 2}};
    struct event_result code = result, size = result, detail = result;
    code.code = RESULT_PAST;
    size.detail_size = 1;
    detail.detail[1] = 3;
    struct digest leaves[] = {
        result_leaf(5, 6, &id, &result),
        result_leaf(6, 6, &id, &result),
        result_leaf(5, 7, &id, &result),
        result_leaf(5, 6, &other, &result),
        result_leaf(5, 6, &id, &code),
        result_leaf(5, 6, &id, &size),
        result_leaf(5, 6, &id, &detail),
    };
    for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(digest_equal(&leaves[i], &leaves[j]));
    result.detail[2] = 9; /* past its size */
    struct digest same = result_leaf(5, 6, &id, &result);
    assert_true(digest_equal(&same, &leaves[0]));
}

static void a_history_leaf_binds_every_field(void **state)
{
    (void)state;
    struct digest a = sample_digest("a"), b = sample_digest("b"), c = sample_digest("c");
    struct digest leaves[] = {
        history_leaf(&a, 1, &b, &c),
        history_leaf(&b, 1, &a, &c),
        history_leaf(&a, 2, &b, &c),
        history_leaf(&a, 1, &c, &b),
    };
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(digest_equal(&leaves[i], &leaves[j]));
}

static void a_state_root_binds_each_part_in_its_place(void **state)
{
    (void)state;
    struct digest a = sample_digest("a"), b = sample_digest("b");
    struct digest roots[6];
    struct state_parts parts = {a, a, a, a, a};
    struct digest *const places[] = {&parts.subjects_root, &parts.members_root, &parts.policy_root,
        &parts.replay_root, &parts.counts_root};
    for (size_t i = 0; i < 5; i++) {
        *places[i] = b;
        roots[i] = state_root(&parts);
        *places[i] = a;
    }
    roots[5] = state_root(&parts);
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(digest_equal(&roots[i], &roots[j]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_of_its_own_and_a_sentence),
        cmocka_unit_test(codes_keep_their_numbers),
        cmocka_unit_test(every_reason_of_a_refusal_has_a_sentence_of_its_own),
        cmocka_unit_test(a_result_leaf_binds_every_field),
        cmocka_unit_test(a_history_leaf_binds_every_field),
        cmocka_unit_test(a_state_root_binds_each_part_in_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
