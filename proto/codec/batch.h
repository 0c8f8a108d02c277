/* Batches: events that one member signs together. A governance transaction is ordered, stored and sent in the
 * place of a batch, so it is one here: of no events. */
#ifndef TALLY_CODEC_BATCH_H
#define TALLY_CODEC_BATCH_H

#include "proto/codec/event.h"
#include "proto/crypto/signature.h"

struct batch_event {
    struct span header; /* exact bytes */
    struct event_header fields;
    struct digest id;
    bool has_body;
    uint8_t salt[SALT_SIZE];
    struct span body;
};

struct governance_transaction;

/* Everything is borrowed from the arena it was decoded into, or from whoever filled it. */
struct batch {
    struct digest chain_id;
    uint32_t member_id;
    struct public_key signing_key;
    uint64_t expires_at_ms;
    uint32_t event_count; /* 1 to BATCH_EVENTS_MAX; of a governance transaction 0 */
    struct batch_event *events;
    /* NULL in a batch of events. Else all that is not of events repeats what it says. */
    const struct governance_transaction *governance;
    struct signature signature;
    struct digest digest; /* what is signed; names the batch */
};

/* A batch that is this transaction, which is borrowed. */
struct batch batch_of_governance(const struct governance_transaction *transaction);

/* Computes the digest from the other fields (ids included): of a batch of events. */
struct digest batch_digest(const struct batch *batch);

/* Decodes a canonical batch: headers too, ids and digest computed, every present body held against its
 * commitment; or a governance transaction, canonical to the action inside. Does not check signatures, nor
 * whose chain a batch of events is. Where `index` is given, it is set to the event at fault, or UINT32_MAX.
 * Errors: TALLY_EFORM and TALLY_EVERSION as event_header_decode, TALLY_EINVALID (an event of another member
 * than the batch), TALLY_EDAMAGED (a body that misses its commitment), TALLY_ELIMIT (events or bytes over
 * their bound), TALLY_ECHAIN (a governance transaction of another chain), TALLY_ENOMEM. */
int batch_decode(struct span bytes, const struct digest *chain_id, struct arena *arena, struct batch *batch,
    uint32_t *index) TALLY_MUST_CHECK;
/* With bodies, or without any. */
void batch_encode(const struct batch *batch, bool with_bodies, struct buffer *out);
size_t batch_size(const struct batch *batch, bool with_bodies);
/* Size of the encoding without bodies: what a header's payload_size sums. */
size_t batch_size_without_bodies(const struct batch *batch);

/* The signature, and a governance transaction's proofs of the keys that it brings. `key` is the batch's
 * signing_key, parsed. Errors: TALLY_ESIGNATURE. */
int batch_check(const struct batch *batch, const struct verify_key *key) TALLY_MUST_CHECK;

/* RFC 9162 root over batch digests. */
struct digest payload_root(const struct digest *batch_digests, size_t count);

#endif
