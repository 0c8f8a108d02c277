#include "node/refusals.h"

#include <string.h>

#include "node/clock.h"

/* ---- Before it is ordered ---- */

/* Of a peer, these are what a block did while the flood was on its way. */
static bool is_overtaken(const char *reason)
{
    return strcmp(reason, ruling_name(RULING_OUT_OF_SEQUENCE)) == 0 ||
           strcmp(reason, ruling_name(RULING_NOT_WANTED)) == 0;
}

static bool is_to_be_told(bool of_peer, int error, const char *reason)
{
    if (of_peer) return error != TALLY_ETIMEOUT && error != TALLY_ENOMEM && !is_overtaken(reason);
    return error == TALLY_EDENIED || error == TALLY_ESIGNATURE || error == TALLY_ECHAIN;
}

static bool may_tell(struct log_limit *limit)
{
    uint64_t suppressed = 0;
    if (!log_limit_allows(limit, clock_now_ms(), &suppressed)) return false;
    if (suppressed > 0)
        LOG_UNUSUAL("refusals left out of the log", LOG_S("service", "batches"), LOG_U("count", suppressed));
    return true;
}

void refusals_tell_admission(
    struct log_limit *limit, const char *peer, int error, const struct admission_refusal *refusal)
{
    if (!is_to_be_told(peer != NULL, error, refusal->reason) || !may_tell(limit)) return;
    LOG_UNUSUAL("a batch was refused", LOG_S("from", peer == NULL ? "a client" : peer),
        LOG_U("claimed_member", refusal->member_id), LOG_K("claimed_key", &refusal->key),
        LOG_S("why", refusal->reason), LOG_S("field", refusal->field));
}

/* ---- Once it is ordered ---- */

static void tell_ruling(struct log_limit *limit, uint64_t height,
    const struct governance_transaction *transaction, const struct event_result *result)
{
    if (result->code == RULING_OK || !may_tell(limit)) return;
    LOG_UNUSUAL("a governance transaction was refused",
        LOG_S("kind", governance_kind_name((uint32_t)transaction->kind)),
        LOG_U("member", transaction->member_id), LOG_K("key", &transaction->key), LOG_U("height", height),
        LOG_S("why", ruling_name(result->code)));
}

static void tell_batch(
    struct log_limit *limit, uint64_t height, const struct batch *batch, const struct event_result *results)
{
    for (uint32_t i = 0; i < batch->event_count; i++) {
        uint16_t code = results[i].code;
        if (code != RESULT_NOT_ALLOWED && code != RESULT_KEY_REVOKED) continue;
        if (may_tell(limit))
            LOG_UNUSUAL("an ordered batch was refused", LOG_U("member", batch->member_id),
                LOG_K("key", &batch->signing_key), LOG_U("height", height), LOG_S("why", result_name(code)));
        return;
    }
}

void refusals_tell_applied(struct log_limit *limit, const struct applied_block *applied)
{
    const struct block_header *header = &applied->block->header;
    uint32_t event_index = 0, ruling_index = header->payload_events;
    if (applied->result_count != block_result_count(applied->block)) return; /* replayed in a rebuild */
    for (uint32_t i = 0; i < applied->block->batch_count; i++) {
        const struct batch *batch = &applied->block->batches[i];
        if (batch->governance != NULL) {
            tell_ruling(limit, header->height, batch->governance, &applied->results[ruling_index++]);
        } else {
            tell_batch(limit, header->height, batch, &applied->results[event_index]);
            event_index += batch->event_count;
        }
    }
}
