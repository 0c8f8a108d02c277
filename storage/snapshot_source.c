#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/snapshot_write_internal.h"
#include "storage/state_internal.h"

static int source_read(struct state *state, struct snapshot_source *source)
{
    struct state_key key = state_key_alone('M');
    struct buffer value;
    state_value_init(&value);
    int error = store_view_get(source->view, state_key_span(&key), &value);
    if (error == TALLY_OK) error = state_meta_decode(buffer_span(&value), &source->meta);
    buffer_close(&value);
    if (error == TALLY_OK) error = state_certified_get(state, source->meta.height, &source->certified);
    if (error == TALLY_OK)
        error = state_seals_read(state, source->certified.checkpoint.epoch, &source->seals);
    return error;
}

int snapshot_source_open(struct state *state, struct snapshot_source **source)
{
    CHECK(!state->flushing);
    struct snapshot_source *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->config = state->config;
    buffer_init(&opened->seals, EPOCH_SEALS_SIZE_MAX);
    opened->base_height = state->base.height;
    opened->view = store_view_make(state->store);
    int error = opened->view == NULL ? TALLY_ENOMEM : source_read(state, opened);
    if (error != TALLY_OK) {
        snapshot_source_close(opened);
        return error;
    }
    *source = opened;
    return TALLY_OK;
}

void snapshot_source_close(struct snapshot_source *source)
{
    if (source == NULL) return;
    store_view_close(source->view);
    buffer_close(&source->seals);
    free(source);
}

const struct checkpoint *snapshot_source_checkpoint(const struct snapshot_source *source)
{
    return &source->certified.checkpoint;
}

const struct state_counts *snapshot_source_counts(const struct snapshot_source *source)
{
    return &source->meta.counts;
}
