/* A network to measure one node: its four validators' keys, and blocks of load that they have proposed,
 * certified and finalized. Every signature is real. All of it follows from a seed, but for the keys and the
 * genesis of a network that is there already. */
#ifndef TALLY_TOOLS_BENCH_CHAIN_H
#define TALLY_TOOLS_BENCH_CHAIN_H

#include "proto/codec/agreement.h"
#include "proto/codec/genesis.h"

#define CHAIN_VALIDATORS 4u
/* The rate by which the blocks' own clock runs: it does not depend on the machine. */
#define CHAIN_EVENTS_PER_S 150000u

struct chain {
    uint64_t seed;
    struct genesis genesis;
    struct verify_set validators;
    struct secret_key nodes[CHAIN_VALIDATORS];   /* in the set's order */
    struct secret_key signing[CHAIN_VALIDATORS]; /* of members 1 to CHAIN_VALIDATORS */
};

/* Large: heap or static. The keys and the genesis follow from the seed, too. */
void chain_init(uint64_t seed, struct chain *chain);
/* A network's own: `nodes` and `signing` are in genesis' order, of CHAIN_VALIDATORS validators and members
 * 1 to CHAIN_VALIDATORS. Errors: TALLY_EINVALID (another number of validators). */
int chain_init_network(uint64_t seed, const struct genesis *genesis,
    const struct secret_key nodes[CHAIN_VALIDATORS], const struct secret_key signing[CHAIN_VALIDATORS],
    struct chain *chain) TALLY_MUST_CHECK;

struct chain_plan {
    uint32_t subjects;
    uint64_t events;
    uint32_t batch_events; /* 1 to BATCH_EVENTS_MAX */
    uint32_t block_events; /* a multiple of batch_events, at most BLOCK_EVENTS_MAX */
};
/* How many blocks hold the plan's events. */
uint64_t chain_blocks(const struct chain_plan *plan);

/* Writes the plan's blocks, one record each, and syncs the file. Stops early where `go_on` says so, which is
 * asked after each block with the events written so far. Errors: TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM,
 * TALLY_ELIMIT (a block larger than BLOCK_SIZE_MAX, or more events than the subjects' files hold),
 * TALLY_ECLOSED (told to stop). */
int chain_write(const struct chain *chain, const struct chain_plan *plan, int descriptor,
    bool (*go_on)(void *context, uint64_t events), void *context) TALLY_MUST_CHECK;

/* One block of a file that chain_write made, as a node comes by it: the frames that peers send. */
struct chain_record {
    uint8_t *bytes; /* malloc'd; the spans borrow from it */
    uint64_t time_ms;
    struct span proposal, finalization;
    uint32_t batch_count;
    struct span *batches;
};
/* Reads the record at *offset and moves *offset behind it. The caller closes it. Errors: TALLY_ENOTFOUND (the
 * file ends there), TALLY_EIO, TALLY_EFORM, TALLY_ENOMEM. */
int chain_record_read(int descriptor, uint64_t *offset, struct chain_record *record) TALLY_MUST_CHECK;
void chain_record_close(struct chain_record *record);

#endif
