// links: node
/* Records of the vote record, as a start reads them back. */
#include "node/journal.h"
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct digest chain_id = sample_digest("journal");
    struct journal_entry entry;
    if (journal_decode(span_of(data, size), &chain_id, &entry) != TALLY_OK) return 0;
    if (!entry.names_block && entry.proposal == NULL) {
        struct buffer out;
        buffer_init(&out, FRAME_SIZE_MAX);
        if (entry.record.kind == RECORD_VOTE && entry.record.vote.kind != VOTE_NOTARIZE) {
            journal_encode(&entry.record, NULL, &out);
            CHECK(span_equal(buffer_span(&out), span_of(data, size)));
        }
        buffer_close(&out);
    }
    (void)journal_view(&entry.record);
    journal_entry_close(&entry);
    return 0;
}

/* A nullify vote, and a finalize vote with its NC and the certificate that admitted it. */
size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    struct sample_network network;
    struct consensus_record record = {.kind = RECORD_VOTE};
    struct buffer out;
    if (number > 1) return 0;
    sample_network_init(&network, "journal", 4);
    struct digest block = sample_digest("block");
    record.vote =
        (struct vote){.kind = number == 0 ? VOTE_NULLIFY : VOTE_FINALIZE, .epoch = 1, .view = 5, .signer = 1};
    if (number == 1) {
        record.vote.block = block;
        record.has_notarization = true;
        sample_certificate(&network, VOTE_NOTARIZE, 5, &block, &record.notarization);
        record.has_admission = true;
        sample_certificate(&network, VOTE_NULLIFY, 4, &block, &record.admission);
    }
    buffer_init(&out, 64u * KIB);
    journal_encode(&record, NULL, &out);
    size_t size = out.size <= size_max ? out.size : 0;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
