// links: codec crypto base
#include "proto/codec/governance_json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/governance_samples.h"

static struct governance_transaction transaction;
static struct governance_action action;
static struct member_register governed;
static struct genesis genesis;

static void same(const struct buffer *out, struct span bytes)
{
    CHECK(!out->failed && span_equal(buffer_span(out), bytes));
}

static void try_transaction(struct span bytes, struct arena *arena, struct buffer *out)
{
    struct digest chain = sample_digest("chain");
    if (governance_decode(bytes, arena, &transaction) != TALLY_OK) return;
    governance_encode(&transaction, out);
    same(out, bytes);
    buffer_clear(out);
    governance_body_encode(&transaction, out);
    same(out, transaction.body);
    /* What a signature stands under cannot be made by chance; that it is looked at must not crash. */
    (void)!governance_check(&transaction, &chain);
}

static void try_action(struct span bytes, struct arena *arena, struct buffer *out)
{
    const struct public_key *keys[NEW_KEYS_MAX];
    if (action_decode(bytes, arena, &action) != TALLY_OK) return;
    action_encode(&action, out);
    same(out, bytes);
    buffer_clear(out);
    action_print(&action, out);
    CHECK(!out->failed);
    CHECK(action_name(action.kind) != NULL && action_new_keys(&action, keys) <= NEW_KEYS_MAX);
}

static void try_join_file(struct span bytes, struct buffer *out)
{
    struct digest founding = {{0}};
    struct buffer action_bytes, proofs;
    char why[200] = "";
    buffer_init(&action_bytes, ACTION_SIZE_MAX);
    buffer_init(&proofs, NEW_KEYS_MAX * SIGNATURE_SIZE);
    int error = join_file_parse(bytes, &founding, &action, &action_bytes, &proofs, why, sizeof why);
    CHECK((error == TALLY_OK) == (why[0] == '\0'));
    if (error == TALLY_OK) {
        join_file_print(&action, buffer_span(&proofs), out);
        CHECK(!out->failed);
    }
    buffer_close(&action_bytes);
    buffer_close(&proofs);
}

static void try_register(struct span bytes, struct buffer *out)
{
    struct register_set set;
    if (register_decode(bytes, &governed) != TALLY_OK) return;
    register_encode(&governed, out);
    same(out, bytes);
    register_wanted_set(&governed, &set);
    CHECK(register_voter_count(&governed) <= governed.member_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size);
    struct arena arena;
    struct buffer out;
    for (int form = 0; form < 4; form++) {
        arena_init(&arena, GOVERNANCE_ARENA_BUDGET);
        buffer_init(&out, REGISTER_SIZE_MAX);
        if (form == 0) try_transaction(bytes, &arena, &out);
        if (form == 1) try_action(bytes, &arena, &out);
        if (form == 2) try_join_file(bytes, &out);
        if (form == 3) try_register(bytes, &out);
        buffer_close(&out);
        arena_close(&arena);
    }
    return 0;
}

static void sample_register(struct buffer *out)
{
    sample_genesis(&genesis);
    CHECK(register_from_genesis(&genesis, &governed) == TALLY_OK);
    register_encode(&governed, out);
}

static void sample_join_file(struct buffer *out)
{
    struct sample_transaction sample;
    struct buffer proofs;
    struct digest founding = {{0}};
    sample_transaction_init(&sample, GOVERNANCE_PROPOSE, ACTION_ADMIT_MEMBER);
    buffer_init(&proofs, GOVERNANCE_SIZE_MAX);
    sample_proofs(&sample.fields.proposed, &founding, sample.fields.action, &proofs);
    join_file_print(&sample.fields.proposed, buffer_span(&proofs), out);
    buffer_close(&proofs);
    sample_transaction_close(&sample);
}

/* A transaction of each kind, an action of each, a join file, a register. */
size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    struct sample_transaction sample;
    struct buffer out;
    enum { ACTIONS = ACTION_SET_FLAG, KINDS = GOVERNANCE_READY };
    if (number >= KINDS + ACTIONS + 2) return 0;
    buffer_init(&out, size_max);
    if (number < KINDS + ACTIONS) {
        bool whole = number < KINDS;
        sample_transaction_init(&sample, whole ? (enum governance_kind)(number + 1) : GOVERNANCE_PROPOSE,
            whole ? ACTION_ADD_KEY : (enum action_kind)(number - KINDS + 1));
        struct span part = buffer_span(whole ? &sample.whole : &sample.action);
        buffer_append(&out, part.data, part.size);
        sample_transaction_close(&sample);
    } else if (number == KINDS + ACTIONS) {
        sample_join_file(&out);
    } else {
        sample_register(&out);
    }
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
