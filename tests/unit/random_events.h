/* Events of every type, drawn so that many are applied and each refusal is met: they aim at what a world
 * holds. All of it is a function of random_state. */
#ifndef TALLY_TESTS_RANDOM_EVENTS_H
#define TALLY_TESTS_RANDOM_EVENTS_H

#include "tests/unit/rules_world.h"

static uint64_t random_state;

static inline uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % bound;
}

static const enum event_type account_types[] = {EVENT_ACCOUNT_OPEN, EVENT_ACCOUNT_OPEN, EVENT_DISBURSE,
    EVENT_PERIOD_REPORT, EVENT_PERIOD_REPORT, EVENT_PAYMENT, EVENT_LIMIT_CHANGE, EVENT_STATUS,
    EVENT_CHARGE_OFF, EVENT_RECOVERY, EVENT_TRANSFER, EVENT_CLOSE, EVENT_CORRECT, EVENT_CORRECT,
    EVENT_CORRECT, EVENT_RETRACT, EVENT_RETRACT, EVENT_RETRACT};
static const enum event_type item_types[] = {EVENT_CONSENT_GRANT, EVENT_CONSENT_GRANT, EVENT_CONSENT_REVOKE,
    EVENT_INQUIRY, EVENT_INQUIRY, EVENT_RESERVE, EVENT_RESERVE, EVENT_RESERVE, EVENT_RESERVE_CANCEL,
    EVENT_DISPUTE_OPEN, EVENT_DISPUTE_OPEN, EVENT_DISPUTE_ANSWER, EVENT_DISPUTE_CLOSE, EVENT_STATEMENT};

/* An event of the list, most often a late one that `fits`; zeros where the list is empty. */
static inline struct applied aim(const struct world *world, bool (*fits)(const struct event_header *header))
{
    struct applied found = {.id = {{0}}};
    uint32_t count = (uint32_t)world->applied_count;
    for (uint32_t tries = 0; count > 0 && tries < 20; tries++) {
        uint32_t range = random_below(2) && count > 40 ? 40 : count;
        found = world->applied[count - 1 - random_below(range)];
        if (fits(&found.header)) break;
    }
    return found;
}

#define FITS(name, condition)                                                                                \
    static inline bool name(const struct event_header *header)                                               \
    {                                                                                                        \
        return condition;                                                                                    \
    }
FITS(is_consent, header->type == EVENT_CONSENT_GRANT)
FITS(is_reservation, header->type == EVENT_RESERVE)
FITS(is_dispute, header->type == EVENT_DISPUTE_OPEN)
FITS(is_transfer, header->type == EVENT_TRANSFER)
FITS(is_of_account, header->has_account)
FITS(is_any, header->type != 0)

static inline struct event_header random_item(struct world *world)
{
    static const uint32_t members[] = {LENDER, OTHER_LENDER, THIRD_LENDER, BUREAU, REGULATOR, OPERATOR};
    enum event_type type = item_types[random_below(sizeof item_types / sizeof item_types[0])];
    uint8_t subject = (uint8_t)random_below(4);
    struct event_header header = next_item(world, members[random_below(6)], subject, type);
    struct applied at;
    uint32_t number = (uint32_t)world->applied_count;
    put_u32(header.item_id + 4, number);
    header.event_date = (int32_t)(BLOCK_DAY + random_below(3));
    switch (type) {
    case EVENT_CONSENT_GRANT:
        if (random_below(3) == 0) header.grantee = members[random_below(4)];
        header.max_uses = 1 + random_below(3);
        break;
    case EVENT_CONSENT_REVOKE:
    case EVENT_INQUIRY:
        at = aim(world, is_consent);
        header.consent = at.id;
        if (at.header.type == EVENT_CONSENT_GRANT) {
            header.subject_id = at.header.subject_id;
            header.member_id = at.header.grantee;
        }
        break;
    case EVENT_RESERVE_CANCEL:
        at = aim(world, is_reservation);
        header.reservation = at.id;
        if (random_below(4)) header.subject_id = at.header.subject_id, header.member_id = at.header.member_id;
        break;
    case EVENT_DISPUTE_OPEN:
    case EVENT_STATEMENT:
        at = aim(world, is_any);
        header.target = at.id;
        header.has_target = true;
        if (random_below(5)) header.subject_id = at.header.subject_id;
        break;
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
        at = aim(world, is_dispute);
        header.dispute = at.id;
        if (random_below(5)) header.subject_id = at.header.subject_id;
        break;
    default:
        break;
    }
    /* An item id that is taken already. */
    if (number > 0 && random_below(15) == 0) {
        at = world->applied[random_below(number)];
        if (!at.header.has_account) {
            memcpy(header.item_id, at.header.item_id, ITEM_ID_SIZE);
            header.member_id = at.header.member_id;
        }
    }
    return header;
}

static inline struct event_header random_account_event(struct world *world)
{
    static const uint32_t members[] = {LENDER, LENDER, OTHER_LENDER, THIRD_LENDER, BUREAU, REGULATOR};
    enum event_type type = account_types[random_below(sizeof account_types / sizeof account_types[0])];
    uint8_t ref = (uint8_t)random_below(12);
    uint8_t subject = random_below(12) == 0 ? (uint8_t)random_below(4) : ref % 4;
    struct event_header header = next_event(world, members[random_below(6)], subject, ref, type);
    if (type == EVENT_ACCOUNT_OPEN && random_below(2)) header.account_type = ACCOUNT_INSTALMENT;
    if (type == EVENT_ACCOUNT_OPEN && random_below(3) == 0) {
        struct applied from = aim(world, is_transfer);
        if (from.header.type == EVENT_TRANSFER) {
            header.has_transfer_of = true;
            header.transfer_of = from.id;
            header.subject_id = from.header.subject_id;
            header.member_id = from.header.transferee;
            put_u32(header.account_ref + 8, (uint32_t)world->applied_count); /* a new one */
            header.account_seq = 0;
            header.account_prev = (struct digest){{0}};
        }
    } else if (type == EVENT_ACCOUNT_OPEN && random_below(2)) {
        struct applied from = aim(world, is_reservation);
        if (from.header.type == EVENT_RESERVE) {
            header.has_authorization = true;
            header.authorization = from.id;
            header.account_type = from.header.account_type;
            header.subject_id = from.header.subject_id;
            header.member_id = from.header.member_id;
        }
    }
    if (type == EVENT_PERIOD_REPORT) header.period = period_from_index(1200 + random_below(3));
    if (type == EVENT_STATUS) header.new_state = 1 + random_below(2);
    if (header.has_target) {
        struct applied at = aim(world, is_of_account);
        header.target = at.id;
        if (at.header.has_account && random_below(8)) {
            /* The account it is of, as its furnisher would go on with it. */
            struct event_header next =
                next_event(world, at.header.member_id, at.header.subject_id.bytes[0], 0, type);
            memcpy(next.account_ref, at.header.account_ref, ACCOUNT_REF_SIZE);
            const struct account *account = subject_state_account(
                &world->files[at.header.subject_id.bytes[0]], next.member_id, next.account_ref);
            next.account_seq = account != NULL ? account->next_seq : 0;
            next.account_prev = account != NULL ? account->head : (struct digest){{0}};
            next.target = at.id;
            header = next;
        }
        if (random_below(6) == 0) {
            header.has_dispute = true;
            header.dispute = aim(world, is_dispute).id;
        }
    }
    return header;
}

static inline struct event_header random_event(struct world *world)
{
    uint32_t count = (uint32_t)world->applied_count;
    if (count > 0 && random_below(20) == 0) return world->applied[random_below(count)].header; /* again */
    struct event_header header = random_below(2) ? random_item(world) : random_account_event(world);
    put_u32(header.body_commitment.bytes + 4, random_below(1000000));
    return header;
}

#endif
