/* The driver: one replica of consensus, carried out over the links, the disk and the mempool. Feeds the core
 * its inputs, carries its outputs out in order, and keeps what they name: candidate blocks, their payloads,
 * blocks on their way into the ledger. It is of one epoch: once that is sealed, and the seal's checkpoint
 * certified, it is stopped, and another is opened for the next.
 *
 * Peers are slots in the calls here, and seats within (node/roster.h). Everything on the loop's thread. */
#ifndef TALLY_NODE_REPLICA_H
#define TALLY_NODE_REPLICA_H

#include "node/candidates.h"
#include "node/config.h"
#include "node/epoch_book.h"
#include "node/jobs/worker.h"
#include "node/net/links.h"
#include "node/roster.h"
#include "storage/ledger.h"
#include "storage/vote_record.h"

struct replica;

struct replica_callbacks {
    /* A block is final and on disk. In height order. It stays until replica_release of its height. */
    void (*on_final)(void *context, const struct block *block);
    /* The promise to sign the checkpoint of `height` is on disk, with what was given to
     * replica_record_checkpoint. */
    void (*on_checkpoint_recorded)(void *context, uint64_t height);
    /* The disk failed; the process must end. `what` is constant. */
    void (*on_failed)(void *context, const char *what, int error);
};

/* Everything is borrowed and outlives the replica. */
struct replica_options {
    uv_loop_t *loop;
    const struct config *config;
    const struct node_signer *signer; /* who votes here in this epoch; NULL where the roster says nobody */
    const struct roster *roster;      /* its validators are this epoch's, as long as the replica is open */
    const struct epoch_book *epochs;  /* by which those in older ones are helped on */
    uint32_t base_timeout_ms, heartbeat_ms; /* the epoch's */
    bool waits; /* the ledger's head is of another epoch: never started, it knows nothing */
    struct mempool *mempool;
    struct ledger *ledger;
    const char *data_dir;
    struct worker *checkers; /* where signatures are checked and ranges read */
    const struct replica_callbacks *callbacks;
    void *context;
};

/* Opens the vote record in data_dir, restores what it holds, and starts the core at the ledger's head, which
 * is of this epoch or seals the one before. Where a validator's record is missing or damaged, or begins with
 * a later epoch, it follows and does not vote, and says so (R13). On an error `why` is one sentence. */
int replica_open(const struct replica_options *options, struct replica **replica, char *why,
    size_t why_size) TALLY_MUST_CHECK;
/* From here on the core hears nothing more, so that no new check is asked for. NULL is fine. */
void replica_stop(struct replica *replica);
/* Whether nothing that was given to the checkers is still under way; once stopped it stays so. */
bool replica_is_idle(const struct replica *replica);
/* Commits what was queued; nothing calls back any more. The checkers are idle by then. */
void replica_close(struct replica *replica);
/* From here on it speaks: the links are the caller's and outlive the replica. */
void replica_start(struct replica *replica, struct links *links);

/* A frame of a kind that peer_message_is_kind. */
void replica_frame(struct replica *replica, uint32_t peer, enum frame_kind kind, struct span payload);
/* A frame of any kind came from the peer, a keepalive or another (R8). */
void replica_heard(struct replica *replica, uint32_t peer, bool keepalive);
void replica_link_up(struct replica *replica, uint32_t peer);
void replica_link_down(struct replica *replica, uint32_t peer);
/* The mempool holds a batch: candidates that lacked it are completed. */
void replica_batch_arrived(struct replica *replica, struct held_batch *batch);
/* Whether a candidate lacks a batch: then one that comes is judged as ordered, not as flooded. */
bool replica_lacks_batches(const struct replica *replica);
/* What may be proposed has changed: the mempool, the newest certified height, or whether the node serves. */
void replica_update_work(struct replica *replica, uint64_t certified_height, bool serving);
/* The state decided at `height`, once that is certified, that the epoch is to be sealed, and that this is the
 * hash of the next one's validators: it never changes again. */
void replica_want_seal(struct replica *replica, uint64_t height, const struct digest *next_set);
/* The block of this height was applied: its memory may go. In height order. */
void replica_release(struct replica *replica, uint64_t height);

/* The epoch from which on this node's vote record is complete; UINT64_MAX where it has none that is sound. */
uint64_t replica_votes_from(const struct replica *replica);
/* Whether this node votes: a validator with a sound vote record. */
bool replica_may_vote(const struct replica *replica);
/* Records the promise to sign the checkpoint of `height` (the block's view is `view`), with the
 * CheckpointVote message that carries the signature; on_checkpoint_recorded follows, and only then may it
 * leave. TALLY_EEXISTS where that height, or a higher one, was promised before. */
int replica_record_checkpoint(
    struct replica *replica, uint64_t height, uint64_t view, struct span vote) TALLY_MUST_CHECK;
/* The newest CheckpointVote found in the vote record at open; empty where there was none. */
struct span replica_restored_checkpoint(const struct replica *replica);

struct replica_status {
    struct consensus_status consensus;
    uint64_t proposals_made, votes_cast, evidence_seen;
    uint64_t committed_ms_ago; /* the last block that became final here, or the start */
    uint64_t disk_ms; /* how long the oldest of what goes to the vote record has waited; 0 = nothing does */
    uint64_t work_ms; /* how long there has been work without a pause; 0 = there is none */
    bool payload_allowed;    /* certification keeps up, and the state is whole */
    bool is_behind;          /* so many final blocks wait to be applied that taking on more must wait */
    const char *mute_reason; /* why a validator may not vote (R13); NULL where it may, and in an observer */
};
void replica_status(const struct replica *replica, struct replica_status *status);

/* The newest vote or proposal of a validator that was new here and verified. */
struct replica_voice {
    uint64_t ms_ago; /* UINT64_MAX = none since the start */
    uint64_t view;
};
struct replica_voice replica_voice(const struct replica *replica, uint32_t validator); /* by its seat */

#endif
