// links: proof codec crypto base
/* Saved histories, receipts and consistency proofs, decoded and verified. The first byte picks which. */
#include "proto/base/check.h"
#include "proto/proof/verify.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/sample_epochs.h"

static struct sample_map map;
static struct history_base base; /* where its subject's history ends after four events */
static bool is_made;

static void make_base(void)
{
    struct sample_map then = sample_map_as_of(&map, 4);
    base = (struct history_base){
        .position = then.places[0].position,
        .count = 4,
        .acc = then.places[0].leaf.acc,
        .last_height = then.events[3].height,
        .last_time_ms = then.events[3].time_ms,
        .height = then.checkpoint.checkpoint.height,
    };
}

static const struct sample_map *the_map(void)
{
    if (!is_made) {
        sample_map_init(&map);
        make_base();
    }
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
    if (history_verify_since(trust, &base, bytes, &arena, &proof, &verdict) == TALLY_OK)
        CHECK(verdict.complete && verdict.since == base.count && verdict.as_of_height == 9);
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

static void run_consistency(const struct proof_trust *trust, struct span bytes)
{
    struct consistency_proof proof;
    struct proof_verdict verdict;
    struct buffer out;
    buffer_init(&out, MIB);
    if (consistency_proof_decode(bytes, &proof) == TALLY_OK) {
        consistency_proof_encode(&proof, &out);
        CHECK(span_equal(buffer_span(&out), bytes));
    }
    if (consistency_verify(trust, bytes, &proof, &verdict) == TALLY_OK)
        CHECK(verdict.authentic && proof.older.checkpoint.height <= proof.newer.checkpoint.height);
    buffer_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sample_map *known = the_map();
    struct proof_trust trust = {.chain_id = known->network.chain_id, .validators = known->network.validators};
    if (size == 0) return 0;
    if (data[0] == 0)
        run_history(&trust, span_of(data + 1, size - 1));
    else if (data[0] == 1)
        run_receipt(&trust, span_of(data + 1, size - 1));
    else
        run_consistency(&trust, span_of(data + 1, size - 1));
    return 0;
}

/* The same of a later epoch, with the seals. */
static size_t sample_of_epochs(uint32_t form, uint8_t *bytes, size_t size_max)
{
    static struct sample_epochs epochs;
    static struct history_proof history;
    static struct receipt receipt;
    static struct consistency_proof consistency;
    const struct sample_map *known = the_map();
    struct buffer out, list;
    sample_epochs_init(&epochs, SAMPLE_EPOCHS_MAX);
    buffer_init(&list, size_max);
    sample_epochs_list(&epochs, 1, SAMPLE_EPOCHS_MAX - 1, &list);
    sample_prove(known, &known->subject, &history);
    sample_epochs_certify(&epochs, SAMPLE_EPOCHS_MAX, false, &history.checkpoint);
    sample_receipt(&known->network, 6, 4, 7, &receipt);
    sample_epochs_certify(&epochs, SAMPLE_EPOCHS_MAX, false, &receipt.checkpoint);
    sample_epochs_consistency(&epochs, 4, 11, &consistency);
    history.seals = receipt.seals = consistency.seals = buffer_span(&list);
    buffer_init(&out, size_max);
    buffer_u8(&out, (uint8_t)form);
    if (form == 0) history_proof_encode(&history, &out);
    if (form == 1) receipt_encode(&receipt, &out);
    if (form == 2) consistency_proof_encode(&consistency, &out);
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    buffer_close(&list);
    return size;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    static struct history_proof proof;
    static struct receipt receipt;
    static struct consistency_proof consistency;
    const struct sample_map *known = the_map();
    struct digest subject = known->subject;
    struct buffer out;
    if (number >= 9) return 0;
    if (number >= 6) return sample_of_epochs(number - 6, bytes, size_max);
    buffer_init(&out, size_max);
    buffer_u8(&out, number == 3 ? 1 : number == 4 ? 2 : 0);
    if (number == 1) subject = sample_absent(known, PLACE_OTHER);
    if (number == 2) subject = sample_absent(known, PLACE_EMPTY);
    sample_prove(known, &subject, &proof);
    if (number == 5) {
        proof.since = 4;
        proof.events += 4;
        proof.event_count -= 4;
    }
    sample_receipt(&known->network, 6, 4, 7, &receipt);
    sample_consistency(&known->network, 6, 11, &consistency);
    if (number == 3)
        receipt_encode(&receipt, &out);
    else if (number == 4)
        consistency_proof_encode(&consistency, &out);
    else
        history_proof_encode(&proof, &out);
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
