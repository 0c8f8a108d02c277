#include "tools/policies/profile.h"

#include "proto/base/check.h"

/* clang-format off: what stands between the braces is included. */
static const uint8_t cn[] = {
#include <policies/cn.inc>
};
static const uint8_t us[] = {
#include <policies/us.inc>
};
static const uint8_t dev[] = {
#include <policies/dev.inc>
};
/* clang-format on */
static const struct {
    const char *name;
    struct span text;
} profiles[] = {{"cn", {cn, sizeof cn}}, {"us", {us, sizeof us}}, {"dev", {dev, sizeof dev}}};

int policy_profile(const char *name, struct credit_policy *policy)
{
    char why[200];
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        if (strcmp(profiles[i].name, name) != 0) continue;
        CHECK(credit_policy_parse(profiles[i].text, policy, why, sizeof why) == TALLY_OK);
        return TALLY_OK;
    }
    return TALLY_ENOTFOUND;
}
