/* A world for the credit rules: everything applied so far as a plain list, and the files it makes. */
#ifndef TALLY_TESTS_RULES_WORLD_H
#define TALLY_TESTS_RULES_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/credit/rules.h"
#include "proto/base/date.h"
#include "proto/codec/genesis.h"
#include "tests/vectors/profile.h"

#define LENDER 1
#define BUREAU 2
#define REGULATOR 3
#define OPERATOR 4
#define OTHER_LENDER 5
#define THIRD_LENDER 6
#define STRANGER 9
#define BLOCK_DAY 13000
#define BLOCK_TIME_MS ((uint64_t)BLOCK_DAY * MS_PER_DAY + 3600000)
#define APPLIED_MAX 20000

/* What was folded. */
struct applied {
    struct event_header header;
    struct digest id;
    uint16_t code;
};

struct world {
    size_t applied_count;
    struct applied *applied;
    struct subject_state files[4]; /* subject i has the id {i} */
    int fail_with;                 /* what reads return instead, or 0 */
    unsigned reads;                /* how often anything but a role was asked */
    uint8_t items;                 /* item ids given out by next_item */
    struct credit_policy policy;   /* the one called dev, until a test says otherwise */
};

static inline int world_account_subject(
    void *context, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], struct digest *subject_id)
{
    struct world *world = context;

    world->reads++;
    if (world->fail_with) return world->fail_with;
    for (size_t i = 0; i < world->applied_count; i++) {
        const struct event_header *header = &world->applied[i].header;
        if (header->has_account && header->member_id == member_id &&
            memcmp(header->account_ref, ref, ACCOUNT_REF_SIZE) == 0) {
            *subject_id = header->subject_id;
            return TALLY_OK;
        }
    }
    return TALLY_ENOTFOUND;
}

static inline int world_account_event(void *context, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, struct digest *event_id)
{
    struct world *world = context;

    world->reads++;
    if (world->fail_with) return world->fail_with;
    for (size_t i = 0; i < world->applied_count; i++) {
        const struct event_header *header = &world->applied[i].header;
        if (header->has_account && header->member_id == member_id && header->account_seq == seq &&
            memcmp(header->account_ref, ref, ACCOUNT_REF_SIZE) == 0) {
            *event_id = world->applied[i].id;
            return TALLY_OK;
        }
    }
    return TALLY_EDAMAGED;
}

static inline int world_item_event(
    void *context, uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE], struct credit_item *item)
{
    struct world *world = context;

    world->reads++;
    if (world->fail_with) return world->fail_with;
    for (size_t i = 0; i < world->applied_count; i++) {
        const struct applied *applied = &world->applied[i];
        if (!applied->header.has_account && applied->header.member_id == member_id &&
            memcmp(applied->header.item_id, item_id, ITEM_ID_SIZE) == 0) {
            *item = (struct credit_item){applied->id, applied->code == RESULT_OK};
            return TALLY_OK;
        }
    }
    return TALLY_ENOTFOUND;
}

static inline const struct applied *world_find(const struct world *world, const struct digest *event_id)
{
    for (size_t i = 0; i < world->applied_count; i++) {
        const struct applied *applied = &world->applied[i];
        if (applied->code == RESULT_OK && digest_equal(&applied->id, event_id)) return applied;
    }
    return NULL;
}

/* Whether an applied event of the type, itself not taken back, aims at the id. */
static inline const struct applied *world_aims(
    const struct world *world, enum event_type type, const struct digest *event_id)
{
    for (size_t i = 0; i < world->applied_count; i++) {
        const struct applied *applied = &world->applied[i];
        if (applied->code != RESULT_OK || applied->header.type != type) continue;
        if (!digest_equal(&applied->header.target, event_id)) continue;
        if (type == EVENT_RETRACT || !world_aims(world, EVENT_RETRACT, &applied->id)) return applied;
    }
    return NULL;
}

static inline int world_target(void *context, const struct digest *subject_id, const struct digest *event_id,
    struct credit_target *target)
{
    struct world *world = context;

    world->reads++;
    if (world->fail_with) return world->fail_with;
    const struct applied *found = world_find(world, event_id);
    if (!found || !digest_equal(&found->header.subject_id, subject_id)) return TALLY_ENOTFOUND;
    const struct applied *correction = world_aims(world, EVENT_CORRECT, event_id);
    *target = (struct credit_target){
        .type = found->header.type,
        .member_id = found->header.member_id,
        .has_account = found->header.has_account,
        .period = found->header.period,
        .retracted = world_aims(world, EVENT_RETRACT, event_id) != NULL,
        .corrected = correction != NULL,
    };
    memcpy(target->account_ref, found->header.account_ref, ACCOUNT_REF_SIZE);
    if (correction) target->corrected_by = correction->id;
    if (found->header.type == EVENT_ACCOUNT_OPEN) {
        target->has_transfer_of = found->header.has_transfer_of;
        target->transfer_of = found->header.transfer_of;
    }
    return TALLY_OK;
}

static inline uint32_t world_member_role(void *context, uint32_t member_id)
{
    (void)context;
    switch (member_id) {
    case LENDER:
    case OTHER_LENDER:
    case THIRD_LENDER:
        return ROLE_LENDER;
    case BUREAU:
        return ROLE_BUREAU;
    case REGULATOR:
        return ROLE_REGULATOR;
    case OPERATOR:
        return ROLE_OPERATOR;
    default:
        return 0;
    }
}

static inline void world_open(struct world *world)
{
    *world = (struct world){.applied = calloc(APPLIED_MAX, sizeof(struct applied))};
    assert_non_null(world->applied);
    world->policy = profile("dev");
    for (size_t i = 0; i < 4; i++)
        subject_state_init(&world->files[i]);
}

static inline void world_close(struct world *world)
{
    for (size_t i = 0; i < 4; i++)
        subject_state_close(&world->files[i]);
    free(world->applied);
}

/* Two events differ in their id exactly when a field differs. */
static inline struct digest id_of(const struct event_header *header)
{
    struct digest chain_id = {{0xCC}};
    struct buffer bytes;

    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(header, &bytes);
    assert_false(bytes.failed);
    struct digest id = event_id(&chain_id, buffer_span(&bytes));
    buffer_close(&bytes);
    return id;
}

static inline struct credit_read world_read(struct world *world)
{
    return (struct credit_read){world, world_account_subject, world_account_event, world_member_role,
        world_item_event, world_target, &world->policy};
}

static inline struct event_result world_apply_at(
    struct world *world, const struct event_header *header, uint64_t block_time_ms)
{
    const struct credit_read read = world_read(world);
    struct subject_state *file = &world->files[header->subject_id.bytes[0]];
    struct event_result result = {.code = 9999};
    struct digest id = id_of(header);

    assert_int_equal(credit_apply(&read, file, header, &id, block_time_ms, &result), TALLY_OK);
    if (credit_result_folds(header->type, result.code)) {
        assert_true(world->applied_count < APPLIED_MAX);
        world->applied[world->applied_count++] = (struct applied){*header, id, result.code};
    }
    return result;
}

static inline struct event_result world_apply(struct world *world, const struct event_header *header)
{
    return world_apply_at(world, header, BLOCK_TIME_MS);
}

/* The next event of an account as its furnisher would write it: seq and head as they should be. */
static inline struct event_header next_event(
    const struct world *world, uint32_t member_id, uint8_t subject, uint8_t ref, enum event_type type)
{
    struct event_header header = {
        .type = type,
        .member_id = member_id,
        .subject_scheme = 1,
        .subject_id = {{subject}},
        .event_date = BLOCK_DAY - 30,
        .body_commitment = {{0xBB}},
        .has_account = true,
        .account_ref = {ref},
    };
    const struct account *account =
        subject_state_account(&world->files[subject], member_id, header.account_ref);

    if (account) {
        header.account_seq = account->next_seq;
        header.account_prev = account->head;
    }
    if (type == EVENT_ACCOUNT_OPEN) {
        header.account_type = ACCOUNT_REVOLVING;
        header.product = 5;
        header.currency = 901;
    }
    if (type == EVENT_PERIOD_REPORT) header.period = 200504;
    if (type == EVENT_CLOSE) header.close_kind = 1;
    if (type == EVENT_STATUS) header.new_state = ACCOUNT_STATE_FROZEN;
    if (type == EVENT_STATUS || type == EVENT_CORRECT || type == EVENT_RETRACT) header.reason = REASON_OTHER;
    if (type == EVENT_TRANSFER) header.transferee = OTHER_LENDER;
    if (type == EVENT_CORRECT || type == EVENT_RETRACT) header.has_target = true;
    return header;
}

/* An event without an account, under an item id that nobody used. */
static inline struct event_header next_item(
    struct world *world, uint32_t member_id, uint8_t subject, enum event_type type)
{
    struct event_header header = {
        .type = type,
        .member_id = member_id,
        .subject_scheme = 1,
        .subject_id = {{subject}},
        .event_date = BLOCK_DAY,
        .body_commitment = {{0xBB}},
        .item_id = {(uint8_t)type, ++world->items},
    };

    if (type == EVENT_RESERVE) {
        header.account_type = ACCOUNT_REVOLVING;
        header.currency = 901;
        header.expires_ms = BLOCK_TIME_MS + 3600000;
    }
    if (type == EVENT_CONSENT_GRANT) {
        header.grantee = member_id;
        header.purposes = PURPOSE_BIT(PURPOSE_CREDIT_DECISION);
        header.valid_from = BLOCK_DAY;
        header.valid_until = BLOCK_DAY + 10;
        header.max_uses = 2;
    }
    if (type == EVENT_INQUIRY) {
        header.purpose = PURPOSE_CREDIT_DECISION;
        header.has_consent = true;
    }
    if (type == EVENT_CONSENT_REVOKE) header.has_consent = true;
    if (type == EVENT_DISPUTE_OPEN) {
        header.has_target = true;
        header.category = CATEGORY_AMOUNT;
    }
    if (type == EVENT_DISPUTE_ANSWER || type == EVENT_DISPUTE_CLOSE) header.has_dispute = true;
    if (type == EVENT_DISPUTE_CLOSE) header.outcome = OUTCOME_REJECTED;
    return header;
}

static inline void must_apply(struct world *world, uint8_t ref, enum event_type type)
{
    struct event_header header = next_event(world, LENDER, 1, ref, type);

    assert_int_equal(world_apply(world, &header).code, RESULT_OK);
}

static inline const struct account *account_at(
    const struct world *world, uint8_t subject, uint32_t member_id, uint8_t ref)
{
    uint8_t bytes[ACCOUNT_REF_SIZE] = {ref};

    return subject_state_account(&world->files[subject], member_id, bytes);
}

/* The types of an account. */
static const enum event_type types[] = {EVENT_ACCOUNT_OPEN, EVENT_DISBURSE, EVENT_PERIOD_REPORT,
    EVENT_PAYMENT, EVENT_LIMIT_CHANGE, EVENT_STATUS, EVENT_CHARGE_OFF, EVENT_RECOVERY, EVENT_TRANSFER,
    EVENT_CLOSE, EVENT_CORRECT, EVENT_RETRACT};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

#endif
