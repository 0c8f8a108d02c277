// links: proof codec crypto base
/* Saved proofs and receipts, decoded and verified. The first byte picks which. */
#include "proto/base/check.h"
#include "proto/proof/verify.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/samples.h"

static struct sample_map map;
static bool is_made;

static const struct sample_map *the_map(void)
{
    if (!is_made) sample_map_init(&map);
    is_made = true;
    return &map;
}

static void run_history(const struct proof_trust *trust, struct span bytes)
{
    static struct history_proof proof;
    struct arena arena;
    struct proof_verdict verdict;
    struct buffer out;
    arena_init(&arena, 2 * MIB);
    buffer_init(&out, 4 * MIB);
    if (history_proof_decode(bytes, &arena, &proof) == TALLY_OK) {
        /* The encoder says the subject's own position, the decoder what it read. */
        struct digest position = subject_position(&proof.checkpoint.checkpoint.chain_id, &proof.subject_id);
        history_proof_encode(&proof, &out);
        if (digest_equal(&position, &proof.position)) CHECK(span_equal(buffer_span(&out), bytes));
    }
    if (history_verify(trust, bytes, &arena, &proof, &verdict) == TALLY_OK) {
        /* Only withheld bodies may differ from what the network signed. */
        CHECK(verdict.authentic && verdict.complete && verdict.as_of_height == 9);
        CHECK(verdict.absent ||
              (verdict.events == SAMPLE_HISTORY && digest_equal(&proof.subject_id, &map.subject)));
    }
    buffer_close(&out);
    arena_close(&arena);
}

static void run_receipt(const struct proof_trust *trust, struct span bytes)
{
    struct receipt receipt;
    struct proof_verdict verdict;
    struct buffer out;
    buffer_init(&out, MIB);
    if (receipt_decode(bytes, &receipt) == TALLY_OK) {
        receipt_encode(&receipt, &out);
        CHECK(span_equal(buffer_span(&out), bytes));
    }
    (void)!receipt_verify(trust, bytes, &receipt, &verdict);
    buffer_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sample_map *known = the_map();
    struct proof_trust trust = {.chain_id = known->network.chain_id, .validators = known->network.validators};
    if (size == 0) return 0;
    if (data[0] == 0)
        run_history(&trust, span_of(data + 1, size - 1));
    else
        run_receipt(&trust, span_of(data + 1, size - 1));
    return 0;
}

static void sample_receipt(const struct sample_map *known, struct buffer *out)
{
    struct receipt receipt = {.height = 9, .index = 1, .time_ms = 5, .checkpoint = known->checkpoint};
    receipt.result = (struct event_result){.code = RESULT_CONFLICT, .detail_size = 32};
    receipt.result_path_length = 3;
    receipt.history_path_length = 2;
    receipt_encode(&receipt, out);
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    static struct history_proof proof;
    const struct sample_map *known = the_map();
    struct digest subject = known->subject;
    struct buffer out;
    if (number >= 4) return 0;
    buffer_init(&out, size_max);
    buffer_u8(&out, number == 3 ? 1 : 0);
    if (number == 1) subject = sample_absent(known, PLACE_OTHER);
    if (number == 2) subject = sample_absent(known, PLACE_EMPTY);
    sample_prove(known, &subject, &proof);
    if (number == 3)
        sample_receipt(known, &out);
    else
        history_proof_encode(&proof, &out);
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
