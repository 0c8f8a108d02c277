#include "tests/scope/actor.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/check.h"
#include "tests/scope/arena.h"
#include "tests/scope/carry.h"
#include "tests/scope/disk.h"

#define START_MS 1000000u
#define SCOPE_TIMEOUT_MS 400u

void actor_trouble(struct actor *actor, const char *format, ...)
{
    if (actor->trouble[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(actor->trouble, sizeof actor->trouble, format, arguments);
    va_end(arguments);
}

void actor_init(struct actor *actor, uint32_t index, uint8_t views)
{
    memset(actor, 0, sizeof *actor);
    actor->index = index;
    actor->views = views;
    actor->now_ms = START_MS;
}

static void step(struct actor *actor, struct consensus_input *input)
{
    input->now_ms = actor->now_ms;
    input->wall_ms = SCOPE_WALL_MS;
    consensus_step(actor->core, input);
    const struct consensus_output *output;
    while ((output = consensus_next_output(actor->core)))
        carry(actor, output);
    if (actor->life.open_commit) actor_trouble(actor, "ends a commit without a finalization");
}

static void answer(struct actor *actor, const struct answer *answer)
{
    struct consensus_input input = {.ok = true};
    switch (answer->kind) {
    case ANSWER_SIGNED:
        input.kind = INPUT_SIGNED_VOTE;
        input.vote = answer->vote;
        break;
    case ANSWER_PROPOSED:
        input.kind = INPUT_PROPOSED;
        input.ok = answer->block != NO_BLOCK;
        input.message.kind = MESSAGE_PROPOSAL;
        if (input.ok) input.message.proposal = &term_at(answer->block)->proposal;
        break;
    case ANSWER_PAYLOAD:
        input.kind = INPUT_PAYLOAD;
        input.block = term_at(answer->block)->proposal.hash;
        break;
    case ANSWER_DURABLE:
        disk_sync(&actor->life, 1);
        input.kind = INPUT_DURABLE;
        input.sequence = answer->number;
        break;
    case ANSWER_APPENDED:
        disk_sync(&actor->life, 1);
        input.kind = INPUT_APPENDED;
        input.height = answer->number;
        break;
    }
    step(actor, &input);
}

static void feed(struct actor *actor, struct consensus_input *input)
{
    step(actor, input);
    while (actor->answer_count > 0) {
        struct answer next = actor->answers[actor->answer_first];
        actor->answer_first = (actor->answer_first + 1) % ANSWERS_MAX;
        actor->answer_count--;
        answer(actor, &next);
    }
}

/* A message as it comes from `peer`, and the answer to its check. */
static void feed_message(struct actor *actor, uint32_t peer, const struct consensus_message *message)
{
    struct consensus_input input = {.kind = INPUT_RECEIVED, .peer = peer, .message = *message};
    actor->verify = actor->refused = false;
    feed(actor, &input);
    if (!actor->verify) return;
    input.kind = INPUT_VERIFIED;
    input.ok = true;
    feed(actor, &input);
    if (message->kind == MESSAGE_CERTIFICATE)
        claims_add(&actor->life.learned, claim_of_certificate(message->certificate));
    if (message->kind == MESSAGE_PROPOSAL && !actor->refused) {
        uint16_t block = term_of_hash(&message->proposal->hash);
        bits_add(&actor->life.taken, block);
        for (uint32_t i = 0; i < CLAIM_WORDS; i++)
            actor->life.learned.words[i] |= term_at(block)->needs.words[i];
    }
}

static void config_fill(const struct actor *actor, struct consensus_config *config)
{
    memset(config, 0, sizeof *config);
    config->chain_id = term_at(GENESIS)->proposal.hash;
    config->set.epoch = 1;
    config->set.count = SCOPE_NODES;
    for (uint32_t i = 0; i < SCOPE_NODES; i++)
        config->set.keys[i].bytes[0] = (uint8_t)(i + 1);
    config->signer = actor->index;
    config->peer_count = SCOPE_NODES;
    config->may_vote = true;
    config->base_timeout_ms = SCOPE_TIMEOUT_MS;
    config->seed = actor->index;
}

static void floor_fill(const struct actor *actor, struct consensus_floor *floor)
{
    const struct term *term = term_at(actor->life.ledger_durable);
    memset(floor, 0, sizeof *floor);
    floor->block = term->proposal.hash;
    if (actor->life.ledger_durable == GENESIS) return;
    floor->height = term->height;
    floor->view = term->view;
    floor->time_ms = term->proposal.header.time_ms;
    floor->header = term->proposal.header;
    floor->has_finalization = true;
    claim_certificate(claim_of(VOTE_FINALIZE, term->view, actor->life.ledger_durable), &floor->finalization);
}

void actor_start(struct actor *actor)
{
    struct consensus_config config;
    struct consensus_floor floor;
    struct life *life = &actor->life;
    CHECK(life->log_count == life->log_durable && life->ledger == life->ledger_durable);
    memset(&life->learned, 0, sizeof life->learned);
    memset(&life->taken, 0, sizeof life->taken);
    actor->answer_count = 0;
    actor->sequence = 0;
    config_fill(actor, &config);
    floor_fill(actor, &floor);
    arena_enter_empty(actor->index);
    int error = consensus_open(&config, &floor, &actor->core);
    arena_leave();
    CHECK(error == TALLY_OK);
    for (uint32_t i = 0; i < life->log_count; i++) {
        struct consensus_record record = *disk_record(life->log[i]);
        uint16_t block = digest_is_zero(&record.block) ? GENESIS : term_of_hash(&record.block);
        if (block != GENESIS) record.proposal = &term_at(block)->proposal;
        error = consensus_restore(actor->core, &record, block != GENESIS);
        if (error) actor_trouble(actor, "cannot take back its own record: %s", tally_error_text(error));
    }
    struct consensus_input start = {.kind = INPUT_TIME}, work = {.kind = INPUT_WORK, .ok = true};
    feed(actor, &start);
    for (uint32_t peer = 0; peer < SCOPE_NODES; peer++)
        if (peer != actor->index) actor_link(actor, peer, true);
    feed(actor, &work);
}

void actor_crash(struct actor *actor, uint32_t records, uint32_t appends)
{
    disk_cut(&actor->life, records, appends);
    actor->life.stalled = false;
    actor->life.crashes++;
    actor_start(actor);
}

void actor_unstall(struct actor *actor)
{
    struct life *life = &actor->life;
    uint16_t ledger = life->ledger_durable;
    uint32_t count = life_unsynced(life);
    CHECK(life->stalled);
    life->stalled = false;
    disk_sync(life, count);
    struct consensus_input durable = {.kind = INPUT_DURABLE, .sequence = actor->sequence};
    feed(actor, &durable);
    if (ledger == life->ledger_durable) return;
    struct consensus_input appended = {
        .kind = INPUT_APPENDED, .height = term_at(life->ledger_durable)->height};
    feed(actor, &appended);
}

void actor_wake(struct actor *actor, uint64_t by_ms)
{
    struct consensus_input input = {.kind = INPUT_TIME};
    actor->now_ms += by_ms;
    feed(actor, &input);
}

void actor_hear(struct actor *actor, uint64_t by_ms, uint64_t heard)
{
    struct consensus_input input = {.kind = INPUT_HEARD, .heard = heard & ~(UINT64_C(1) << actor->index)};
    actor->now_ms += by_ms;
    feed(actor, &input);
}

void actor_learn(struct actor *actor, uint16_t claim)
{
    uint32_t liar = terms_liar();
    struct vote vote = claim_vote(claim, liar);
    struct certificate certificate;
    struct consensus_message said = {.kind = MESSAGE_VOTE, .vote = &vote};
    struct consensus_message message = {.kind = MESSAGE_CERTIFICATE, .certificate = &certificate};
    claim_certificate(claim, &certificate);
    feed_message(actor, liar, &said);
    feed_message(actor, liar, &message);
}

void actor_offer(struct actor *actor, uint16_t block)
{
    const struct term *term = term_at(block);
    struct consensus_message message = {
        .kind = MESSAGE_PROPOSAL, .proposal = &term->proposal, .block = term->proposal.hash};
    actor->shielded = term->lies;
    feed_message(actor, leader_of(term->view, SCOPE_NODES), &message);
    actor->shielded = false;
}

void actor_link(struct actor *actor, uint32_t peer, bool up)
{
    struct consensus_input input = {.kind = up ? INPUT_LINK_UP : INPUT_LINK_DOWN, .peer = peer};
    feed(actor, &input);
}

/* The finalized blocks from a height up to envelope->block, as whoever appended them tells them. */
static void receive_range(struct actor *actor, const struct envelope *envelope)
{
    struct block_header headers[SCOPE_RANGE_MAX];
    struct digest hashes[SCOPE_RANGE_MAX];
    const struct term *last = term_at(envelope->block);
    struct certificate finalization;
    struct consensus_range range = {.headers = headers, .hashes = hashes, .finalization = &finalization};
    struct consensus_message message = {.kind = MESSAGE_RANGE, .range = &range};
    CHECK(envelope->height <= last->height && last->height - envelope->height < SCOPE_RANGE_MAX);
    range.count = (uint32_t)(last->height - envelope->height + 1);
    claim_certificate(claim_of(VOTE_FINALIZE, last->view, envelope->block), &finalization);
    for (uint32_t i = range.count; i > 0; i--, last = term_at(last->parent)) {
        headers[i - 1] = last->proposal.header;
        hashes[i - 1] = last->proposal.hash;
    }
    feed_message(actor, envelope->from, &message);
}

void actor_receive(struct actor *actor, const struct envelope *envelope)
{
    if (envelope->kind == MESSAGE_RANGE) {
        receive_range(actor, envelope);
        return;
    }
    struct consensus_message message = {.kind = envelope->kind,
        .vote = &envelope->vote,
        .certificate = &envelope->certificate,
        .epoch = envelope->epoch,
        .view = envelope->view,
        .height = envelope->height,
        .block = envelope->hash};
    if (envelope->kind == MESSAGE_PROPOSAL) message.proposal = &term_at(envelope->block)->proposal;
    feed_message(actor, envelope->from, &message);
}

/* Two votes of a kind in a view, or a finalize beside a nullify, or beside a notarize of another block. */
const char *life_equivocates(const struct life *life, uint32_t index)
{
    uint16_t notarized[CLAIM_VIEWS] = {0}, finalized[CLAIM_VIEWS] = {0}, proposed[CLAIM_VIEWS] = {0};
    for (uint16_t block = 1; block < terms_count(); block++) {
        uint8_t view = term_at(block)->view;
        if (claims_have(&life->said, claim_of(VOTE_NOTARIZE, view, block))) {
            if (notarized[view]) return "notarized two blocks of a view";
            notarized[view] = block;
        }
        if (claims_have(&life->said, claim_of(VOTE_FINALIZE, view, block))) {
            if (finalized[view]) return "finalized two blocks of a view";
            finalized[view] = block;
        }
        if (leader_of(view, SCOPE_NODES) == index && bits_have(&life->led, block)) {
            if (proposed[view]) return "proposed two blocks of a view";
            proposed[view] = block;
        }
    }
    for (uint8_t view = 1; view < CLAIM_VIEWS; view++) {
        if (!finalized[view]) continue;
        if (claims_have(&life->said, view)) return "finalized and nullified a view";
        /* A notarize vote that was stored, but not sent before a crash, need never be sent. */
        if (notarized[view] && finalized[view] != notarized[view])
            return "finalized another block than it notarized";
    }
    return NULL;
}
