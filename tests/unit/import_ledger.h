/* A ledger in memory behind the importer's wire: applies batches by the rules of account chains and of item
 * ids, answers them in an order of its own, and fails where a test asks it to. */
#ifndef TALLY_TESTS_IMPORT_LEDGER_H
#define TALLY_TESTS_IMPORT_LEDGER_H

#include "tools/import_run.h"

#define LEDGER_ACCOUNTS_MAX 4096
#define LEDGER_EVENTS_MAX 64 /* of one account */
#define LEDGER_ITEMS_MAX 4096

struct toy_ledger_account {
    uint8_t ref[ACCOUNT_REF_SIZE];
    uint32_t count;
    struct digest ids[LEDGER_EVENTS_MAX];
    struct event_header headers[LEDGER_EVENTS_MAX];
};

struct toy_ledger_item {
    struct digest id;
    struct event_header header;
    bool applied;
    uint32_t said; /* of a STATEMENT: the number its text is */
};

struct toy_ledger_call {
    uint32_t lane;
    struct buffer request;
};

struct toy_ledger {
    struct digest chain_id;
    struct toy_ledger_account *accounts;
    uint32_t account_count;
    struct toy_ledger_item *items; /* in the order they came */
    uint32_t item_count;
    struct toy_ledger_call calls[IMPORT_LANES];
    uint32_t call_count, calls_in_flight_most;
    struct buffer reply;
    uint64_t random;
    uint32_t batches, events_seen, lookups;
    /* Faults: every is off at 0. */
    uint32_t busy_until_batch; /* the first so many calls are answered RESOURCE_EXHAUSTED */
    uint32_t silent_batch;     /* this call is applied, but times out */
    uint32_t lost_batch;       /* at this call the connection is lost */
    uint32_t expired_batch;    /* this call's events are all BATCH_EXPIRED */
    bool caps;                 /* every RESERVE is refused by a cap, and uses its item up */
    int64_t refused_amount;    /* a PAYMENT of this amount is refused at admission */
    uint32_t foreign_before;   /* before this batch another import of the member adds an event to its first
                                  account */
    bool lost;
};

void toy_ledger_init(struct toy_ledger *ledger, const struct digest *chain_id);
void toy_ledger_close(struct toy_ledger *ledger);
struct import_wire toy_ledger_wire(struct toy_ledger *ledger);
/* All applied events. */
uint64_t toy_ledger_events(const struct toy_ledger *ledger);
/* NULL where there is none. */
struct toy_ledger_account *toy_ledger_account_find(
    const struct toy_ledger *ledger, const uint8_t ref[ACCOUNT_REF_SIZE]);

#endif
