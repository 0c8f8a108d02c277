/* What a reader of a difference wants to see: events by their numbers, and a subject's file in words. */
#ifndef TALLY_TESTS_MODEL_PRINT_FILE_H
#define TALLY_TESTS_MODEL_PRINT_FILE_H

#include <inttypes.h>
#include <stdio.h>

#include "tests/model/event_json.h"

static void print_result(const char *whose, const struct event_result *result)
{
    printf("%s: %s", whose, result_name(result->code));
    for (uint8_t i = 0; i < result->detail_size; i++)
        printf("%s%02x", i == 0 ? " " : "", result->detail[i]);
    if (result->detail_size >= DIGEST_SIZE) {
        struct digest id;
        memcpy(id.bytes, result->detail + result->detail_size - DIGEST_SIZE, DIGEST_SIZE);
        printf(" (event %" PRId64 ")", number_by_id(&id));
    }
    printf("\n");
}

static void print_accounts(const struct subject_state *file)
{
    for (uint32_t i = 0; i < file->account_count; i++) {
        const struct account *account = &file->accounts[i];
        printf("  account %u/%u %s type %u currency %u opened %d reserved %" PRId64
               " seq %u in force %u disbursements %u head %" PRId64 " transferee %u%s turns",
            account->member_id, get_u32(account->ref), account_state_name(account->state), account->type,
            account->currency, account->opened_day, account->reserved_minor, account->next_seq,
            account->in_force, account->disbursements, number_by_id(&account->head), account->transferee,
            account->taken_over ? " taken over" : "");
        for (uint8_t j = 0; j < account->turn_count; j++)
            printf(" %" PRId64, number_by_id(&account->turns[j].event_id));
        printf("\n");
    }
}

static void print_file(const struct subject_state *file)
{
    print_accounts(file);
    for (uint32_t i = 0; i < file->consents.count; i++) {
        const struct consent *one = consent_at(file, i);
        printf("  consent %" PRId64 " of %u purposes %u days %d to %d uses left %u last %" PRIu64 "\n",
            number_by_id(&one->id), one->grantee, one->purposes, one->valid_from, one->valid_until,
            one->uses_left, one->last_use_ms);
    }
    for (uint32_t i = 0; i < file->reservations.count; i++) {
        const struct reservation *one = reservation_at(file, i);
        printf("  reservation %" PRId64 " of %u type %u currency %u amount %" PRId64 "%s expires %" PRIu64
               "\n",
            number_by_id(&one->id), one->member_id, one->account_type, one->currency, one->amount_minor,
            one->has_amount ? "" : " (none)", one->expires_ms);
    }
    for (uint32_t i = 0; i < file->disputes.count; i++) {
        const struct dispute *one = dispute_at(file, i);
        printf("  dispute %" PRId64 " by %u against %u\n", number_by_id(&one->id), one->opener, one->author);
    }
}

#endif
