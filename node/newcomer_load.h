/* Parts of a snapshot, on their way from peers into a state of their own: checked and written one after the
 * other by a worker, and made into a ledger and a state that the next start takes over. Those of the history,
 * and of long subjects' events, wait for their turn, and for their verdict. On the loop's thread. */
#ifndef TALLY_NODE_NEWCOMER_LOAD_H
#define TALLY_NODE_NEWCOMER_LOAD_H

#include <uv.h>

#include "node/joiner.h"
#include "proto/codec/transfer.h"
#include "storage/snapshot.h"

struct newcomer_load;

struct newcomer_load_callbacks {
    /* A part was looked at: TALLY_OK (it is kept), or TALLY_EDAMAGED (it is not that part). It showed that
     * there are `more` behind all those that were known. */
    void (*on_part)(void *context, uint32_t peer, const struct chunk_place *place, uint32_t index,
        uint32_t more, int error);
    /* After newcomer_load_end: everything is durable. */
    void (*on_loaded)(void *context);
    /* The disk failed; nothing more comes. */
    void (*on_failed)(void *context, const char *what, int error);
};

/* Everything is borrowed. Errors: TALLY_ENOMEM. */
int newcomer_load_open(uv_loop_t *loop, const char *data_dir, const struct digest *chain_id,
    const struct newcomer_load_callbacks *callbacks, void *context,
    struct newcomer_load **load) TALLY_MUST_CHECK;
/* Lets what was given be finished; no callback comes. NULL is fine. */
void newcomer_load_close(struct newcomer_load *load);

/* What a head offers, for the joiner: its parts are numbered from 1 over all kinds, and behind them those
 * that become known with the last part of subjects. */
struct joiner_snapshot newcomer_load_describe(const struct snapshot_head *head);

/* Begins with a snapshot, whatever was loaded of another before. */
void newcomer_load_begin_take(struct newcomer_load *load, struct snapshot_head *head);
/* Which part of the snapshot that was begun is number `index`, which is one of its (CHECKed). */
struct chunk_place newcomer_load_place(const struct newcomer_load *load, uint32_t index);
/* And back; 0 where it is none of it, or none was begun. */
uint32_t newcomer_load_index(const struct newcomer_load *load, const struct chunk_place *place);
/* Gives one such part; on_part follows, unless another snapshot is begun meanwhile. Copies the bytes. */
void newcomer_load_part(struct newcomer_load *load, uint32_t peer, const struct chunk_place *place,
    uint32_t index, struct span bytes);
/* Every part was given and kept. */
void newcomer_load_end(struct newcomer_load *load);

#endif
