/* A stopped node's data directory, made by hand: a ledger of real blocks under real signatures, over several
 * segments, a pruned vote record, and a state with certified checkpoints. All but random salts is a function
 * of the sizes. Included by one test program at a time. */
#ifndef TALLY_TESTS_SMALL_NODE_H
#define TALLY_TESTS_SMALL_NODE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/commit/replay.h"
#include "proto/base/date.h"
#include "storage/snapshot_write.h"
#include "storage/vote_record.h"
#include "tests/vectors/profile.h"
#include "tests/vectors/samples.h"

#define SMALL_BATCHES 2u
/* A test that needs more subjects, or others, defines these before. */
#ifndef SMALL_ACCOUNTS
#define SMALL_ACCOUNTS 24u
#define SMALL_SUBJECT(node, number) sample_digest_of("subject", number)
#endif
#define SMALL_BLOCKS_MAX 400u
#define SMALL_START_MS ((uint64_t)13000 * MS_PER_DAY)

struct small_account {
    uint32_t seq;
    struct digest last;
};

struct small_node {
    char dir[64]; /* the data directory */
    struct genesis genesis;
    struct sample_network network;
    struct arena arena; /* all blocks */
    uint32_t block_count, events;
    struct block blocks[SMALL_BLOCKS_MAX + 1]; /* from 1; [0].hash is the chain id */
    struct digest roots[SMALL_BLOCKS_MAX + 1]; /* of the state after each */
    struct small_account accounts[SMALL_ACCOUNTS];
};

static const struct ledger_options small_options = {.segment_size_max = 100000};

static inline struct span small_keep(struct small_node *node, const struct buffer *bytes)
{
    uint8_t *copy = arena_take(&node->arena, bytes->size + 1);
    CHECK(copy != NULL && !bytes->failed);
    memcpy(copy, bytes->data, bytes->size);
    return span_of(copy, bytes->size);
}

static inline void small_genesis(struct small_node *node)
{
    struct genesis *genesis = &node->genesis;
    *genesis = (struct genesis){.network = "small",
        .created_ms = 1,
        .base_timeout_ms = 60,
        .heartbeat_ms = 10000,
        .policy = profile("cn"),
        .member_count = 4,
        .validator_count = 4};
    for (uint32_t i = 0; i < 4; i++) {
        struct secret_key signing = sample_secret(1000 + i + 1), own = sample_secret(i);
        struct secret_key ballot = sample_secret(3000 + i + 1);
        struct genesis_member *member = &genesis->members[i];
        *member =
            (struct genesis_member){.id = i + 1, .role = ROLE_LENDER, .key_count = 1, .ballot_key_count = 1};
        genesis->validators[i] = (struct genesis_node){.member_id = i + 1};
        CHECK(secret_key_public(&signing, &member->keys[0]) == TALLY_OK);
        CHECK(secret_key_public(&ballot, &member->ballot_keys[0]) == TALLY_OK);
        CHECK(secret_key_public(&own, &genesis->validators[i].key) == TALLY_OK);
        snprintf(member->name, sizeof member->name, "Bank %u", i + 1);
        snprintf(genesis->validators[i].name, sizeof genesis->validators[i].name, "validator-%u", i + 1);
    }
    genesis_identify(genesis);
    sample_network_init(&node->network, "small", 4);
    node->network.chain_id = genesis->chain_id;
}

/* An opening, or the next payment, of the account; subjects have two each. */
static inline void small_event(struct small_node *node, uint32_t number, struct batch_event *event)
{
    struct small_account *account = &node->accounts[number];
    struct digest subject = SMALL_SUBJECT(node, number / 2), ref = sample_digest_of("account", number);
    bool opening = account->seq == 0;
    struct event_header header = {.type = opening ? EVENT_ACCOUNT_OPEN : EVENT_PAYMENT,
        .member_id = number % 4 + 1,
        .subject_scheme = 1,
        .subject_id = subject,
        .event_date = 12800,
        .has_account = true,
        .account_seq = account->seq,
        .account_prev = account->last,
        .account_type = opening ? ACCOUNT_REVOLVING : 0,
        .currency = opening ? 156 : 0};
    memcpy(header.account_ref, ref.bytes, ACCOUNT_REF_SIZE);
    struct event_body body = sample_body(&header);
    struct digest salt = sample_digest_of("salt", number * 1000 + account->seq);
    struct buffer bytes;
    buffer_init(&bytes, EVENT_BODY_SIZE_MAX);
    event_body_encode(&body, &bytes);
    *event = (struct batch_event){.has_body = true, .body = small_keep(node, &bytes)};
    memcpy(event->salt, salt.bytes, SALT_SIZE);
    header.body_commitment = event_body_commitment(event->salt, event->body);
    buffer_clear(&bytes);
    event_header_encode(&header, &bytes);
    event->header = small_keep(node, &bytes);
    buffer_close(&bytes);
    CHECK(event_header_decode(event->header, &event->fields) == TALLY_OK);
    event->id = event_id(&node->genesis.chain_id, event->header);
    account->last = event->id;
    account->seq++;
}

/* Every event of a batch is one member's. */
static inline void small_batch(
    struct small_node *node, uint32_t number, uint32_t events, uint64_t time_ms, struct batch *batch)
{
    uint32_t member = number % 4 + 1;
    struct secret_key secret = sample_secret(1000 + member);
    *batch = (struct batch){.chain_id = node->genesis.chain_id,
        .member_id = member,
        .signing_key = node->genesis.members[member - 1].keys[0],
        .expires_at_ms = time_ms + 60000,
        .event_count = events,
        .events = arena_take_zeroed(&node->arena, events, sizeof *batch->events)};
    CHECK(batch->events != NULL);
    for (uint32_t i = 0; i < events; i++)
        small_event(node, member - 1 + 4 * ((number / 4 + i) % (SMALL_ACCOUNTS / 4)), &batch->events[i]);
    batch->digest = batch_digest(batch);
    signature_make(&secret, &batch->digest, &batch->signature);
}

/* Every fifth block is finalized by its child alone, and every seventh is empty. */
static inline void small_block(struct small_node *node, uint64_t height, uint32_t events)
{
    struct block *block = &node->blocks[height];
    uint32_t batches = height % 7 == 0 ? 0 : SMALL_BATCHES;
    uint8_t *justification = arena_take_zeroed(&node->arena, 60, 1);
    struct digest digests[SMALL_BATCHES];
    *block = (struct block){.header = {.chain_id = node->genesis.chain_id,
                                .epoch = 1,
                                .view = height,
                                .height = height,
                                .parent_view = height - 1,
                                .parent_hash = node->blocks[height - 1].hash,
                                .payload_events = batches * events,
                                .time_ms = SMALL_START_MS + height * 1000},
        .has_finalization = height % 5 != 0 || height == node->block_count,
        .batch_count = batches,
        .batches = arena_take_zeroed(&node->arena, batches + 1, sizeof *block->batches)};
    CHECK(block->batches != NULL && justification != NULL);
    memset(justification, (int)height, 60);
    block->justification = span_of(justification, 60);
    block->header.justification_root = justification_root(block->justification);
    for (uint32_t b = 0; b < batches; b++) {
        small_batch(
            node, (uint32_t)height * SMALL_BATCHES + b, events, block->header.time_ms, &block->batches[b]);
        digests[b] = block->batches[b].digest;
        block->header.payload_size += (uint32_t)batch_size_without_bodies(&block->batches[b]);
    }
    block->header.payload_root = payload_root(digests, batches);
    block->hash = block_header_hash(&block->header);
    struct digest signed_by_leader = proposal_digest(&node->genesis.chain_id, &block->header, &block->hash);
    signature_make(&node->network.secrets[leader_of(height, 4)], &signed_by_leader, &block->signature);
    if (block->has_finalization)
        sample_certificate(&node->network, VOTE_FINALIZE, height, &block->hash, &block->finalization);
}

static inline void small_ledger(struct small_node *node)
{
    struct ledger *ledger;
    struct ledger_report report;
    CHECK(ledger_open(disk_system(), node->dir, &node->genesis.chain_id, &small_options, &ledger, &report) ==
          TALLY_OK);
    for (uint32_t height = 1; height <= node->block_count; height++) {
        CHECK(ledger_append(ledger, &node->blocks[height]) == TALLY_OK);
        if (node->blocks[height].has_finalization) CHECK(ledger_sync(ledger) == TALLY_OK);
    }
    ledger_close(ledger);
}

static inline void small_votes(struct small_node *node)
{
    static const struct vote_record_options options = {.file_size_max = 9000};
    struct vote_record *record;
    struct vote_record_report report;
    uint8_t bytes[200];
    CHECK(vote_record_create(disk_system(), node->dir, &node->genesis.chain_id) == TALLY_OK);
    CHECK(vote_record_open(disk_system(), node->dir, &node->genesis.chain_id, &options, NULL, NULL, &record,
              &report) == TALLY_OK);
    for (uint32_t view = 1; view <= 250; view++) {
        memset(bytes, (int)view, sizeof bytes);
        CHECK(vote_record_append(record, 1, view, span_of(bytes, 40 + view % 150)) == TALLY_OK);
        if (view % 10 == 0) CHECK(vote_record_checkpoint(record, view) == TALLY_OK);
        CHECK(vote_record_sync(record) == TALLY_OK);
        if (view == 60 || view == 120) CHECK(vote_record_prune(record, view - 5) == TALLY_OK);
    }
    CHECK(vote_record_end(record) == TALLY_OK);
    vote_record_close(record);
}

/* Opens the ledger and replays it into the state. */
static inline int small_replay(
    const struct small_node *node, const char *dir, struct replay *replay, struct ledger **ledger)
{
    struct ledger_report report;
    int error = ledger_open(disk_system(), dir, &node->genesis.chain_id, &small_options, ledger, &report);
    *replay = (struct replay){.data_dir = dir, .genesis = &node->genesis, .ledger = *ledger};
    return error == TALLY_OK ? replay_open(replay) : error;
}

/* Certifies what is applied from `from` to `to`, here and there, and flushes. */
static inline void small_certify(struct small_node *node, uint64_t from, uint64_t to)
{
    struct ledger *ledger;
    struct replay replay;
    CHECK(small_replay(node, node->dir, &replay, &ledger) == TALLY_OK);
    for (uint64_t height = from; height <= to; height++) {
        struct certified_checkpoint certified = {0};
        CHECK(replay_checkpoint(&replay, height, &certified.checkpoint) == TALLY_OK);
        node->roots[height] = certified.checkpoint.state_root;
        if (height % 3 != 0 && height != node->block_count) continue;
        struct digest digest = checkpoint_digest(&certified.checkpoint);
        certified.signers = sample_quorum(&node->network);
        sample_sign(&node->network, &digest, certified.signers, certified.signatures);
        CHECK(state_certified_put(replay.state, &certified) == TALLY_OK);
    }
    struct state_counts counts;
    state_counts(replay.state, &counts);
    CHECK(counts.applied == node->events && counts.subjects == SMALL_ACCOUNTS / 2);
    CHECK(state_flush(replay.state, node->block_count) == TALLY_OK);
    replay_close(&replay);
    ledger_close(ledger);
}

/* Over two starts, so that LevelDB has a table and a log. */
static inline void small_state(struct small_node *node)
{
    small_certify(node, 1, node->block_count / 2);
    small_certify(node, node->block_count / 2 + 1, node->block_count);
}

static inline bool small_go_on(void *context)
{
    (void)context;
    return true;
}

/* A snapshot of the newest block, in data/snapshots. */
static inline void small_snapshot(struct small_node *node)
{
    struct ledger *ledger;
    struct replay replay;
    struct snapshot_source *source;
    struct validator_set set;
    struct verify_set *validators = calloc(1, sizeof *validators);
    CHECK(validators != NULL);
    genesis_validator_set(&node->genesis, &set);
    CHECK(verify_set_init(&set, validators) == TALLY_OK);
    CHECK(small_replay(node, node->dir, &replay, &ledger) == TALLY_OK);
    struct snapshot_writing writing = {.disk = disk_system(),
        .dir = node->dir,
        .ledger = ledger,
        .validators = validators,
        .go_on = small_go_on};
    CHECK(snapshot_source_open(replay.state, &source) == TALLY_OK);
    CHECK(snapshot_write(source, &writing) == TALLY_OK);
    snapshot_source_close(source);
    replay_close(&replay);
    ledger_close(ledger);
    free(validators);
}

/* `events` in each batch. */
static inline struct small_node *small_node_make(uint32_t blocks, uint32_t events)
{
    struct small_node *node = calloc(1, sizeof *node);
    CHECK(node != NULL && blocks <= SMALL_BLOCKS_MAX);
    const char *folder = getenv("TMPDIR");
    CHECK(snprintf(node->dir, sizeof node->dir, "%s/tally-small.XXXXXX", folder != NULL ? folder : "/tmp") <
          (int)sizeof node->dir);
    CHECK(mkdtemp(node->dir) != NULL);
    arena_init(&node->arena, 512 * MIB);
    small_genesis(node);
    node->block_count = blocks;
    node->blocks[0].hash = node->genesis.chain_id;
    for (uint32_t height = 1; height <= blocks; height++) {
        small_block(node, height, events);
        node->events += node->blocks[height].header.payload_events;
    }
    small_ledger(node);
    small_votes(node);
    small_state(node);
    return node;
}

/* ---- Files ---- */

/* Calls `seen` with the path of each file in the folder and in those within. */
static inline void small_walk(const char *dir, void (*seen)(void *context, const char *path), void *context)
{
    DIR *folder = opendir(dir);
    CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[1024];
        if (entry->d_name[0] == '.') continue;
        CHECK(snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) < (int)sizeof path);
        if (entry->d_type == DT_DIR)
            small_walk(path, seen, context);
        else
            seen(context, path);
    }
    closedir(folder);
}

static inline void small_remove(const char *dir)
{
    DIR *folder = opendir(dir);
    if (folder == NULL) return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[1024];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        CHECK(snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) < (int)sizeof path);
        if (entry->d_type == DT_DIR)
            small_remove(path);
        else
            CHECK(unlink(path) == 0);
    }
    closedir(folder);
    CHECK(rmdir(dir) == 0);
}

static inline struct buffer small_read(const char *path)
{
    struct buffer bytes;
    buffer_init(&bytes, 64 * MIB);
    int file = open(path, O_RDONLY);
    CHECK(file >= 0);
    struct stat status;
    CHECK(fstat(file, &status) == 0);
    uint8_t *to = buffer_reserve(&bytes, (size_t)status.st_size);
    CHECK(status.st_size == 0 || pread(file, to, (size_t)status.st_size, 0) == status.st_size);
    close(file);
    return bytes;
}

static inline void small_write(const char *path, const struct buffer *bytes)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(file >= 0);
    CHECK(bytes->size == 0 || write(file, bytes->data, bytes->size) == (ssize_t)bytes->size);
    close(file);
}

static inline void small_node_close(struct small_node *node)
{
    small_remove(node->dir);
    arena_close(&node->arena);
    free(node);
}

/* What another state has of a block's results, all of them of events that are folded where they are OK. */
static inline void older_results(struct state *state, uint64_t height, struct arena *arena,
    struct state_older_result **results, uint32_t *count)
{
    struct state_result *read;
    CHECK(state_results_read(state, height, arena, &read, count) == TALLY_OK);
    *results = arena_take_zeroed(arena, *count, sizeof **results);
    CHECK(*count == 0 || *results != NULL);
    for (uint32_t i = 0; i < *count; i++)
        (*results)[i] =
            (struct state_older_result){.at = read[i], .folded = read[i].result.code == RESULT_OK};
}

#endif
