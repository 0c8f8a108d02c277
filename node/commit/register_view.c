#include "node/commit/register_view.h"

#include <stdlib.h>

#include "proto/base/check.h"

struct register_view *register_view_make(const struct member_register *value, uint64_t height)
{
    struct register_view *view = malloc(sizeof *view);
    if (view == NULL) return NULL;
    atomic_init(&view->references, 1);
    view->height = height;
    view->value = *value;
    return view;
}

struct register_view *register_view_share(struct register_view *view)
{
    unsigned before = atomic_fetch_add_explicit(&view->references, 1, memory_order_relaxed);
    CHECK(before > 0);
    return view;
}

void register_view_release(struct register_view *view)
{
    if (view == NULL) return;
    unsigned before = atomic_fetch_sub_explicit(&view->references, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before == 1) free(view);
}
