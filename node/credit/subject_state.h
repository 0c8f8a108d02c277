/* Everything the credit rules read about one subject, and its one canonical encoding, whose hash is the
 * subject's summary under the state root.
 *
 * Encoding: version u8 = 3, then sections in ascending kind, empty ones left out. A section is kind u8, size
 * u32, content. Ids are those of events, and records of sections 2 to 4 stand in ascending id.
 *
 *   1 accounts: count u16, then that many accounts in ascending (member, ref):
 *     member u32 | ref 16 | state u8 | type u8 | product u32 | currency u16 | opened day i32 |
 *     reserved i64 | next seq u32 | in force u32 | disbursements u32 | head 32 | ids 32 | transferee u32 |
 *     taken over u8 | turn count u8 | of each turn: state before u8, id 32 | first period u32 |
 *     bitmap size u8 | bitmap
 *   2 consents: count u16, then of each:
 *     id 32 | grantee u32 | purposes u32 | valid from i32 | valid until i32 | uses left u32 |
 *     last use ms u64
 *   3 reservations: count u16, then of each:
 *     id 32 | member u32 | account type u8 | currency u16 | has amount u8 | amount i64 | expires ms u64
 *   4 open disputes: count u16, then of each:
 *     id 32 | opener u32 | author u32
 *   5 items, once there was one: count u32 | ids 32
 *
 * The first period is months since 1900-01; bit 7 of the bitmap's first byte stands for it and is set, and
 * the last byte is not zero. Without periods the first period and the bitmap's size are 0. A flag is 0 or 1,
 * and an amount that is absent is 0. A subject without anything encodes to the version alone. */
#ifndef TALLY_NODE_CREDIT_SUBJECT_STATE_H
#define TALLY_NODE_CREDIT_SUBJECT_STATE_H

#include "node/credit/account.h"
#include "node/credit/record_list.h"
#include "proto/codec/history.h"

/* Bounds of a file that no policy can lift. Those of one member keep it from filling a file alone. */
#define CONSENTS_PER_SUBJECT_MAX 256u
#define CONSENTS_PER_GRANTEE_MAX 16u
#define RESERVATIONS_PER_SUBJECT_MAX 64u
#define DISPUTES_PER_SUBJECT_MAX 128u
#define DISPUTES_PER_OPENER_MAX 16u

/* A consent that was not revoked. */
struct consent {
    struct digest id; /* of the CONSENT_GRANT */
    uint32_t grantee; /* member id */
    uint32_t purposes;
    int32_t valid_from, valid_until; /* days since 1970, both included */
    uint32_t uses_left;
    uint64_t last_use_ms; /* the block time of the newest inquiry under it; 0 before the first */
};

/* A reservation that was granted and is neither used up nor cancelled. It lives until `expires_ms`; a lapsed
 * one may still be in the list, and counts for nothing. */
struct reservation {
    struct digest id; /* of the RESERVE: the authorization number */
    uint32_t member_id;
    enum account_type account_type;
    uint32_t currency;
    bool has_amount;
    int64_t amount_minor;
    uint64_t expires_ms;
};

/* A dispute that was opened and not closed. */
struct dispute {
    struct digest id; /* of the DISPUTE_OPEN */
    uint32_t opener;  /* member id */
    uint32_t author;  /* member id: who wrote what is disputed */
};

/* All zeros is a subject of whom nothing is known. */
struct subject_state {
    uint32_t account_count; /* at most ACCOUNTS_PER_SUBJECT_MAX */
    uint32_t account_capacity;
    struct account *accounts;        /* in ascending (member, ref); the struct's own */
    struct record_list consents;     /* of struct consent, at most CONSENTS_PER_SUBJECT_MAX */
    struct record_list reservations; /* of struct reservation, at most RESERVATIONS_PER_SUBJECT_MAX */
    struct record_list disputes;     /* of struct dispute, at most DISPUTES_PER_SUBJECT_MAX */
    uint32_t item_count;             /* folded events that have an item id */
    struct digest item_ids;          /* item_ids_step over all of them, in the order of the fold */
};

#define SUBJECT_STATE_VERSION 3
#define SECTION_HEADER_SIZE (1 + 4)
#define CONSENT_ENCODED_SIZE (DIGEST_SIZE + 5 * 4 + 8)
#define RESERVATION_ENCODED_SIZE (DIGEST_SIZE + 4 + 1 + 2 + 1 + 8 + 8)
#define DISPUTE_ENCODED_SIZE (DIGEST_SIZE + 4 + 4)
#define SUBJECT_STATE_SIZE_MAX                                                                               \
    (1 + 5 * SECTION_HEADER_SIZE + 4 * 2 + ACCOUNTS_PER_SUBJECT_MAX * ACCOUNT_ENCODED_SIZE_MAX +             \
        CONSENTS_PER_SUBJECT_MAX * CONSENT_ENCODED_SIZE +                                                    \
        RESERVATIONS_PER_SUBJECT_MAX * RESERVATION_ENCODED_SIZE +                                            \
        DISPUTES_PER_SUBJECT_MAX * DISPUTE_ENCODED_SIZE + 4 + DIGEST_SIZE)

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

/* What canonical bytes say of each account's events, in the accounts' order, and of those with an item id.
 * Errors: TALLY_EFORM, TALLY_ENOMEM. */
int subject_state_chains(struct span bytes, struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX],
    uint32_t *count, struct item_chain *items) TALLY_MUST_CHECK;

/* NULL when the subject has no such account. The pointer holds until an account is added. */
struct account *subject_state_account(
    const struct subject_state *subject, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE]);
/* Whether a member other than `member_id` holds an account of this ref. */
bool subject_state_ref_elsewhere(
    const struct subject_state *subject, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE]);
/* The account that the event `transfer_id` transferred; NULL when there is none. Holds as the above. */
struct account *subject_state_transferred(
    const struct subject_state *subject, const struct digest *transfer_id);
/* Puts a copy of `account` in its place; there is none of its (member, ref) yet (CHECKed).
 * Errors: TALLY_ELIMIT (ACCOUNTS_PER_SUBJECT_MAX are there), TALLY_ENOMEM; the state is then unchanged. */
int subject_state_add(struct subject_state *subject, const struct account *account) TALLY_MUST_CHECK;
/* Makes room for `count` accounts in all. Errors: TALLY_ENOMEM; the state is then unchanged. */
int subject_state_reserve(struct subject_state *subject, uint32_t count) TALLY_MUST_CHECK;

static inline struct consent *consent_at(const struct subject_state *subject, uint32_t index)
{
    return record_list_at(&subject->consents, sizeof(struct consent), index);
}

static inline struct reservation *reservation_at(const struct subject_state *subject, uint32_t index)
{
    return record_list_at(&subject->reservations, sizeof(struct reservation), index);
}

static inline struct dispute *dispute_at(const struct subject_state *subject, uint32_t index)
{
    return record_list_at(&subject->disputes, sizeof(struct dispute), index);
}

_Static_assert(ACCOUNTS_PER_SUBJECT_MAX <= UINT16_MAX, "a count of accounts fits its field");
_Static_assert(CONSENTS_PER_SUBJECT_MAX <= UINT16_MAX, "a count of consents fits its field");

#endif
