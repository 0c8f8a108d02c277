/* One node: everything in a home, put together and run on one loop. */
#ifndef TALLY_NODE_NODE_H
#define TALLY_NODE_NODE_H

#include "node/backfill.h"
#include "node/commit/executor.h"
#include "node/config.h"
#include "node/net/links.h"
#include "node/news.h"
#include "node/pressure.h"
#include "node/replica.h"
#include "node/standing.h"
#include "node/submissions.h"

struct node;

/* Makes HOME/data and, for a validator, its vote record: the first start of a validator alone, ever (R13). An
 * observer has nothing to make but the directory. On an error `why` is one sentence. Errors: TALLY_EEXISTS
 * (it was started before), and what the disk says. */
int node_init(const struct config *config, char *why, size_t why_size) TALLY_MUST_CHECK;

/* From the loop, each at most once; the owner must retire the node and close it. */
struct node_callbacks {
    /* It cannot go on. */
    void (*on_failed)(void *context);
    /* It has fetched what it begins with, and goes on from there once it is opened again. */
    void (*on_joined)(void *context);
};

/* Opens the home's data, brings the state up to the ledger's head, and starts the links. A node whose ledger
 * is empty then asks its peers for a snapshot to begin with (node/newcomer.h). `config` is borrowed. On an
 * error `why` is one sentence. */
int node_open(uv_loop_t *loop, const struct config *config, const struct node_callbacks *callbacks,
    void *context, struct node **node, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Takes no more messages and answers no more reads: the first half of stopping, before its services close. */
void node_retire(struct node *node);
/* Writes down what there is and lets go of the loop, once nothing uses the node any more. `on_closed` comes
 * from the loop when all of it is freed. */
void node_close(struct node *node, void (*on_closed)(void *context), void *context);

/* ---- For the services ---- */

const struct config *node_config(const struct node *node);
/* Whose node this is, as the register after the last block applied says; 0 = nobody's yet, or no longer. On
 * any thread. */
uint32_t node_member_id(const struct node *node);
/* Whether it votes in this epoch, if it can. */
bool node_is_validator(const struct node *node);
struct executor *node_executor(struct node *node);
struct submissions *node_submissions(struct node *node);
/* False while the node joins, and while its state is being rebuilt after a divergence: nothing is answered
 * from it. The sentence says which. */
bool node_is_serving(const struct node *node);
const char *node_why_not_serving(const struct node *node);
/* Up to which height its state was computed anew, because it had been wrong; 0 = never. On the loop. */
uint64_t node_rebuilt_height(const struct node *node);
/* How far older blocks have come that a snapshot did not bring. On the loop. */
void node_backfill(const struct node *node, struct backfill_status *status);

/* Whether batches of clients are taken now: see node/pressure.h. */
enum pressure_cause node_pressure(const struct node *node, uint32_t *retry_ms);
/* When a client may come back whose batch the mempool had no room for. */
uint32_t node_full_retry_ms(const struct node *node);

struct node_peer {
    const char *name;
    const struct public_key *key;
    bool is_validator, up;
    uint64_t finalized_height; /* as it last said; 0 = not yet */
    uint64_t heard_ms_ago;     /* UINT64_MAX = never */
    struct links_status link;
};

struct node_status {
    struct replica_status replica;
    uint64_t epoch;
    struct checkpoint applied; /* after the last applied block; height 0 = none */
    struct state_counts counts;
    bool has_certified;
    struct certified_checkpoint certified;
    struct mempool_status mempool;
    bool may_vote;
};
void node_status(struct node *node, struct node_status *status);
/* How it stands: see node/standing.h. `validators` has room for all, and is what the facts point at. */
void node_standing_facts(
    struct node *node, struct standing_validator validators[VALIDATORS_MAX], struct standing_facts *facts);
/* Every node of the network but this one, as the register has them. Returns how many; names and keys are
 * borrowed until the loop runs on. */
uint32_t node_peers(const struct node *node, struct node_peer peers[PEERS_MAX]);

/* What is counted of a node that is a validator in this epoch, or was in an earlier one of this process. */
struct node_voter {
    const char *name;
    struct replica_voice spoken; /* in this epoch */
    const struct validator_meters *meters;
};
/* Returns how many; each has another name. Borrowed until the loop runs on. */
uint32_t node_voters(const struct node *node, struct node_voter voters[PEERS_MAX]);

/* Where to follow: told of blocks that were applied, and of certified checkpoints that are kept. Borrowed. */
struct news *node_news(struct node *node);
/* How far that follower may read now. */
struct news_heights node_news_told(const struct node *node, const struct news_follower *follower);

#endif
