/* What the driver's files share. */
#ifndef TALLY_NODE_REPLICA_INTERNAL_H
#define TALLY_NODE_REPLICA_INTERNAL_H

#include "node/clock_watch.h"
#include "node/commit/durable.h"
#include "node/keys/guard.h"
#include "node/range_watch.h"
#include "node/replica.h"
#include "node/vote_watch.h"

struct queued_input {
    struct queued_input *next;
    struct consensus_input input;
    struct peer_message *message; /* one reference; NULL where the input has none */
};

/* A block between commit and its being applied. */
struct committed {
    struct committed *next;
    struct candidate *candidate;
    struct block block;
    bool told;                      /* to on_final */
    struct block_header *seal_path; /* of a seal that a descendant finalized; else NULL */
    struct batch batches[];
};

/* What the vote record was given, in order: whom to tell once it is on disk. */
struct pending_record {
    struct pending_record *next;
    uint64_t durable_sequence;
    uint64_t core_sequence;     /* 0 = none of consensus's */
    struct guard_mark mark;     /* where consensus's promise was made */
    uint64_t checkpoint_height; /* 0 = no checkpoint's */
    uint64_t since_ms;
};

struct replica {
    struct replica_options options;
    const struct config *config;
    const struct digest *chain_id;
    const struct roster *roster;
    const struct verify_set *validators;
    struct consensus *consensus;
    uint32_t signer;
    bool may_vote, started;
    uint64_t votes_from; /* see replica_votes_from */
    struct candidates *candidates;
    struct vote_record *record;
    struct guard *guard;     /* beside the record */
    struct guard_mark known; /* the newest place in which this node is known here to have signed, or may sign
                              * no more */
    struct durable *durable;
    struct links *links;
    uv_timer_t *wake_timer, *ask_timer;
    struct queued_input *inputs, **inputs_end;
    struct queued_input *current;
    bool pumping, closing;
    uint64_t heard; /* validators that something came from since the core was told */
    uint64_t pumped_ms;
    struct clock_watch clocks;
    struct vote_watch votes;
    struct committed *committed, **committed_end;
    uint32_t committed_count;
    size_t committed_size; /* of their payloads, encoded */
    bool range_waits;      /* a range is to be asked for once there is room */
    uint32_t range_peer;
    uint64_t range_from;
    struct pending_record *pending, **pending_end;
    uint64_t seal_height; /* the state decided there that the epoch is to be sealed; 0 = it did not */
    struct digest next_set;
    bool seal_said; /* to the core */
    struct arena floor_arena;
    struct block floor;    /* of a floor that seals; in the arena, with its path */
    uint64_t proven_epoch; /* the FC of whose seal is at hand; 0 = none's */
    struct certificate proven;
    bool work, payload_allowed;
    bool work_changed; /* the tip or the floor moved: what waits to be proposed is another set */
    uint64_t certified_height;
    bool serving;
    uint64_t declined_view;       /* where the core was asked to wait before an empty block */
    uint64_t recorded_checkpoint; /* highest height promised, queued ones included */
    struct buffer restored_checkpoint;
    struct buffer scratch;
    uint32_t checks[PEERS_MAX]; /* under way, by peer */
    struct range_watch ranges;
    bool range_served[PEERS_MAX];
    struct held_batch **selection; /* room for BLOCK_BATCHES_MAX */
    struct digest *digests;        /* the same */
    uint64_t proposals_made, votes_cast, evidence_seen;
    uint64_t committed_ms; /* clock_now_ms of the last commit, or of opening */
    struct {
        uint64_t ms, view; /* clock_now_ms, 0 = never */
    } voices[VALIDATORS_MAX];
    char mute_reason[256]; /* "" where it may vote */
};

/* Queues an input; `message` is shared where there is one. */
void replica_feed(struct replica *replica, const struct consensus_input *input, struct peer_message *message);
/* Steps the core through what is queued, unless that is going on already, and starts the disk's commit. */
void replica_pump(struct replica *replica);
/* Asks a peer for finalized blocks, once there is room for them. */
void replica_ask_for_range(struct replica *replica, uint32_t peer, uint64_t from_height);
/* To one peer, by its seat, or PEER_ALL. */
void replica_send(struct replica *replica, uint32_t peer, enum frame_kind kind, struct span payload);

/* Signs with the node's key of this epoch, once the guard allows it. Errors: as node_signer_sign, and
 * guard_allow; it does not vote any more then, or the process ends. */
int replica_sign(struct replica *replica, const struct signing *what, const struct digest *digest,
    struct signature *signature) TALLY_MUST_CHECK;
/* From here on it follows, and does not vote (R13). */
void replica_mute(struct replica *replica, const char *reason);

/* replica_payload.c */
void replica_need_payload(struct replica *replica, const struct consensus_output *output);
/* Says what became of a candidate's payload, once consensus has asked for it and it is whole. `context` is
 * the replica. */
void replica_judge_payload(void *context, struct candidate *candidate);
/* Tells the core, if it changed, whether payload waits to be proposed. */
void replica_review_work(struct replica *replica);
void replica_propose(struct replica *replica, const struct consensus_output *output);

/* replica_seal.c */
/* R11: whether the state finds the block's next set right: says nothing before that is certified. */
enum seal_verdict { SEAL_PENDING, SEAL_RIGHT, SEAL_WRONG };
enum seal_verdict replica_judge_seal(const struct replica *replica, const struct block_header *header);
/* Tells the core, once, that the epoch is to be sealed; and candidates that waited are judged. */
void replica_review_seal(struct replica *replica);
/* Sends the FC that proved the seal of an epoch that is over. */
void replica_prove_seal(struct replica *replica, uint32_t peer, uint64_t epoch);

/* replica_disk.c */
extern const struct durable_callbacks replica_durable_callbacks;
void replica_persist(struct replica *replica, const struct consensus_output *output);
void replica_commit(struct replica *replica, const struct consensus_output *output);
/* Whether so many blocks wait to be appended and applied that taking on more must wait. */
bool replica_is_behind(const struct replica *replica);

/* replica_restore.c: opens the vote record and the core. */
int replica_restore(struct replica *replica, char *why, size_t why_size) TALLY_MUST_CHECK;

#endif
