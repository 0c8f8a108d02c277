/* The register of a genesis, as readers hold it. */
#ifndef TALLY_TESTS_GENESIS_VIEW_H
#define TALLY_TESTS_GENESIS_VIEW_H

#include <stdlib.h>

#include "node/commit/register_view.h"
#include "proto/base/check.h"

static inline struct register_view *genesis_view(const struct genesis *genesis)
{
    struct member_register *value = malloc(sizeof *value);
    CHECK(value != NULL && register_from_genesis(genesis, value) == TALLY_OK);
    struct register_view *view = register_view_make(value, 0);
    CHECK(view != NULL);
    free(value);
    return view;
}

#endif
