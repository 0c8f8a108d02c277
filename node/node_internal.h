/* What the node's files share. Nobody else includes it. */
#ifndef TALLY_NODE_NODE_INTERNAL_H
#define TALLY_NODE_NODE_INTERNAL_H

#include <stdatomic.h>

#include "node/backfill.h"
#include "node/certifier.h"
#include "node/epoch_book.h"
#include "node/handover.h"
#include "node/intake.h"
#include "node/mender.h"
#include "node/newcomer.h"
#include "node/news.h"
#include "node/node.h"
#include "node/page_watch.h"
#include "node/pressure.h"
#include "node/refusals.h"
#include "node/roster.h"

#define SPLIT_TICKS 5u /* until different states of one height are no matter of who signs first */

struct node {
    uv_loop_t *loop;
    const struct config *config;
    void (*on_failed)(void *context);
    void (*on_joined)(void *context);
    void (*on_closed)(void *context);
    void *context;
    char data_dir[PATH_SIZE_MAX + 8];
    int lock;
    bool locked, failed, stopping, serving;
    bool joining; /* how it begins is not decided, or a snapshot is fetched: consensus waits */
    bool mending; /* the state waits for a lost block in an epoch before the ledger's: consensus waits */
    void *closed_context;
    uint64_t epoch; /* of the replica and the certifier */
    struct epoch_book *epochs;
    uv_timer_t *turn;                /* of epochs; NULL before the first */
    uint32_t seal_peer;              /* asked last for a seal */
    uint8_t seal_answers[PEERS_MAX]; /* by slot: seals sent since the last tick */
    bool has_votes;                  /* a sound vote record, of this epoch or the next */
    bool votes_failed;               /* one could not be made */
    uint64_t ready_ms;               /* when it last said that it is synced, */
    uint64_t ready_epoch;            /* and in which epoch; 0 = never */
    struct ledger *ledger;
    struct mempool *mempool;
    struct worker *checkers;
    struct executor *executor;
    struct certifier *certifier;
    struct replica *replica;
    struct intake *intake;
    struct mender *mender;
    struct handover *handover;
    struct backfiller *backfiller;
    struct state_config state_config;
    struct newcomer *newcomer; /* NULL where the ledger was not empty */
    struct submissions *submissions;
    struct links *links;
    uv_timer_t *tick;
    struct roster roster;                    /* peers are slots */
    atomic_uint member_id;                   /* of the slot that is this node's */
    const struct node_signer *link_signer;   /* who proves this node to its peers */
    const struct node_signer *newest_signer; /* this node's, as the register says */
    uint32_t alone_ticks;                    /* without any link */
    uint32_t stranger_ticks;         /* since it was first said that the register does not have this node */
    uint32_t linked_node[PEERS_MAX]; /* by slot: the id of the node that the links have there; 0 = none */
    uint64_t rebuilt_height;         /* what the last rebuild came up to; 0 = none */
    uint64_t split_height;           /* signed differently, and not certified; 0 = none */
    uint32_t split_ticks;            /* for how long */
    struct page_watch pages;
    struct pressure pressure;
    uint64_t batches_applied;
    struct log_limit refusals;                               /* of lines about what was ordered */
    uint64_t peer_heights[PEERS_MAX];                        /* by slot */
    struct checkpoint_vote own_vote;                         /* the newest recorded; height 0 = none */
    struct checkpoint_vote pending_votes[CERTIFIER_HEIGHTS]; /* by height: signed, being recorded */
    struct news *news;
};

/* Sends this validator's newest recorded checkpoint vote, if there is one, to a peer or to PEER_ALL. */
void node_send_own_vote(struct node *node, uint32_t peer);

/* Takes over the nodes of the register after the last block applied, and keeps a link with each of them. Not
 * from within a callback of the links. */
void node_take_register(struct node *node);

/* node_key.c */

/* Who votes for this node in this epoch; NULL where nobody does. */
const struct node_signer *node_epoch_signer(const struct node *node);
/* With the newest key that the register has of this node, where that is known here; else with node.key. */
const struct node_signer *node_newest_signer(const struct node *node);
/* Reads node.key.next, if it is there and was not read yet. */
void node_look_for_next_key(struct node *node);
/* Goes over to the key that the register says, as far as that is due. The roster is the register's. */
void node_take_key(struct node *node, const struct member_register *nodes);
/* Once a second: where there is no link at all, the peers may know this node by its other key. */
void node_watch_key(struct node *node);

/* node_trust.c */

/* The height of the checkpoint that this node was told to trust, until it has come there; then 0, and without
 * one. */
uint64_t node_trust_awaited(const struct node *node);
/* Once the state is open, before the loop runs. Errors: TALLY_EINVALID (the trusted checkpoint is
 * contradicted there): `why` is one sentence. */
int node_trust_open(struct node *node, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Where what came of a block contradicts the trusted checkpoint, the node fails. */
void node_trust_look(struct node *node, const struct checkpoint *applied);

/* Once a second: says once a minute that the register does not have this node, where that is so. */
void node_watch_membership(struct node *node);

/* node_facts.c: to those who follow. */
void node_tell_news(struct node *node);

/* Once a second. */
void node_look_at_pressure(struct node *node);

/* node.c */
extern const struct certifier_callbacks node_certifier_callbacks;
extern const struct replica_callbacks node_replica_callbacks;
void node_fail(struct node *node, const char *what, int error);
void node_update_work(struct node *node);
void node_set_keepalive(struct node *node);

/* node_epoch.c */

/* Once the state and the ledger are open: which epoch goes on, and who is in it. */
int node_open_epochs(struct node *node) TALLY_MUST_CHECK;
void node_close_epochs(struct node *node);
/* Opens the epoch's replica and certifier; `certified` is the newest certified height. */
int node_open_epoch(struct node *node, uint64_t certified, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Once the replica is started: takes up an end of the epoch that a crash cut short. */
void node_resume_epoch(struct node *node);
/* Tells the replica where the state wants the epoch sealed. */
void node_want_seal(struct node *node);
/* The checkpoint that seals this epoch is certified, and was queued with the executor. */
void node_seal_certified(struct node *node, const struct certified_checkpoint *checkpoint);
/* What the executor calls. */
void node_on_seal_kept(void *context, uint64_t epoch);
/* Once a second. */
void node_ask_for_seal(struct node *node);
void node_prepare_to_vote(struct node *node);
void node_look_ready(struct node *node); /* node_ready.c */
/* How an epoch ended, where it is known here; a peer that was told often in this second is not told. */
void node_send_seal(struct node *node, uint32_t peer, uint64_t epoch);
void node_receive_seal_request(struct node *node, uint32_t peer, struct span payload);
void node_receive_seal(struct node *node, uint32_t peer, struct span payload);
/* The state was made anew, and has none. */
void node_keep_seals_again(void *context);

/* What links call; `context` is the node. */
void node_on_up(void *context, uint32_t peer);
void node_on_down(void *context, uint32_t peer, const char *reason);
void node_on_frame(void *context, uint32_t peer, enum frame_kind kind, struct span payload);
/* What the mender did not ask for. */
void node_on_other_range(void *context, uint32_t peer, struct span range);

#endif
