/* What a node gives to one that joins: its newest snapshot, part by part, and older blocks with their
 * results. Read by workers, a piece at a time for each peer, and sent behind everything urgent. On the loop's
 * thread. */
#ifndef TALLY_NODE_HANDOVER_H
#define TALLY_NODE_HANDOVER_H

#include "node/commit/executor.h"
#include "node/net/links.h"

struct handover;

/* `data_dir` is where DIR/snapshots lies. Everything is borrowed. Errors: TALLY_ENOMEM. */
int handover_open(const char *data_dir, struct executor *executor, struct worker *checkers,
    struct handover **handover) TALLY_MUST_CHECK;
void handover_start(struct handover *handover, struct links *links);
/* Answers nothing more. NULL is fine. */
void handover_stop(struct handover *handover);
/* After the checkers and the executor's reads have ended. */
void handover_close(struct handover *handover);

/* FRAME_SNAPSHOT_REQUEST, FRAME_CHUNK_REQUEST and FRAME_BACKFILL_REQUEST. A peer that asks for more than one
 * that joins does, while that is under way, gets no answer. */
void handover_frame(struct handover *handover, uint32_t peer, enum frame_kind kind, struct span payload);

#endif
