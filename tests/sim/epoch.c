#include "tests/sim/epoch.h"

#include "tests/sim/join.h"
#include "tests/sim/trace.h"

/* ---- The sets ---- */

static bool tolerated(const struct world *world, const bool member[PEERS_MAX])
{
    uint32_t count = 0, faulty = 0;
    for (uint32_t i = 0; i < world->identity_count; i++) {
        count += member[i];
        faulty += member[i] && (!world->honest[i] || world->doomed[i]);
    }
    return count >= VALIDATORS_MIN && count <= PLAN_EPOCH_VALIDATORS_MAX && faulty <= faults_of(count);
}

/* One to three of those who can be members come or go. */
static void change(struct world *world, bool member[PEERS_MAX])
{
    uint32_t changes = (uint32_t)dice_between(&world->dice, 1, 3);
    for (uint32_t i = 0; i < changes; i++) {
        uint32_t who = (uint32_t)dice_below(&world->dice, world->plan.validators + world->plan.spares);
        member[who] = !member[who];
    }
}

void epoch_draw(struct world *world)
{
    bool member[PEERS_MAX] = {false}, next[PEERS_MAX];
    for (uint32_t i = 0; i < world->plan.validators; i++)
        member[i] = true;
    while (world->vault.epoch_count < world->plan.epochs) {
        for (uint32_t attempt = 0; attempt < 20; attempt++) {
            memcpy(next, member, sizeof next);
            change(world, next);
            if (!tolerated(world, next)) continue;
            memcpy(member, next, sizeof member);
            break;
        }
        vault_add_epoch(&world->vault, member);
    }
}

/* ---- The application ---- */

bool epoch_decide(struct world *world)
{
    uint64_t newest = 1;
    for (uint32_t i = 0; i < world->identity_count; i++)
        if (world->honest[i] && world->replicas[i].epoch > newest) newest = world->replicas[i].epoch;
    if (newest >= world->vault.epoch_count || world->decided[newest] != 0) return false;
    world->decided[newest] = checker_top(world->checker) + 1;
    trace_world(world, "epoch %llu is to end, once height %llu is certified", (unsigned long long)newest,
        (unsigned long long)world->decided[newest]);
    return true;
}

static bool applied(const struct world *world, const struct replica *replica)
{
    uint64_t height = world->decided[replica->epoch];
    return height != 0 && replica->disk.blocks_durable >= height;
}

/* A quorum of the epoch has applied the height that decides its end. */
static bool decision_certified(const struct world *world, uint64_t epoch)
{
    const struct seats *seats = vault_seats(&world->vault, epoch);
    uint32_t count = 0;
    for (uint32_t i = 0; i < seats->set.count; i++)
        count += world->replicas[seats->identity_of[i]].disk.blocks_durable >= world->decided[epoch];
    return count >= quorum_of(seats->set.count);
}

bool epoch_wanted(struct world *world, const struct replica *replica, struct digest *next_set)
{
    *next_set = vault_set_hash(&world->vault, replica->epoch + 1);
    if (replica->lies.false_seal) {
        next_set->bytes[3] ^= 1;
        return true;
    }
    return replica->epoch < world->vault.epoch_count && applied(world, replica) &&
           decision_certified(world, replica->epoch);
}

enum epoch_verdict epoch_judge(
    const struct world *world, const struct replica *replica, const struct block_header *header)
{
    struct digest decided = vault_set_hash(&world->vault, replica->epoch + 1);
    if (!replica->honest) return SEAL_RIGHT;
    if (!applied(world, replica)) return SEAL_PENDING;
    return digest_equal(&header->next_set, &decided) ? SEAL_RIGHT : SEAL_WRONG;
}

/* ---- The end ---- */

static bool seal_durable(const struct replica *replica)
{
    const struct replica_disk *disk = &replica->disk;
    if (disk->block_count == 0 || disk->blocks_durable < disk->block_count) return false;
    const struct block_header *last = &disk->blocks[disk->block_count - 1].header;
    return last->seals && last->epoch == replica->epoch;
}

void epoch_tell(struct world *world, struct replica *replica)
{
    if (!replica->up || !seal_durable(replica)) return;
    join_sign(world, replica, &replica->disk.blocks[replica->disk.block_count - 1]);
    struct parcel *parcel = parcel_of_epoch(PARCEL_CHECKPOINT, replica->epoch);
    network_send(world, replica, PEER_ALL, parcel);
    parcel_release(parcel);
}

void epoch_told(struct world *world, struct replica *replica, uint32_t peer, const struct parcel *parcel)
{
    uint32_t signer = vault_signer(&world->vault, parcel->epoch, peer);
    if (parcel->epoch == replica->epoch) {
        if (parcel->kind == PARCEL_CERTIFIED && join_certified(world, parcel->epoch, parcel->certified))
            replica->certified = true;
        if (parcel->kind == PARCEL_CHECKPOINT && signer != SIGNER_NONE)
            replica->certifiers |= (uint64_t)1 << signer;
    }
    if (parcel->kind == PARCEL_CERTIFIED || parcel->epoch >= replica->epoch) return;
    struct certified_checkpoint copy = world->seals[parcel->epoch];
    /* A liar spoils it. */
    if (!replica->honest) copy.signatures[0].bytes[7] ^= 1;
    struct parcel *certified = parcel_of_certified(parcel->epoch, &copy);
    network_send(world, replica, peer, certified);
    parcel_release(certified);
}

bool epoch_over(const struct world *world, const struct replica *replica)
{
    if (!seal_durable(replica) || replica->epoch >= world->vault.epoch_count) return false;
    uint64_t certifiers = replica->certifiers;
    uint32_t own = vault_signer(&world->vault, replica->epoch, replica->identity);
    if (own != SIGNER_NONE) certifiers |= (uint64_t)1 << own;
    uint32_t count = vault_seats(&world->vault, replica->epoch)->set.count;
    return replica->certified || (uint32_t)__builtin_popcountll(certifiers) >= quorum_of(count);
}

bool epoch_ends(const struct world *world, const struct replica *replica)
{
    uint64_t height = world->decided[replica->epoch];
    return height != 0 && checker_height(world->checker, replica->identity) >= height;
}
