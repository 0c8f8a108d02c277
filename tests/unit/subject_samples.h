/* What the tests of a subject's file and of its accounts begin with. Include after <cmocka.h>. */
#ifndef TALLY_TESTS_SUBJECT_SAMPLES_H
#define TALLY_TESTS_SUBJECT_SAMPLES_H

#include "node/credit/subject_state.h"

/* An open account with one event in force. */
static inline struct account sample_account(uint32_t member_id, uint8_t ref_last)
{
    struct account account = {
        .member_id = member_id,
        .ref = {0xA0, [ACCOUNT_REF_SIZE - 1] = ref_last},
        .state = ACCOUNT_STATE_OPEN,
        .type = ACCOUNT_REVOLVING,
        .product = 7,
        .currency = 901,
        .next_seq = 1,
        .in_force = 1,
        .head = {{0x11, 0x22}},
        .ids = {{0x33, 0x44}},
    };

    return account;
}

/* `out` holds the file alone afterwards. */
static inline void encode(const struct subject_state *subject, struct buffer *out)
{
    buffer_clear(out);
    subject_state_encode(subject, out);
    assert_false(out->failed);
}

#endif
