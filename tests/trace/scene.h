/* One replica among puppets: blocks with one-letter names, signatures that are never looked at, and every
 * output said as a line of prose. What the scripts in this folder are played on. */
#ifndef TALLY_TRACE_SCENE_H
#define TALLY_TRACE_SCENE_H

#include <stdio.h>

#include "consensus/consensus.h"

#define SCENE_BLOCKS 26
#define SCENE_RECORDS_MAX 256
#define SCENE_QUEUE_MAX 256
#define SCENE_RANGE_MAX 16

/* The most views a script's block may skip. */
#define SCENE_NULLIFICATIONS_MAX 64

/* A block as scripts name it, with everything its justification rests on. */
struct scene_block {
    bool known;
    bool payload_held;
    struct proposal proposal;
    struct certificate nullifications[SCENE_NULLIFICATIONS_MAX];
    char parent; /* 0 for genesis */
};

/* Messages handed out for a check, with what they point at. */
struct scene_check {
    struct consensus_message message;
    uint32_t peer;
    struct vote vote;
    struct certificate certificate;
    struct consensus_range range;
    struct block_header headers[SCENE_RANGE_MAX];
    struct digest hashes[SCENE_RANGE_MAX];
};

struct scene_commit {
    struct block_header header;
    struct digest block;
    bool has_finalization;
    struct certificate finalization;
    struct block_header seal_path[SCENE_RANGE_MAX];
    uint32_t seal_path_count;
};

struct scene {
    struct consensus_config config;
    struct consensus *consensus;
    uint64_t now_ms, wall_ms;
    struct scene_block blocks[SCENE_BLOCKS];
    struct scene_check checks[SCENE_QUEUE_MAX];
    uint32_t check_first, check_count;
    struct vote unsigned_votes[SCENE_QUEUE_MAX];
    uint32_t unsigned_first, unsigned_count;
    struct block_header asked; /* of the last OUTPUT_PROPOSE */
    char asked_parent;
    struct certificate asked_certificate;
    struct certificate asked_nullifications[SCENE_NULLIFICATIONS_MAX];
    uint32_t asked_nullification_count;
    struct consensus_record records[SCENE_RECORDS_MAX];
    uint32_t record_count, record_durable;
    uint64_t record_base; /* records stored before the last restart: sequences start again from 1 */
    struct scene_commit commits[SCENE_RECORDS_MAX];
    uint32_t commit_count;
    uint64_t appended;
    FILE *out;
};

/* Opens the replica with an empty ledger. `config` has its set's count, signer, timeouts and so on. */
void scene_open(struct scene *scene, const struct consensus_config *config);
void scene_close(struct scene *scene);
/* Closes it and opens it for the next epoch, upon the seal that was committed last; false where there is
 * none. */
bool scene_next_epoch(struct scene *scene, const struct consensus_config *config);
/* Loses what was not durable and opens it again from the ledger and the records. */
void scene_restart(struct scene *scene, bool proposals_kept);

/* Defines block `name` of `view` on `parent` (0 = genesis), linked by an NC, or an FC. */
void scene_block(
    struct scene *scene, char name, uint64_t view, char parent, bool by_finalization, uint64_t time_ms);
struct vote scene_vote(
    const struct scene *scene, enum vote_kind kind, uint64_t view, char block, uint32_t signer);
struct certificate scene_certificate(
    const struct scene *scene, enum vote_kind kind, uint64_t view, char block);

/* Feeds one input and says every output. */
void scene_step(struct scene *scene, struct consensus_input *input);
void scene_receive(struct scene *scene, uint32_t peer, const struct consensus_message *message);
/* Answers the oldest check, or sign request; false when there is none. */
bool scene_verified(struct scene *scene, bool ok);
bool scene_signed(struct scene *scene);
bool scene_unsigned(struct scene *scene);
/* Answers the last request to propose with a block of this name. */
void scene_proposed(struct scene *scene, char name);
/* Acknowledges the next `count` of the records that are stored and not yet durable: scene_stored says how
 * many. */
void scene_durable(struct scene *scene, uint32_t count);
uint32_t scene_stored(const struct scene *scene);
void scene_payload(struct scene *scene, char name, bool ok);
void scene_appended(struct scene *scene, uint64_t height);

#endif
