/* What the makers of a snapshot share. Nobody else includes it. */
#ifndef TALLY_STORAGE_SNAPSHOT_WRITE_INTERNAL_H
#define TALLY_STORAGE_SNAPSHOT_WRITE_INTERNAL_H

#include "storage/snapshot_internal.h"
#include "storage/snapshot_spill.h"
#include "storage/snapshot_write.h"
#include "storage/state_record.h"

struct snapshot_source {
    struct state_config config;
    struct store_view *view;
    struct state_meta meta;
    uint64_t base_height;
    struct certified_checkpoint certified;
    struct buffer seals; /* of all epochs before the checkpoint's */
};

struct snapshot_maker {
    const struct snapshot_source *source;
    const struct snapshot_writing *writing;
    struct snapshot_head *head;
    struct buffer part; /* being made; bounded by SNAPSHOT_PART_SIZE_MAX */
};

/* Begins a part of a kind. */
void snapshot_part_begin(struct snapshot_maker *maker, uint32_t kind, uint32_t index);
/* Saves it. */
int snapshot_part_end(const struct snapshot_maker *maker, uint32_t kind, uint32_t index) TALLY_MUST_CHECK;
/* Saves one that was made beside it. */
int snapshot_save(const struct snapshot_maker *maker, uint32_t kind, uint32_t index,
    const struct buffer *part) TALLY_MUST_CHECK;

/* Cuts the subjects into the head's ranges, by their sizes alone. */
int snapshot_subjects_cut(struct snapshot_maker *maker) TALLY_MUST_CHECK;
/* Makes all parts of subjects and of events, and the head's ranges with what stands over them. */
int snapshot_subjects_make(struct snapshot_maker *maker) TALLY_MUST_CHECK;

#endif
