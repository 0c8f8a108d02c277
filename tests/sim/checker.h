/* What must hold in every run, judged from facts alone: nothing here knows the simulator, and nothing here
 * trusts what a replica believes. The first violation is kept; later ones are its consequences.
 *
 * Replicas are told apart by identity: validators by index, observers after them. An identity keeps its facts
 * across crashes, so that a promise made before one binds after it. */
#ifndef TALLY_SIM_CHECKER_H
#define TALLY_SIM_CHECKER_H

#include "consensus/consensus.h"
#include "tests/sim/seal.h"

struct checker;

/* `vault` is borrowed and outlives the checker. `honest[i]` for each of `identity_count` identities. Never
 * NULL. */
struct checker *checker_open(
    const struct vault *vault, const bool *honest, uint32_t identity_count, uint32_t base_timeout_ms);
void checker_close(struct checker *checker);

/* The core asked to store a record while its floor was at floor_view and its view was `view`; `proposal` is
 * what the caller holds of the record's block (NULL = nothing), payload_held says the rest. */
void checker_record(struct checker *checker, uint32_t identity, const struct consensus_record *record,
    const struct proposal *proposal, bool payload_held, uint64_t floor_view, uint64_t view);
/* The record is on disk for good: as the disk has it, not as anybody claims; or found there after a crash. */
void checker_durable(struct checker *checker, uint32_t identity, const struct consensus_record *record);
/* Seen on the wire, sent by `identity`. */
void checker_sent(struct checker *checker, uint32_t identity, const struct consensus_message *message);
/* `identity`, a liar, says this to somebody: whether it is the first of its view to contradict, vote beside
 * vote or proposal beside proposal, what that liar said before. */
bool checker_equivocates(struct checker *checker, uint32_t identity, const struct consensus_message *message);
/* What a core is and sees when it asks for a signature, or has ended a turn. */
struct checker_moment {
    struct consensus_status status;
    uint64_t now_ms, wall_ms; /* its own clocks */
    bool may_vote;
    bool proposed; /* a proposal of its view is held */
};

/* The core asked for a signature on `vote`. `proposal` is what the caller holds of its block; NULL in a
 * nullify vote. */
void checker_signing(struct checker *checker, uint32_t identity, const struct vote *vote,
    const struct proposal *proposal, const struct checker_moment *moment);
/* At a turn's end: `proposal` was given to the core as valid, and its payload as held. R3 demands a vote for
 * it if nothing stands against one. */
void checker_candidate(struct checker *checker, uint32_t identity, const struct proposal *proposal,
    const struct digest *floor_block, const struct checker_moment *moment);
/* The payload of a block of `view` was told to be malformed: a reason to nullify. */
void checker_rejected(struct checker *checker, uint32_t identity, uint64_t view);
/* Carries OUTPUT_COMMIT's facts. */
void checker_commit(struct checker *checker, uint32_t identity, const struct consensus_output *commit);
/* All outputs of one input were carried out: commits end at a finalization, nothing goes backward, and no
 * timer that has run out is ignored. */
void checker_turn(struct checker *checker, uint32_t identity, const struct checker_moment *moment);
/* By the identity's own clock something came from each validator in the bitmap, or counts as if it had: at a
 * life's beginning, from all. */
void checker_heard(struct checker *checker, uint32_t identity, uint64_t validators, uint64_t now_ms);
/* A life ended; what is left is a ledger of `height` blocks. forgotten says that its disk was lost. */
void checker_restarted(struct checker *checker, uint32_t identity, uint64_t height, bool forgotten);
/* It starts, on an empty disk, from a block that others vouch for. */
void checker_joined(struct checker *checker, uint32_t identity, const struct digest *block, uint64_t height);
/* A new life begins, or a new epoch, from a floor of floor_view, which admits to `view`; then each record it
 * is given back, with the proposal stored (or NULL). From these follows the view it must begin in. */
void checker_begins(
    struct checker *checker, uint32_t identity, uint64_t epoch, uint64_t floor_view, uint64_t view);
void checker_restored(struct checker *checker, uint32_t identity, const struct consensus_record *record,
    const struct proposal *proposal);
/* All was given back: nothing above the floor that was ever on disk for good is missing. */
void checker_remembers(struct checker *checker, uint32_t identity);
/* The state after a block, as executed or found: the same for everybody. */
void checker_applied(struct checker *checker, uint32_t identity, const struct checkpoint *checkpoint);
/* The promise to sign a checkpoint of this height is on disk for good. */
void checker_promised(struct checker *checker, uint32_t identity, uint64_t height);
/* A new life found this to be the newest height promised. */
void checker_promise_found(struct checker *checker, uint32_t identity, uint64_t height);
/* A checkpoint of an applied block was signed and sent: a height once ever. */
void checker_checkpoint_sent(struct checker *checker, uint32_t identity, const struct checkpoint *checkpoint);
void checker_evidence(struct checker *checker, uint32_t identity, const struct consensus_evidence *evidence);
/* `identity` charged `peer` for a message that failed a check. */
void checker_charge(struct checker *checker, uint32_t identity, uint32_t peer, const char *reason);
/* Anything the caller found: liveness, bounds, the contract. printf-like. */
void checker_fail(struct checker *checker, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* NULL while nothing was violated; else what was, in words. */
const char *checker_violation(const struct checker *checker);
uint64_t checker_height(const struct checker *checker, uint32_t identity);
/* The highest height that any honest identity committed. */
uint64_t checker_top(const struct checker *checker);
/* The newest epoch that any honest identity began. */
uint64_t checker_epoch(const struct checker *checker);

/* Whether honest identities committed different blocks at a height: a violation, unless more validators lie
 * than are tolerated. */
bool checker_forked(const struct checker *checker);

/* Whether a proposal is justified by itself (R3), decided apart from the core. NULL = it is; else why not. */
const char *checker_unjustified(const struct vault *vault, const struct proposal *proposal);

#endif
