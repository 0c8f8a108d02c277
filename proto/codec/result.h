/* Results of ordered events, and what of them is hashed. Codes are stable: a number never changes its
 * meaning. */
#ifndef TALLY_CODEC_RESULT_H
#define TALLY_CODEC_RESULT_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

/* Where a code has no detail named here, it has none. No detail names a member, or an event of a member other
 * than the one it answers. */
enum result_code {
    RESULT_OK = 0,        /* of a RESERVE: granted; its authorization number is its own event id */
    RESULT_DUPLICATE = 1, /* the same event was applied before: a success */
    RESULT_CONFLICT = 2,  /* another event holds this seq; detail: its id */
    RESULT_GAP = 3,       /* seq or head is not the account's next; detail: expected seq u32, head id */
    RESULT_PAST = 4,
    RESULT_NOT_HOLDER = 5,
    RESULT_WRONG_SUBJECT = 6,
    RESULT_WRONG_STATE = 7,
    RESULT_PERIOD_TAKEN = 8,
    RESULT_FUTURE_DATE = 9,
    RESULT_NO_TARGET = 10,
    RESULT_STALE_TARGET = 11, /* detail, where a CORRECT aims at the target: its id; else none */
    RESULT_NO_AUTHORIZATION = 12,
    RESULT_AUTHORIZATION_MISMATCH = 13,
    RESULT_REFUSED_CAP = 14, /* detail: enum refusal_reason u8 */
    RESULT_REFUSED_COOLING_OFF = 15,
    RESULT_NO_CONSENT = 16,
    RESULT_ITEM_TAKEN = 17, /* detail: id of the event that used it up */
    RESULT_NOT_ALLOWED = 18,
    RESULT_SUSPENDED = 19,
    RESULT_KEY_REVOKED = 20,
    RESULT_BATCH_REPLAYED = 21,
    RESULT_BATCH_EXPIRED = 22,
    RESULT_ACCOUNT_LIMIT = 23, /* the subject's file, or the account's periods, would pass a bound */
};

/* Which of the policy's caps refuses a reservation. Numbers never change their meaning. */
enum refusal_reason {
    REFUSAL_RESERVATIONS = 1, /* as many live reservations as there may be */
    REFUSAL_LENDERS = 2,      /* one lender more than there may be */
    REFUSAL_ACCOUNTS = 3,     /* one account more than there may be */
    REFUSAL_AMOUNT = 4,       /* more than may be lent in the currency, or no amount where that is capped */
    REFUSAL_LIFE = 5,         /* it would live longer than it may, or is over already */
};
/* "LENDERS" and so on; "UNKNOWN" for a number that is none. */
const char *refusal_name(uint32_t reason);
/* One sentence for people. */
const char *refusal_sentence(uint32_t reason);

/* The code's name, "OK" and so on; NULL for a number that is none. */
const char *result_name(uint32_t code);
/* One sentence for people. */
const char *result_sentence(uint32_t code);

struct event_result {
    uint16_t code;
    uint8_t detail_size; /* at most RESULT_DETAIL_SIZE_MAX */
    uint8_t detail[RESULT_DETAIL_SIZE_MAX];
};

/* H(tag | height | index | event id | result | detail): a leaf's data under results_root. */
struct digest result_leaf(
    uint64_t height, uint32_t index, const struct digest *event_id, const struct event_result *result);
/* H(tag | block hash | time | state_root | results_root): a leaf's data under history_root. */
struct digest history_leaf(const struct digest *block, uint64_t time_ms, const struct digest *state,
    const struct digest *results_root);
/* H(tag | subjects map | members | policy | replay window | counts). */
struct state_parts {
    struct digest subjects_root, members_root, policy_root, replay_root, counts_root;
};
struct digest state_root(const struct state_parts *parts);

#endif
