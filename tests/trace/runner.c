/* Plays a script of inputs on one replica and compares what it says with what the script says it should.
 *
 *   play_trace SCRIPT           exits 0 if they agree, 1 with the first line where they part
 *   play_trace --print SCRIPT   prints the script with what the replica says now
 *
 * A line that starts with "> " is an input; the lines after it that start with two spaces are the outputs,
 * each and in order; anything else is prose for the reader. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "tests/trace/scene.h"

#define LINE_SIZE_MAX 512

struct player {
    struct scene scene;
    bool opened;
};

static bool word_is(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

static uint64_t number_after(const char *text, const char *word, uint64_t otherwise)
{
    const char *at = strstr(text, word);
    return at ? strtoull(at + strlen(word), NULL, 10) : otherwise;
}

static bool play_replica(struct player *player, const char *text)
{
    struct consensus_config config = {.may_vote = !strstr(text, "lost its votes")};
    memset(config.chain_id.bytes, 'z', sizeof config.chain_id.bytes);
    config.set.epoch = 1;
    config.set.count = (uint32_t)number_after(text, "of ", 4);
    config.peer_count = config.set.count + (uint32_t)number_after(text, "observers ", 0);
    config.signer = strstr(text, "observer of") ? SIGNER_NONE : (uint32_t)number_after(text, "replica ", 0);
    config.base_timeout_ms = (uint32_t)number_after(text, "D ", 100);
    config.heartbeat_ms = (uint32_t)number_after(text, "heartbeat ", 0);
    player->scene.now_ms = 1000;
    player->scene.wall_ms = 100000;
    scene_open(&player->scene, &config);
    player->opened = true;
    return true;
}

/* "next epoch [replica 2] [of 5]": on the seal committed last. */
static bool play_next_epoch(struct player *player, const char *text)
{
    struct consensus_config config = player->scene.config;
    config.set.epoch++;
    config.set.count = (uint32_t)number_after(text, "of ", config.set.count);
    config.signer = (uint32_t)number_after(text, "replica ", config.signer);
    config.peer_count = config.set.count;
    return scene_next_epoch(&player->scene, &config);
}

/* "block B view 3 on A [by FC] [at 100005] [sealing for N] [with payload]" */
static bool play_block(struct player *player, const char *text)
{
    const char *on = strstr(text, " on ");
    if (!on) return false;
    char parent = word_is(on + 4, "genesis") ? 0 : on[4];
    uint64_t view = number_after(text, "view ", 0);
    uint64_t time_ms = number_after(text, " at ", player->scene.wall_ms + view);
    scene_block(&player->scene, text[6], view, parent, strstr(text, "by FC") != NULL, time_ms);
    struct block_header *header = &player->scene.blocks[text[6] - 'A'].proposal.header;
    const char *sealing = strstr(text, "sealing for ");
    header->seals = sealing;
    if (sealing) memset(header->next_set.bytes, sealing[12], sizeof header->next_set.bytes);
    if (strstr(text, "with payload")) header->payload_size = header->payload_events = 1;
    if (strstr(text, "as if no seal")) header->after_seal = false;
    if (strstr(text, "as if after a seal")) header->after_seal = true;
    return true;
}

static bool receive_vote(struct scene *scene, uint32_t peer, enum vote_kind kind, const char *text)
{
    char *end;
    uint64_t view = strtoull(text, &end, 10);
    char block = *end == ' ' ? end[1] : 0;
    struct vote vote = scene_vote(scene, kind, view, block, (uint32_t)number_after(text, "by ", peer));
    vote.epoch = number_after(text, "epoch ", vote.epoch);
    struct consensus_message message = {.kind = MESSAGE_VOTE, .vote = &vote};
    scene_receive(scene, peer, &message);
    return true;
}

static bool receive_certificate(struct scene *scene, uint32_t peer, enum vote_kind kind, const char *text)
{
    char *end;
    uint64_t view = strtoull(text, &end, 10);
    char block = *end == ' ' ? end[1] : 0;
    struct certificate certificate = scene_certificate(scene, kind, view, block);
    if (strstr(text, "one signer short")) certificate.signers &= certificate.signers - 1;
    certificate.epoch = number_after(text, "epoch ", certificate.epoch);
    struct consensus_message message = {.kind = MESSAGE_CERTIFICATE, .certificate = &certificate};
    scene_receive(scene, peer, &message);
    return true;
}

/* "range ABC": their headers, and an FC of the last. */
static bool receive_range(struct scene *scene, uint32_t peer, const char *text)
{
    struct block_header headers[SCENE_RANGE_MAX];
    struct digest hashes[SCENE_RANGE_MAX];
    uint32_t count = 0;
    for (; text[count] >= 'A' && text[count] <= 'Z'; count++) {
        CHECK(count < SCENE_RANGE_MAX);
        headers[count] = scene->blocks[text[count] - 'A'].proposal.header;
        hashes[count] = scene->blocks[text[count] - 'A'].proposal.hash;
    }
    if (count == 0) return false;
    struct certificate certificate =
        scene_certificate(scene, VOTE_FINALIZE, headers[count - 1].view, text[count - 1]);
    uint64_t epoch = number_after(text, "epoch ", scene->config.set.epoch);
    for (uint32_t i = 0; i < count; i++)
        headers[i].epoch = epoch;
    certificate.epoch = epoch;
    struct consensus_range range = {count, headers, hashes, &certificate};
    struct consensus_message message = {.kind = MESSAGE_RANGE, .range = &range};
    scene_receive(scene, peer, &message);
    return true;
}

static bool receive_proposal(struct scene *scene, uint32_t peer, const char *text)
{
    struct scene_block *block = &scene->blocks[text[0] - 'A'];
    if (!block->known) return false;
    struct proposal saved = block->proposal;
    if (strstr(text, "without its nullifications")) block->proposal.justification.nullification_count = 0;
    if (strstr(text, "of another height")) block->proposal.header.height++;
    if (strstr(text, "of another chain")) block->proposal.header.chain_id.bytes[0] ^= 1;
    struct consensus_message message = {.kind = MESSAGE_PROPOSAL, .proposal = &block->proposal};
    scene_receive(scene, peer, &message);
    block->proposal = saved;
    return true;
}

static bool receive_request(struct scene *scene, uint32_t peer, const char *text)
{
    struct consensus_message message = {.kind = MESSAGE_ENTRY_REQUEST};
    message.view = number_after(text, "view ", 0);
    message.epoch = number_after(text, "epoch ", scene->config.set.epoch);
    if (word_is(text, "proposal ")) {
        message.kind = MESSAGE_PROPOSAL_REQUEST;
        message.block = scene->blocks[text[9] - 'A'].proposal.hash;
    }
    scene_receive(scene, peer, &message);
    return true;
}

static bool receive(struct scene *scene, uint32_t peer, const char *text)
{
    if (word_is(text, "notarize ")) return receive_vote(scene, peer, VOTE_NOTARIZE, text + 9);
    if (word_is(text, "finalize ")) return receive_vote(scene, peer, VOTE_FINALIZE, text + 9);
    if (word_is(text, "nullify ")) return receive_vote(scene, peer, VOTE_NULLIFY, text + 8);
    if (word_is(text, "NC ")) return receive_certificate(scene, peer, VOTE_NOTARIZE, text + 3);
    if (word_is(text, "FC ")) return receive_certificate(scene, peer, VOTE_FINALIZE, text + 3);
    if (word_is(text, "NullC ")) return receive_certificate(scene, peer, VOTE_NULLIFY, text + 6);
    if (word_is(text, "proposal ")) return receive_proposal(scene, peer, text + 9);
    if (word_is(text, "range ")) return receive_range(scene, peer, text + 6);
    if (word_is(text, "wants ")) return receive_request(scene, peer, text + 6);
    return false;
}

/* "2 sends MESSAGE": received, and no more. "2 brings MESSAGE": received, and every check asked for holds. */
static bool play_message(struct player *player, const char *text)
{
    char *end;
    uint32_t peer = (uint32_t)strtoul(text, &end, 10);
    if (word_is(end, " sends ")) return receive(&player->scene, peer, end + 7);
    if (!word_is(end, " brings ") || !receive(&player->scene, peer, end + 8)) return false;
    while (scene_verified(&player->scene, true)) {
    }
    return true;
}

/* "seal for N", "no seal": the application would have the epoch sealed, with next set N. */
static bool play_seal(struct player *player, const char *text)
{
    struct consensus_input input = {.kind = INPUT_SEAL, .ok = word_is(text, "seal ")};
    if (input.ok) memset(input.block.bytes, text[9], sizeof input.block.bytes);
    scene_step(&player->scene, &input);
    return true;
}

static bool play_link(struct player *player, const char *text)
{
    struct consensus_input input = {.kind = strstr(text, " up") ? INPUT_LINK_UP : INPUT_LINK_DOWN};
    input.peer = (uint32_t)number_after(text, "link ", 0);
    scene_step(&player->scene, &input);
    return true;
}

static bool play_simple(struct player *player, enum consensus_input_kind kind, bool ok)
{
    struct consensus_input input = {.kind = kind, .ok = ok};
    scene_step(&player->scene, &input);
    return true;
}

static bool play_voted(struct player *player)
{
    while (scene_signed(&player->scene)) {
    }
    scene_durable(&player->scene, scene_stored(&player->scene));
    return true;
}

/* "durable": everything stored; "durable 1": the first of it. */
static bool play_durable(struct scene *scene, const char *text)
{
    uint32_t stored = scene_stored(scene);
    uint64_t count = number_after(text, "durable ", stored);
    if (count > stored) return false;
    scene_durable(scene, (uint32_t)count);
    return true;
}

/* "heard 0 2": some frame came from each. */
static bool play_heard(struct player *player, const char *text)
{
    struct consensus_input input = {.kind = INPUT_HEARD};
    for (const char *at = text + strcspn(text, " "); *at; at += strcspn(at + 1, " ") + 1)
        input.heard |= UINT64_C(1) << strtoul(at, NULL, 10);
    scene_step(&player->scene, &input);
    return true;
}

/* "restart [without proposals] [without payloads]": what a crash took from the disk besides. */
static void play_restart(struct scene *scene, const char *text)
{
    for (uint32_t i = 0; i < SCENE_BLOCKS && strstr(text, "without payloads"); i++)
        scene->blocks[i].payload_held = false;
    scene_restart(scene, !strstr(text, "without proposals"));
}

static bool play_wake(struct player *player)
{
    uint64_t wake = consensus_wake_ms(player->scene.consensus);
    if (wake == UINT64_MAX)
        fprintf(player->scene.out, "  never\n");
    else
        fprintf(player->scene.out, "  in %" PRIu64 " ms\n", wake - player->scene.now_ms);
    return true;
}

static bool play_status(struct player *player)
{
    struct consensus_status status;
    consensus_status(player->scene.consensus, &status);
    fprintf(player->scene.out,
        "  view %" PRIu64 ", floor at height %" PRIu64 " and view %" PRIu64 ", tip of view %" PRIu64 "%s\n",
        status.view, status.floor_height, status.floor_view, status.tip_view,
        status.sealed ? ", sealed" : "");
    return true;
}

static bool play_after(struct player *player, const char *text)
{
    uint64_t wait_ms = number_after(text, "after ", 0);
    player->scene.now_ms += wait_ms;
    player->scene.wall_ms += wait_ms;
    return play_simple(player, INPUT_TIME, false);
}

/* "the wall clock is set back 5000": the monotonic one is not. */
static bool play_wall(struct player *player, const char *text)
{
    player->scene.wall_ms -= number_after(text, "back ", 0);
    return play_simple(player, INPUT_TIME, false);
}

static bool play(struct player *player, const char *text)
{
    struct scene *scene = &player->scene;
    if (word_is(text, "replica ") || word_is(text, "observer ")) return play_replica(player, text);
    if (!player->opened) return false;
    if (text[0] >= '0' && text[0] <= '9') return play_message(player, text);
    if (word_is(text, "block ")) return play_block(player, text);
    if (word_is(text, "seal for ") || word_is(text, "no seal")) return play_seal(player, text);
    if (word_is(text, "next epoch")) return play_next_epoch(player, text);
    if (word_is(text, "after ")) return play_after(player, text);
    if (word_is(text, "the wall clock is set back ")) return play_wall(player, text);
    if (word_is(text, "start")) return play_simple(player, INPUT_TIME, false);
    if (word_is(text, "work")) return play_simple(player, INPUT_WORK, true);
    if (word_is(text, "no work")) return play_simple(player, INPUT_WORK, false);
    if (word_is(text, "link ")) return play_link(player, text);
    if (word_is(text, "heard ")) return play_heard(player, text);
    if (word_is(text, "verified")) return scene_verified(scene, true);
    if (word_is(text, "forged")) return scene_verified(scene, false);
    if (word_is(text, "signed")) return scene_signed(scene);
    if (word_is(text, "the signer is silent")) return scene_unsigned(scene);
    if (word_is(text, "voted")) return play_voted(player);
    if (word_is(text, "durable")) return play_durable(scene, text);
    if (word_is(text, "held ")) return scene_payload(scene, text[5], true), true;
    if (word_is(text, "spoilt ")) return scene_payload(scene, text[7], false), true;
    if (word_is(text, "proposed ")) return scene->asked.view > 0 && (scene_proposed(scene, text[9]), true);
    if (word_is(text, "cannot propose")) return play_simple(player, INPUT_PROPOSED, false);
    if (word_is(text, "appended ")) return scene_appended(scene, number_after(text, "appended ", 0)), true;
    if (word_is(text, "restart")) return play_restart(scene, text), true;
    if (word_is(text, "wake?")) return play_wake(player);
    if (word_is(text, "status?")) return play_status(player);
    return false;
}

/* What the script would read if the replica is right; NULL after an error, which was told. */
static char *script_play(const char *path)
{
    char line[LINE_SIZE_MAX], *text = NULL;
    size_t size = 0;
    FILE *script = fopen(path, "r");
    FILE *out = script ? open_memstream(&text, &size) : NULL;
    struct player *player = calloc(1, sizeof *player);
    bool good = script && out && player;
    if (good)
        player->scene.out = out;
    else
        fprintf(stderr, "trace: cannot read %s\n", path);
    for (int number = 1; good && fgets(line, sizeof line, script); number++) {
        if (word_is(line, "  ")) continue;
        fputs(line, out);
        if (!word_is(line, "> ")) continue;
        line[strcspn(line, "\n")] = 0;
        good = play(player, line + 2);
        if (!good) fprintf(stderr, "%s:%d: not an input, or not now: %s\n", path, number, line);
    }
    if (player) scene_close(&player->scene);
    free(player);
    if (script) fclose(script);
    if (out) fclose(out);
    if (good) return text;
    free(text);
    return NULL;
}

/* Tells the first line where the two part. */
static bool same(const char *path, FILE *script, char *text)
{
    char line[LINE_SIZE_MAX];
    int number = 0;
    while (fgets(line, sizeof line, script)) {
        size_t size = strcspn(text, "\n");
        number++;
        line[strcspn(line, "\n")] = 0;
        if (strlen(line) != size || strncmp(line, text, size) != 0) {
            fprintf(stderr, "%s:%d:\n  script:  %s\n  replica: %.*s\n", path, number, line, (int)size, text);
            return false;
        }
        text += size + (text[size] == '\n');
    }
    if (*text) fprintf(stderr, "%s: the replica says more: %s", path, text);
    return *text == 0;
}

int main(int argc, char **argv)
{
    bool print = argc == 3 && strcmp(argv[1], "--print") == 0;
    if (argc != 2 && !print) {
        fprintf(stderr, "usage: play_trace [--print] SCRIPT\n");
        return 2;
    }
    const char *path = argv[argc - 1];
    char *text = script_play(path);
    if (!text) return 1;
    bool good = true;
    if (print) {
        fputs(text, stdout);
    } else {
        FILE *script = fopen(path, "r");
        good = script && same(path, script, text);
        if (script) fclose(script);
    }
    free(text);
    return good ? 0 : 1;
}
