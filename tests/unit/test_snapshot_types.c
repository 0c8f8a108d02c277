// links: policies node
/* Events of every type, folded before a snapshot and after it: a state that came with it, and has none of the
 * older blocks, gives the same results and roots as the one that applied all, and makes the same snapshots;
 * and whatever is altered of what it was told of those events is found. */
#include <unistd.h>

#include "tests/unit/random_events.h"

#include "proto/codec/event_facts.h"
#include "storage/base_record.h"
#include "storage/state_check.h"
#include "storage/state_load.h"
#include "storage/store.h"
#include "tests/fault/cut_node.h"

#define BLOCKS 150u
#define FEW 12u     /* blocks before a snapshot whose subjects have one piece each */
#define MANY 90u    /* and before one of more */
#define FILLED 120u /* the older blocks come after this one */
#define BLOCK_EVENTS 24u
#define STEP_MS 1500000u
#define MEMBERS 6u
#define INDEX_GENERATION 300u

/* ---- A network whose members have every role, and its blocks ---- */

static struct small_node *node;
static struct cut_node cut;
static struct world world;
static struct event_result expected[BLOCKS + 1][BLOCK_EVENTS];
static bool folds[BLOCKS + 1][BLOCK_EVENTS];

static void make_genesis(void)
{
    static const uint32_t ids[MEMBERS] = {LENDER, BUREAU, REGULATOR, OPERATOR, OTHER_LENDER, THIRD_LENDER};
    struct genesis *genesis = &node->genesis;
    small_genesis(node);
    genesis->member_count = MEMBERS;
    for (uint32_t i = 0; i < MEMBERS; i++) {
        struct secret_key secret = sample_secret(1000 + ids[i]), ballot = sample_secret(3000 + ids[i]);
        struct genesis_member *member = &genesis->members[i];
        *member = (struct genesis_member){.id = ids[i],
            .role = (enum member_role)world_member_role(NULL, ids[i]),
            .key_count = 1,
            .ballot_key_count = 1};
        assert_int_equal(secret_key_public(&secret, &member->keys[0]), TALLY_OK);
        assert_int_equal(secret_key_public(&ballot, &member->ballot_keys[0]), TALLY_OK);
    }
    /* The chain that rules_world.h names events in. */
    genesis->chain_id = node->network.chain_id = (struct digest){{0xCC}};
    node->blocks[0].hash = genesis->chain_id;
}

/* One that has its form; most that are drawn have. */
static struct event_header draw(uint64_t time_ms, struct batch_event *event)
{
    struct buffer bytes;
    struct event_header header, decoded;
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    do {
        header = random_event(&world);
        if (header.type == EVENT_RESERVE && header.expires_ms < time_ms)
            header.expires_ms = time_ms + random_below(4) * 4000000;
        buffer_clear(&bytes);
        event_header_encode(&header, &bytes);
    } while (event_header_decode(buffer_span(&bytes), &decoded) != TALLY_OK);
    *event = (struct batch_event){.header = small_keep(node, &bytes), .fields = decoded};
    event->id = event_id(&node->genesis.chain_id, event->header);
    buffer_close(&bytes);
    return decoded;
}

/* A batch of one event. */
static void make_batch(struct batch *batch, uint64_t time_ms, struct event_result *result, bool *is_folded)
{
    struct batch_event *event = arena_take_zeroed(&node->arena, 1, sizeof *event);
    struct event_header header = draw(time_ms, event);
    struct secret_key secret = sample_secret(1000 + header.member_id);
    *result = world_apply_at(&world, &header, time_ms);
    *is_folded = credit_result_folds(header.type, result->code);
    *batch = (struct batch){.chain_id = node->genesis.chain_id,
        .member_id = header.member_id,
        .expires_at_ms = time_ms + 1 + random_below(300000),
        .event_count = 1,
        .events = event};
    assert_int_equal(secret_key_public(&secret, &batch->signing_key), TALLY_OK);
    batch->digest = batch_digest(batch);
    signature_make(&secret, &batch->digest, &batch->signature);
}

static void make_block(uint64_t height)
{
    struct block *block = &node->blocks[height];
    struct digest digests[BLOCK_EVENTS];
    uint64_t time_ms = BLOCK_TIME_MS + height * STEP_MS;
    uint8_t *justification = arena_take_zeroed(&node->arena, 60, 1);
    *block = (struct block){.header = {.chain_id = node->genesis.chain_id,
                                .epoch = 1,
                                .view = height,
                                .height = height,
                                .parent_view = height - 1,
                                .parent_hash = node->blocks[height - 1].hash,
                                .payload_events = BLOCK_EVENTS,
                                .time_ms = time_ms},
        .justification = span_of(justification, 60),
        .has_finalization = true,
        .batch_count = BLOCK_EVENTS,
        .batches = arena_take_zeroed(&node->arena, BLOCK_EVENTS, sizeof *block->batches)};
    block->header.justification_root = justification_root(block->justification);
    for (uint32_t i = 0; i < BLOCK_EVENTS; i++) {
        make_batch(&block->batches[i], time_ms, &expected[height][i], &folds[height][i]);
        digests[i] = block->batches[i].digest;
        block->header.payload_size += (uint32_t)batch_size_without_bodies(&block->batches[i]);
    }
    block->header.payload_root = payload_root(digests, BLOCK_EVENTS);
    block->hash = block_header_hash(&block->header);
    struct digest proposal = proposal_digest(&node->genesis.chain_id, &block->header, &block->hash);
    signature_make(&node->network.secrets[leader_of(height, 4)], &proposal, &block->signature);
    sample_certificate(&node->network, VOTE_FINALIZE, height, &block->hash, &block->finalization);
}

static void certify(struct state *state, const struct checkpoint *checkpoint)
{
    struct certified_checkpoint certified = {.checkpoint = *checkpoint};
    struct digest digest = checkpoint_digest(checkpoint);
    certified.signers = sample_quorum(&node->network);
    sample_sign(&node->network, &digest, certified.signers, certified.signatures);
    assert_int_equal(state_certified_put(state, &certified), TALLY_OK);
}

static int set_up(void **context)
{
    (void)context;
    node = calloc(1, sizeof *node);
    assert_non_null(node);
    strcpy(node->dir, "/tmp/tally-types.XXXXXX");
    assert_non_null(mkdtemp(node->dir));
    arena_init(&node->arena, 64 * MIB);
    make_genesis();
    world_open(&world);
    world.policy = node->genesis.policy;
    random_state = 77;
    for (uint64_t height = 1; height <= BLOCKS; height++)
        make_block(height);
    node->block_count = BLOCKS;
    small_ledger(node);
    cut_node_of(&cut, node);
    cut.config.index_generation = INDEX_GENERATION;
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    world_close(&world);
    small_node_close(node);
    return 0;
}

/* ---- Two states ---- */

static struct event_header header_at(uint64_t height, uint32_t index)
{
    return node->blocks[height].batches[index].events[0].fields;
}

static int read_header(void *context, uint64_t height, uint32_t index, struct event_header *header)
{
    assert_true(height > *(const uint64_t *)context);
    *header = header_at(height, index);
    return TALLY_OK;
}

static int read_header_bytes(
    void *context, uint64_t height, uint32_t index, struct arena *arena, struct span *header)
{
    (void)context, (void)arena;
    *header = node->blocks[height].batches[index].events[0].header;
    return TALLY_OK;
}

struct side {
    char dir[64];
    uint64_t base;
    struct state *state;
    struct execution *execution;
};

static void side_start(struct side *side)
{
    struct header_source headers = {read_header, &side->base};
    assert_int_equal(state_open(side->dir, &cut.config, &side->state), TALLY_OK);
    assert_int_equal(execution_open(side->state, &node->genesis, &headers, &side->execution), TALLY_OK);
    side->base = state_base_height(side->state);
}

static void side_stop(struct side *side)
{
    execution_close(side->execution);
    state_close(side->state);
}

static void side_make(struct side *side, uint64_t base)
{
    *side = (struct side){.base = base, .dir = "/tmp/tally-types.XXXXXX"};
    assert_non_null(mkdtemp(side->dir));
}

static void side_close(struct side *side)
{
    side_stop(side);
    small_remove(side->dir);
}

static void note_results(void *context, const struct executed_batch *executed)
{
    const struct event_result *result = &executed->results[0];
    uint32_t *told = context, i = (*told)++;
    const struct event_result *wanted = &expected[executed->height][i];
    const struct event_header *header = &executed->batch->events[0].fields;
    if (result->code != wanted->code)
        fail_msg("block %u, event %u: %s is %s, with a list behind it %s", (unsigned)executed->height, i,
            event_type_name(header->type), result_name(result->code), result_name(wanted->code));
    assert_int_equal(result->detail_size, wanted->detail_size);
    assert_memory_equal(result->detail, wanted->detail, result->detail_size);
}

static struct checkpoint side_apply(struct side *side, uint64_t height)
{
    struct checkpoint checkpoint;
    uint32_t told = 0;
    assert_int_equal(
        execution_apply(side->execution, &node->blocks[height], note_results, &told, &checkpoint), TALLY_OK);
    assert_int_equal(told, BLOCK_EVENTS);
    certify(side->state, &checkpoint);
    return checkpoint;
}

static void count_found(void *context, const char *what)
{
    assert_true(what[0] != '\0');
    ++*(size_t *)context;
}

static int look_at(struct side *side, size_t *found)
{
    struct state_checker checker = {.header = read_header_bytes, .found = count_found, .context = found};
    *found = 0;
    return state_check_accounts(side->state, &checker);
}

/* With nothing in memory alone. */
static void side_is_sound(struct side *side)
{
    size_t found;
    assert_int_equal(state_flush(side->state, state_applied_height(side->state)), TALLY_OK);
    side_stop(side);
    side_start(side);
    assert_int_equal(look_at(side, &found), TALLY_OK);
    assert_int_equal(found, 0);
}

static void load(const char *from, struct side *side)
{
    struct state_load *loading;
    struct snapshot_head *head = head_of(&cut, from);
    assert_int_equal(state_load_begin(side->dir, head, &loading), TALLY_OK);
    for (uint32_t kind = SNAPSHOT_HISTORY; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; i < state_load_count(loading, kind); i++) {
            struct buffer bytes = part_of(from, cut.height, kind, i);
            bytes.data[bytes.size - 1] ^= 1;
            assert_int_equal(state_load_part(loading, kind, i, buffer_span(&bytes)), TALLY_EDAMAGED);
            bytes.data[bytes.size - 1] ^= 1;
            assert_int_equal(state_load_part(loading, kind, i, buffer_span(&bytes)), TALLY_OK);
            buffer_close(&bytes);
        }
    assert_int_equal(state_load_end(loading), TALLY_OK);
    state_load_close(loading);
    snapshot_head_close(head);
}

/* Its own, from the first block up to where the snapshot is made; and another that came with that. */
static void sides_open(struct side *own, struct side *joined, uint64_t before, uint32_t run)
{
    cut.config.snapshot_run = run;
    cut.height = before;
    side_make(own, 0);
    side_start(own);
    for (uint64_t height = 1; height <= before; height++) {
        (void)side_apply(own, height);
        if (height % 17 == 0) assert_int_equal(state_flush(own->state, height), TALLY_OK);
    }
    side_is_sound(own);
    side_stop(own);
    cut_node_write(&cut, own->dir, own->dir);
    side_start(own);
    side_make(joined, before);
    load(own->dir, joined);
    side_start(joined);
    assert_int_equal(state_base_height(joined->state), before);
}

static void backfill(struct side *own, struct side *joined)
{
    for (uint64_t height = 1; height <= joined->base; height++) {
        struct state_older_result *results;
        uint32_t count;
        struct arena arena;
        arena_init(&arena, MIB);
        older_results(own->state, height, &arena, &results, &count);
        for (uint32_t i = 0; i < count; i++)
            results[i].folded = folds[height][i];
        assert_int_equal(state_backfill_put(joined->state, height, results, count), TALLY_OK);
        arena_close(&arena);
    }
}

/* All of `a`'s snapshot is in `b`'s, to the byte. */
static void same_parts(const char *a, const char *b)
{
    struct snapshot_reading *reading;
    struct snapshot_head *head = head_of(&cut, a);
    assert_int_equal(snapshot_reading_open(head, &reading), TALLY_OK);
    for (uint32_t kind = SNAPSHOT_HISTORY; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; i < snapshot_reading_count(reading, kind); i++) {
            struct buffer ours = part_of(a, cut.height, kind, i), theirs = part_of(b, cut.height, kind, i);
            assert_true(span_equal(buffer_span(&ours), buffer_span(&theirs)));
            assert_int_equal(snapshot_reading_check(reading, kind, i, buffer_span(&theirs)), TALLY_OK);
            buffer_close(&ours);
            buffer_close(&theirs);
        }
    snapshot_reading_close(reading);
    snapshot_head_close(head);
}

static void go_on_as_one(uint64_t before, uint32_t run)
{
    struct side own, joined;
    sides_open(&own, &joined, before, run);
    side_is_sound(&joined);
    for (uint64_t height = before + 1; height <= BLOCKS; height++) {
        struct checkpoint ours = side_apply(&own, height), theirs = side_apply(&joined, height);
        struct digest a = checkpoint_digest(&ours), b = checkpoint_digest(&theirs);
        assert_memory_equal(a.bytes, b.bytes, DIGEST_SIZE);
        if (height % 23 == 0) side_is_sound(&joined);
        if (height == FILLED) backfill(&own, &joined);
    }
    side_is_sound(&own);
    side_is_sound(&joined);
    side_stop(&own);
    side_stop(&joined);
    cut.height = BLOCKS;
    cut_node_write(&cut, own.dir, own.dir);
    cut_node_write(&cut, joined.dir, joined.dir);
    same_parts(own.dir, joined.dir);
    side_start(&own);
    side_start(&joined);
    side_close(&own);
    side_close(&joined);
}

static void a_joined_state_rules_on_every_type_as_one_that_applied_all(void **context)
{
    (void)context;
    unsigned corrected = 0, retracted = 0, of_item = 0, refused = 0, types_seen = 0, seen[64] = {0};
    for (size_t i = 0; i < world.applied_count; i++) {
        const struct applied *applied = &world.applied[i];
        corrected += applied->header.type == EVENT_CORRECT;
        retracted += applied->header.type == EVENT_RETRACT;
        of_item += !applied->header.has_account;
        refused += applied->code != RESULT_OK;
        types_seen += seen[applied->header.type]++ == 0;
    }
    printf("%zu folded, %u corrections, %u retractions, %u with an item id, %u refused, %u types\n",
        world.applied_count, corrected, retracted, of_item, refused, types_seen);
    assert_true(corrected > 10 && retracted > 10 && of_item > 100 && refused > 10 && types_seen == 21);
    go_on_as_one(FEW, SNAPSHOT_RUN);
    go_on_as_one(MANY, SNAPSHOT_RUN);
    go_on_as_one(MANY, 32); /* subjects are cut into runs */
}

/* ---- What is altered ---- */

static void no_byte_of_any_event_is_slack(void **context)
{
    (void)context;
    struct side own, joined;
    struct snapshot_reading *reading;
    sides_open(&own, &joined, FEW, 16);
    struct snapshot_head *head = head_of(&cut, own.dir);
    assert_int_equal(snapshot_reading_open(head, &reading), TALLY_OK);
    size_t altered = 0;
    for (uint32_t kind = SNAPSHOT_SUBJECTS; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; i < snapshot_reading_count(reading, kind); i++) {
            struct buffer bytes = part_of(own.dir, cut.height, kind, i);
            for (size_t at = 0; at < bytes.size; at++) {
                bytes.data[at] ^= (uint8_t)(1u << (at * 7 + at / 8) % 8);
                assert_int_equal(
                    snapshot_reading_check(reading, kind, i, buffer_span(&bytes)), TALLY_EDAMAGED);
                bytes.data[at] ^= (uint8_t)(1u << (at * 7 + at / 8) % 8);
                if (at % 5 == 0)
                    assert_int_equal(
                        snapshot_reading_check(reading, kind, i, span_of(bytes.data, at)), TALLY_EDAMAGED);
            }
            altered += bytes.size;
            assert_int_equal(snapshot_reading_check(reading, kind, i, buffer_span(&bytes)), TALLY_OK);
            buffer_close(&bytes);
        }
    assert_true(altered > 5000);
    snapshot_reading_close(reading);
    snapshot_head_close(head);
    side_close(&own);
    side_close(&joined);
}

#define EVENTS_MAX 512u

/* The first subject of the part, taken apart. */
struct taken {
    struct snapshot_event events[EVENTS_MAX];
    uint32_t count;
    size_t start, end; /* of them in the part */
};

static int take_first(void *context, const struct snapshot_subject *subject)
{
    struct taken *taken = context;
    struct reader reader;
    if (taken->count > 0) return TALLY_OK;
    reader_init(&reader, subject->events);
    while (reader.left > 0) {
        assert_true(taken->count < EVENTS_MAX);
        assert_true(snapshot_event_read(&reader, &taken->events[taken->count++]));
    }
    taken->start = SNAPSHOT_PREFIX_SIZE + DIGEST_SIZE + 4 + subject->bytes.size + 4;
    taken->end = taken->start + subject->events.size;
    return TALLY_OK;
}

/* The part with other events in their place. */
static int check_with(const struct snapshot_head *head, const struct buffer *part, const struct taken *taken,
    const struct snapshot_event *events, uint32_t count)
{
    struct buffer bytes;
    buffer_init(&bytes, SNAPSHOT_PART_SIZE_MAX);
    buffer_append(&bytes, part->data, taken->start - 4);
    buffer_u32(&bytes, count);
    for (uint32_t i = 0; i < count; i++)
        snapshot_event_encode(&events[i], &bytes);
    buffer_append(&bytes, part->data + taken->end, part->size - taken->end);
    int error = snapshot_part_check(head, SNAPSHOT_SUBJECTS, 0, buffer_span(&bytes));
    buffer_close(&bytes);
    return error;
}

/* Another thing of the same size that the event could as well be; false where there is none. */
static bool alter(struct snapshot_event *event, uint32_t way)
{
    struct event_facts *facts = &event->facts;
    bool of_item = snapshot_event_has_item(event), linked = !digest_is_zero(&facts->link);
    switch (way) {
    case 0: /* of another type */
        if (of_item) facts->type = facts->type == EVENT_STATEMENT ? EVENT_DISPUTE_OPEN : EVENT_STATEMENT;
        if (!of_item && facts->type == EVENT_CORRECT)
            facts->type = EVENT_RETRACT;
        else if (!of_item && facts->type == EVENT_PAYMENT)
            facts->type = EVENT_DISBURSE;
        else if (!of_item)
            return false;
        return true;
    case 1: /* of another month */
        facts->period++;
        return facts->type == EVENT_PERIOD_REPORT;
    case 2: /* it aims elsewhere */
        facts->link.bytes[7] ^= 1;
        return linked;
    case 3: /* it aims nowhere */
        facts->link = (struct digest){{0}};
        return linked;
    case 4: /* another's */
        facts->member_id++;
        return of_item;
    case 5: /* it used up another item id */
        facts->item_id[15] ^= 1;
        return of_item;
    case 6: /* it was applied, or refused */
        event->result = event->result == RESULT_OK ? RESULT_NO_CONSENT : RESULT_OK;
        return of_item;
    default:
        return false;
    }
}

#define WAYS 7u

static void what_is_said_of_an_event_is_what_its_file_fixes(void **context)
{
    (void)context;
    struct side own, joined;
    static struct taken taken;
    unsigned altered[WAYS] = {0}, swapped = 0;
    sides_open(&own, &joined, MANY, SNAPSHOT_RUN);
    struct snapshot_head *head = head_of(&cut, own.dir);
    struct buffer part = part_of(own.dir, cut.height, SNAPSHOT_SUBJECTS, 0);
    assert_int_equal(snapshot_subjects_walk(head, 0, buffer_span(&part), take_first, &taken), TALLY_OK);
    assert_int_equal(check_with(head, &part, &taken, taken.events, taken.count), TALLY_OK);
    for (uint32_t i = 0; i < taken.count; i++) {
        struct snapshot_event kept = taken.events[i];
        for (uint32_t way = 0; way < WAYS; way++) {
            if (alter(&taken.events[i], way)) {
                altered[way]++;
                assert_int_equal(check_with(head, &part, &taken, taken.events, taken.count), TALLY_EDAMAGED);
            }
            taken.events[i] = kept;
        }
        if (i == 0) continue;
        /* What is said of two changes places: the fold, which is over ids, is the same. */
        struct event_facts before = taken.events[i - 1].facts;
        if (event_facts_has_item(&before) != event_facts_has_item(&kept.facts)) continue;
        taken.events[i - 1].facts = kept.facts;
        taken.events[i].facts = before;
        if (memcmp(&before, &kept.facts, sizeof before) != 0) {
            assert_int_equal(check_with(head, &part, &taken, taken.events, taken.count), TALLY_EDAMAGED);
            swapped++;
        }
        taken.events[i - 1].facts = before;
        taken.events[i] = kept;
    }
    assert_int_equal(check_with(head, &part, &taken, taken.events, taken.count - 1), TALLY_EDAMAGED);
    assert_int_equal(check_with(head, &part, &taken, taken.events + 1, taken.count - 1), TALLY_EDAMAGED);
    for (uint32_t way = 0; way < WAYS; way++)
        if (altered[way] == 0) fail_msg("way %u: %u", way, altered[way]);
    assert_true(swapped > 20);
    buffer_close(&part);
    snapshot_head_close(head);
    side_close(&own);
    side_close(&joined);
}

/* ---- What is spoilt on disk ---- */

struct spoiling {
    char kind;
    size_t entry_kind; /* of the index of events: of what kind of entry a key is altered */
    struct buffer key, value;
    bool done;
};

static bool pick(void *context, struct span key, struct span value)
{
    struct spoiling *spoiling = context;
    buffer_clear(&spoiling->key);
    buffer_clear(&spoiling->value);
    buffer_append(&spoiling->key, key.data, key.size);
    buffer_append(&spoiling->value, value.data, value.size);
    if (spoiling->entry_kind == 0) spoiling->done = true;
    for (size_t at = 0; spoiling->entry_kind > 0 && at < value.size && !spoiling->done; at += 24) {
        if (value.data[at + EVENT_KEY_SIZE] >> 4 != spoiling->entry_kind) continue;
        spoiling->value.data[at] ^= 1;
        spoiling->done = true;
    }
    return !spoiling->done;
}

/* Alters byte `at` of the first record of a kind, or an entry's key in it; a byte behind its end removes it.
 * What a second call with `keep` has kept comes back. */
static void spoil(struct side *side, struct spoiling *spoiling, size_t at, struct buffer *keep)
{
    char path[96];
    struct store *store;
    struct store_batch *batch = store_batch_make();
    (void)snprintf(path, sizeof path, "%s/state", side->dir);
    assert_int_equal(store_open(path, &store), TALLY_OK);
    if (keep->size > 0) {
        store_batch_put(batch, buffer_span(&spoiling->key), buffer_span(keep));
    } else {
        spoiling->done = false;
        assert_int_equal(
            store_scan(store, span_of(&spoiling->kind, 1), span_of(&spoiling->kind, 1), pick, spoiling),
            TALLY_OK);
        assert_true(spoiling->done);
        assert_int_equal(store_get(store, buffer_span(&spoiling->key), keep), TALLY_OK);
        if (spoiling->entry_kind == 0 && at < spoiling->value.size) spoiling->value.data[at] ^= 1;
        if (spoiling->entry_kind > 0 || at < spoiling->value.size)
            store_batch_put(batch, buffer_span(&spoiling->key), buffer_span(&spoiling->value));
        else
            store_batch_remove(batch, buffer_span(&spoiling->key));
    }
    assert_int_equal(store_commit(store, batch), TALLY_OK);
    store_batch_close(batch);
    store_close(store);
}

/* Returns the size of the record. */
static size_t damage_is_found(struct side *side, char kind, size_t entry_kind, size_t at)
{
    struct spoiling spoiling = {.kind = kind, .entry_kind = entry_kind};
    struct buffer keep;
    size_t found = 0, size;
    buffer_init(&keep, MIB);
    buffer_init(&spoiling.key, KIB);
    buffer_init(&spoiling.value, MIB);
    side_stop(side);
    spoil(side, &spoiling, at, &keep);
    size = keep.size;
    side_start(side);
    int error = look_at(side, &found);
    if (error != TALLY_EDAMAGED && (error != TALLY_OK || found == 0))
        fail_msg("'%c' %zu, byte %zu: %d, %zu found", kind, entry_kind, at, error, found);
    side_stop(side);
    spoil(side, &spoiling, at, &keep);
    side_start(side);
    buffer_close(&keep);
    buffer_close(&spoiling.key);
    buffer_close(&spoiling.value);
    return size;
}

static void a_look_at_the_state_finds_what_was_spoilt_of_it(void **context)
{
    (void)context;
    struct side own, joined;
    sides_open(&own, &joined, MANY, SNAPSHOT_RUN);
    size_t size = damage_is_found(&joined, 'H', 0, 0);
    for (size_t at = 1; at <= size; at += 101)
        damage_is_found(&joined, 'H', 0, at);
    size = damage_is_found(&joined, 'J', 0, 0);
    for (size_t at = 1; at <= size; at += 211)
        damage_is_found(&joined, 'J', 0, at);
    damage_is_found(&joined, 'E', INDEX_BASE, 0);
    for (uint64_t height = MANY + 1; height <= BLOCKS; height++)
        (void)side_apply(&joined, height);
    side_is_sound(&joined);
    static const enum event_index_kind kinds[] = {INDEX_APPLIED, INDEX_ACCOUNT, INDEX_ITEM, INDEX_CORRECTED,
        INDEX_RETRACTED, INDEX_BASE, INDEX_RECORDED};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        damage_is_found(&joined, 'E', kinds[i], 0);
    side_is_sound(&joined);
    side_close(&own);
    side_close(&joined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_byte_of_any_event_is_slack),
        cmocka_unit_test(what_is_said_of_an_event_is_what_its_file_fixes),
        cmocka_unit_test(a_look_at_the_state_finds_what_was_spoilt_of_it),
        cmocka_unit_test(a_joined_state_rules_on_every_type_as_one_that_applied_all),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
