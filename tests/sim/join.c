#include "tests/sim/join.h"

#include "proto/base/check.h"
#include "storage/epoch_sets.h"
#include "tests/sim/trace.h"

void join_sign(struct world *world, const struct replica *replica, const struct disk_block *seal)
{
    uint64_t epoch = replica->epoch;
    struct certified_checkpoint *certified = &world->seals[epoch];
    const struct seats *seats = vault_seats(&world->vault, epoch);
    uint32_t signer = replica_signer(world, replica);
    uint32_t count = (uint32_t)__builtin_popcountll(certified->signers);
    if (signer == SIGNER_NONE || count == quorum_of(seats->set.count) ||
        (certified->signers >> signer & 1) != 0)
        return;
    if (count > 0 && !digest_equal(&certified->checkpoint.block, &seal->hash)) return;
    certified->checkpoint = (struct checkpoint){.chain_id = world->vault.chain_id,
        .epoch = epoch,
        .height = seal->header.height,
        .block = seal->hash,
        .time_ms = seal->header.time_ms,
        .set_hash = vault_set_hash(&world->vault, epoch),
        .next_set_hash = seal->header.next_set};
    /* A certificate's signatures are in the order of their signers. */
    uint32_t place = (uint32_t)__builtin_popcountll(certified->signers & (((uint64_t)1 << signer) - 1));
    memmove(&certified->signatures[place + 1], &certified->signatures[place],
        (count - place) * sizeof certified->signatures[0]);
    struct digest digest = checkpoint_digest(&certified->checkpoint);
    signature_make(vault_key(replica->identity), &digest, &certified->signatures[place]);
    certified->signers |= (uint64_t)1 << signer;
}

bool join_certified(const struct world *world, uint64_t epoch, const struct certified_checkpoint *certified)
{
    static struct verify_set set; /* large */
    struct digest next = vault_set_hash(&world->vault, epoch + 1);
    CHECK(verify_set_init(&vault_seats(&world->vault, epoch)->set, &set) == TALLY_OK);
    return digest_equal(&certified->checkpoint.chain_id, &world->vault.chain_id) &&
           digest_equal(&certified->checkpoint.next_set_hash, &next) &&
           certified_checkpoint_check(&set, certified) == TALLY_OK;
}

/* How the epoch ended. */
static struct epoch_seal seal_of(const struct world *world, uint64_t epoch)
{
    return (struct epoch_seal){
        .checkpoint = world->seals[epoch], .next_set = vault_seats(&world->vault, epoch + 1)->set};
}

enum spoiling { SPOIL_NOTHING, SPOIL_SIGNATURE, SPOIL_QUORUM, SPOIL_SET, SPOIL_GAP };

/* Appends the seals up to the epoch, one of them spoiled. */
static void offer(
    const struct world *world, uint64_t epoch, uint64_t spoiled, enum spoiling how, struct buffer *seals)
{
    for (uint64_t at = 1; at < epoch; at++) {
        struct epoch_seal seal = seal_of(world, at);
        enum spoiling now = at == spoiled ? how : SPOIL_NOTHING;
        uint32_t count = (uint32_t)__builtin_popcountll(seal.checkpoint.signers);
        if (now == SPOIL_GAP) continue;
        if (now == SPOIL_SIGNATURE) seal.checkpoint.signatures[0].bytes[7] ^= 1;
        if (now == SPOIL_QUORUM && count > 0) {
            seal.checkpoint.signers &= seal.checkpoint.signers - 1;
            memmove(&seal.checkpoint.signatures[0], &seal.checkpoint.signatures[1],
                (count - 1) * sizeof seal.checkpoint.signatures[0]);
            memset(&seal.checkpoint.signatures[count - 1], 0, sizeof seal.checkpoint.signatures[0]);
        }
        if (now == SPOIL_SET) seal.next_set.count--;
        if (now == SPOIL_SET && seal.next_set.count < VALIDATORS_MIN)
            seal.next_set.keys[seal.next_set.count++].bytes[PUBLIC_KEY_SIZE - 1] ^= 1;
        epoch_seal_append(&seal, seals);
    }
    CHECK(!seals->failed);
}

/* By the check that ships. */
static bool seals_hold(const struct world *world, uint64_t epoch, struct span seals)
{
    static struct epoch_sets sets; /* large */
    sets.chain_id = world->vault.chain_id;
    sets.seals_left = seals;
    CHECK(verify_set_init(&vault_seats(&world->vault, 1)->set, &sets.validators) == TALLY_OK);
    return epoch_sets_reach(&sets, epoch);
}

static bool offer_holds(const struct world *world, uint64_t epoch, uint64_t spoiled, enum spoiling how)
{
    struct buffer seals;
    buffer_init(&seals, EPOCHS_MAX * EPOCH_SEAL_SIZE_MAX);
    offer(world, epoch, spoiled, how, &seals);
    bool holds = seals_hold(world, epoch, buffer_span(&seals));
    buffer_close(&seals);
    return holds;
}

/* The honest one that is furthest, of those that are up; NULL where nobody's epoch but the first began, or
 * its seals lack signatures still. */
static const struct replica *find_peer(const struct world *world)
{
    const struct replica *best = NULL;
    for (uint32_t i = 0; i < world->identity_count; i++) {
        const struct replica *peer = &world->replicas[i];
        if (peer->up && peer->honest && peer->epoch > (best == NULL ? 1 : best->epoch)) best = peer;
    }
    for (uint64_t epoch = 1; best != NULL && epoch < best->epoch; epoch++) {
        uint32_t count = (uint32_t)__builtin_popcountll(world->seals[epoch].signers);
        if (count < quorum_of(vault_seats(&world->vault, epoch)->set.count)) return NULL;
    }
    return best;
}

static void refuse_lie(struct world *world, const struct replica *replica, uint64_t epoch)
{
    enum spoiling how = (enum spoiling)dice_between(&world->dice, SPOIL_SIGNATURE, SPOIL_GAP);
    uint64_t spoiled = dice_between(&world->dice, 1, epoch - 1);
    if (offer_holds(world, epoch, spoiled, how))
        checker_fail(world->checker, "replica %u took seals that do not hold", replica->identity);
    world->counters.joins_refused++;
}

void join_try(struct world *world, struct replica *replica)
{
    const struct replica *peer = find_peer(world);
    if (peer == NULL) return;
    uint64_t epoch = peer->epoch;
    const struct checkpoint *head = &world->seals[epoch - 1].checkpoint;
    if (world->plan.liars > 0) refuse_lie(world, replica, epoch);
    if (!offer_holds(world, epoch, 0, SPOIL_NOTHING)) {
        checker_fail(world->checker, "replica %u finds that the seals do not hold", replica->identity);
        return;
    }
    disk_blocks_copy(&replica->disk, &peer->disk, (size_t)head->height, epoch);
    /* R13: without a record of its own it votes from the next epoch on. */
    if (epoch > replica->forgotten_epoch) replica->forgotten_epoch = epoch;
    checker_joined(world->checker, replica->identity, &head->block, head->height);
    replica->joined = true;
    world->counters.joins++;
    if (epoch >= 3) world->counters.joins_late++;
    trace_replica(world, replica, "joins epoch %llu at height %llu, by the seals from the first on",
        (unsigned long long)epoch, (unsigned long long)head->height);
}
