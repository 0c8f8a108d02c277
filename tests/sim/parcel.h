/* What travels between simulated replicas: a message copied whole when it is made, shared by reference
 * counting after, and never written again. Besides the core's messages there are the driver's own: batches,
 * and payloads of blocks. */
#ifndef TALLY_SIM_PARCEL_H
#define TALLY_SIM_PARCEL_H

#include "consensus/consensus.h"

/* A block's batches, in order. */
struct payload {
    uint32_t references;
    uint32_t count;
    struct digest batches[];
};

struct payload *payload_make(const struct digest *batches, uint32_t count);
struct payload *payload_hold(struct payload *payload);
void payload_release(struct payload *payload);

enum parcel_kind {
    PARCEL_MESSAGE = 1,     /* the core's */
    PARCEL_BATCHES,         /* batches flooded: `payload` */
    PARCEL_PAYLOAD_REQUEST, /* for the payload of `block` */
    PARCEL_PAYLOAD,         /* the `payload` of `block` */
    PARCEL_CHECKPOINT,      /* the sender has the seal of `epoch` durable: its signature on that checkpoint */
    PARCEL_CERTIFIED,       /* a quorum of `epoch` signed its seal's checkpoint */
};

struct parcel {
    uint32_t references;
    enum parcel_kind kind;
    uint64_t mark;                    /* a hash of the content */
    struct consensus_message message; /* points into this parcel */
    struct digest block;
    uint64_t epoch;
    const struct certified_checkpoint *certified; /* of PARCEL_CERTIFIED */
    struct payload *payload;                      /* of PARCEL_BATCHES, PARCEL_PAYLOAD, and of a proposal */
    uint32_t range_count;
    struct parcel **range_proposals; /* of a range: one for each header, payloads included */
    struct span bytes;               /* of a proposal, once asked for; points into `memory` */
    void *memory[5];                 /* what the message points at; freed with the parcel */
};

/* Copies the message and all it points at. `payload` (of a proposal) may be NULL; it is made from the batches
 * then. */
struct parcel *parcel_of_message(const struct consensus_message *message);
struct parcel *parcel_of_vote(const struct vote *vote);
struct parcel *parcel_of_certificate(const struct certificate *certificate);
/* Hashes of the header and of the justification's parent are computed anew, as a decoder does, and the
 * justification's bytes are those of its fields. */
struct parcel *parcel_of_proposal(const struct proposal *proposal);
/* A proposal's exact bytes, as the node sends and stores them. Borrowed from the parcel. */
struct span parcel_bytes(struct parcel *parcel);
/* `proposals` are held by the parcel as well. */
struct parcel *parcel_of_range(const struct block_header *headers, struct parcel *const *proposals,
    uint32_t count, const struct certificate *finalization);
struct parcel *parcel_of_payload(enum parcel_kind kind, const struct digest *block, struct payload *payload);
struct parcel *parcel_of_epoch(enum parcel_kind kind, uint64_t epoch);
/* Copies. */
struct parcel *parcel_of_certified(uint64_t epoch, const struct certified_checkpoint *certified);
struct parcel *parcel_hold(struct parcel *parcel);
/* NULL is fine. */
void parcel_release(struct parcel *parcel);

/* The view a core message speaks of; 0 where it speaks of none. */
uint64_t parcel_view(const struct parcel *parcel);

#endif
