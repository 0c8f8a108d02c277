/* Where a snapshot's subjects are cut into parts: what the subjects' files say of their sizes decides it,
 * read once, and once more for each time that they are cut further. */
#include "proto/base/check.h"
#include "proto/crypto/subject_path.h"
#include "storage/snapshot_write_internal.h"

/* What is under the positions that share `depth` bits with `first`, as far as it matters. */
struct measuring {
    const struct snapshot_head *head;
    const struct digest *first;
    uint32_t depth;
    uint64_t subjects, size; /* of the part that they would make */
    int error;
};

static bool too_large(const struct measuring *measuring)
{
    return measuring->subjects > 1 && measuring->size > snapshot_part_size(measuring->head);
}

static bool subject_seen(void *context, struct span key, struct span value)
{
    struct measuring *measuring = context;
    struct digest position;
    struct state_subject subject;
    measuring->error = key.size == 1 + DIGEST_SIZE ? state_subject_decode(value, &subject) : TALLY_EDAMAGED;
    if (measuring->error != TALLY_OK) return false;
    memcpy(position.bytes, key.data + 1, DIGEST_SIZE);
    if (!snapshot_range_holds(measuring->first, measuring->depth, &position)) return false;
    measuring->subjects++;
    measuring->size += snapshot_subject_size(measuring->head, subject.bytes.size, subject.leaf.count);
    return !too_large(measuring);
}

static int measure(const struct snapshot_maker *maker, struct measuring *measuring)
{
    struct state_key prefix = state_key_alone('S'), from = state_key_of_position('S', measuring->first);
    measuring->size = SNAPSHOT_PREFIX_SIZE;
    int error = store_view_scan(
        maker->source->view, state_key_span(&prefix), state_key_span(&from), subject_seen, measuring);
    return error == TALLY_OK ? measuring->error : error;
}

/* Two subjects differ in some bit, so that what is too large can be cut. */
static int range_cut(struct snapshot_maker *maker, const struct digest *first, uint32_t depth)
{
    struct measuring measuring = {.head = maker->head, .first = first, .depth = depth};
    int error = measure(maker, &measuring);
    if (error == TALLY_OK && !maker->writing->go_on(maker->writing->context)) error = TALLY_ECLOSED;
    if (error != TALLY_OK) return error;
    if (!too_large(&measuring)) return snapshot_ranges_add(&maker->head->ranges, first, depth);
    struct digest upper = snapshot_range_upper(first, depth);
    error = range_cut(maker, first, depth + 1);
    return error == TALLY_OK ? range_cut(maker, &upper, depth + 1) : error;
}

int snapshot_subjects_cut(struct snapshot_maker *maker)
{
    int error = TALLY_OK;
    for (uint32_t i = 0; error == TALLY_OK && i < 1u << maker->head->depth; i++) {
        struct digest first = snapshot_range_first(i, maker->head->depth);
        error = range_cut(maker, &first, maker->head->depth);
    }
    return error;
}
