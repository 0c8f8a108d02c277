// links: storage credit codec crypto base
/* A snapshot's head and its parts. The first byte picks which; a head's own checksum is put right, so that
 * what is behind it is reached. What passes is the one sample, to the byte. */
#include "node/credit/subject_state.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/snapshot_internal.h"
#include "storage/state_record.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/samples.h"

#define HEIGHT 3u
#define EVENTS 3u
#define START_MS 1000000u
#define PARTS 5u /* 0 is the head */

static struct sample_network network;
static struct state_config config;
static struct snapshot_head *head;
static struct buffer parts[PARTS];

/* ---- A state of one subject ---- */

static void make_history(struct snapshot_head *made)
{
    struct merkle_frontier tree;
    merkle_frontier_init(&tree);
    snapshot_prefix_encode(HEIGHT, SNAPSHOT_HISTORY, 0, &parts[SNAPSHOT_HISTORY]);
    for (uint32_t i = 1; i <= HEIGHT; i++) {
        struct digest block = sample_digest_of("block", i), results = sample_digest_of("results", i),
                      state =
                          i < HEIGHT ? sample_digest_of("state", i) : made->certified.checkpoint.state_root;
        struct digest leaf = history_leaf(&block, START_MS + i, &state, &results);
        merkle_frontier_append(&tree, &leaf, NULL, NULL);
        buffer_append(&parts[SNAPSHOT_HISTORY], block.bytes, DIGEST_SIZE);
        buffer_u64(&parts[SNAPSHOT_HISTORY], START_MS + i);
        buffer_append(&parts[SNAPSHOT_HISTORY], state.bytes, DIGEST_SIZE);
        buffer_append(&parts[SNAPSHOT_HISTORY], results.bytes, DIGEST_SIZE);
    }
    made->history[0] = made->certified.checkpoint.history_root = merkle_frontier_root(&tree);
}

static void make_batches(struct snapshot_head *made)
{
    uint32_t order;
    snapshot_prefix_encode(HEIGHT, SNAPSHOT_BATCHES, 0, &parts[SNAPSHOT_BATCHES]);
    for (uint32_t i = 0; i < 2; i++) {
        struct digest batch = sample_digest_of("batch", i);
        CHECK(replay_window_add(&made->window, START_MS, &batch, START_MS + 60000 + i, &order) == TALLY_OK);
        buffer_append(&parts[SNAPSHOT_BATCHES], batch.bytes, DIGEST_SIZE);
        buffer_u64(&parts[SNAPSHOT_BATCHES], START_MS + 60000 + i);
    }
    CHECK(made->window.minute_count == 1);
}

static void make_subjects(struct snapshot_head *made)
{
    struct buffer *part = &parts[SNAPSHOT_SUBJECTS], bytes;
    struct digest id = sample_digest("subject");
    struct subject_state file;
    struct account account = {.member_id = 1,
        .state = ACCOUNT_STATE_OPEN,
        .type = ACCOUNT_REVOLVING,
        .currency = 901,
        .next_seq = EVENTS};
    for (uint32_t i = 0; i < EVENTS; i++) {
        account.head = sample_digest_of("event", i);
        account.ids = account_ids_step(&account.ids, &account.head);
    }
    subject_state_init(&file);
    buffer_init(&bytes, SUBJECT_STATE_SIZE_MAX);
    CHECK(subject_state_add(&file, &account) == TALLY_OK);
    subject_state_encode(&file, &bytes);
    subject_state_close(&file);
    snapshot_prefix_encode(HEIGHT, SNAPSHOT_SUBJECTS, 0, part);
    buffer_append(part, id.bytes, DIGEST_SIZE);
    buffer_u32(part, (uint32_t)bytes.size);
    buffer_append(part, bytes.data, bytes.size);
    buffer_u32(part, EVENTS);
    for (uint32_t i = 0; i < EVENTS; i++)
        snapshot_event_encode(
            &(struct snapshot_event){
                .height = i + 1, .time_ms = START_MS + i + 1, .id = sample_digest_of("event", i)},
            part);
    CHECK(snapshot_subjects_root(made, 0, buffer_span(part), &made->subtrees[0]) == TALLY_OK);
    buffer_close(&bytes);
}

static void make_head(struct snapshot_head *made)
{
    struct checkpoint *checkpoint = &made->certified.checkpoint;
    made->parts = (struct state_parts){.subjects_root = made->subtrees[0].root,
        .members_root = config.members_root,
        .policy_root = config.policy_root,
        .replay_root = replay_window_root(&made->window),
        .counts_root = state_counts_root(&made->counts)};
    made->batches[0] = merkle_frontier_root(&made->window.minutes[0].batches);
    checkpoint->state_root = state_root(&made->parts);
    make_history(made);
    struct digest digest = checkpoint_digest(checkpoint);
    made->certified.signers = sample_quorum(&network);
    sample_sign(&network, &digest, made->certified.signers, made->certified.signatures);
    snapshot_head_encode(made, &parts[0]);
    CHECK(snapshot_head_decode(buffer_span(&parts[0]), &network.validators, &config, &head) == TALLY_OK);
}

static void make_all(void)
{
    struct snapshot_head *made = calloc(1, sizeof *made);
    CHECK(made != NULL);
    sample_network_init(&network, "snapshot", 4);
    config = (struct state_config){.chain_id = network.chain_id,
        .members_root = sample_digest("members"),
        .policy_root = sample_digest("policy"),
        .accounts = subject_state_chains};
    for (uint32_t i = 0; i < PARTS; i++)
        buffer_init(&parts[i], MIB);
    made->config = config;
    made->counts = (struct state_counts){.events = EVENTS, .applied = EVENTS, .subjects = 1};
    made->certified.checkpoint = (struct checkpoint){.chain_id = network.chain_id,
        .epoch = network.validators.set.epoch,
        .height = HEIGHT,
        .block = sample_digest_of("block", HEIGHT),
        .time_ms = START_MS + HEIGHT,
        .set_hash = validator_set_hash(&network.validators.set)};
    make_batches(made);
    CHECK(snapshot_head_reserve(made) == TALLY_OK);
    make_subjects(made);
    make_head(made);
    snapshot_head_close(made);
    snapshot_prefix_encode(HEIGHT, SNAPSHOT_BLOCK, 0, &parts[SNAPSHOT_BLOCK]);
}

static void ensure_made(void)
{
    if (head == NULL) make_all();
}

/* ---- The target ---- */

static void run_head(struct span bytes)
{
    struct snapshot_head *read;
    struct buffer fixed, again;
    buffer_init(&fixed, MIB);
    buffer_init(&again, MIB);
    if (bytes.size > DIGEST_SIZE) {
        buffer_append(&fixed, bytes.data, bytes.size - DIGEST_SIZE);
        struct digest digest = digest_tagged(TAG_SNAPSHOT, buffer_span(&fixed));
        buffer_append(&fixed, digest.bytes, DIGEST_SIZE);
        if (snapshot_head_decode(buffer_span(&fixed), &network.validators, &config, &read) == TALLY_OK) {
            snapshot_head_encode(read, &again);
            CHECK(span_equal(buffer_span(&fixed), buffer_span(&again)));
            CHECK(
                digest_equal(&read->certified.checkpoint.state_root, &head->certified.checkpoint.state_root));
            snapshot_head_close(read);
        }
    }
    buffer_close(&fixed);
    buffer_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    ensure_made();
    uint32_t kind = data[0] % PARTS;
    struct span bytes = span_of(data + 1, size - 1);
    if (kind == 0)
        run_head(bytes);
    else if (snapshot_part_check(head, kind, 0, bytes) == TALLY_OK)
        CHECK(span_equal(bytes, buffer_span(&parts[kind])));
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    if (number >= PARTS) return 0;
    ensure_made();
    const struct buffer *part = &parts[number];
    if (part->size + 1 > size_max) return 0;
    bytes[0] = (uint8_t)number;
    memcpy(bytes + 1, part->data, part->size);
    /* Those that are whole pass. */
    if (number != 0 && number != SNAPSHOT_BLOCK)
        CHECK(snapshot_part_check(head, number, 0, buffer_span(part)) == TALLY_OK);
    return part->size + 1;
}
