#include "tools/trust.h"

#include <stdlib.h>

#include "proto/codec/epoch_seal.h"
#include "tools/file.h"
#include "tools/output.h"
#include "tools/proof_view.h"

#define CHECKPOINT_FILE_SIZE_MAX (16u * KIB + EPOCH_SEALS_SIZE_MAX)

enum tool_exit trust_from_genesis(
    struct context *context, const struct genesis *genesis, struct proof_trust *trust)
{
    struct validator_set set;
    *trust = (struct proof_trust){.chain_id = genesis->chain_id};
    genesis_validator_set(genesis, &set);
    if (verify_set_init(&set, &trust->validators) != TALLY_OK) {
        return context_fail(
            context, TOOL_REFUSED, "GENESIS", "the genesis names a validator's key that is no key");
    }
    return TOOL_DONE;
}

enum tool_exit trust_from_home(struct context *context, const struct home *home, struct proof_trust *trust)
{
    struct genesis *genesis = NULL;
    enum tool_exit code = home_genesis(context, home, &genesis);
    if (code == TOOL_DONE) code = trust_from_genesis(context, genesis, trust);
    free(genesis);
    return code;
}

enum tool_exit trust_bounds(struct context *context, const struct args *args, struct proof_trust *trust)
{
    const char *height = args_value(args, "min-height"), *age = args_value(args, "max-age");
    uint64_t seconds = 0;
    if (height != NULL && number_from_text(height, 0, UINT64_MAX, &trust->height_min) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "--min-height is a height, not '%s'", height);
    }
    if (age != NULL && number_from_text(age, 0, UINT32_MAX, &seconds) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "--max-age is a number of seconds, not '%s'", age);
    }
    uint64_t now_ms = clock_wall_ms();
    /* 0 would mean any time, so an age that reaches back before 1970 asks for the first millisecond. */
    if (age != NULL) trust->time_ms_min = seconds * 1000 < now_ms ? now_ms - seconds * 1000 : 1;
    return TOOL_DONE;
}

enum tool_exit proof_file_read(struct context *context, const char *path, struct buffer *bytes)
{
    char why[MESSAGE_SIZE_MAX / 2];
    int error = file_read(path, bytes, why, sizeof why);
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, error == TALLY_ELIMIT ? "FORM" : "FILE", "%s", why);
}

enum tool_exit checkpoint_open(struct context *context, const char *path, const struct proof_trust *trust,
    struct known_checkpoint *known)
{
    struct proof_verdict verdict;
    struct buffer bytes;
    buffer_init(&bytes, CHECKPOINT_FILE_SIZE_MAX);
    enum tool_exit code = proof_file_read(context, path, &bytes);
    if (code == TOOL_DONE) {
        int error = known_checkpoint_verify(trust, buffer_span(&bytes), known, &verdict);
        if (error != TALLY_OK) code = verdict_fail(context, path, error, &verdict);
    }
    buffer_close(&bytes);
    return code;
}

enum tool_exit history_base_open(
    struct context *context, const char *path, const struct proof_trust *trust, struct history_base *base)
{
    struct proof_verdict verdict;
    struct buffer bytes;
    struct arena arena;
    struct history_proof *proof = calloc(1, sizeof *proof);
    struct proof_trust *any_age = calloc(1, sizeof *any_age);
    enum tool_exit code = TOOL_DONE;
    buffer_init(&bytes, PROOF_FILE_SIZE_MAX);
    arena_init(&arena, HISTORY_ARENA_BUDGET);
    if (proof == NULL || any_age == NULL) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
        goto done;
    }
    any_age->chain_id = trust->chain_id;
    any_age->validators = trust->validators;
    code = proof_file_read(context, path, &bytes);
    if (code != TOOL_DONE) goto done;
    int error = history_verify(any_age, buffer_span(&bytes), &arena, proof, &verdict);
    if (error == TALLY_OK) {
        *base = history_base_of(proof);
    } else {
        code = verdict_fail(context, path, error, &verdict);
    }
done:
    arena_close(&arena);
    buffer_close(&bytes);
    free(any_age);
    free(proof);
    return code;
}
