// links: storage credit codec crypto base
/* A snapshot's head and its parts. The first byte picks which; a head's own checksum is put right, so that
 * what is behind it is reached. What passes is the one sample, to the byte. */
#include "node/credit/subject_state.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/subject_path.h"
#include "storage/snapshot_internal.h"
#include "storage/snapshot_reading.h"
#include "storage/snapshot_seam.h"
#include "storage/state_record.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/samples.h"

#define HEIGHT 6u
#define RUN 4u /* so that there is more than one part of some kinds */
#define START_MS 1000000u
#define RUNS 2u /* of the subject that has more than one */
#define EVENTS_MAX 6u
#define PARTS (9u + RUNS)

/* What the first byte picks. */
static const struct {
    uint32_t kind, index; /* kind 0 is the head */
} places[PARTS] = {{0, 0}, {SNAPSHOT_BLOCK, 0}, {SNAPSHOT_HISTORY, 0}, {SNAPSHOT_HISTORY, 1},
    {SNAPSHOT_BATCHES, 0}, {SNAPSHOT_SUBJECTS, 0}, {SNAPSHOT_SUBJECTS, 1}, {SNAPSHOT_SUBJECTS, 2},
    {SNAPSHOT_SUBJECTS, 3}, {SNAPSHOT_EVENTS, 0}, {SNAPSHOT_EVENTS, 1}};
enum { BATCHES_AT = 4, SUBJECTS_AT = 5, EVENTS_AT = 9 };

/* Two that share three bits of their positions, which make one part, and another that shares two of them: so
 * that subjects are cut three times, into those, one alone, and two parts of none. One's events are more than
 * a run. */
#define SUBJECTS 3u
static const uint32_t event_counts[SUBJECTS] = {RUN, EVENTS_MAX, 1};
static const uint32_t shared_bits[SUBJECTS] = {0, 3, 2}; /* with the first */
static struct digest ids[SUBJECTS], positions[SUBJECTS];

static struct sample_network network;
static struct state_config config;
static struct snapshot_head *head;
static struct buffer parts[PARTS];

/* ---- A state of three subjects ---- */

static void make_run(struct snapshot_head *made, uint32_t index, struct merkle_frontier *whole)
{
    struct buffer *part = &parts[2 + index];
    struct merkle_frontier tree;
    merkle_frontier_init(&tree);
    snapshot_prefix_encode(HEIGHT, SNAPSHOT_HISTORY, index, part);
    for (uint32_t i = index * RUN + 1; i <= (index + 1) * RUN && i <= HEIGHT; i++) {
        struct digest block = sample_digest_of("block", i), results = sample_digest_of("results", i),
                      state =
                          i < HEIGHT ? sample_digest_of("state", i) : made->certified.checkpoint.state_root;
        struct digest leaf = history_leaf(&block, START_MS + i, &state, &results);
        merkle_frontier_append(&tree, &leaf, NULL, NULL);
        merkle_frontier_append(whole, &leaf, NULL, NULL);
        buffer_append(part, block.bytes, DIGEST_SIZE);
        buffer_u64(part, START_MS + i);
        buffer_append(part, state.bytes, DIGEST_SIZE);
        buffer_append(part, results.bytes, DIGEST_SIZE);
    }
    made->history[index] = merkle_frontier_root(&tree);
}

static void make_history(struct snapshot_head *made)
{
    struct merkle_frontier whole;
    merkle_frontier_init(&whole);
    make_run(made, 0, &whole);
    make_run(made, 1, &whole);
    made->certified.checkpoint.history_root = merkle_frontier_root(&whole);
}

static void make_batches(struct snapshot_head *made)
{
    uint32_t order;
    snapshot_prefix_encode(HEIGHT, SNAPSHOT_BATCHES, 0, &parts[BATCHES_AT]);
    for (uint32_t i = 0; i < 2; i++) {
        struct digest batch = sample_digest_of("batch", i);
        CHECK(replay_window_add(&made->window, START_MS, &batch, START_MS + 60000 + i, &order) == TALLY_OK);
        buffer_append(&parts[BATCHES_AT], batch.bytes, DIGEST_SIZE);
        buffer_u64(&parts[BATCHES_AT], START_MS + 60000 + i);
    }
    CHECK(made->window.minute_count == 1);
}

/* Every form of facts: an opening, one that takes over, a report, a correction, a payment, and some with an
 * item id, the last of which was refused. */
static const enum event_type types[SUBJECTS][EVENTS_MAX] = {
    {EVENT_ACCOUNT_OPEN, EVENT_PERIOD_REPORT, EVENT_DISPUTE_OPEN, EVENT_PAYMENT},
    {EVENT_INQUIRY, EVENT_ACCOUNT_OPEN, EVENT_CORRECT, EVENT_RETRACT, EVENT_PAYMENT, EVENT_INQUIRY},
    {EVENT_ACCOUNT_OPEN},
};

static struct snapshot_event event_of(uint32_t subject, uint32_t number)
{
    struct event_header header = {.type = types[subject][number],
        .member_id = subject + 1,
        .has_account = event_type_has_account(types[subject][number])};
    struct digest link = sample_digest_of("link", subject), item = sample_digest_of("item", number);
    if (header.type == EVENT_PERIOD_REPORT) header.period = 202611;
    if (header.type == EVENT_CORRECT || header.type == EVENT_RETRACT) header.target = link;
    if (header.type == EVENT_ACCOUNT_OPEN && subject == 1) {
        header.has_transfer_of = true;
        header.transfer_of = link;
    }
    if (!header.has_account) memcpy(header.item_id, item.bytes, ITEM_ID_SIZE);
    return (struct snapshot_event){.account = header.has_account ? 0 : SNAPSHOT_NO_ACCOUNT,
        .height = number + 1,
        .time_ms = START_MS + number + 1,
        .result = number == EVENTS_MAX - 1 ? RESULT_NO_CONSENT : RESULT_OK,
        .id = sample_digest_of("event", subject * 10 + number),
        .facts = event_facts_of(&header)};
}

/* The state bytes of a subject with one account. */
static void make_file(uint32_t subject, struct buffer *bytes)
{
    struct subject_state file;
    struct account account = {
        .member_id = subject + 1, .state = ACCOUNT_STATE_OPEN, .type = ACCOUNT_REVOLVING, .currency = 901};
    subject_state_init(&file);
    for (uint32_t i = 0; i < event_counts[subject]; i++) {
        struct snapshot_event event = event_of(subject, i);
        if (snapshot_event_has_item(&event)) {
            file.item_count++;
            file.item_ids = event_facts_item_step(&file.item_ids, &event.id, &event.facts, event.result);
            continue;
        }
        account.next_seq++;
        account.in_force++;
        account.head = event.id;
        account.ids = event_facts_account_step(&account.ids, &event.id, &event.facts);
    }
    CHECK(subject_state_add(&file, &account) == TALLY_OK);
    subject_state_encode(&file, bytes);
    subject_state_close(&file);
}

/* The runs of the one that has more than one, the newest first. */
static void make_runs(uint32_t subject, struct snapshot_seam *seam)
{
    for (uint32_t i = 0; i < event_counts[subject]; i++) {
        struct snapshot_event event = event_of(subject, i);
        struct buffer *part = &parts[EVENTS_AT + RUNS - 1 - i / RUN];
        if (i % RUN == 0) {
            snapshot_prefix_encode(HEIGHT, SNAPSHOT_EVENTS, RUNS - 1 - i / RUN, part);
            snapshot_seam_encode(seam, part);
        }
        snapshot_event_encode(&event, part);
        CHECK(snapshot_seam_step(seam, &event));
    }
}

static void make_subject(uint32_t subject, struct buffer *part)
{
    struct buffer bytes;
    struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX];
    uint32_t chain_count;
    struct item_chain items;
    struct snapshot_seam *seam = snapshot_seam_make(1);
    CHECK(seam != NULL);
    buffer_init(&bytes, SUBJECT_STATE_SIZE_MAX);
    make_file(subject, &bytes);
    CHECK(subject_state_chains(buffer_span(&bytes), chains, &chain_count, &items) == TALLY_OK);
    CHECK(chain_count == 1);
    snapshot_seam_start(seam, &network.chain_id, &ids[subject], chains, 1);
    buffer_append(part, ids[subject].bytes, DIGEST_SIZE);
    buffer_u32(part, (uint32_t)bytes.size);
    buffer_append(part, bytes.data, bytes.size);
    buffer_u32(part, event_counts[subject]);
    if (event_counts[subject] > RUN) {
        make_runs(subject, seam);
        buffer_u64(part, seam->last_height);
        buffer_append(part, seam->acc.bytes, DIGEST_SIZE);
    } else {
        for (uint32_t i = 0; i < event_counts[subject]; i++) {
            struct snapshot_event event = event_of(subject, i);
            snapshot_event_encode(&event, part);
        }
    }
    buffer_close(&bytes);
    free(seam);
}

static void choose_subjects(void)
{
    uint32_t number = 0;
    for (uint32_t i = 0; i < SUBJECTS; i++)
        do {
            ids[i] = sample_digest_of("subject", number++);
            positions[i] = subject_position(&network.chain_id, &ids[i]);
        } while (i > 0 && position_shared_bits(&positions[i], &positions[0]) != shared_bits[i]);
}

static void make_part(struct snapshot_head *made, const struct digest *first, uint32_t depth)
{
    uint32_t index = made->ranges.count;
    struct buffer *part = &parts[SUBJECTS_AT + index];
    CHECK(SUBJECTS_AT + index < EVENTS_AT);
    CHECK(snapshot_ranges_add(&made->ranges, first, depth) == TALLY_OK);
    snapshot_prefix_encode(HEIGHT, SNAPSHOT_SUBJECTS, index, part);
    uint32_t lower = memcmp(positions[0].bytes, positions[1].bytes, DIGEST_SIZE) > 0;
    const uint32_t order[SUBJECTS] = {lower, 1 - lower, 2}; /* where it matters */
    for (uint32_t i = 0; i < SUBJECTS; i++)
        if (snapshot_range_holds(first, depth, &positions[order[i]])) make_subject(order[i], part);
    CHECK(snapshot_subjects_root(made, index, buffer_span(part), &made->ranges.items[index].subtree) ==
          TALLY_OK);
}

/* What is over all subjects is cut. */
static void make_subjects(struct snapshot_head *made, const struct digest *first, uint32_t depth)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < SUBJECTS; i++)
        held += snapshot_range_holds(first, depth, &positions[i]);
    if (held < SUBJECTS) {
        make_part(made, first, depth);
        return;
    }
    struct digest upper = snapshot_range_upper(first, depth);
    make_subjects(made, first, depth + 1);
    make_subjects(made, &upper, depth + 1);
}

static void make_head(struct snapshot_head *made)
{
    struct checkpoint *checkpoint = &made->certified.checkpoint;
    made->parts = (struct state_parts){.subjects_root = snapshot_ranges_join(&made->ranges).root,
        .members_root = digest_tagged(TAG_REGISTER, buffer_span(&made->registered)),
        .policy_root = sample_digest("policy"),
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
    sample_network_init(&network, "snapshot", 4);
    config = (struct state_config){
        .chain_id = network.chain_id, .accounts = subject_state_chains, .snapshot_run = RUN};
    for (uint32_t i = 0; i < PARTS; i++)
        buffer_init(&parts[i], MIB);
    struct snapshot_head *made = snapshot_head_make(&config);
    CHECK(made != NULL);
    buffer_append(&made->registered, "register", 8);
    made->counts = (struct state_counts){.events = 11, .applied = 10, .subjects = SUBJECTS};
    made->certified.checkpoint = (struct checkpoint){.chain_id = network.chain_id,
        .epoch = network.validators.set.epoch,
        .height = HEIGHT,
        .block = sample_digest_of("block", HEIGHT),
        .time_ms = START_MS + HEIGHT,
        .set_hash = validator_set_hash(&network.validators.set)};
    make_batches(made);
    CHECK(snapshot_head_reserve(made) == TALLY_OK);
    choose_subjects();
    make_subjects(made, &(struct digest){{0}}, 0);
    CHECK(made->ranges.count == EVENTS_AT - SUBJECTS_AT);
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

/* Checks a part after those that it needs. */
static int check(uint32_t number, struct span bytes)
{
    struct snapshot_reading *reading;
    CHECK(snapshot_reading_open(head, &reading) == TALLY_OK);
    for (uint32_t i = SUBJECTS_AT; i < number; i++)
        CHECK(snapshot_reading_check(reading, places[i].kind, places[i].index, buffer_span(&parts[i])) ==
              TALLY_OK);
    int error = snapshot_reading_check(reading, places[number].kind, places[number].index, bytes);
    snapshot_reading_close(reading);
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    ensure_made();
    uint32_t number = data[0] % PARTS;
    struct span bytes = span_of(data + 1, size - 1);
    if (number == 0)
        run_head(bytes);
    else if (check(number, bytes) == TALLY_OK)
        CHECK(span_equal(bytes, buffer_span(&parts[number])));
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
    if (number > 1) CHECK(check(number, buffer_span(part)) == TALLY_OK);
    return part->size + 1;
}
