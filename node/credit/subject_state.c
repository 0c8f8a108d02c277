#include "node/credit/subject_state.h"

#include <stdlib.h>

#include "proto/base/check.h"

#define ACCOUNT_CAPACITY_START 1u

void subject_state_init(struct subject_state *subject)
{
    *subject = (struct subject_state){0};
}

void subject_state_close(struct subject_state *subject)
{
    free(subject->accounts);
    record_list_close(&subject->consents);
    record_list_close(&subject->reservations);
    record_list_close(&subject->disputes);
    subject_state_init(subject);
}

void subject_state_clear(struct subject_state *subject)
{
    subject->account_count = 0;
    subject->consents.count = subject->reservations.count = subject->disputes.count = 0;
    subject->item_count = 0;
    subject->item_ids = (struct digest){{0}};
}

/* The index of the first account that does not come before (member, ref). */
static uint32_t account_place(
    const struct subject_state *subject, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    uint32_t low = 0, high = subject->account_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (account_compare(&subject->accounts[middle], member_id, ref) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct account *subject_state_account(
    const struct subject_state *subject, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    uint32_t place = account_place(subject, member_id, ref);

    if (place == subject->account_count) return NULL;
    struct account *account = &subject->accounts[place];
    return account_compare(account, member_id, ref) == 0 ? account : NULL;
}

bool subject_state_ref_elsewhere(
    const struct subject_state *subject, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    for (uint32_t i = 0; i < subject->account_count; i++) {
        const struct account *account = &subject->accounts[i];
        if (account->member_id != member_id && memcmp(account->ref, ref, ACCOUNT_REF_SIZE) == 0) return true;
    }
    return false;
}

struct account *subject_state_transferred(
    const struct subject_state *subject, const struct digest *transfer_id)
{
    for (uint32_t i = 0; i < subject->account_count; i++) {
        struct account *account = &subject->accounts[i];
        const struct account_turn *turn = account_turn_newest(account);
        if (account->state == ACCOUNT_STATE_TRANSFERRED && digest_equal(&turn->event_id, transfer_id)) {
            return account;
        }
    }
    return NULL;
}

int subject_state_reserve(struct subject_state *subject, uint32_t count)
{
    CHECK(count <= ACCOUNTS_PER_SUBJECT_MAX);
    if (count <= subject->account_capacity) return TALLY_OK;

    uint32_t capacity = subject->account_capacity ? subject->account_capacity : ACCOUNT_CAPACITY_START;
    while (capacity < count)
        capacity *= 2;
    struct account *accounts = realloc(subject->accounts, capacity * sizeof(*accounts));
    if (!accounts) return TALLY_ENOMEM;
    subject->accounts = accounts;
    subject->account_capacity = capacity;
    return TALLY_OK;
}

int subject_state_add(struct subject_state *subject, const struct account *account)
{
    uint32_t place = account_place(subject, account->member_id, account->ref);
    CHECK(!subject_state_account(subject, account->member_id, account->ref));

    if (subject->account_count == ACCOUNTS_PER_SUBJECT_MAX) return TALLY_ELIMIT;
    int error = subject_state_reserve(subject, subject->account_count + 1);
    if (error) return error;
    memmove(&subject->accounts[place + 1], &subject->accounts[place],
        (subject->account_count - place) * sizeof(*account));
    subject->accounts[place] = *account;
    subject->account_count++;
    return TALLY_OK;
}
