/* The register as it stood after some block, for whoever reads it on the loop's thread or beside it: it never
 * changes, and is freed with the last reference. The executor makes another each time a block changed it. */
#ifndef TALLY_COMMIT_REGISTER_VIEW_H
#define TALLY_COMMIT_REGISTER_VIEW_H

#include <stdatomic.h>

#include "proto/codec/register.h"

struct register_view {
    atomic_uint references;
    uint64_t height; /* after whose block it stands so, and from the next one on it holds; 0 = genesis */
    struct member_register value;
};

/* A copy of the value, with one reference. NULL when memory is out. */
struct register_view *register_view_make(const struct member_register *value, uint64_t height);
/* One reference more; returns its argument. On any thread that has one. */
struct register_view *register_view_share(struct register_view *view);
/* Gives a reference back. NULL is fine. On any thread. */
void register_view_release(struct register_view *view);

#endif
