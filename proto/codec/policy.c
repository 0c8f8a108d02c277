#include "proto/codec/policy.h"

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

struct digest credit_policy_root(const struct credit_policy *policy)
{
    struct hasher hasher;

    CHECK(policy->amount_cap_count <= AMOUNT_CAPS_MAX);
    hasher_init(&hasher, TAG_POLICY);
    hasher_sized(&hasher, span_of(policy->name, strlen(policy->name)));
    hasher_u32(&hasher, policy->version);
    hasher_u32(&hasher, policy->live_reservations_max);
    hasher_u32(&hasher, policy->lenders_max);
    hasher_u32(&hasher, policy->accounts_max);
    hasher_u32(&hasher, policy->cooling_off_days);
    hasher_u32(&hasher, policy->amount_cap_count);
    for (uint32_t i = 0; i < policy->amount_cap_count; i++) {
        hasher_u32(&hasher, policy->amount_caps[i].currency);
        hasher_u64(&hasher, (uint64_t)policy->amount_caps[i].minor);
    }
    hasher_u64(&hasher, policy->reservation_life_ms_max);
    hasher_u64(&hasher, policy->authorization_from_ms);
    hasher_u32(&hasher, policy->purposes);
    for (uint32_t role = 0; role <= ROLE_OPERATOR; role++)
        hasher_u32(&hasher, policy->legal_bases[role]);
    hasher_u64(&hasher, policy->answer_ttl_ms);
    hasher_u32(&hasher, (uint32_t)policy->retention_start);
    hasher_u32(&hasher, policy->retention_years);
    hasher_u32(&hasher, (uint32_t)policy->unverifiable);
    hasher_u32(&hasher, policy->dispute_days);
    hasher_u32(&hasher, policy->dispute_extension_days);
    return hasher_final(&hasher);
}
