#include "node/credit/rules_internal.h"
#include "proto/base/check.h"

/* Nothing can come of it any more: it is used up or lapsed, and its last inquiry is not answered again. */
static bool is_spent(const struct consent *consent, const struct credit_policy *policy, uint64_t now_ms)
{
    bool over = consent->uses_left == 0 || day_of_ms(now_ms) > consent->valid_until;

    return over && (consent->last_use_ms == 0 || now_ms - consent->last_use_ms >= policy->answer_ttl_ms);
}

/* ---- CONSENT_GRANT ---- */

/* How many consents would be left to the file and to the grantee once spent ones are gone. */
static void count_unspent(const struct ruling *ruling, uint32_t *all, uint32_t *of_grantee)
{
    *all = *of_grantee = 0;
    for (uint32_t i = 0; i < ruling->subject->consents.count; i++) {
        const struct consent *consent = consent_at(ruling->subject, i);
        if (is_spent(consent, ruling->policy, ruling->block_time_ms)) continue;
        ++*all;
        *of_grantee += consent->grantee == ruling->header->grantee;
    }
}

static void drop_spent(const struct ruling *ruling)
{
    struct record_list *list = &ruling->subject->consents;

    for (uint32_t i = list->count; i > 0; i--) {
        if (!is_spent(consent_at(ruling->subject, i - 1), ruling->policy, ruling->block_time_ms)) continue;
        record_list_remove(list, sizeof(struct consent), i - 1);
    }
}

int consent_grant_rule(const struct ruling *ruling, struct event_result *result)
{
    const struct event_header *header = ruling->header;
    struct record_list *list = &ruling->subject->consents;
    struct consent consent = {
        .id = *ruling->event_id,
        .grantee = header->grantee,
        .purposes = header->purposes,
        .valid_from = header->valid_from,
        .valid_until = header->valid_until,
        .uses_left = header->max_uses,
    };
    uint32_t all, of_grantee;

    count_unspent(ruling, &all, &of_grantee);
    if (all >= CONSENTS_PER_SUBJECT_MAX || of_grantee >= CONSENTS_PER_GRANTEE_MAX) {
        *result = result_plain(RESULT_ACCOUNT_LIMIT);
        return TALLY_OK;
    }
    int error = record_list_reserve(list, sizeof(consent), all + 1);
    if (error) return error;
    drop_spent(ruling);
    error = record_list_add(list, sizeof(consent), CONSENTS_PER_SUBJECT_MAX, &consent);
    CHECK(error == TALLY_OK);
    *result = result_plain(RESULT_OK);
    return TALLY_OK;
}

/* ---- CONSENT_REVOKE ---- */

/* "By the grantee or a bureau; revoked by either or a regulator." Whatever is wrong with it is NO_CONSENT:
 * nobody learns what others were granted. A spent one is gone, whether or not it was dropped yet: that hangs
 * on when others were granted. */
void consent_revoke_rule(const struct ruling *ruling, struct event_result *result)
{
    const struct event_header *header = ruling->header;
    struct record_list *list = &ruling->subject->consents;
    uint32_t index, role = ruling->read->member_role(ruling->read->context, header->member_id);
    const struct consent *consent = record_list_find(list, sizeof(struct consent), &header->consent, &index);
    bool may = consent && !is_spent(consent, ruling->policy, ruling->block_time_ms) &&
               (consent->grantee == header->member_id || role == ROLE_BUREAU || role == ROLE_REGULATOR);

    *result = result_plain(may ? RESULT_OK : RESULT_NO_CONSENT);
    if (may) record_list_remove(list, sizeof(struct consent), index);
}

/* ---- INQUIRY ---- */

static bool covers(const struct consent *consent, const struct ruling *ruling)
{
    const struct event_header *header = ruling->header;
    int32_t day = ruling_day(ruling);

    return consent->grantee == header->member_id && (consent->purposes & PURPOSE_BIT(header->purpose)) != 0 &&
           day >= consent->valid_from && day <= consent->valid_until && consent->uses_left > 0;
}

/* "An inquiry is decided at its place in the order; a use is spent there." From the consent records alone:
 * neither accounts nor history are looked at, and a subject of whom nothing is known is refused like any
 * other. */
void inquiry_rule(const struct ruling *ruling, struct event_result *result)
{
    const struct event_header *header = ruling->header;

    *result = result_plain(RESULT_OK);
    if (!header->has_consent) return;
    struct consent *consent =
        record_list_find(&ruling->subject->consents, sizeof(struct consent), &header->consent, NULL);
    if (!consent || !covers(consent, ruling)) {
        *result = result_plain(RESULT_NO_CONSENT);
        return;
    }
    consent->uses_left--;
    consent->last_use_ms = ruling->block_time_ms;
}

/* A member that was answered under a consent knows the file, and may speak of it for as long as anything can
 * still come of that consent. */
bool consent_was_answered(const struct ruling *ruling)
{
    for (uint32_t i = 0; i < ruling->subject->consents.count; i++) {
        const struct consent *consent = consent_at(ruling->subject, i);
        if (consent->grantee != ruling->header->member_id || consent->last_use_ms == 0) continue;
        if (!is_spent(consent, ruling->policy, ruling->block_time_ms)) return true;
    }
    return false;
}

bool credit_inquiry_answers(const struct credit_policy *policy, const struct subject_state *subject,
    const struct event_header *inquiry, uint64_t inquired_ms, uint64_t now_ms)
{
    CHECK(inquiry->type == EVENT_INQUIRY);
    if (now_ms >= inquired_ms && now_ms - inquired_ms >= policy->answer_ttl_ms) return false;
    return !inquiry->has_consent ||
           record_list_find(&subject->consents, sizeof(struct consent), &inquiry->consent, NULL) != NULL;
}
