/* The policies that ship beside this file, by their names. */
#ifndef TALLY_TOOLS_POLICIES_PROFILE_H
#define TALLY_TOOLS_POLICIES_PROFILE_H

#include "proto/codec/policy.h"

/* "cn", "us" or "dev". Errors: TALLY_ENOTFOUND (no such profile); *policy is then unchanged. */
int policy_profile(const char *name, struct credit_policy *policy) TALLY_MUST_CHECK;

#endif
