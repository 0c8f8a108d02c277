#include "tools/policies/profile.h"

#include "policy_texts.h"
#include "proto/base/check.h"

int policy_profile(const char *name, struct credit_policy *policy)
{
    char why[200];
    for (size_t i = 0; i < sizeof policy_texts / sizeof policy_texts[0]; i++) {
        if (strcmp(policy_texts[i].name, name) != 0) continue;
        struct span text = span_of(policy_texts[i].bytes, policy_texts[i].size);
        CHECK(credit_policy_parse(text, policy, why, sizeof why) == TALLY_OK);
        return TALLY_OK;
    }
    return TALLY_ENOTFOUND;
}
