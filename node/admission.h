/* Admission: whether a batch, or a governance transaction in the place of one, may come in at all, by the
 * members and keys of the newest register. It needs nothing else of the state, so that any thread may do it;
 * what becomes of what is ordered, the rules say, by the register of its block. */
#ifndef TALLY_NODE_ADMISSION_H
#define TALLY_NODE_ADMISSION_H

#include "node/commit/register_view.h"
#include "proto/base/arena.h"
#include "proto/codec/batch.h"
#include "proto/codec/result.h"
#include "proto/codec/ruling.h"

struct state;
struct admission;

/* How far a transaction's sequence may be ahead of its member's last: those between may be on their way. */
#define ADMISSION_SEQUENCE_AHEAD_MAX 16u

/* Keeps the register, sharing the view, and the members' signing keys, parsed; what `before` (NULL: none) has
 * parsed is not parsed again. With one reference; it never changes afterwards, so every thread may use it.
 * Errors: TALLY_ENOMEM, TALLY_EFORM (a signing key that is none). */
int admission_open(const struct digest *chain_id, struct register_view *view, const struct admission *before,
    struct admission **admission) TALLY_MUST_CHECK;
/* One reference more; returns its argument. */
struct admission *admission_share(struct admission *admission);
/* Gives a reference back; on any thread that has one. NULL is fine. */
void admission_release(struct admission *admission);

/* Where a batch came from, and so what is asked of it. */
enum admission_source {
    ADMISSION_CLIENT = 1, /* the member's own node: everything, the rules of bodies included */
    ADMISSION_FLOODED,    /* a peer's: all but the rules of bodies, which its own node has checked */
    ADMISSION_ORDERED, /* named by a proposal or a block: form, chain and signature alone, so that every node
                          comes to the same verdict at any time; bodies may be absent, the rest is the rules'
                          to judge */
};

/* Why a batch was refused, in the RPC's words. Strings are constant. */
struct admission_refusal {
    const char *reason; /* a stable upper-case word, such as "PAYMENT_PARTS" */
    const char *field;  /* "" where it is about no single field */
    bool has_event_index;
    uint32_t event_index; /* in the batch */
    /* Whose it says it is, which may be a lie; zeros where it does not parse. */
    uint32_t member_id;
    struct public_key key;
};

/* Decodes and checks one encoded batch of at most BATCH_SIZE_MAX bytes. All memory of *batch is the arena's,
 * which wants a budget of ADMISSION_ARENA_BUDGET. `wall_ms` is UTC now; ADMISSION_ORDERED does not look at
 * it. Pure; any thread. On an error *refusal says why and *batch is unspecified; it is TALLY_EFORM,
 * TALLY_EVERSION, TALLY_EINVALID, TALLY_EDAMAGED, TALLY_ELIMIT, TALLY_ECHAIN, TALLY_ESIGNATURE, TALLY_EDENIED
 * (member, its status or role, key, a transaction's sequence or node), TALLY_ETIMEOUT (its expiry is past, or
 * too far ahead) or TALLY_ENOMEM. Of a transaction the reason is the ruling's name where the register is what
 * refuses it. */
int admission_check(const struct admission *admission, enum admission_source source, struct span bytes,
    uint64_t wall_ms, struct arena *arena, struct batch *batch,
    struct admission_refusal *refusal) TALLY_MUST_CHECK;

#define ADMISSION_ARENA_BUDGET (6u * MIB)

/* What the register says of a governance transaction before it is ordered: RULING_OK, or the first of
 * RULING_UNKNOWN_MEMBER, RULING_UNKNOWN_KEY (its key does nothing in the next block), RULING_NOT_WANTED (a
 * READY of a node that need not say so), RULING_OUT_OF_SEQUENCE (used up, or too far ahead),
 * RULING_SUSPENDED. */
enum ruling admission_governance_rule(
    const struct register_view *view, const struct governance_transaction *transaction);

/* Where an event that was applied before stands in the ledger. */
struct known_event {
    uint64_t height;
    uint32_t index;
};

/* Whether every event of the batch is already applied: such a batch is answered, each event as DUPLICATE, and
 * not ordered again. `known` has room for batch->event_count and is filled when *all is true. Reads the
 * state: its thread only. Errors: TALLY_EIO, TALLY_EDAMAGED. */
int admission_known(
    struct state *state, const struct batch *batch, struct known_event *known, bool *all) TALLY_MUST_CHECK;

#endif
