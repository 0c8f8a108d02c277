/* One loan or line in a subject's file: where it stands in its life, how it came there, and which months were
 * reported. */
#ifndef TALLY_NODE_CREDIT_ACCOUNT_H
#define TALLY_NODE_CREDIT_ACCOUNT_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"
#include "proto/codec/event.h"

/* Where an account stands in its life. Numbers are encoded and never change their meaning. */
enum account_state {
    ACCOUNT_STATE_NONE = 0, /* not opened: never stored */
    ACCOUNT_STATE_OPEN = 1,
    ACCOUNT_STATE_FROZEN = 2, /* revolving only */
    ACCOUNT_STATE_CHARGED_OFF = 3,
    ACCOUNT_STATE_CLOSED = 4,      /* terminal, as are all that follow */
    ACCOUNT_STATE_SETTLED = 5,     /* closed after it was charged off */
    ACCOUNT_STATE_TRANSFERRED = 6, /* to another member, whose linked opening goes on with it */
    ACCOUNT_STATE_VOID = 7,        /* opened by mistake, and the opening taken back */
};
#define ACCOUNT_STATE_COUNT 8 /* one past the largest */

/* "OPEN" and so on; NULL for a number that is no state. */
const char *account_state_name(uint32_t state);

#define PERIOD_BITMAP_SIZE (PERIODS_PER_ACCOUNT_MAX / 8)
/* How many changes of state an account remembers, so that they can be taken back, newest first. */
#define ACCOUNT_TURNS_MAX 8

/* An event in force that changed the account's state, and the state before it. */
struct account_turn {
    enum account_state before;
    struct digest event_id;
};

struct account {
    uint32_t member_id; /* who holds and furnishes it */
    uint8_t ref[ACCOUNT_REF_SIZE];
    enum account_state state;
    enum account_type type;
    uint32_t product;
    uint32_t currency; /* ISO 4217 numeric */
    /* The day from which the policy's cooling-off runs, days since 1970: the block's of an opening under an
     * authorization, else the opening's own date; of a linked opening, the transferred account's. */
    int32_t opened_day;
    int64_t reserved_minor; /* what its authorization was used for; 0 without one, or without an amount */
    uint32_t next_seq;      /* events applied; at least 1 */
    uint32_t in_force;      /* of them, without corrections and retractions, those not retracted */
    uint32_t disbursements; /* of those in force, the disbursements; 1 more for a loan taken over paid out */
    struct digest head;     /* id of the newest event */
    struct digest ids;      /* account_ids_step over all of them, by seq */
    uint32_t transferee;    /* TRANSFERRED: the member that may go on with it; else 0 */
    bool taken_over;        /* TRANSFERRED: the linked opening was applied */
    /* The newest changes of state after the opening, oldest first. The oldest is forgotten when there are
     * more. */
    uint8_t turn_count;
    struct account_turn turns[ACCOUNT_TURNS_MAX];
    uint32_t period_first; /* months since 1900-01 of the first reported period; 0 without any */
    uint32_t period_span; /* months from the first to the last reported period, both counted; 0 without any */
    uint8_t periods[PERIOD_BITMAP_SIZE]; /* bit 7 of byte 0 stands for period_first; zeros past the span */
};

/* Less than zero, zero or more, as `account` comes before, is or comes after (member, ref). */
int account_compare(const struct account *account, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE]);

/* Whether the subject still owes, or may come to owe, on it: open, frozen or charged off, or transferred and
 * not yet taken over. */
bool account_is_active(const struct account *account);

/* Changes the state by an event. `next` is not the state it is in. */
void account_turn_take(struct account *account, enum account_state next, const struct digest *event_id);
/* The newest change of state that is remembered; NULL when there is none. */
const struct account_turn *account_turn_newest(const struct account *account);
/* Brings back the state before the newest remembered change, which there is (CHECKed). */
void account_turn_back(struct account *account);

/* Whether a valid period (yyyymm) was reported. */
bool account_period_is_set(const struct account *account, uint32_t period);
/* Notes a valid period that is not set. Errors: TALLY_ELIMIT (the first and the last reported period would
 * lie more than PERIODS_PER_ACCOUNT_MAX months apart, both counted); the account is then unchanged. */
int account_period_set(struct account *account, uint32_t period) TALLY_MUST_CHECK;
/* Forgets a period that is set (CHECKed). */
void account_period_clear(struct account *account, uint32_t period);

/* The canonical encoding; see subject_state.h. */
#define ACCOUNT_ENCODED_SIZE_MIN                                                                             \
    (4 + ACCOUNT_REF_SIZE + 1 + 1 + 4 + 2 + 4 + 8 + 4 + 4 + 4 + 2 * DIGEST_SIZE + 4 + 1 + 1 + 4 + 1)
#define ACCOUNT_ENCODED_SIZE_MAX                                                                             \
    (ACCOUNT_ENCODED_SIZE_MIN + ACCOUNT_TURNS_MAX * (1 + DIGEST_SIZE) + PERIOD_BITMAP_SIZE)
size_t account_encoded_size(const struct account *account);
void account_encode(const struct account *account, struct buffer *out);
/* Accepts exactly what account_encode writes of an account that the rules can have made. Errors: TALLY_EFORM;
 * *account is then unspecified. */
int account_decode(struct reader *reader, struct account *account) TALLY_MUST_CHECK;

_Static_assert(PERIODS_PER_ACCOUNT_MAX % 8 == 0, "a bitmap is whole bytes");
_Static_assert(PERIOD_BITMAP_SIZE <= UINT8_MAX, "a bitmap's size fits its prefix");

#endif
