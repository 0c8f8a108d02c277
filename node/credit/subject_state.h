/* Everything the credit rules read about one subject, and its one canonical encoding, whose hash is the
 * subject's summary under the state root.
 *
 * Encoding: version u8 = 2, then sections in ascending kind, empty ones left out. A section is kind u8, size
 * u32, content.
 *
 *   1 accounts: count u16, then that many accounts in ascending (member, ref):
 *     member u32 | ref 16 | state u8 | previous state u8 | type u8 | disbursed u8 | product u32 |
 *     currency u16 | next seq u32 | head 32 | ids 32 | first period u32 | bitmap size u8 | bitmap
 *
 * The first period is months since 1900-01; bit 7 of the bitmap's first byte stands for it and is set, and
 * the last byte is not zero. Without periods the first period and the bitmap's size are 0. Consents,
 * reservations and disputes are to be sections 2, 3 and 4. A subject without anything encodes to the version
 * alone. */
#ifndef TALLY_NODE_CREDIT_SUBJECT_STATE_H
#define TALLY_NODE_CREDIT_SUBJECT_STATE_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"
#include "proto/codec/event.h"
#include "proto/codec/history.h"

/* Where an account stands in its life. Numbers are encoded and never change their meaning; 2 (frozen), 6
 * (transferred) and 7 (void) are kept for the events that lead there. */
enum account_state {
    ACCOUNT_STATE_NONE = 0, /* not opened: never stored, but the previous state of an open account */
    ACCOUNT_STATE_OPEN = 1,
    ACCOUNT_STATE_CHARGED_OFF = 3,
    ACCOUNT_STATE_CLOSED = 4,  /* terminal */
    ACCOUNT_STATE_SETTLED = 5, /* terminal */
};
#define ACCOUNT_STATE_COUNT 6 /* one past the largest */

/* "OPEN" and so on; NULL for a number that is no state. */
const char *account_state_name(uint32_t state);

#define PERIOD_BITMAP_SIZE (PERIODS_PER_ACCOUNT_MAX / 8)

/* One loan or line, held by the member that furnishes it. */
struct account {
    uint32_t member_id;
    uint8_t ref[ACCOUNT_REF_SIZE];
    enum account_state state;
    enum account_state previous_state;
    enum account_type type;
    bool disbursed;
    uint32_t product;
    uint32_t currency;     /* ISO 4217 numeric */
    uint32_t next_seq;     /* events applied; at least 1 */
    struct digest head;    /* id of the newest of them */
    struct digest ids;     /* account_ids_step over the ids of all of them, by seq */
    uint32_t period_first; /* months since 1900-01 of the first reported period; 0 without any */
    uint32_t period_span; /* months from the first to the last reported period, both counted; 0 without any */
    uint8_t periods[PERIOD_BITMAP_SIZE]; /* bit 7 of byte 0 stands for period_first; zeros past the span */
};

/* Accounts are in ascending (member, ref). The memory is the struct's own. */
struct subject_state {
    uint32_t account_count; /* at most ACCOUNTS_PER_SUBJECT_MAX */
    uint32_t account_capacity;
    struct account *accounts;
};

#define SUBJECT_STATE_VERSION 2
#define ACCOUNT_ENCODED_SIZE_MAX                                                                             \
    (4 + ACCOUNT_REF_SIZE + 4 + 4 + 2 + 4 + 2 * DIGEST_SIZE + 4 + 1 + PERIOD_BITMAP_SIZE)
#define SUBJECT_STATE_SIZE_MAX (1 + 1 + 4 + 2 + ACCOUNTS_PER_SUBJECT_MAX * ACCOUNT_ENCODED_SIZE_MAX)

/* A subject of whom nothing is known. Takes no memory. */
void subject_state_init(struct subject_state *subject);
void subject_state_close(struct subject_state *subject);
/* Forgets the content and keeps the memory. */
void subject_state_clear(struct subject_state *subject);

/* Replaces the content of an initialised state by what `bytes` says. Accepts exactly what
 * subject_state_encode writes. Errors: TALLY_EFORM, TALLY_ENOMEM; the content is then empty. */
int subject_state_decode(struct span bytes, struct subject_state *subject) TALLY_MUST_CHECK;
/* Appends the canonical encoding, at most SUBJECT_STATE_SIZE_MAX bytes. */
void subject_state_encode(const struct subject_state *subject, struct buffer *out);

/* What canonical bytes say of each account's events, in the accounts' order. Errors: TALLY_EFORM,
 * TALLY_ENOMEM. */
int subject_state_chains(struct span bytes, struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX],
    uint32_t *count) TALLY_MUST_CHECK;

/* NULL when the subject has no such account. The pointer holds until an account is added. */
struct account *subject_state_account(
    const struct subject_state *subject, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE]);
/* Whether a member other than `member_id` holds an account of this ref. */
bool subject_state_ref_elsewhere(
    const struct subject_state *subject, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE]);
/* Puts a copy of `account` in its place; there is none of its (member, ref) yet (CHECKed).
 * Errors: TALLY_ELIMIT (ACCOUNTS_PER_SUBJECT_MAX are there), TALLY_ENOMEM; the state is then unchanged. */
int subject_state_add(struct subject_state *subject, const struct account *account) TALLY_MUST_CHECK;

/* Whether a valid period (yyyymm) was reported. */
bool account_period_is_set(const struct account *account, uint32_t period);
/* Notes a valid period that is not set. Errors: TALLY_ELIMIT (the first and the last reported period would
 * lie more than PERIODS_PER_ACCOUNT_MAX months apart, both counted); the account is then unchanged. */
int account_period_set(struct account *account, uint32_t period) TALLY_MUST_CHECK;

_Static_assert(PERIODS_PER_ACCOUNT_MAX % 8 == 0, "a bitmap is whole bytes");
_Static_assert(PERIOD_BITMAP_SIZE <= UINT8_MAX, "a bitmap's size fits its prefix");
_Static_assert(ACCOUNTS_PER_SUBJECT_MAX <= UINT16_MAX, "a count of accounts fits its field");

#endif
