// links: codec crypto base
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/governance_samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct digest chain = sample_digest("chain");
    struct arena arena;
    struct batch batch;
    uint32_t index = 0;
    arena_init(&arena, 8 * MIB);
    if (batch_decode(span_of(data, size), &chain, &arena, &batch, &index) == TALLY_OK) {
        struct buffer out;
        CHECK(index == UINT32_MAX);
        CHECK(batch_size(&batch, true) == size);
        buffer_init(&out, BATCH_SIZE_MAX);
        batch_encode(&batch, true, &out);
        CHECK(!out.failed && span_equal(buffer_span(&out), span_of(data, size)));
        buffer_close(&out);
    }
    arena_close(&arena);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    struct digest chain = sample_digest("chain");
    struct sample_batch sample;
    struct sample_transaction transaction;
    struct buffer out;
    if (number >= 6) return 0;
    buffer_init(&out, size_max);
    if (number < 4) {
        sample_batch_init(&sample, &chain, 3 + number, "subject", 1 + number);
        batch_encode(&sample.batch, number % 2 == 0, &out);
        sample_batch_close(&sample);
    } else {
        sample_transaction_init(
            &transaction, number == 4 ? GOVERNANCE_BALLOT : GOVERNANCE_PROPOSE, ACTION_ADMIT_MEMBER);
        struct batch batch = batch_of_governance(&transaction.fields);
        batch_encode(&batch, true, &out);
        sample_transaction_close(&transaction);
    }
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
