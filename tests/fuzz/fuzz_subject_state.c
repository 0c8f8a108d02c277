// links: credit codec crypto base
/* A subject's stored state: refused, or the one encoding of what it says. */
#include "node/credit/subject_state.h"
#include "proto/base/check.h"
#include "proto/base/date.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct subject_state subject;
    struct buffer again;

    subject_state_init(&subject);
    buffer_init(&again, SUBJECT_STATE_SIZE_MAX);
    if (subject_state_decode(span_of(data, size), &subject) == TALLY_OK) {
        subject_state_encode(&subject, &again);
        CHECK(!again.failed);
        CHECK(span_equal(buffer_span(&again), span_of(data, size)));
    } else {
        CHECK(subject.account_count == 0 && subject.consents.count == 0 && subject.item_count == 0);
    }
    buffer_close(&again);
    subject_state_close(&subject);
    return 0;
}

/* Files of 0, 1, 2, .. accounts, each with a few periods, and as many of everything else. */
size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    struct subject_state subject;
    struct buffer out;
    size_t size = 0;

    if (number > 5) return 0;
    subject_state_init(&subject);
    buffer_init(&out, size_max);
    for (uint8_t i = 0; i < number; i++) {
        struct account account = {
            .member_id = 1 + i % 2u,
            .ref = {i},
            .state = ACCOUNT_STATE_OPEN,
            .type = ACCOUNT_REVOLVING,
            .currency = 901,
            .next_seq = 3,
            .in_force = 2,
        };
        for (uint32_t month = 0; month <= i; month++)
            CHECK(account_period_set(&account, period_from_index(1263 + month * (i + 1))) == TALLY_OK);
        struct digest id = {{i}};
        struct consent consent = {id, 1, PURPOSES_ALL, 13000, 13001, 1, 0};
        struct reservation reservation = {id, 1, ACCOUNT_REVOLVING, 901, true, 500, 1000};
        struct dispute dispute = {id, 1, 2};
        if (i % 2 == 1) account_turn_take(&account, ACCOUNT_STATE_FROZEN, &id);
        CHECK(subject_state_add(&subject, &account) == TALLY_OK);
        CHECK(record_list_add(&subject.consents, sizeof(consent), 9, &consent) == TALLY_OK);
        CHECK(record_list_add(&subject.reservations, sizeof(reservation), 9, &reservation) == TALLY_OK);
        CHECK(record_list_add(&subject.disputes, sizeof(dispute), 9, &dispute) == TALLY_OK);
        subject.item_count++;
    }
    subject_state_encode(&subject, &out);
    if (!out.failed) {
        size = out.size;
        memcpy(bytes, out.data, size);
    }
    buffer_close(&out);
    subject_state_close(&subject);
    return size;
}
