#include "tests/sim/liar.h"

static void flap_later(struct world *world, const struct replica *replica)
{
    struct event event = {.kind = EVENT_FLAP, .replica = replica->index};
    world_later(world, replica->lies.flap_us / 2 + dice_below(&world->dice, replica->lies.flap_us), event);
}

void liar_flap(struct world *world, struct replica *replica)
{
    uint32_t peer = (uint32_t)dice_below(&world->dice, world->identity_count);
    if (replica->lies.mute && world->healed) return;
    if (peer != replica->identity) network_flap(world, replica->identity, peer);
    flap_later(world, replica);
}

void liar_init(struct world *world, struct replica *replica)
{
    struct dice *dice = &world->dice;
    struct lies *lies = &replica->lies;
    if (world->plan.only_doubled) return;
    lies->withhold = dice_chance(dice, 500) ? (uint32_t)dice_below(dice, 600) : 0;
    lies->replay = dice_chance(dice, 500) ? (uint32_t)dice_below(dice, 300) : 0;
    lies->tamper = dice_chance(dice, 500) ? (uint32_t)dice_below(dice, 400) : 0;
    lies->double_vote = dice_chance(dice, 600) ? (uint32_t)dice_below(dice, 600) : 0;
    lies->forge = dice_chance(dice, 300) ? (uint32_t)dice_below(dice, 200) : 0;
    lies->poison = dice_chance(dice, 300) ? (uint32_t)dice_below(dice, 500) : 0;
    lies->mute = dice_chance(dice, 400);
    lies->false_seal = dice_chance(dice, 200);
    if (dice_chance(dice, 400)) {
        lies->deaf_to[0] = dice_next(dice) & dice_next(dice);
        lies->deaf_to[1] = dice_next(dice) & dice_next(dice);
    }
    if (!dice_chance(dice, 300)) return;
    uint64_t timeout_us = (uint64_t)world->plan.base_timeout_ms * MILLISECOND_US;
    lies->flap_us = dice_between(dice, timeout_us / 4, 20 * timeout_us);
    flap_later(world, replica);
}

static void say(struct world *world, struct replica *replica, uint32_t to, struct parcel *parcel)
{
    if (parcel->kind == PARCEL_MESSAGE && network_reaches(world, replica, to)) {
        bool lied = checker_equivocates(world->checker, replica->identity, &parcel->message);
        if (lied && parcel->message.kind == MESSAGE_VOTE) world->counters.double_votes++;
        if (lied && parcel->message.kind == MESSAGE_PROPOSAL) world->counters.double_proposals++;
    }
    network_send(world, replica, to, parcel);
}

static void say_new(struct world *world, struct replica *replica, uint32_t to, struct parcel *parcel)
{
    say(world, replica, to, parcel);
    parcel_release(parcel);
}

/* A block of the view that somebody may have seen, or one that nobody has. */
static struct digest other_block(struct world *world, const struct replica *replica, uint64_t view)
{
    for (size_t i = 0; i < replica->candidate_count; i++) {
        const struct proposal *proposal = replica->candidates[i].proposal->message.proposal;
        if (proposal->header.view == view && dice_chance(&world->dice, 500)) return proposal->hash;
    }
    return world_batch(world, (uint32_t)dice_below(&world->dice, 3));
}

static void send_double_vote(
    struct world *world, struct replica *replica, uint32_t to, const struct vote *vote)
{
    struct vote other = *vote;
    other.kind = (enum vote_kind)dice_between(&world->dice, VOTE_NOTARIZE, VOTE_NULLIFY);
    other.block = other_block(world, replica, vote->view);
    if (other.kind == VOTE_NULLIFY) memset(&other.block, 0, sizeof other.block);
    if (dice_chance(&world->dice, 200)) other.view += dice_below(&world->dice, 3);
    seal_vote(&world->vault, &other, (uint8_t)dice_below(&world->dice, 4));
    say_new(world, replica, to, parcel_of_vote(&other));
}

/* Names another block as the parent, and leaves the certificate as it is. */
static void swap_parent(struct world *world, struct replica *replica, struct proposal *spoiled)
{
    struct justification *justification = &spoiled->justification;
    if (replica->candidate_count == 0 || justification->parent_is_genesis) return;
    size_t at = (size_t)dice_below(&world->dice, replica->candidate_count);
    /* A block that exists, or one that nobody has seen, in the certified one's place. */
    if (dice_chance(&world->dice, 600))
        justification->parent = replica->candidates[at].proposal->message.proposal->header;
    else
        justification->parent.time_ms--;
    if (dice_chance(&world->dice, 700)) justification->parent.view = spoiled->header.parent_view;
    justification->parent_hash = seal_header(&justification->parent);
    spoiled->header.parent_hash = justification->parent_hash;
    spoiled->header.height = justification->parent.height + 1;
    if (spoiled->header.time_ms <= justification->parent.time_ms)
        spoiled->header.time_ms = justification->parent.time_ms + 1;
}

/* Begins its epoch on a finalized block of the one before that is not its seal. */
static void begin_elsewhere(struct world *world, struct replica *replica, struct proposal *spoiled)
{
    const struct replica_disk *disk = &replica->disk;
    struct justification *justification = &spoiled->justification;
    size_t at = (size_t)dice_below(&world->dice, justification->parent.height);
    if (at >= disk->block_count || disk->blocks[at].finalization == NULL || disk->blocks[at].header.seals)
        return;
    justification->parent = disk->blocks[at].header;
    justification->parent_hash = disk->blocks[at].hash;
    justification->parent_certificate = *disk->blocks[at].finalization;
    justification->seal_path_count = 0;
    spoiled->header.parent_hash = justification->parent_hash;
    spoiled->header.height = justification->parent.height + 1;
}

/* Spoils one thing in a justification, and signs the result as its leader would. */
static void send_tampered(
    struct world *world, struct replica *replica, uint32_t to, const struct proposal *from)
{
    struct proposal spoiled = *from;
    struct justification *justification = &spoiled.justification;
    struct certificate shifted[8];
    uint32_t count = justification->nullification_count;
    bool begins = !justification->parent_is_genesis && justification->parent.epoch != from->header.epoch;
    if (begins && dice_chance(&world->dice, 500)) begin_elsewhere(world, replica, &spoiled);
    switch (dice_below(&world->dice, 14)) {
    case 0: /* skip a view without proof */
        if (count > 0) justification->nullification_count--;
        break;
    case 1:
        if (count > 0) justification->nullifications++, justification->nullification_count--;
        break;
    case 2: /* prove one view twice */
        if (count < 2 || count > 8) break;
        memcpy(shifted, justification->nullifications, count * sizeof shifted[0]);
        shifted[count - 1] = shifted[0];
        justification->nullifications = shifted;
        break;
    case 3:
        spoiled.header.height++;
        break;
    case 4:
        spoiled.header.parent_view = dice_below(&world->dice, spoiled.header.view + 1);
        break;
    case 5: /* start the chain anew */
        *justification = (struct justification){.parent_is_genesis = true};
        spoiled.header.height = 1;
        spoiled.header.parent_view = 0;
        spoiled.header.parent_hash = world->vault.chain_id;
        break;
    case 6:
        spoiled.header.time_ms = justification->parent.time_ms;
        break;
    case 7:
        spoiled.header.time_ms += dice_below(&world->dice, 100000);
        break;
    case 8: /* claim a certificate that nobody signed */
        justification->parent_certificate.block.bytes[5] ^= 1;
        break;
    case 9: /* build on a block that is not the one certified */
        swap_parent(world, replica, &spoiled);
        break;
    case 11: /* go on as if nothing had been sealed, or as if something had */
        spoiled.header.after_seal = !spoiled.header.after_seal;
        break;
    case 12: /* payload after a seal */
        if (spoiled.header.after_seal) spoiled.header.payload_size = spoiled.header.payload_events = 1;
        break;
    case 13: /* seal, for nobody or for a set that nobody decided */
        spoiled.header.seals = true;
        if (dice_chance(&world->dice, 700)) spoiled.header.next_set = (struct digest){{7}};
        break;
    case 10: /* take a nullification for the parent's certificate */
        if (count > 0) justification->parent_certificate = justification->nullifications[0];
        break;
    }
    spoiled.header.justification_root = seal_justification(justification);
    spoiled.hash = seal_header(&spoiled.header);
    if (vault_leader(&world->vault, spoiled.header.epoch, spoiled.header.view) == replica->identity)
        seal_proposal(&world->vault, &spoiled);
    say_new(world, replica, to, parcel_of_proposal(&spoiled));
}

/* What cannot be signed: another's vote, a certificate, views that are far away. */
static void send_forged(struct world *world, struct replica *replica, uint32_t to)
{
    struct consensus_status status;
    consensus_status(replica->core, &status);
    uint32_t n = vault_seats(&world->vault, replica->epoch)->set.count;
    struct vote vote = {.kind = VOTE_NULLIFY, .epoch = replica->epoch};
    vote.view = status.view + dice_below(&world->dice, 4);
    vote.signer = (uint32_t)dice_below(&world->dice, n);
    if (dice_chance(&world->dice, 100)) vote.epoch = dice_between(&world->dice, 1, EPOCHS_MAX);
    if (dice_chance(&world->dice, 200)) vote.view = dice_next(&world->dice);
    if (dice_chance(&world->dice, 200)) vote.signer = (uint32_t)dice_next(&world->dice);
    if (dice_chance(&world->dice, 500)) {
        if (vault_identity(&world->vault, vote.epoch, vote.signer) == replica->identity)
            seal_vote(&world->vault, &vote, 0);
        say_new(world, replica, to, parcel_of_vote(&vote));
        return;
    }
    struct certificate certificate = {.kind = VOTE_NULLIFY, .epoch = vote.epoch, .view = vote.view};
    certificate.signers = dice_next(&world->dice);
    if (dice_chance(&world->dice, 500)) certificate.kind = VOTE_FINALIZE;
    if (dice_chance(&world->dice, 500)) certificate.signers = ((uint64_t)1 << quorum_of(n)) - 1;
    say_new(world, replica, to, parcel_of_certificate(&certificate));
}

static void remember(struct dice *dice, struct replica *replica, struct parcel *parcel)
{
    size_t slots = sizeof replica->memory / sizeof replica->memory[0];
    /* Half is kept for long, so that an old epoch's messages are replayed in a new one. */
    size_t place = replica->memory_next++ % (slots / 2);
    if (dice_chance(dice, 20)) place += slots / 2;
    struct parcel **slot = &replica->memory[place];
    parcel_release(*slot);
    *slot = parcel_hold(parcel);
}

/* Requests are not withheld: a liar that cannot follow can do little harm. */
static bool asks_for_itself(const struct parcel *parcel)
{
    if (parcel->kind != PARCEL_MESSAGE) return parcel->kind == PARCEL_PAYLOAD_REQUEST;
    return parcel->message.kind == MESSAGE_PROPOSAL_REQUEST ||
           parcel->message.kind == MESSAGE_ENTRY_REQUEST || parcel->message.kind == MESSAGE_RANGE_REQUEST;
}

static void send_to(struct world *world, struct replica *replica, uint32_t to, struct parcel *parcel)
{
    struct dice *dice = &world->dice;
    const struct lies *lies = &replica->lies;
    bool silent = (lies->deaf_to[to / 64] >> to % 64 & 1) != 0 || dice_chance(dice, lies->withhold);
    if (silent && !asks_for_itself(parcel)) return;
    if (dice_chance(dice, lies->replay)) {
        struct parcel *old =
            replica->memory[dice_below(dice, sizeof replica->memory / sizeof replica->memory[0])];
        if (old != NULL) say(world, replica, to, old);
    }
    if (dice_chance(dice, lies->forge)) send_forged(world, replica, to);
    const struct consensus_message *message = &parcel->message;
    if (message->kind == MESSAGE_VOTE &&
        vault_identity(&world->vault, message->vote->epoch, message->vote->signer) == replica->identity &&
        dice_chance(dice, lies->double_vote)) {
        send_double_vote(world, replica, to, message->vote);
        if (dice_chance(dice, 500)) return;
    }
    if (message->kind == MESSAGE_PROPOSAL && dice_chance(dice, lies->tamper)) {
        send_tampered(world, replica, to, message->proposal);
        if (dice_chance(dice, 500)) return;
    }
    say(world, replica, to, parcel);
}

void liar_send(struct world *world, struct replica *replica, uint32_t to, struct parcel *parcel)
{
    if (parcel->kind == PARCEL_MESSAGE) remember(&world->dice, replica, parcel);
    if (to != PEER_ALL) {
        send_to(world, replica, to, parcel);
        return;
    }
    for (uint32_t i = 0; i < world->identity_count; i++)
        if (i != replica->identity) send_to(world, replica, i, parcel);
}
