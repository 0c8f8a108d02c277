// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "credit.pb-c.h"

#include "proto/codec/message.h"
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

static struct buffer bytes;
static struct arena arena;

static int make_memory(void **state)
{
    (void)state;
    buffer_init(&bytes, 2 * EVENT_HEADER_SIZE_MAX);
    arena_init(&arena, 16 * MIB);
    return 0;
}

static int drop_memory(void **state)
{
    (void)state;
    buffer_close(&bytes);
    arena_close(&arena);
    return 0;
}

static void encode(const struct event_header *header)
{
    buffer_clear(&bytes);
    event_header_encode(header, &bytes);
    assert_false(bytes.failed);
}

static int decode(const struct event_header *header, struct event_header *read)
{
    encode(header);
    return event_header_decode(buffer_span(&bytes), read);
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

/* Takes away everything that may be absent. */
static void strip(struct event_header *header)
{
    static const struct digest none = {{0}};
    bool is_open = header->type == EVENT_ACCOUNT_OPEN;
    header->has_amount = header->has_grantor = header->has_reply_key = false;
    if (is_open || header->type == EVENT_RESERVE) {
        header->product = 0;
        header->amount_minor = 0;
    }
    if (is_open) header->has_authorization = header->has_transfer_of = false;
    if (is_open) header->authorization = header->transfer_of = none;
    if (header->type == EVENT_CONSENT_GRANT) {
        memset(&header->grantor_key, 0, sizeof header->grantor_key);
        memset(&header->grantor_signature, 0, sizeof header->grantor_signature);
    }
    if (header->type == EVENT_INQUIRY) memset(&header->reply_key, 0, sizeof header->reply_key);
    if (header->type == EVENT_INQUIRY) {
        header->has_consent = false;
        header->consent = none;
        header->legal_basis = LEGAL_STATUTE;
    }
    if (header->type == EVENT_CORRECT || header->type == EVENT_RETRACT) {
        header->has_dispute = false;
        header->dispute = none;
    }
    if (header->type == EVENT_STATEMENT) {
        header->has_target = false;
        header->target = none;
    }
}

static void a_bare_header_of_each_type_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct event_header header = full_header(event_types[i]), read;
        strip(&header);
        assert_int_equal(decode(&header, &read), TALLY_OK);
        assert_same(&read, &header);
    }
}

/* A full header of `type` after `change`, which speaks of it as `h`. */
#define EXPECT(type, change, expected)                                                                       \
    do {                                                                                                     \
        struct event_header h = full_header(EVENT_##type), read_back;                                        \
        change;                                                                                              \
        assert_int_equal(decode(&h, &read_back), expected);                                                  \
        if ((expected) == TALLY_OK) assert_same(&read_back, &h);                                             \
    } while (0)
#define FINE(type, change) EXPECT(type, change, TALLY_OK)
#define MALFORMED(type, change) EXPECT(type, change, TALLY_EFORM)

static void values_at_their_bounds_are_fine_and_past_them_malformed(void **state)
{
    (void)state;
    MALFORMED(CONSENT_GRANT, h.grantee = 0);
    FINE(CONSENT_GRANT, h.grantee = UINT32_MAX);
    MALFORMED(CONSENT_GRANT, h.purposes = 0);
    MALFORMED(CONSENT_GRANT, h.purposes = PURPOSES_ALL + 1);
    MALFORMED(CONSENT_GRANT, h.purposes = UINT32_MAX);
    FINE(CONSENT_GRANT, h.purposes = 1);
    FINE(CONSENT_GRANT, h.purposes = PURPOSE_BIT(PURPOSE_SUBJECT_REQUEST));
    MALFORMED(CONSENT_GRANT, h.max_uses = 0);
    FINE(CONSENT_GRANT, h.max_uses = 1);
    MALFORMED(CONSENT_GRANT, h.valid_until = h.valid_from - 1);
    FINE(CONSENT_GRANT, h.valid_until = h.valid_from);
    FINE(CONSENT_GRANT, h.valid_from = DATE_MIN; h.valid_until = DATE_MAX);
    MALFORMED(CONSENT_GRANT, h.valid_from = DATE_MIN - 1);
    MALFORMED(CONSENT_GRANT, h.valid_until = DATE_MAX + 1);
    MALFORMED(INQUIRY, h.purpose = 0);
    MALFORMED(INQUIRY, h.purpose = PURPOSE_SUBJECT_REQUEST + 1);
    FINE(INQUIRY, h.purpose = PURPOSE_SUBJECT_REQUEST);
    MALFORMED(RESERVE, h.expires_ms = 0);
    FINE(RESERVE, h.expires_ms = 1);
    MALFORMED(RESERVE, h.expires_ms = EVENT_EXPIRES_MS_MAX + 1);
    MALFORMED(RESERVE, h.expires_ms = UINT64_MAX);
    MALFORMED(RESERVE, h.currency = 0);
    MALFORMED(RESERVE, h.currency = 1);
    MALFORMED(RESERVE, h.account_type = 0);
    MALFORMED(RESERVE, h.account_type = 3);
    MALFORMED(RESERVE, h.amount_minor = -1);
    FINE(RESERVE, h.amount_minor = 0);
    MALFORMED(ACCOUNT_OPEN, h.amount_minor = -1);
    MALFORMED(ACCOUNT_OPEN, h.amount_minor = INT64_MIN);
    FINE(ACCOUNT_OPEN, h.amount_minor = 0);
    FINE(ACCOUNT_OPEN, h.product = UINT32_MAX);
    FINE(PERIOD_REPORT, h.period = 190001);
    FINE(PERIOD_REPORT, h.period = 999912);
    MALFORMED(PERIOD_REPORT, h.period = 189912);
    MALFORMED(PERIOD_REPORT, h.period = 0);
    MALFORMED(STATUS, h.new_state = 0);
    MALFORMED(STATUS, h.new_state = 3);
    FINE(STATUS, h.new_state = 1);
    MALFORMED(STATUS, h.reason = 0);
    MALFORMED(STATUS, h.reason = REASON_OTHER + 1);
    MALFORMED(TRANSFER, h.transferee = 0);
    FINE(TRANSFER, h.transferee = UINT32_MAX);
    MALFORMED(CORRECT, h.reason = 0);
    MALFORMED(RETRACT, h.reason = 0);
    MALFORMED(RETRACT, h.reason = REASON_OTHER + 1);
    FINE(RETRACT, h.reason = REASON_OTHER);
    MALFORMED(DISPUTE_OPEN, h.category = 0);
    MALFORMED(DISPUTE_OPEN, h.category = CATEGORY_OTHER + 1);
    FINE(DISPUTE_OPEN, h.category = CATEGORY_OTHER);
    MALFORMED(DISPUTE_CLOSE, h.outcome = 0);
    MALFORMED(DISPUTE_CLOSE, h.outcome = OUTCOME_WITHDRAWN + 1);
    FINE(DISPUTE_CLOSE, h.outcome = OUTCOME_WITHDRAWN);
}

static void an_inquiry_has_a_consent_or_a_legal_basis_and_not_both(void **state)
{
    (void)state;
    MALFORMED(INQUIRY, h.legal_basis = LEGAL_COURT_ORDER);
    MALFORMED(INQUIRY, h.has_consent = false);
    const struct digest none = {{0}};
    FINE(INQUIRY, h.has_consent = false; h.consent = none; h.legal_basis = LEGAL_COURT_ORDER);
    MALFORMED(INQUIRY, h.has_consent = false; h.legal_basis = LEGAL_STATUTE + 1);
}

static void an_event_is_of_an_account_or_an_item_as_its_type_says(void **state)
{
    (void)state;
    size_t items = 0;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct event_header header = full_header(event_types[i]), read;
        items += !header.has_account;
        header.has_account = !header.has_account;
        assert_int_equal(decode(&header, &read), TALLY_EFORM);
    }
    assert_int_equal(items, 9);
    assert_false(event_type_has_account(0));
    assert_false(event_type_has_account(36));
}

static Tallystick__V1__EventHeader *unpack(enum event_type type)
{
    struct event_header header = full_header(type);
    ProtobufCMessage *message;
    encode(&header);
    assert_int_equal(message_decode(&tallystick__v1__event_header__descriptor, MESSAGE_CANONICAL,
                         buffer_span(&bytes), &arena, &message),
        TALLY_OK);
    return (Tallystick__V1__EventHeader *)message;
}

static int decode_message(const Tallystick__V1__EventHeader *message)
{
    struct event_header read;
    buffer_clear(&bytes);
    message_encode(&message->base, &bytes);
    assert_false(bytes.failed);
    return event_header_decode(buffer_span(&bytes), &read);
}

static void public_fields_of_another_type_are_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        for (size_t k = 0; k < EVENT_TYPE_COUNT; k++) {
            Tallystick__V1__EventHeader *message = unpack(event_types[i]), *other = unpack(event_types[k]);
            /* DISBURSE, PAYMENT and the like have none, which is the same for all of them. */
            bool same = message->public_fields_case == other->public_fields_case;
            message->public_fields_case = other->public_fields_case;
            message->account_open = other->account_open;
            assert_int_equal(decode_message(message), same ? TALLY_OK : TALLY_EFORM);
            arena_reset(&arena);
        }
    }
}

/* The bytes fields of every type's public fields, each a byte too short, and each a byte too long. */
static void bytes_of_another_size_are_malformed(void **state)
{
    (void)state;
    static uint8_t longer[SIGNATURE_SIZE + 1];
    size_t tried = 0;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        Tallystick__V1__EventHeader *message = unpack(event_types[i]);
        if (message->public_fields_case == TALLYSTICK__V1__EVENT_HEADER__PUBLIC_FIELDS__NOT_SET) continue;
        ProtobufCMessage *fields = &message->account_open->base; /* whichever it is */
        for (unsigned k = 0; k < fields->descriptor->n_fields; k++) {
            const ProtobufCFieldDescriptor *field = &fields->descriptor->fields[k];
            if (field->type != PROTOBUF_C_TYPE_BYTES) continue;
            ProtobufCBinaryData *value = (ProtobufCBinaryData *)(void *)((uint8_t *)fields + field->offset);
            const ProtobufCBinaryData good = *value;
            assert_true(good.len > 0);
            assert_int_equal(decode_message(message), TALLY_OK);
            value->len--;
            assert_int_equal(decode_message(message), TALLY_EFORM);
            *value = (ProtobufCBinaryData){.len = good.len + 1, .data = longer};
            assert_int_equal(decode_message(message), TALLY_EFORM);
            *value = good;
            tried++;
        }
        arena_reset(&arena);
    }
    assert_int_equal(tried, 19);
}

static void a_grantors_key_and_signature_go_together(void **state)
{
    (void)state;
    Tallystick__V1__EventHeader *message = unpack(EVENT_CONSENT_GRANT);
    message->consent_grant->grantor_key.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
    message->consent_grant->grantor_signature.len = 0;
    assert_int_equal(decode_message(message), TALLY_OK);
    message->consent_grant->grantor_key.len = PUBLIC_KEY_SIZE;
    assert_int_equal(decode_message(message), TALLY_EFORM);
}

static void an_id_that_must_be_there_cannot_be_left_out(void **state)
{
    (void)state;
    Tallystick__V1__EventHeader *message = unpack(EVENT_CONSENT_GRANT);
    message->consent_grant->form_digest.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
    message = unpack(EVENT_CONSENT_REVOKE);
    message->consent_revoke->consent.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
    message = unpack(EVENT_INQUIRY);
    message->inquiry->operator_digest.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
    message = unpack(EVENT_INQUIRY);
    message->inquiry->nonce.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
    message = unpack(EVENT_RESERVE_CANCEL);
    message->reserve_cancel->reservation.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
    message = unpack(EVENT_CORRECT);
    message->correct->target.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
    message = unpack(EVENT_RETRACT);
    message->retract->target.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
    message = unpack(EVENT_DISPUTE_OPEN);
    message->dispute_open->target.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
    message = unpack(EVENT_DISPUTE_ANSWER);
    message->dispute_answer->dispute.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
    message = unpack(EVENT_DISPUTE_CLOSE);
    message->dispute_close->dispute.len = 0;
    assert_int_equal(decode_message(message), TALLY_EFORM);
}

/* Whatever bytes are read, they are the only ones that say it. */
static void a_changed_header_is_malformed_or_says_something_else(void **state)
{
    (void)state;
    struct event_header read;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct event_header header = full_header(event_types[i]);
        struct buffer changed;
        encode(&header);
        buffer_init(&changed, EVENT_HEADER_SIZE_MAX);
        buffer_append(&changed, bytes.data, bytes.size);
        for (size_t bit = 0; bit < 8 * changed.size; bit++) {
            changed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (event_header_decode(buffer_span(&changed), &read) == TALLY_OK) {
                encode(&read);
                assert_true(span_equal(buffer_span(&bytes), buffer_span(&changed)));
            }
            changed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t size = 0; size < changed.size; size++)
            assert_int_equal(event_header_decode(span_of(changed.data, size), &read), TALLY_EFORM);
        buffer_append(&changed, "\xf8\x07\x01", 3); /* a field that no header has */
        assert_int_equal(event_header_decode(buffer_span(&changed), &read), TALLY_EFORM);
        buffer_close(&changed);
    }
}

/* These bytes are signed in every ledger there is: whatever changes them breaks them all. */
static void a_header_of_each_type_has_one_encoding_for_good(void **state)
{
    (void)state;
    static const char *const expected[EVENT_TYPE_COUNT] = {
        "93fd03e8a79c5991",
        "258e2ac9a8af21d0",
        "6cf05c8a7b71c548",
        "b73f52249e506d1d",
        "81419db4d45c4c59",
        "c1e3cc3b15177892",
        "ecfc5cd0aa573289",
        "4d00a8beff8b5647",
        "b4ac8d8a7cc12f9a",
        "300bbb33353c4f18",
        "2910159d1debbfeb",
        "14c20fbb0e995306",
        "bad331a76d7702f7",
        "0b427f48c736ee00",
        "889f6934237d5656",
        "8e628ac9641aeb31",
        "18295a66edff6640",
        "5175462f1a6dff86",
        "3caf866f45b0e9db",
        "a7dd7427ec69d2f9",
        "86f56d63cfe4ceb2",
    };
    struct digest chain = sample_digest("chain");
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct event_header header = full_header(event_types[i]);
        char text[17];
        encode(&header);
        struct digest id = event_id(&chain, buffer_span(&bytes));
        hex_encode(span_of(id.bytes, 8), text);
        assert_string_equal(text, expected[i]);
    }
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, make_memory, drop_memory)
    const struct CMUnitTest tests[] = {
        test(a_full_header_of_each_type_comes_back_as_it_was),
        test(a_bare_header_of_each_type_comes_back_as_it_was),
        test(values_at_their_bounds_are_fine_and_past_them_malformed),
        test(an_inquiry_has_a_consent_or_a_legal_basis_and_not_both),
        test(an_event_is_of_an_account_or_an_item_as_its_type_says),
        test(public_fields_of_another_type_are_malformed),
        test(bytes_of_another_size_are_malformed),
        test(a_grantors_key_and_signature_go_together),
        test(an_id_that_must_be_there_cannot_be_left_out),
        test(a_changed_header_is_malformed_or_says_something_else),
        test(a_header_of_each_type_has_one_encoding_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
