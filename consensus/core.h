/* The replica's state and what the files of this folder offer each other. Nobody outside includes this.
 *
 * A view from F - 64 up to the ring's end has a *slot* once anything is known of it: votes, certificates, own
 * votes, candidate blocks. Slots and blocks come from pools that are taken whole when the replica is opened,
 * but whose pages are not touched before they are needed, so an idle replica stays small. */
#ifndef TALLY_CONSENSUS_CORE_H
#define TALLY_CONSENSUS_CORE_H

#include "consensus/consensus.h"
#include "proto/base/check.h"

/* R0: votes this far below the floor are still looked at, for evidence. */
#define VIEWS_BELOW_FLOOR 64u
/* Views that can have a slot at once: those below the floor, the longest gap a justification can bridge, and
 * those ahead. */
#define VIEWS_HELD 1280u
#define VIEWS_AHEAD_MAX (2u * VALIDATORS_MAX)
_Static_assert(
    VIEWS_HELD >= VIEWS_BELOW_FLOOR + VIEWS_SKIPPED_MAX + VIEWS_AHEAD_MAX, "the longest gap fits the ring");
_Static_assert(SEAL_PATH_MAX >= VIEWS_HELD, "whatever can follow a seal here fits its path");

/* Candidates of a view: the first, one conflicting, and the one a certificate names. */
#define BLOCKS_PER_VIEW 3u
#define BLOCKS_HELD (VIEWS_HELD * BLOCKS_PER_VIEW)
#define BLOCK_NONE UINT32_MAX
#define BLOCK_BUCKETS 1024u

#define OUTPUTS_HELD 16384u
_Static_assert(OUTPUTS_HELD >= VIEWS_HELD + BLOCKS_HELD + 4u * VIEWS_HELD + 1024u,
    "a step can commit, drop and acknowledge everything at once");
/* Certificates one step can send; what does not fit is sent again by R10. */
#define CERTIFICATES_OUT 256u
#define EVIDENCE_OUT 8u

#define TIMEOUT_MS_MAX 30000u
#define CLOCK_AHEAD_MS_MAX 2000u

/* An own vote or proposal on its way out. A decision is remembered from the moment it is made, answered or
 * not. */
enum own_state {
    OWN_NONE = 0,
    OWN_DECIDED, /* a signature, or a payload, was asked for */
    OWN_STORED,  /* the record is handed out, not yet acknowledged */
    OWN_DURABLE, /* sent, and counted here */
};

struct own_vote {
    enum own_state state;
    struct digest block;
    struct signature signature;
    uint64_t sequence;
};

struct held_vote {
    struct digest block;
    struct signature signature;
};

struct held_certificate {
    bool held;
    struct digest block;
    uint64_t signers;
};

#define VOTE_KINDS 3u
enum vote_place { VOTE_FIRST = 0, VOTE_SECOND = 1 };
enum blame { BLAME_NOTARIZE, BLAME_FINALIZE, BLAME_FINALIZE_NULLIFY, BLAME_FINALIZE_NOTARIZE, BLAME_KINDS };

/* One view. Behind each slot in the pool lie its held votes, [kind][place][signer], and the certificates'
 * signatures, [kind][quorum]; see slot_vote and slot_signatures. */
struct view_slot {
    uint64_t view;
    struct own_vote own[VOTE_KINDS]; /* by kind - 1 */
    bool admitted_durably;           /* a first vote of this view was stored with its admission certificate */
    bool nullified_by_timer;
    enum own_state proposal; /* own */
    struct digest proposal_block;
    uint64_t proposal_sequence;
    uint32_t block_count;
    uint32_t blocks[BLOCKS_PER_VIEW];
    bool rejected;    /* a verified proposal of this view can never be voted for */
    bool equivocated; /* its leader signed two; evidence is out */
    struct held_certificate certificates[VOTE_KINDS];
    uint64_t present[VOTE_KINDS][2]; /* bitmaps of signers whose first and second vote is held */
    uint64_t blamed[BLAME_KINDS];
    uint64_t fetch_ms; /* when to ask for the certified block next; 0 = not yet missed */
    uint32_t fetch_count;
};

enum payload_state { PAYLOAD_UNKNOWN = 0, PAYLOAD_HELD, PAYLOAD_BAD };

/* A candidate: a block above the floor whose proposal was verified, or is this replica's own. */
struct block {
    bool used;
    uint32_t next;         /* in its bucket, or in the free list */
    uint32_t newer, older; /* the list of all candidates */
    struct digest hash;
    struct block_header header;
    uint64_t parent_time_ms;
    bool has_signature; /* false after a restart without the proposal's bytes */
    struct signature signature;
    enum payload_state payload;
    bool withheld; /* own, not yet durable: as if it did not exist */
    bool asked;    /* its payload was asked for */
};

struct peer_state {
    bool up;
    uint64_t view;      /* the highest it was seen to act in, by its own messages */
    uint64_t heard_ms;  /* when anything at all came from it last; the start, where nothing did */
    uint64_t helped_ms; /* when it was last answered with what moves it, plus 1; 0 = never */
    uint64_t led_ms;    /* when its request for what leads on was last answered, likewise */
    uint64_t served_ms; /* since when proposals are counted, and how many it was sent */
    uint32_t served_count;
};

struct peer_set {
    uint64_t words[PEERS_MAX / 64];
};
_Static_assert(PEERS_MAX % 64 == 0, "a set has a bit for every peer");

static inline bool peer_set_has(const struct peer_set *set, uint32_t peer)
{
    CHECK(peer < PEERS_MAX);
    return set->words[peer / 64] >> peer % 64 & 1;
}

static inline void peer_set_add(struct peer_set *set, uint32_t peer)
{
    CHECK(peer < PEERS_MAX);
    set->words[peer / 64] |= UINT64_C(1) << peer % 64;
}

struct consensus {
    struct consensus_config config;
    uint32_t n, q, f;
    bool started;
    uint64_t now_ms, wall_ms;

    /* F, and the highest finalization known, which commit works towards. */
    struct consensus_floor floor;
    uint64_t durable_height, durable_view;
    bool has_best;
    struct certificate best; /* an FC */

    /* R1 */
    uint64_t view;
    uint64_t entered_ms;
    bool has_admission;
    struct certificate admission;

    /* Views */
    uint64_t view_low;         /* views up to this are retired: no slot, no vote, ever again */
    uint16_t ring[VIEWS_HELD]; /* slot index + 1 by view % VIEWS_HELD; 0 = none */
    uint16_t slot_free[VIEWS_HELD];
    uint32_t slot_free_count, slot_high;
    size_t slot_stride;
    uint8_t *slots;

    /* Candidates */
    struct block *blocks;
    uint32_t block_high, block_free, block_newest;
    uint32_t buckets[BLOCK_BUCKETS];

    /* R2 */
    uint64_t propose_retry_ms;
    struct certificate *nullifications; /* VIEWS_SKIPPED_MAX, for the justification handed out */
    struct justification justification;

    /* R7, R9 */
    bool payload_waiting;
    bool seal_wanted; /* R11: the epoch is to be sealed */
    struct digest seal_next_set;
    bool working;
    uint64_t work_since_ms;
    uint64_t tip_view, tip_seen_ms;
    uint64_t finalized_ms;    /* when a finalization was last observed */
    uint32_t timed_out_views; /* since then */
    uint32_t silent_skips;    /* R8: views skipped here since then */

    /* R10 */
    uint64_t resend_ms, resend_interval_ms; /* 0 = not armed */
    uint64_t resend_from;                   /* the view where the rotation of links goes on */
    uint64_t ask_entry_ms;                  /* 0 = not armed */
    uint32_t ask_peer;

    /* R12 */
    bool later_epoch;                     /* a peer seems to be in one: blocks are missing here */
    bool range_proven;                    /* a finalization shows the gap, not a claim alone */
    uint64_t range_ms, range_interval_ms; /* when to ask (again); 0 = not behind */
    struct peer_set range_round;          /* asked in this round */
    uint32_t range_peer, range_asked;     /* whom last, and how many since the pace was set */
    uint32_t range_vain;                  /* how many since the floor moved */

    uint64_t sequence;    /* of the last record */
    uint64_t silent_view; /* no vote up to this: records of such views could not be taken back in */
    struct peer_state peers[PEERS_MAX];

    /* Outputs of this step, and what they point at. */
    struct consensus_output *outputs;
    uint32_t output_count, output_next;
    struct certificate *certificates_out;
    uint32_t certificate_count;
    struct consensus_evidence evidence_out[EVIDENCE_OUT];
    uint32_t evidence_count;
    bool record_used, commit_used;
    struct consensus_record record_out;
    struct certificate commit_out;
    struct block_header *seal_path; /* SEAL_PATH_MAX: of the seal committed here */
    uint32_t *path;                 /* BLOCKS_HELD: a walk down the chain */
};

/* ---- emit.c: outputs ---- */
void emit_begin(struct consensus *c);
struct consensus_output *emit(struct consensus *c, enum consensus_output_kind kind);
void emit_vote(struct consensus *c, uint32_t peer, const struct vote *vote);
/* Copies the certificate; drops the message when a step has sent CERTIFICATES_OUT already. */
void emit_certificate(struct consensus *c, uint32_t peer, const struct certificate *certificate);
void emit_proposal(struct consensus *c, uint32_t peer, const struct block *block);
void emit_verify(struct consensus *c, uint32_t peer, const struct consensus_message *message);
void emit_charge(struct consensus *c, uint32_t peer, const char *reason);
/* The record to fill for OUTPUT_PERSIST, zeroed; once a step. Returns its sequence. */
struct consensus_record *emit_record(struct consensus *c, uint64_t *sequence);
/* Room for one piece of evidence, zeroed and emitted; NULL when this step has none left. */
struct consensus_evidence *emit_evidence(struct consensus *c);

/* ---- views.c: slots, votes held, certificates held ---- */
size_t slot_size(uint32_t n, uint32_t q);
uint64_t view_top(const struct consensus *c);
/* Views above this are above the floor and not retired. */
static inline uint64_t view_bottom(const struct consensus *c)
{
    return c->floor.view > c->view_low ? c->floor.view : c->view_low;
}
/* The view's slot, or NULL when nothing is known of it or it is out of the ring. */
struct view_slot *view_find(const struct consensus *c, uint64_t view);
/* The same, made where there is none; NULL only out of the ring. */
struct view_slot *view_open(struct consensus *c, uint64_t view);
/* Retires every view up to `low`, dropping their candidates. */
void views_retire(struct consensus *c, uint64_t low);
struct held_vote *slot_vote(const struct consensus *c, struct view_slot *slot, enum vote_kind kind,
    enum vote_place place, uint32_t signer);
/* Whether the slot has this vote already, or two others of its signer. */
bool vote_held(const struct consensus *c, struct view_slot *slot, const struct vote *vote);
void vote_keep(const struct consensus *c, struct view_slot *slot, const struct vote *vote);
uint32_t votes_count(
    const struct consensus *c, struct view_slot *slot, enum vote_kind kind, const struct digest *block);
/* A certificate of the first quorum of votes for `block`, which must be there. */
void votes_assemble(const struct consensus *c, struct view_slot *slot, enum vote_kind kind,
    const struct digest *block, struct certificate *certificate);
void slot_keep_certificate(
    const struct consensus *c, struct view_slot *slot, const struct certificate *certificate);
void slot_certificate(
    const struct consensus *c, struct view_slot *slot, enum vote_kind kind, struct certificate *certificate);
static inline bool slot_has(const struct view_slot *slot, enum vote_kind kind)
{
    return slot && slot->certificates[kind - 1].held;
}
static inline struct own_vote *slot_own(struct view_slot *slot, enum vote_kind kind)
{
    return &slot->own[kind - 1];
}

/* ---- blocks.c: candidates by hash ---- */
struct block *block_find(const struct consensus *c, const struct digest *hash);
/* Adds a candidate to its view; NULL when the view, or the pool, has no room for it. */
struct block *block_add(struct consensus *c, const struct block_header *header, const struct digest *hash);
void block_remove(struct consensus *c, struct block *block);
struct block *block_newest(const struct consensus *c);
struct block *block_older(const struct consensus *c, const struct block *block);
/* When the parent that a J names was made; genesis' own time is the floor's, as long as that is genesis. */
uint64_t parent_time_ms(const struct consensus *c, const struct justification *justification);
uint32_t block_index(const struct consensus *c, const struct block *block);
/* Whether some certificate held for the block's view names it. */
bool block_certified(const struct consensus *c, uint64_t view, const struct digest *hash);

/* ---- shape.c: R0, what can be said without a signature check ---- */
bool certificate_well_formed(const struct consensus *c, const struct certificate *certificate);
/* A constant that says what is wrong, or NULL. */
const char *proposal_fault(const struct consensus *c, const struct proposal *proposal);
const char *range_fault(const struct consensus *c, const struct consensus_range *range);
/* The index in the range of the block that follows the floor; its count when there is none. */
uint32_t range_start(const struct consensus *c, const struct consensus_range *range);

/* ---- admit.c: R0 ---- */
uint64_t views_ahead(const struct consensus *c);
void admit_received(struct consensus *c, const struct consensus_input *input);
void admit_verified(struct consensus *c, const struct consensus_input *input);

/* ---- enter.c: R1 ---- */
/* Takes a certificate known to be valid: keeps it, moves the view, notes a finalization. */
void certificate_accept(struct consensus *c, const struct certificate *certificate);
/* Takes a vote known to be valid: keeps it, looks for evidence, assembles a certificate. */
void vote_accept(struct consensus *c, const struct vote *vote);
/* A justification known to be valid: its certificates count as received. */
void justification_accept(struct consensus *c, const struct justification *justification);

/* ---- propose.c: R2 ---- */
void propose_try(struct consensus *c);
void propose_answered(struct consensus *c, const struct consensus_input *input);
void propose_durable(struct consensus *c, struct view_slot *slot);

/* ---- vote.c: R3, R4, R5 and an own vote's way out ---- */
bool may_vote_in(const struct consensus *c, uint64_t view);
/* Whether the block's time allows a vote now; else *ready_wall_ms says when by the wall clock it will. */
bool block_time_ready(const struct consensus *c, const struct block *block, uint64_t *ready_wall_ms);
void proposal_accept(struct consensus *c, uint32_t peer, const struct proposal *proposal);
void payload_judged(struct consensus *c, const struct digest *hash, bool ok);
void notarize_try(struct consensus *c);
void finalize_try(struct consensus *c);
/* Whether that was decided just now. */
bool nullify(struct consensus *c, bool by_timer);
/* R5 for a cause other than the timer: a rejected proposal, a proven equivocation, or a silent leader in the
 * current view. */
void nullify_try(struct consensus *c);
void vote_signed(struct consensus *c, const struct vote *vote);
void records_durable(struct consensus *c, uint64_t sequence);
/* The own vote of a slot as it was or will be sent. */
void own_vote_of(const struct consensus *c, struct view_slot *slot, enum vote_kind kind, struct vote *vote);

/* ---- silence.c: R8 ---- */
void peers_heard(struct consensus *c, uint64_t peers);
/* Whether the view's leader is dead as far as can be told, while a quorum with me is alive. */
bool leader_silent(const struct consensus *c);

/* ---- epoch.c: R11 ---- */
/* Whether the epoch's seal is committed: no votes, no timers, no proposals any more. */
bool epoch_ended(const struct consensus *c);
/* Whether nothing of this epoch is committed yet: the floor is genesis, or the seal of the epoch before. */
bool epoch_fresh(const struct consensus *c);
/* Whether the justification's parent is a block of this epoch. */
bool parent_in_epoch(const struct consensus *c, const struct justification *justification);
/* A constant that says what is wrong with a header's flags by themselves, or NULL. */
const char *flags_fault(const struct block_header *header);
/* Whether they are what the parent's ask for, both blocks being of one epoch. */
bool flags_follow(const struct block_header *parent, const struct block_header *header);
/* Another epoch's message came from the peer. Answers one from an older epoch, where that is wanted, and asks
 * a peer in a newer one for what is missing here. */
void epoch_other(struct consensus *c, uint32_t peer, uint64_t epoch, bool answer);

/* ---- commit.c: R6 ---- */
void commit_try(struct consensus *c);
void range_commit(struct consensus *c, uint32_t peer, const struct consensus_range *range);
void appended(struct consensus *c, uint64_t height);

/* ---- timers.c: R7, R9 ---- */
void work_update(struct consensus *c);
void timer_try(struct consensus *c);
uint64_t timer_wake(const struct consensus *c);
void finalization_observed(struct consensus *c);

/* ---- resend.c: R10 ---- */
void resend_try(struct consensus *c);
void resend_link_up(struct consensus *c, uint32_t peer);
uint64_t resend_wake(const struct consensus *c);
/* A message about `view` came from the peer: answers it if it is behind. `kind` is that of the vote or
 * certificate. */
bool help_allowed(struct consensus *c, uint32_t peer);
void peer_help(struct consensus *c, uint32_t peer, enum vote_kind kind, uint64_t view, bool certificate);
void entry_answer(struct consensus *c, uint32_t peer, uint64_t view);
void entry_ask(struct consensus *c, uint32_t peer);
void peer_seen(struct consensus *c, uint32_t peer, uint64_t view);

/* ---- catchup.c: R12 ---- */
void catchup_try(struct consensus *c);
void catchup_link_up(struct consensus *c, uint32_t peer);
uint64_t catchup_wake(const struct consensus *c);
void proposal_answer(struct consensus *c, uint32_t peer, const struct digest *hash, uint64_t view);
/* Asks `peer` for the range above the floor at once. */
void range_ask(struct consensus *c, uint32_t peer);

/* ---- evidence.c: R14 ---- */
void evidence_votes(struct consensus *c, struct view_slot *slot, uint32_t signer);
void evidence_proposals(
    struct consensus *c, struct view_slot *slot, const struct block *held, const struct proposal *proposal);

#endif
