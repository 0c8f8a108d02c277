/* The shipped policies, for tests of what they do. */
#ifndef TALLY_TESTS_VECTORS_PROFILE_H
#define TALLY_TESTS_VECTORS_PROFILE_H

#include "proto/base/check.h"
#include "tools/policies/profile.h"

static inline struct credit_policy profile(const char *name)
{
    struct credit_policy policy;
    CHECK(policy_profile(name, &policy) == TALLY_OK);
    return policy;
}

#endif
