#include "tests/trace/scene.h"

#include <inttypes.h>
#include <stdlib.h>

#include "proto/base/check.h"

static struct digest digest_of(char name)
{
    struct digest digest = {{0}};
    if (name) memset(digest.bytes, name, sizeof digest.bytes);
    return digest;
}

static char name_of(const struct digest *digest)
{
    return digest->bytes[0] ? (char)digest->bytes[0] : '-';
}

static struct scene_block *block_of(struct scene *scene, char name)
{
    CHECK(name >= 'A' && name <= 'Z');
    return &scene->blocks[name - 'A'];
}

struct vote scene_vote(
    const struct scene *scene, enum vote_kind kind, uint64_t view, char block, uint32_t signer)
{
    struct vote vote = {.kind = kind, .epoch = scene->config.set.epoch, .view = view, .signer = signer};
    if (kind != VOTE_NULLIFY) vote.block = digest_of(block);
    vote.signature.bytes[0] = (uint8_t)(signer + 1);
    return vote;
}

struct certificate scene_certificate(
    const struct scene *scene, enum vote_kind kind, uint64_t view, char block)
{
    struct certificate certificate = {.kind = kind, .epoch = scene->config.set.epoch, .view = view};
    if (kind != VOTE_NULLIFY) certificate.block = digest_of(block);
    for (uint32_t i = 0; i < quorum_of(scene->config.set.count); i++) {
        certificate.signers |= UINT64_C(1) << (i + 1);
        certificate.signatures[i].bytes[0] = (uint8_t)(i + 2);
    }
    return certificate;
}

static void say_vote(FILE *out, const struct vote *vote)
{
    static const char *const kinds[] = {"", "notarize", "finalize", "nullify"};
    fprintf(out, "%s %" PRIu64, kinds[vote->kind], vote->view);
    if (vote->kind != VOTE_NULLIFY) fprintf(out, " %c", name_of(&vote->block));
}

static void say_certificate(FILE *out, const struct certificate *certificate)
{
    static const char *const kinds[] = {"", "NC", "FC", "NullC"};
    fprintf(out, "%s %" PRIu64, kinds[certificate->kind], certificate->view);
    if (certificate->kind != VOTE_NULLIFY) fprintf(out, " %c", name_of(&certificate->block));
}

static void say_message(FILE *out, const struct consensus_message *message)
{
    switch (message->kind) {
    case MESSAGE_PROPOSAL:
        fprintf(out, "proposal %c", name_of(message->proposal ? &message->proposal->hash : &message->block));
        break;
    case MESSAGE_VOTE:
        say_vote(out, message->vote);
        fprintf(out, " by %" PRIu32, message->vote->signer);
        break;
    case MESSAGE_CERTIFICATE:
        say_certificate(out, message->certificate);
        break;
    case MESSAGE_PROPOSAL_REQUEST:
        fprintf(out, "wants proposal %c of view %" PRIu64, name_of(&message->block), message->view);
        break;
    case MESSAGE_ENTRY_REQUEST:
        fprintf(out, "wants what admits after view %" PRIu64, message->view);
        if (message->epoch > 1) fprintf(out, " of epoch %" PRIu64, message->epoch);
        break;
    case MESSAGE_RANGE_REQUEST:
        fprintf(out, "wants blocks from height %" PRIu64, message->height);
        break;
    case MESSAGE_RANGE:
        fprintf(out, "range of %" PRIu32, message->range->count);
        break;
    }
}

static void say_record(FILE *out, const struct consensus_record *record)
{
    if (record->kind == RECORD_PROPOSAL)
        fprintf(out, "proposal %c", name_of(&record->block));
    else
        say_vote(out, &record->vote);
    if (record->kind == RECORD_VOTE && !digest_is_zero(&record->block))
        fprintf(out, " with block %c", name_of(&record->block));
    if (record->has_notarization) {
        fprintf(out, " resting on ");
        say_certificate(out, &record->notarization);
    }
    if (record->has_admission) {
        fprintf(out, " admitted by ");
        say_certificate(out, &record->admission);
    }
}

static void say_evidence(FILE *out, const struct consensus_evidence *evidence)
{
    fprintf(out, "evidence against %" PRIu32 ": ", evidence->signer);
    if (evidence->proposals) {
        fprintf(out, "proposals %c and %c of view %" PRIu64, name_of(&evidence->first_block),
            name_of(&evidence->second_block), evidence->view);
        return;
    }
    say_vote(out, &evidence->first);
    fprintf(out, " and ");
    say_vote(out, &evidence->second);
}

/* The views of a seal's path, first to last. */
static void say_views(FILE *out, const struct block_header *path, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        fprintf(out, "%s %" PRIu64, i == 0 ? ", of views" : " and", path[i].view);
}

static void say_proposing(FILE *out, const struct consensus_output *output)
{
    const struct block_header *header = &output->header;
    fprintf(out, "propose in view %" PRIu64 " at height %" PRIu64 " on ", header->view, header->height);
    if (output->justification->parent_is_genesis)
        fprintf(out, "genesis");
    else
        say_certificate(out, &output->justification->parent_certificate);
    for (uint32_t i = 0; i < output->justification->nullification_count; i++) {
        fprintf(out, ", ");
        say_certificate(out, &output->justification->nullifications[i]);
    }
    fprintf(out, ", time %" PRIu64 "%s", header->time_ms, output->payload_allowed ? "" : ", empty");
    if (header->seals) fprintf(out, ", sealing for %c", name_of(&header->next_set));
    if (header->after_seal) fprintf(out, ", after the seal");
    if (output->justification->seal_path_count > 0) fprintf(out, ", past those after the seal");
    say_views(out, output->justification->seal_path, output->justification->seal_path_count);
}

static void say_peer(FILE *out, uint32_t peer)
{
    if (peer == PEER_ALL)
        fprintf(out, "all");
    else
        fprintf(out, "%" PRIu32, peer);
}

static void say_output(FILE *out, const struct consensus_output *output)
{
    static const char *const causes[] = {"", "start", "notarized", "nullified", "finalized"};
    fprintf(out, "  ");
    switch (output->kind) {
    case OUTPUT_VERIFY:
        fprintf(out, "check ");
        say_message(out, &output->message);
        fprintf(out, ", from %" PRIu32, output->peer);
        break;
    case OUTPUT_SIGN_VOTE:
        fprintf(out, "sign ");
        say_vote(out, &output->vote);
        break;
    case OUTPUT_PROPOSE:
        say_proposing(out, output);
        break;
    case OUTPUT_PERSIST:
        fprintf(out, "store ");
        say_record(out, output->record);
        break;
    case OUTPUT_SEND:
        fprintf(out, "send to ");
        say_peer(out, output->peer);
        fprintf(out, ": ");
        say_message(out, &output->message);
        break;
    case OUTPUT_NEED_PAYLOAD:
        fprintf(out, "need the payload of %c, from %" PRIu32, name_of(&output->block), output->peer);
        break;
    case OUTPUT_COMMIT:
        fprintf(out, "commit %c at height %" PRIu64 ", finalized %s", name_of(&output->block),
            output->header.height,
            output->certificate && output->seal_path_count == 0 ? "itself" : "by a descendant");
        if (output->seal_path_count > 0)
            fprintf(out, ", %c, past those after the seal", name_of(&output->certificate->block));
        say_views(out, output->seal_path, output->seal_path_count);
        break;
    case OUTPUT_PROVE_SEAL:
        fprintf(out, "prove to %" PRIu32 " that epoch %" PRIu64 " is over", output->peer, output->epoch);
        break;
    case OUTPUT_FLOOD_WORK:
        fprintf(out, "flood the waiting batches");
        break;
    case OUTPUT_EVIDENCE:
        say_evidence(out, output->evidence);
        break;
    case OUTPUT_CHARGE:
        fprintf(out, "charge %" PRIu32 ": %s", output->peer, output->reason);
        break;
    case OUTPUT_ENTERED:
        fprintf(out, "enter view %" PRIu64 ": %s", output->view, causes[output->cause]);
        break;
    case OUTPUT_DROP:
        fprintf(out, "drop %c", name_of(&output->block));
        break;
    }
    fprintf(out, "\n");
}

static void keep_check(struct scene *scene, const struct consensus_output *output)
{
    CHECK(scene->check_first + scene->check_count < SCENE_QUEUE_MAX);
    struct scene_check *check = &scene->checks[scene->check_first + scene->check_count++];
    const struct consensus_message *message = &output->message;
    check->message = *message;
    check->peer = output->peer;
    if (message->kind == MESSAGE_VOTE) {
        check->vote = *message->vote;
        check->message.vote = &check->vote;
    } else if (message->kind == MESSAGE_CERTIFICATE) {
        check->certificate = *message->certificate;
        check->message.certificate = &check->certificate;
    } else if (message->kind == MESSAGE_RANGE) {
        CHECK(message->range->count <= SCENE_RANGE_MAX);
        check->range = *message->range;
        check->certificate = *message->range->finalization;
        memcpy(check->headers, message->range->headers, message->range->count * sizeof *check->headers);
        memcpy(check->hashes, message->range->hashes, message->range->count * sizeof *check->hashes);
        check->range.finalization = &check->certificate;
        check->range.headers = check->headers;
        check->range.hashes = check->hashes;
        check->message.range = &check->range;
    }
}

static void keep_asked(struct scene *scene, const struct consensus_output *output)
{
    const struct justification *j = output->justification;
    CHECK(j->nullification_count <= SCENE_NULLIFICATIONS_MAX);
    scene->asked = output->header;
    scene->asked_parent = j->parent_is_genesis ? 0 : name_of(&j->parent_hash);
    scene->asked_certificate = j->parent_certificate;
    scene->asked_nullification_count = j->nullification_count;
    memcpy(
        scene->asked_nullifications, j->nullifications, j->nullification_count * sizeof *j->nullifications);
}

static void keep_commit(struct scene *scene, const struct consensus_output *output)
{
    CHECK(scene->commit_count < SCENE_RECORDS_MAX);
    struct scene_commit *commit = &scene->commits[scene->commit_count++];
    commit->header = output->header;
    commit->block = output->block;
    commit->has_finalization = output->certificate;
    if (output->certificate) commit->finalization = *output->certificate;
    CHECK(output->seal_path_count <= SCENE_RANGE_MAX);
    commit->seal_path_count = output->seal_path_count;
    for (uint32_t i = 0; i < output->seal_path_count; i++)
        commit->seal_path[i] = output->seal_path[i];
}

static void keep(struct scene *scene, const struct consensus_output *output)
{
    if (output->kind == OUTPUT_VERIFY) keep_check(scene, output);
    if (output->kind == OUTPUT_PROPOSE) keep_asked(scene, output);
    if (output->kind == OUTPUT_COMMIT) keep_commit(scene, output);
    if (output->kind == OUTPUT_SIGN_VOTE) {
        CHECK(scene->unsigned_first + scene->unsigned_count < SCENE_QUEUE_MAX);
        scene->unsigned_votes[scene->unsigned_first + scene->unsigned_count++] = output->vote;
    }
    if (output->kind == OUTPUT_PERSIST) {
        CHECK(scene->record_count < SCENE_RECORDS_MAX);
        scene->records[scene->record_count++] = *output->record;
        CHECK(output->sequence + scene->record_base == scene->record_count);
    }
}

void scene_step(struct scene *scene, struct consensus_input *input)
{
    input->now_ms = scene->now_ms;
    input->wall_ms = scene->wall_ms;
    consensus_step(scene->consensus, input);
    const struct consensus_output *output;
    while ((output = consensus_next_output(scene->consensus))) {
        say_output(scene->out, output);
        keep(scene, output);
    }
}

void scene_receive(struct scene *scene, uint32_t peer, const struct consensus_message *message)
{
    struct consensus_input input = {.kind = INPUT_RECEIVED, .peer = peer, .message = *message};
    scene_step(scene, &input);
}

bool scene_verified(struct scene *scene, bool ok)
{
    if (scene->check_count == 0) return false;
    const struct scene_check *check = &scene->checks[scene->check_first++];
    scene->check_count--;
    struct consensus_input input = {
        .kind = INPUT_VERIFIED, .peer = check->peer, .ok = ok, .message = check->message};
    scene_step(scene, &input);
    if (scene->check_count == 0) scene->check_first = 0;
    return true;
}

bool scene_signed(struct scene *scene)
{
    if (scene->unsigned_count == 0) return false;
    struct consensus_input input = {
        .kind = INPUT_SIGNED_VOTE, .vote = scene->unsigned_votes[scene->unsigned_first]};
    input.vote.signature.bytes[0] = (uint8_t)(scene->config.signer + 1);
    scene->unsigned_first++;
    scene->unsigned_count--;
    scene_step(scene, &input);
    return true;
}

bool scene_unsigned(struct scene *scene)
{
    if (scene->unsigned_count == 0) return false;
    scene->unsigned_first++;
    scene->unsigned_count--;
    return true;
}

static void header_fill(
    struct scene *scene, struct block_header *header, uint64_t view, char parent, uint64_t time_ms)
{
    memset(header, 0, sizeof *header);
    header->chain_id = scene->config.chain_id;
    header->epoch = scene->config.set.epoch;
    header->view = view;
    header->time_ms = time_ms;
    if (parent) {
        const struct block_header *above = &block_of(scene, parent)->proposal.header;
        bool same_epoch = above->epoch == header->epoch;
        header->height = above->height + 1;
        header->parent_view = same_epoch ? above->view : 0;
        header->parent_hash = digest_of(parent);
        header->after_seal = same_epoch && (above->seals || above->after_seal);
    } else {
        header->height = 1;
        header->parent_hash = scene->config.chain_id;
    }
}

static void justification_fill(struct scene *scene, struct scene_block *block, char parent)
{
    struct justification *j = &block->proposal.justification;
    memset(j, 0, sizeof *j);
    block->parent = parent;
    j->parent_is_genesis = parent == 0;
    if (parent) {
        j->parent = block_of(scene, parent)->proposal.header;
        j->parent_hash = digest_of(parent);
    }
    j->nullifications = block->nullifications;
}

void scene_block(
    struct scene *scene, char name, uint64_t view, char parent, bool by_finalization, uint64_t time_ms)
{
    struct scene_block *block = block_of(scene, name);
    memset(block, 0, sizeof *block);
    block->known = true;
    block->proposal.hash = digest_of(name);
    struct block_header *header = &block->proposal.header;
    header_fill(scene, header, view, parent, time_ms);
    justification_fill(scene, block, parent);
    struct justification *j = &block->proposal.justification;
    enum vote_kind kind = by_finalization ? VOTE_FINALIZE : VOTE_NOTARIZE;
    if (parent) j->parent_certificate = scene_certificate(scene, kind, header->parent_view, parent);
    if (parent && j->parent.epoch != header->epoch)
        j->parent_certificate = scene->commits[scene->commit_count - 1].finalization;
    CHECK(view - header->parent_view <= SCENE_NULLIFICATIONS_MAX);
    for (uint64_t skipped = header->parent_view + 1; skipped < view; skipped++)
        block->nullifications[j->nullification_count++] = scene_certificate(scene, VOTE_NULLIFY, skipped, 0);
}

void scene_proposed(struct scene *scene, char name)
{
    struct scene_block *block = block_of(scene, name);
    memset(block, 0, sizeof *block);
    block->known = true;
    block->payload_held = true;
    block->proposal.hash = digest_of(name);
    block->proposal.header = scene->asked;
    justification_fill(scene, block, scene->asked_parent);
    struct justification *j = &block->proposal.justification;
    j->parent_certificate = scene->asked_certificate;
    j->nullification_count = scene->asked_nullification_count;
    memcpy(block->nullifications, scene->asked_nullifications, sizeof block->nullifications);
    struct consensus_input input = {.kind = INPUT_PROPOSED, .ok = true};
    input.message.kind = MESSAGE_PROPOSAL;
    input.message.proposal = &block->proposal;
    scene_step(scene, &input);
}

void scene_durable(struct scene *scene, uint32_t count)
{
    CHECK(count <= scene->record_count - scene->record_durable);
    scene->record_durable += count;
    struct consensus_input input = {
        .kind = INPUT_DURABLE, .sequence = scene->record_durable - scene->record_base};
    scene_step(scene, &input);
}

uint32_t scene_stored(const struct scene *scene)
{
    return scene->record_count - scene->record_durable;
}

void scene_payload(struct scene *scene, char name, bool ok)
{
    block_of(scene, name)->payload_held = ok;
    struct consensus_input input = {.kind = INPUT_PAYLOAD, .ok = ok, .block = digest_of(name)};
    scene_step(scene, &input);
}

void scene_appended(struct scene *scene, uint64_t height)
{
    scene->appended = height;
    struct consensus_input input = {.kind = INPUT_APPENDED, .height = height};
    scene_step(scene, &input);
}

static void floor_of(const struct scene *scene, struct consensus_floor *floor)
{
    memset(floor, 0, sizeof *floor);
    floor->block = scene->config.chain_id;
    for (uint32_t i = 0; i < scene->commit_count; i++) {
        const struct scene_commit *commit = &scene->commits[i];
        if (!commit->has_finalization || commit->header.height > scene->appended) continue;
        *floor = (struct consensus_floor){commit->header.height, commit->header.view, commit->header.time_ms,
            commit->block, commit->header, true, commit->finalization, commit->seal_path_count,
            commit->seal_path};
    }
    if (floor->height > 0 && floor->header.epoch != scene->config.set.epoch) floor->view = 0;
}

void scene_open(struct scene *scene, const struct consensus_config *config)
{
    struct consensus_floor floor;
    scene->config = *config;
    floor_of(scene, &floor);
    CHECK(consensus_open(config, &floor, &scene->consensus) == TALLY_OK);
}

bool scene_next_epoch(struct scene *scene, const struct consensus_config *config)
{
    if (scene->commit_count == 0 || !scene->commits[scene->commit_count - 1].header.seals) return false;
    scene->appended = scene->commits[scene->commit_count - 1].header.height;
    scene->record_count = scene->record_durable = 0;
    scene->record_base = 0;
    scene->check_first = scene->check_count = 0;
    scene->unsigned_first = scene->unsigned_count = 0;
    scene_close(scene);
    scene_open(scene, config);
    return true;
}

void scene_close(struct scene *scene)
{
    consensus_close(scene->consensus);
    scene->consensus = NULL;
}

void scene_restart(struct scene *scene, bool proposals_kept)
{
    scene_close(scene);
    scene_open(scene, &scene->config);
    scene->record_count = scene->record_durable;
    scene->record_base = scene->record_count;
    scene->check_first = scene->check_count = 0;
    scene->unsigned_first = scene->unsigned_count = 0;
    while (scene->commit_count > 0 && scene->commits[scene->commit_count - 1].header.height > scene->appended)
        scene->commit_count--;
    for (uint32_t i = 0; i < scene->record_count; i++) {
        struct consensus_record record = scene->records[i];
        struct scene_block *block =
            digest_is_zero(&record.block) ? NULL : block_of(scene, name_of(&record.block));
        if (block && proposals_kept) record.proposal = &block->proposal;
        int error = consensus_restore(scene->consensus, &record, block && block->payload_held);
        if (error) fprintf(scene->out, "  restore: %s\n", tally_error_text(error));
    }
}
