// links: node
/* What peers send to consensus, and about checkpoints. The first byte picks the kind of frame. */
#include "node/certifier.h"
#include "node/peer_message.h"
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/samples.h"

static const enum frame_kind kinds[] = {FRAME_PROPOSAL, FRAME_VOTE, FRAME_CERTIFICATE, FRAME_PROPOSAL_REQUEST,
    FRAME_ENTRY_REQUEST, FRAME_RANGE_REQUEST, FRAME_RANGE};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* What decodes is encoded to the very same bytes. */
static void round_trip(const struct peer_message *message, enum frame_kind kind, struct span payload)
{
    struct buffer out;
    if (kind == FRAME_PROPOSAL || kind == FRAME_RANGE) return; /* their bytes are kept, not made again */
    buffer_init(&out, FRAME_SIZE_MAX);
    CHECK(peer_message_encode(&message->message, &out) == kind);
    CHECK(!out.failed && span_equal(buffer_span(&out), payload));
    buffer_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sample_network network;
    if (network.validators.set.count == 0) sample_network_init(&network, "fuzz", 4);
    if (size == 0) return 0;
    struct span payload = span_of(data + 1, size - 1);
    if (data[0] % (KINDS + 1) == KINDS) {
        struct checkpoint_vote vote;
        struct buffer out;
        if (checkpoint_vote_decode(payload, &vote) != TALLY_OK) return 0;
        buffer_init(&out, FRAME_SIZE_MAX);
        checkpoint_vote_encode(&vote, &out);
        CHECK(span_equal(buffer_span(&out), payload));
        buffer_close(&out);
        return 0;
    }
    enum frame_kind kind = kinds[data[0] % (KINDS + 1)];
    struct peer_message *message;
    if (peer_message_open(kind, payload, &network.chain_id, &message) != TALLY_OK) return 0;
    round_trip(message, kind, payload);
    (void)peer_message_cost(message, 3);
    int error = peer_message_check(message, &network.validators, &network.chain_id);
    (void)error; /* junk may decode; that it verifies is not for a fuzzer to find */
    peer_message_release(message);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    struct sample_network network;
    struct certificate certificate;
    struct vote vote = {.kind = VOTE_FINALIZE, .epoch = 1, .view = 7, .signer = 2};
    struct buffer out;
    sample_network_init(&network, "fuzz", 4);
    struct digest block = sample_digest("block");
    vote.block = block;
    buffer_init(&out, 64u * KIB);
    buffer_u8(&out, (uint8_t)number);
    struct consensus_message message = {
        .block = block, .view = 3, .height = 9, .vote = &vote, .certificate = &certificate};
    switch (number) {
    case 1:
        message.kind = MESSAGE_VOTE;
        break;
    case 2:
        message.kind = MESSAGE_CERTIFICATE;
        sample_certificate(&network, VOTE_NOTARIZE, 7, &block, &certificate);
        break;
    case 3:
        message.kind = MESSAGE_PROPOSAL_REQUEST;
        break;
    case 4:
        message.kind = MESSAGE_ENTRY_REQUEST;
        break;
    case 5:
        message.kind = MESSAGE_RANGE_REQUEST;
        break;
    default:
        break;
    }
    if (number >= 1 && number <= 5) peer_message_encode(&message, &out);
    size_t size = number <= 5 && out.size <= size_max ? out.size : 0;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
