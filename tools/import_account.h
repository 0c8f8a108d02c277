/* The accounts an import touches: where each one's chain of events stands on the ledger. */
#ifndef TALLY_TOOLS_IMPORT_ACCOUNT_H
#define TALLY_TOOLS_IMPORT_ACCOUNT_H

#include "proto/codec/event.h"

#define IMPORT_ACCOUNTS_MAX (1u << 22)

struct import_account {
    uint8_t ref[ACCOUNT_REF_SIZE];
    bool asked; /* the node has told what it holds */
    bool has_lane;
    uint32_t lane; /* of the import, for all of its events */
    bool stale;    /* what is known here may be behind the ledger: ask again before building */
    uint32_t next_seq;
    struct digest head; /* id of the newest applied event; zeros before the first */
    uint32_t refreshes; /* since an event was last applied */
    uint64_t built_in;  /* the batch that build_* belong to */
    uint32_t build_seq; /* what the next event of that batch gets */
    struct digest build_head;
    uint64_t failed_in;     /* the batch in which an event was refused: its later events there say nothing */
    struct digest *applied; /* commitments of the events the node told of */
    uint32_t applied_count, applied_next;
};

struct import_accounts {
    struct import_account **slots; /* open addressing, at most half full; owns what it points to */
    size_t capacity;
    size_t count;
};

void import_accounts_init(struct import_accounts *accounts);
void import_accounts_close(struct import_accounts *accounts);

/* Finds the account, or adds it; it stays where it is. NULL where memory or IMPORT_ACCOUNTS_MAX is spent. */
struct import_account *import_account_get(
    struct import_accounts *accounts, const uint8_t ref[ACCOUNT_REF_SIZE]);
/* NULL where it was never added. */
struct import_account *import_account_find(
    const struct import_accounts *accounts, const uint8_t ref[ACCOUNT_REF_SIZE]);
/* A number spread evenly over accounts. */
uint64_t import_account_hash(const uint8_t ref[ACCOUNT_REF_SIZE]);

/* Forgets what is known, as for an account the node does not hold. */
void import_account_reset(struct import_account *account);
/* Takes over an array from malloc. */
void import_account_applied_take(struct import_account *account, struct digest *applied, uint32_t count);
/* Whether the node told of an event with this commitment. Cheapest when asked in the order of the account's
 * events. */
bool import_account_is_applied(struct import_account *account, const struct digest *commitment);

#endif
