/* R11: how an epoch's end is asked for, judged, and proven to those who are behind. */
#include "node/net/log.h"
#include "node/replica_internal.h"
#include "proto/base/check.h"

static bool seal_is_decided(const struct replica *replica)
{
    return replica->seal_height != 0 && replica->certified_height >= replica->seal_height;
}

/* "Which set that is, the application decides, from a state that a quorum has certified; a voter that has not
 * applied that state yet holds the block pending, and one that finds another set rejects it." Whatever height
 * is certified here was applied here. */
enum seal_verdict replica_judge_seal(const struct replica *replica, const struct block_header *header)
{
    if (!header->seals) return SEAL_RIGHT;
    if (!seal_is_decided(replica)) return SEAL_PENDING;
    return digest_equal(&header->next_set, &replica->next_set) ? SEAL_RIGHT : SEAL_WRONG;
}

void replica_review_seal(struct replica *replica)
{
    if (replica->seal_said || !seal_is_decided(replica) || !replica->started || replica->closing) return;
    replica->seal_said = true;
    replica_feed(
        replica, &(struct consensus_input){.kind = INPUT_SEAL, .ok = true, .block = replica->next_set}, NULL);
    candidates_each_wanted(replica->candidates, replica_judge_payload, replica);
}

void replica_want_seal(struct replica *replica, uint64_t height, const struct digest *next_set)
{
    CHECK(height > 0);
    /* Only a state that was wrong, and was made anew, asks for something else than before. */
    bool same = replica->seal_height == height && digest_equal(&replica->next_set, next_set);
    if (replica->seal_said && !same) {
        replica_feed(replica, &(struct consensus_input){.kind = INPUT_SEAL, .ok = false}, NULL);
        replica->seal_said = false;
    }
    replica->seal_height = height;
    replica->next_set = *next_set;
    replica_review_seal(replica);
    replica_pump(replica);
}

/* A seal's FC is in the ledger with it. Read on the loop: it is asked for seldom, and the core bounds how
 * often. */
static bool find_proof(struct replica *replica, uint64_t epoch)
{
    const struct epoch_seal *seal = epoch_book_seal(replica->options.epochs, epoch);
    struct arena arena;
    struct block block;
    if (replica->proven_epoch == epoch) return true;
    if (seal == NULL) return false;
    uint64_t height = seal->checkpoint.checkpoint.height;
    arena_init(&arena, 64u * MIB);
    bool found = ledger_read(replica->options.ledger, height, false, &arena, &block) == TALLY_OK &&
                 block.header.seals && block.has_finalization;
    if (found) {
        replica->proven = block.finalization;
        replica->proven_epoch = epoch;
    }
    arena_close(&arena);
    return found;
}

void replica_prove_seal(struct replica *replica, uint32_t peer, uint64_t epoch)
{
    if (!find_proof(replica, epoch)) return;
    const struct consensus_message message = {.kind = MESSAGE_CERTIFICATE, .certificate = &replica->proven};
    buffer_clear(&replica->scratch);
    enum frame_kind kind = peer_message_encode(&message, &replica->scratch);
    CHECK(!replica->scratch.failed);
    replica_send(replica, peer, kind, buffer_span(&replica->scratch));
}
