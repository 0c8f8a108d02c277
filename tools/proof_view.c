#include "tools/proof_view.h"

#include <stdio.h>

#include "proto/codec/ruling.h"

struct named_digest {
    const char *name;
    struct digest digest;
};
#define CHECKPOINT_DIGESTS 7

static void checkpoint_digests(
    const struct checkpoint *checkpoint, struct named_digest to[CHECKPOINT_DIGESTS])
{
    const struct named_digest digests[CHECKPOINT_DIGESTS] = {
        {"chain_id", checkpoint->chain_id},
        {"block", checkpoint->block},
        {"state_root", checkpoint->state_root},
        {"results_root", checkpoint->results_root},
        {"history_root", checkpoint->history_root},
        {"set_hash", checkpoint->set_hash},
        {"next_set_hash", checkpoint->next_set_hash},
    };
    memcpy(to, digests, sizeof digests);
}

json_t *checkpoint_to_json(const struct certified_checkpoint *certified)
{
    const struct checkpoint *checkpoint = &certified->checkpoint;
    struct named_digest digests[CHECKPOINT_DIGESTS];
    json_t *signers = json_array();
    for (uint32_t i = 0; signers != NULL && i < VALIDATORS_MAX; i++) {
        if ((certified->signers >> i & 1) != 0) json_array_append_new(signers, json_integer(i));
    }
    json_t *object = json_pack("{s:I, s:I, s:I, s:o}", "epoch", (json_int_t)checkpoint->epoch, "height",
        (json_int_t)checkpoint->height, "time_ms", (json_int_t)checkpoint->time_ms, "signers", signers);
    checkpoint_digests(checkpoint, digests);
    for (size_t i = 0; object != NULL && i < CHECKPOINT_DIGESTS; i++) {
        json_object_set_new(object, digests[i].name, json_digest(&digests[i].digest));
    }
    return object;
}

static void checkpoint_text(const struct certified_checkpoint *certified)
{
    const struct checkpoint *checkpoint = &certified->checkpoint;
    struct named_digest digests[CHECKPOINT_DIGESTS];
    char time[TIME_TEXT_SIZE], hex[2 * DIGEST_SIZE + 1];
    time_to_text(checkpoint->time_ms, time);
    printf("height %llu, epoch %llu, %s, signed by %d validators\n", (unsigned long long)checkpoint->height,
        (unsigned long long)checkpoint->epoch, time, __builtin_popcountll(certified->signers));
    checkpoint_digests(checkpoint, digests);
    for (size_t i = 0; i < CHECKPOINT_DIGESTS; i++) {
        hex_encode(span_of(digests[i].digest.bytes, DIGEST_SIZE), hex);
        printf("  %-14s %s\n", digests[i].name, hex);
    }
}

enum tool_exit checkpoint_show(struct context *context, const struct certified_checkpoint *certified)
{
    if (context->json) return output_json_take(context, checkpoint_to_json(certified));
    checkpoint_text(certified);
    return TOOL_DONE;
}

enum tool_exit consistency_show(struct context *context, const struct consistency_proof *proof)
{
    uint64_t since = proof->older.checkpoint.height;
    if (context->json) {
        json_t *object = checkpoint_to_json(&proof->newer);
        if (object != NULL) json_object_set_new(object, "since_height", json_integer((json_int_t)since));
        return output_json_take(context, object);
    }
    checkpoint_text(&proof->newer);
    printf("the ledger up to height %llu is the beginning of this one: nothing in it was changed\n",
        (unsigned long long)since);
    return TOOL_DONE;
}

/* Of an event's result, or of a governance transaction's ruling: their codes differ, but for OK. */
static const char *code_name(uint32_t code)
{
    const char *name = result_name(code);
    return name != NULL ? name : ruling_name(code);
}

static const char *code_sentence(uint32_t code)
{
    return result_name(code) != NULL ? result_sentence(code) : ruling_sentence(code);
}

enum tool_exit receipt_show(struct context *context, const struct receipt *receipt)
{
    const struct checkpoint *under = &receipt->checkpoint.checkpoint;
    const char *name = code_name(receipt->result.code);
    struct span detail = span_of(receipt->result.detail, receipt->result.detail_size);
    char id[2 * DIGEST_SIZE + 1], detail_hex[2 * RESULT_DETAIL_SIZE_MAX + 1], time[TIME_TEXT_SIZE];
    if (context->json) {
        return output_json_take(
            context, json_pack("{s:o, s:I, s:I, s:I, s:s, s:I, s:o, s:I, s:I, s:I}", "event_id",
                         json_digest(&receipt->event_id), "height", (json_int_t)receipt->height, "index",
                         (json_int_t)receipt->index, "time_ms", (json_int_t)receipt->time_ms, "result",
                         name == NULL ? "UNKNOWN" : name, "result_code", (json_int_t)receipt->result.code,
                         "detail", json_hex(detail), "epoch", (json_int_t)under->epoch, "as_of_height",
                         (json_int_t)under->height, "as_of_time_ms", (json_int_t)under->time_ms));
    }
    hex_encode(span_of(receipt->event_id.bytes, DIGEST_SIZE), id);
    time_to_text(receipt->time_ms, time);
    printf("event     %s\n", id);
    printf(
        "ordered   height %llu, index %u, %s\n", (unsigned long long)receipt->height, receipt->index, time);
    printf("result    %s", name == NULL ? "UNKNOWN" : name);
    if (name != NULL) printf(": %s", code_sentence(receipt->result.code));
    hex_encode(detail, detail_hex);
    printf("%s%s\n", detail.size > 0 ? "\ndetail    " : "", detail_hex);
    time_to_text(under->time_ms, time);
    printf("as of     height %llu of epoch %llu, %s\n", (unsigned long long)under->height,
        (unsigned long long)under->epoch, time);
    return TOOL_DONE;
}

enum tool_exit verdict_fail(
    struct context *context, const char *what, int error, const struct proof_verdict *verdict)
{
    if (error == TALLY_ENOMEM) {
        return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory to verify %s", what);
    }
    return context_fail(context, TOOL_REFUSED, proof_reason_name(verdict->reason),
        "%s does not verify (%s): %s", what, proof_reason_name(verdict->reason), verdict->detail);
}
