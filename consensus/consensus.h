/* Agreement: accountable Simplex as a pure state machine. One object is one replica in one epoch.
 *
 * It ends when it commits a block that seals the epoch (R11): from then on it only helps those who are
 * behind. The caller goes on with it until the seal's checkpoint is certified, then opens one for the next
 * epoch, whose floor is the sealing block at view 0, and feeds it the links that are up.
 * The two share nothing: what the old one asked for is not answered to the new one, sequences of records
 * count from 1 in each, and a view means something only together with its epoch.
 *
 * The caller feeds inputs and carries out outputs; nothing else happens. The core reads no clock, touches no
 * socket and no disk, holds no key, hashes nothing, and takes all its memory when it is opened. The same
 * inputs give the same outputs, on every machine.
 *
 * The contract, for each input:
 *   1. consensus_step() with it.
 *   2. consensus_next_output() until it returns NULL (checked at the next step), carrying out each output in
 * that order. Carrying one out may make inputs (a signature, a verdict, a durable-ack): feed them after the
 * last output, now or in a later turn of the loop. Records may be synced together, once for all inputs of a
 * turn.
 *   3. Come back at consensus_wake_ms() with INPUT_TIME, or sooner with anything else.
 * The first step ever starts the replica: it emits OUTPUT_ENTERED with CAUSE_START.
 *
 * Persist before send holds by construction: the core emits OUTPUT_PERSIST, and sends (and counts for itself)
 * what that record promises only after INPUT_DURABLE has acknowledged it. The caller need only never
 * acknowledge early.
 *
 * The rules R0 to R15 are in consensus/RULES.md; the code quotes each where it carries it out.
 */
#ifndef TALLY_CONSENSUS_CONSENSUS_H
#define TALLY_CONSENSUS_CONSENSUS_H

#include "proto/base/agreement.h"

/* Sends to every peer, observers included. */
#define PEER_ALL UINT32_MAX
/* This replica's `signer` in an observer: it verifies everything and is never counted (R15). */
#define SIGNER_NONE UINT32_MAX

struct consensus;

/* Peers are numbered by the caller: validators by their index in the set, so that peer i is validator i, then
 * observers from set.count on. A replica never receives from itself. */
struct consensus_config {
    struct digest chain_id;
    struct validator_set set; /* sorted by key; count says n */
    uint32_t signer;          /* this replica's index, or SIGNER_NONE */
    uint32_t peer_count;      /* set.count + observers, at most PEERS_MAX */
    bool may_vote;            /* false where the vote record was lost or restored (R13): follow only */
    uint32_t base_timeout_ms; /* D: 1 to 30,000 */
    uint32_t heartbeat_ms;    /* 0 = off (R9) */
    uint64_t seed;            /* for rotating whom to ask; never reaches what is signed */
};

/* ---- What must survive a crash. The caller stores records verbatim and gives them back in the order stored.
 * ---- */

enum consensus_record_kind {
    RECORD_PROPOSAL = 1, /* own proposal: with its exact bytes and payload */
    RECORD_VOTE = 2,     /* own vote and what it rests on */
};

/* With RECORD_PROPOSAL: `block` (and the caller stores the proposal's exact bytes, found by `block`).
 * With RECORD_VOTE: `vote`, signed; in a notarize vote `block` names the proposal whose exact bytes and
 * payload the caller stores with it; in a finalize vote `notarization` is the NC it rests on; `admission` is
 * set in the first vote of a view (the certificate that admitted the replica to it), absent in view 1 and
 * where the durable floor admits. */
struct consensus_record {
    enum consensus_record_kind kind;
    struct block_header header; /* of `block`; zeros in a finalize or nullify vote */
    struct digest block;        /* zeros where there is none */
    struct vote vote;
    bool has_notarization;
    struct certificate notarization;
    bool has_admission;
    struct certificate admission;
    /* For consensus_restore alone, NULL in outputs: the proposal decoded from the exact bytes stored for
     * `block`, borrowed for the call; NULL where they are gone. Its justification's certificates count as
     * held again. */
    const struct proposal *proposal;
};

/* ---- Messages between replicas ---- */

enum consensus_message_kind {
    MESSAGE_PROPOSAL = 1,
    MESSAGE_VOTE = 2,
    MESSAGE_CERTIFICATE = 3,
    MESSAGE_PROPOSAL_REQUEST = 4, /* the proposal of the block named by `block`, of `view`: exact bytes */
    MESSAGE_ENTRY_REQUEST =
        5, /* R10: the certificate that admitted the peer to its view; `view` is the asker's */
    MESSAGE_RANGE_REQUEST = 6, /* R12: finalized blocks from `height` on */
    MESSAGE_RANGE = 7, /* finalized headers, consecutive, and an FC of the last; past a seal, its path */
};

struct consensus_range {
    uint32_t count;                         /* 1 to RANGE_BLOCKS_MAX, and SEAL_PATH_MAX past a seal */
    const struct block_header *headers;     /* borrowed */
    const struct digest *hashes;            /* of the headers, computed by the caller; borrowed */
    const struct certificate *finalization; /* borrowed */
};
#define RANGE_BLOCKS_MAX 256u

/* Everything a message points at is borrowed for the call it is passed to. In an output, a pointer holds
 * until the next call of consensus_step; a PROPOSAL is named by `block` alone and the caller has its bytes.
 */
struct consensus_message {
    enum consensus_message_kind kind;
    const struct proposal *proposal;
    const struct vote *vote;
    const struct certificate *certificate;
    const struct consensus_range *range;
    struct digest block;
    uint64_t epoch; /* of an ENTRY_REQUEST: the asker's */
    uint64_t view;
    uint64_t height;
};

/* ---- Inputs ---- */

enum consensus_input_kind {
    INPUT_TIME = 1,    /* nothing but the clock moved */
    INPUT_LINK_UP,     /* `peer` is connected and identified */
    INPUT_LINK_DOWN,   /* `peer` is gone */
    INPUT_RECEIVED,    /* `message` from `peer`; decoded, hashes computed, nothing else checked */
    INPUT_VERIFIED,    /* the answer to OUTPUT_VERIFY: the same `message` from `peer`, and `ok` */
    INPUT_SIGNED_VOTE, /* the answer to OUTPUT_SIGN_VOTE: `vote` with its signature */
    INPUT_PROPOSED,    /* the answer to OUTPUT_PROPOSE: message.proposal, signed; `ok` false (no proposal) =
                          could not,    ask again a little later */
    INPUT_DURABLE,     /* every record up to `sequence` is on disk */
    INPUT_PAYLOAD,     /* `block`'s payload is held and well-formed (`ok`), or can never be (`ok` false); of a
                          block that seals, also that the application found its next set right, or wrong. It
                          does not answer before it has applied what decides that: the block is pending */
    INPUT_WORK,        /* `ok`: there is payload waiting to be proposed, or (false) there is none */
    INPUT_APPENDED,    /* blocks up to `height` are on disk in the ledger: the floor is durable (R6) */
    INPUT_SEAL,  /* `ok`: the epoch is to be sealed, with `block` as the next set; or (false) not any more */
    INPUT_HEARD, /* some frame came from each validator in `heard`; keepalives count, one every 3 D (R8) */
};

/* `now_ms` is monotonic; `wall_ms` is UTC since 1970 and may jump. Both are set in every input. */
struct consensus_input {
    enum consensus_input_kind kind;
    uint64_t now_ms;
    uint64_t wall_ms;
    uint32_t peer;
    bool ok;
    struct consensus_message message;
    struct vote vote;
    struct digest block;
    uint64_t sequence;
    uint64_t height;
    uint64_t heard; /* a bitmap of validators; what INPUT_RECEIVED brought need not be said again */
};

/* ---- Outputs ---- */

enum consensus_output_kind {
    OUTPUT_VERIFY =
        1, /* check message's signatures: a vote's, a certificate's quorum, a range's FC; for a proposal
              the leader's, and everything in its justification. Answer INPUT_VERIFIED. */
    OUTPUT_SIGN_VOTE, /* sign `vote`; answer INPUT_SIGNED_VOTE. A refusal by the signer is no answer at all.
                       */
    OUTPUT_PROPOSE,   /* choose a payload (none where !payload_allowed), complete and sign `header`, whose
                         payload and   justification fields are zeros, over `justification`; answer
                         INPUT_PROPOSED. */
    OUTPUT_PERSIST,   /* store `record`; answer INPUT_DURABLE with `sequence` */
    OUTPUT_SEND,      /* `message` to `peer` or PEER_ALL */
    OUTPUT_NEED_PAYLOAD, /* hold the payload of `block` (asking `peer` first for what is lacking); answer
                            INPUT_PAYLOAD */
    OUTPUT_COMMIT,     /* append `block` with `header` at its height; `certificate` is its FC, or NULL where a
                          descendant     finalized it. In height order, each height once. Answer INPUT_APPENDED,
                          one     for many is fine. A block that seals is the last, and its `certificate` is
                          of the last header of `seal_path` where that is not empty */
    OUTPUT_PROVE_SEAL, /* `peer` is still in `epoch`, which is over: send it, as a certificate, the FC that
                          proved that epoch's seal */
    OUTPUT_FLOOD_WORK, /* R9: work waited for a whole timer; send own waiting batches to all again */
    OUTPUT_EVIDENCE,   /* two messages of one validator that no honest one signs both of */
    OUTPUT_CHARGE,     /* `peer` brought a message that failed a check, for `reason`: the link's fault, nobody
                          else's */
    OUTPUT_ENTERED,    /* a trace: now in `view`, for `cause` */
    OUTPUT_DROP, /* `block` was committed (said before), or lost, or is not wanted: it will not be named again
                    and its bytes may go, once nothing else needs them */
};

enum consensus_cause {
    CAUSE_START = 1,
    CAUSE_NOTARIZED,
    CAUSE_NULLIFIED,
    CAUSE_FINALIZED,
};

/* Two conflicting messages. Votes for equivocation between votes; proposals as their headers and signatures.
 */
struct consensus_evidence {
    uint32_t signer;
    uint64_t view;
    bool proposals; /* else votes */
    struct vote first, second;
    struct block_header first_header, second_header;
    struct digest first_block, second_block;
    struct signature first_signature, second_signature;
};

/* Pointers hold until the next consensus_step. Which fields are set is said beside each kind; the others are
 * zeros. */
struct consensus_output {
    enum consensus_output_kind kind;
    uint32_t peer;
    struct consensus_message message;
    struct vote vote;
    struct block_header header;
    const struct justification *justification;
    bool payload_allowed;
    struct digest block;
    const struct consensus_record *record;
    uint64_t sequence;
    const struct certificate *certificate;
    const struct block_header *seal_path; /* ascending, from the seal's child on */
    uint32_t seal_path_count;
    uint64_t epoch;
    const struct consensus_evidence *evidence;
    const char *reason; /* a constant */
    uint64_t view;
    enum consensus_cause cause;
};

/* ---- Life ---- */

/* The last committed block, from the ledger: zeros and the chain id for an empty one. At an epoch's start it
 * is the block that sealed the epoch before, at view 0. */
struct consensus_floor {
    uint64_t height;
    uint64_t view;
    uint64_t time_ms;
    struct digest block;        /* the chain id at height 0 */
    struct block_header header; /* zeros at height 0 */
    bool has_finalization;
    struct certificate finalization; /* its FC; at height > 0 always present: commits end at a block with an
                                        FC. Of a seal: the FC that proves it, in its own epoch */
    uint32_t seal_path_count;        /* of a seal, as its OUTPUT_COMMIT gave them */
    const struct block_header *seal_path; /* borrowed until the object is closed */
};

/* Takes all memory. Errors: TALLY_ENOMEM, TALLY_EINVALID (config out of its ranges; floor of another chain).
 */
int consensus_open(const struct consensus_config *config, const struct consensus_floor *floor,
    struct consensus **consensus) TALLY_MUST_CHECK;
/* Gives back one stored record, in the order stored, before the first step. Records at or below the floor,
 * or of an epoch that is over, are ignored. `payload_held` says that the caller holds the block's exact bytes
 * and payload. Errors: TALLY_EDAMAGED (a record that this replica cannot have made: own votes that conflict),
 * TALLY_ELIMIT. */
int consensus_restore(
    struct consensus *consensus, const struct consensus_record *record, bool payload_held) TALLY_MUST_CHECK;
void consensus_close(struct consensus *consensus);
/* The bytes that an object for `n` validators takes when it is opened: all it ever takes. */
size_t consensus_memory(uint32_t n);

void consensus_step(struct consensus *consensus, const struct consensus_input *input);
/* The next output, or NULL when there is none. */
const struct consensus_output *consensus_next_output(struct consensus *consensus);
/* When to come back with INPUT_TIME at the latest; UINT64_MAX = never, by the clock alone. Same clock as
 * now_ms. */
uint64_t consensus_wake_ms(const struct consensus *consensus);

/* ---- Looking in ---- */

struct consensus_status {
    uint64_t view;
    uint64_t floor_height; /* last committed */
    uint64_t floor_view;
    uint64_t durable_height; /* last acknowledged by INPUT_APPENDED */
    uint64_t tip_view;       /* highest notarized view known, the floor's if none */
    struct digest tip_block; /* its block */
    uint32_t timeouts;       /* k of R7 */
    bool working;            /* there is work (R9) */
    bool sealed;             /* the epoch's seal is committed: this object has ended (R11) */
    /* Bitmaps for the current view. */
    uint64_t notarize_voters, finalize_voters, nullify_voters;
    /* What it waits for, for people. */
    bool proposed;                /* a proposal of the current view is held here */
    bool payload_held;            /* and the payload of one */
    bool too_early;               /* of which one is ahead of this clock (R3) */
    bool equivocated;             /* its leader signed two */
    bool timed_out;               /* this replica gave it up, by its timer (R7) */
    bool tip_held;                /* the block of tip_view is known here, not its certificate alone */
    uint64_t best_view;           /* highest finalized view known; above floor_view blocks are missing here */
    uint64_t tip_finalize_voters; /* bitmap, for the view tip_view */
    uint64_t work_since_ms;       /* by now_ms; where there is work */
    uint64_t silent_view; /* no vote up to this view: what was signed there is beyond what can be held */
};

void consensus_status(const struct consensus *consensus, struct consensus_status *status);
/* Walks the unfinalized chain from `block` down to the floor, newest first, the floor's block excluded: which
 * blocks' payloads a child of `block` must not repeat. Returns how many were written, at most `max`. */
size_t consensus_chain(
    const struct consensus *consensus, const struct digest *block, struct digest *blocks, size_t max);

#endif
