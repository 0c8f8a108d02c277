// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/vectors/event_samples.h"

/* Compares field by field: padding says nothing. */
static void assert_same(const struct event_header *a, const struct event_header *b)
{
#define SAME(field) assert_memory_equal(&a->field, &b->field, sizeof a->field)
    SAME(type);
    SAME(member_id);
    SAME(subject_scheme);
    SAME(subject_id);
    SAME(regime);
    SAME(event_date);
    SAME(body_commitment);
    SAME(has_account);
    SAME(account_ref);
    SAME(account_seq);
    SAME(account_prev);
    SAME(item_id);
    SAME(account_type);
    SAME(product);
    SAME(currency);
    SAME(period);
    SAME(close_kind);
    SAME(has_amount);
    SAME(amount_minor);
    SAME(has_authorization);
    SAME(authorization);
    SAME(has_transfer_of);
    SAME(transfer_of);
    SAME(expires_ms);
    SAME(reservation);
    SAME(grantee);
    SAME(purposes);
    SAME(valid_from);
    SAME(valid_until);
    SAME(max_uses);
    SAME(form_digest);
    SAME(has_grantor);
    SAME(grantor_key);
    SAME(grantor_signature);
    SAME(has_consent);
    SAME(consent);
    SAME(purpose);
    SAME(legal_basis);
    SAME(operator_digest);
    SAME(nonce);
    SAME(has_reply_key);
    SAME(reply_key);
    SAME(new_state);
    SAME(reason);
    SAME(transferee);
    SAME(has_target);
    SAME(target);
    SAME(has_dispute);
    SAME(dispute);
    SAME(category);
    SAME(outcome);
#undef SAME
}

static int decode(const struct event_header *header, struct event_header *read)
{
    struct buffer bytes;
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(header, &bytes);
    assert_false(bytes.failed);
    int error = event_header_decode(buffer_span(&bytes), read);
    buffer_close(&bytes);
    return error;
}

static void a_full_header_of_each_type_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct event_header header = full_header(event_types[i]), read;
        assert_int_equal(decode(&header, &read), TALLY_OK);
        assert_same(&read, &header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_header_of_each_type_comes_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
