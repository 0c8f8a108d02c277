#include "node/vote_watch.h"

#include "proto/base/check.h"
#include "proto/base/limits.h"

#define SLOTS (2u * VOTE_WATCH_VIEWS)

_Static_assert(VALIDATORS_MAX <= 64, "a word holds the voters");

bool vote_watch_came(struct vote_watch *watch, uint32_t validator, uint64_t view)
{
    CHECK(validator < watch->validators);
    bool late = view <= watch->final_view;
    /* A liar's view from far ahead pushes nobody's out. */
    bool near = late ? watch->final_view - view < VOTE_WATCH_VIEWS
                     : view - watch->final_view < VOTE_WATCH_VIEWS || watch->final_view == 0;
    if (!near) return late;
    uint64_t bit = UINT64_C(1) << validator;
    if (watch->slots[view % SLOTS].view == view) {
        watch->slots[view % SLOTS].voters |= bit;
    } else {
        watch->slots[view % SLOTS].view = view;
        watch->slots[view % SLOTS].voters = bit;
    }
    return late;
}

uint64_t vote_watch_final(struct vote_watch *watch, uint64_t view)
{
    uint64_t before = watch->final_view;
    uint64_t all = watch->validators == 64 ? UINT64_MAX : (UINT64_C(1) << watch->validators) - 1;
    if (view <= before) return 0;
    watch->final_view = view;
    if (before == 0) return 0;
    uint64_t voters = watch->slots[before % SLOTS].view == before ? watch->slots[before % SLOTS].voters : 0;
    return all & ~voters;
}
