#ifndef TALLY_TOOLS_POLICY_H
#define TALLY_TOOLS_POLICY_H

#include "proto/codec/policy.h"
#include "tools/command.h"

/* A policy by its profile's name, or from a file where the name has a / or a . in it. Told where it is none.
 */
enum tool_exit policy_open(
    struct context *context, const char *name, struct credit_policy *policy) TALLY_MUST_CHECK;

#endif
