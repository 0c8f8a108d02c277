// links: policies node
/* What the state keeps beside what its root is computed from: either it never changes a result, whatever
 * becomes of it, or it follows from what is under the root, and is held against that here. Kinds of records
 * are read from storage/state_record.h, so one that is added there and has no case here fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/commit/execution.h"
#include "node/credit/subject_state.h"
#include "proto/codec/event_facts.h"
#include "storage/state_check.h"
#include "storage/state_record.h"
#include "storage/store.h"
#include "tests/unit/credit_fixture.h"

#define START_MS 1123200000000ull
#define BLOCKS 4u
/* Reached by the flush before the last block: so there are pages, and runs. */
#define FLUSHED_FIRST 3u
#define INDEX_GENERATION 24u
#define INDEX_ENTRY_SIZE 24u
#define EVENTS_MAX 32u
#define KINDS_MAX 32u

static struct fixture *fixture;

static int set_up(void **context)
{
    (void)context;
    fixture = fixture_open();
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    fixture_close(fixture);
    return 0;
}

/* ---- A node's state, and a past that touches every kind of record ---- */

struct outcome {
    int error;
    uint32_t count;
    struct event_result results[EVENTS_MAX];
    struct checkpoint checkpoint;
};

struct machine {
    char dir[64];
    struct state *state;
    struct execution *execution;
    struct outcome last;
};

static int machine_start(struct machine *machine)
{
    struct state_config config = {
        .chain_id = fixture->genesis.chain_id,
        .accounts = subject_state_chains,
        .index_generation = INDEX_GENERATION,
    };
    machine->state = NULL;
    machine->execution = NULL;
    int error = state_open(machine->dir, &config, &machine->state);
    struct header_source headers = header_source_of(NULL);
    if (error == TALLY_OK)
        assert_int_equal(
            execution_open(machine->state, &fixture->genesis, &headers, &machine->execution), TALLY_OK);
    return error;
}

static void machine_stop(struct machine *machine)
{
    execution_close(machine->execution);
    if (machine->state != NULL) state_close(machine->state);
    machine->state = NULL;
    machine->execution = NULL;
}

static void machine_close(struct machine *machine)
{
    machine_stop(machine);
    assert_int_equal(state_discard(machine->dir), TALLY_OK);
    assert_int_equal(rmdir(machine->dir), 0);
    free(machine);
}

static void keep_results(void *context, const struct executed_batch *executed)
{
    struct outcome *outcome = context;
    for (uint32_t i = 0; i < executed->batch->event_count; i++) {
        assert_true(outcome->count < EVENTS_MAX);
        outcome->results[outcome->count++] = executed->results[i];
    }
}

static void apply(struct machine *machine, uint64_t height, struct batch *batches, uint32_t count)
{
    struct block block = {.header = {.chain_id = fixture->genesis.chain_id,
                              .epoch = 1,
                              .height = height,
                              .time_ms = START_MS + height * 1000},
        .batch_count = count,
        .batches = batches};
    put_u64(block.hash.bytes, height);
    memset(&machine->last, 0, sizeof machine->last);
    machine->last.error =
        execution_apply(machine->execution, &block, keep_results, &machine->last, &machine->last.checkpoint);
}

/* The n-th event of a member's account: an opening, then payments that follow it. */
static struct batch_event event_of(uint32_t member_id, uint8_t subject, uint8_t ref, uint32_t seq)
{
    struct event_header header =
        fixture_header(member_id, seq == 0 ? EVENT_ACCOUNT_OPEN : EVENT_PAYMENT, subject, ref);
    header.account_seq = seq;
    if (seq > 0) header.account_prev = event_of(member_id, subject, ref, seq - 1).id;
    return fixture_event(fixture, header, span_of(NULL, 0));
}

/* Another event than event_of's at the same place. */
static struct batch_event other_of(uint32_t member_id, uint8_t subject, uint8_t ref, uint32_t seq)
{
    struct event_header header = event_of(member_id, subject, ref, seq).fields;
    header.event_date++;
    return fixture_event(fixture, header, span_of(NULL, 0));
}

static struct batch sign(
    uint32_t member_id, const struct batch_event *events, uint32_t count, uint64_t height)
{
    return fixture_batch(fixture, member_id, events, count, START_MS + height * 1000 + 300000);
}

static struct batch batch_at(uint64_t height, uint32_t member_id)
{
    uint8_t own = (uint8_t)(member_id * 16);
    const struct batch_event events[] = {
        event_of(member_id, own, own, (uint32_t)height - 1),
        event_of(member_id, own, (uint8_t)(own + height), 0),
        event_of(member_id, (uint8_t)(own + 1), own, 1),     /* WRONG_SUBJECT */
        event_of(member_id, own, own, (uint32_t)height + 5), /* GAP */
    };
    return sign(member_id, events, 4, height);
}

static struct machine *machine_open(void)
{
    struct machine *machine = calloc(1, sizeof *machine);
    assert_non_null(machine);
    strcpy(machine->dir, "/tmp/test_root_records.XXXXXX");
    assert_non_null(mkdtemp(machine->dir));
    assert_int_equal(machine_start(machine), TALLY_OK);
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        struct batch batches[] = {batch_at(height, LENDER), batch_at(height, OTHER_LENDER)};
        apply(machine, height, batches, 2);
        assert_int_equal(machine->last.error, TALLY_OK);
        struct certified_checkpoint certified = {.checkpoint = machine->last.checkpoint, .signers = 7};
        assert_int_equal(state_certified_put(machine->state, &certified), TALLY_OK);
        struct epoch_seal seal = {.checkpoint = certified, .next_set = {.epoch = 2, .count = VALIDATORS_MIN}};
        seal.checkpoint.checkpoint.next_set_hash.bytes[0] ^= 1;
        if (height == 1) assert_int_equal(state_seal_put(machine->state, &seal), TALLY_OK);
        if (height == FLUSHED_FIRST) assert_int_equal(state_flush(machine->state, height), TALLY_OK);
    }
    assert_int_equal(state_flush(machine->state, BLOCKS), TALLY_OK);
    machine_stop(machine);
    return machine;
}

/* The next block: events whose results lean on everything that the rules may ask. */
static void probe(struct machine *machine)
{
    const struct batch_event events[] = {
        event_of(LENDER, 16, 16, 2),          /* DUPLICATE */
        other_of(LENDER, 16, 16, 1),          /* CONFLICT */
        event_of(LENDER, 16, 16, BLOCKS),     /* OK */
        event_of(LENDER, 16, 16, BLOCKS + 4), /* GAP */
        event_of(LENDER, 17, 16, 0),          /* WRONG_SUBJECT */
        event_of(OTHER_LENDER, 16, 17, 1),    /* NOT_HOLDER */
        event_of(LENDER, 99, 99, 0),          /* OK */
    };
    struct batch batches[] = {batch_at(2, LENDER), /* BATCH_REPLAYED */
        sign(LENDER, events, sizeof events / sizeof events[0], BLOCKS + 1)};
    apply(machine, BLOCKS + 1, batches, 2);
}

static void the_probe_leans_on_every_rule(void **context)
{
    (void)context;
    static const enum result_code expected[] = {RESULT_BATCH_REPLAYED, RESULT_BATCH_REPLAYED,
        RESULT_BATCH_REPLAYED, RESULT_BATCH_REPLAYED, RESULT_DUPLICATE, RESULT_CONFLICT, RESULT_OK,
        RESULT_GAP, RESULT_WRONG_SUBJECT, RESULT_NOT_HOLDER, RESULT_OK};
    struct machine *machine = machine_open();
    assert_int_equal(machine_start(machine), TALLY_OK);
    probe(machine);
    assert_int_equal(machine->last.error, TALLY_OK);
    assert_int_equal(machine->last.count, sizeof expected / sizeof expected[0]);
    for (uint32_t i = 0; i < machine->last.count; i++)
        assert_string_equal(result_name(machine->last.results[i].code), result_name(expected[i]));
    machine_close(machine);
}

/* ---- Every record of a kind ---- */

struct record {
    uint8_t key[OVERLAY_KEY_SIZE_MAX];
    size_t key_size;
    uint8_t *value;
    size_t value_size;
};

struct records {
    struct record *items;
    size_t count;
};

static bool record_seen(void *context, struct span key, struct span value)
{
    struct records *records = context;
    records->items = realloc(records->items, (records->count + 1) * sizeof *records->items);
    assert_non_null(records->items);
    struct record *record = &records->items[records->count++];
    assert_true(key.size <= sizeof record->key);
    memcpy(record->key, key.data, key.size);
    record->key_size = key.size;
    record->value_size = value.size;
    record->value = malloc(value.size + 1);
    assert_non_null(record->value);
    memcpy(record->value, value.data, value.size);
    return true;
}

static struct store *store_of(const struct machine *machine)
{
    char path[80];
    struct store *store;
    (void)snprintf(path, sizeof path, "%s/state", machine->dir);
    assert_int_equal(store_open(path, &store), TALLY_OK);
    return store;
}

static struct records records_of(struct store *store, char kind)
{
    struct records records = {0};
    struct span prefix = span_of(&kind, 1);
    assert_int_equal(store_scan(store, prefix, prefix, record_seen, &records), TALLY_OK);
    assert_true(records.count > 0); /* each kind is there, or nothing is tested */
    return records;
}

static void records_close(struct records *records)
{
    for (size_t i = 0; i < records->count; i++)
        free(records->items[i].value);
    free(records->items);
}

enum spoiling { REMOVED, ALTERED, SPOILINGS };

/* One bit; of a record of the index, one of each entry's key; of a filter, one of each byte; of results, one
 * of the first event's id. */
static void alter(char kind, struct record *record)
{
    bool of_index = kind == 'E' || kind == 'G', of_filter = kind == 'F';
    size_t at = of_index || of_filter ? 0 : kind == 'R' ? 8 : record->value_size / 2;
    size_t step = of_index ? INDEX_ENTRY_SIZE : of_filter ? 1 : record->value_size;
    for (; at < record->value_size; at += step)
        record->value[at] ^= 1;
}

static void spoil(const struct machine *machine, char kind, enum spoiling spoiling)
{
    struct store *store = store_of(machine);
    struct records records = records_of(store, kind);
    struct store_batch *batch = store_batch_make();
    assert_non_null(batch);
    for (size_t i = 0; i < records.count; i++) {
        struct record *record = &records.items[i];
        struct span key = span_of(record->key, record->key_size);
        alter(kind, record);
        if (spoiling == REMOVED)
            store_batch_remove(batch, key);
        else
            store_batch_put(batch, key, span_of(record->value, record->value_size));
    }
    assert_int_equal(store_commit(store, batch), TALLY_OK);
    store_batch_close(batch);
    records_close(&records);
    store_close(store);
}

/* ---- What each kind is ---- */

enum standing {
    UNDER_ROOT, /* the root is computed from it, or it is held against it when the state is opened */
    FOLLOWS,    /* a rule reads it, and it follows from what is under the root */
    UNREAD,     /* no rule reads it: proofs, receipts and answers are made from it */
};
static const struct {
    char kind;
    enum standing standing;
} kinds[] = {
    {'A', FOLLOWS},
    {'B', UNREAD},
    {'C', UNREAD},
    {'D', FOLLOWS}, /* and 'H', 'J' and 'P', only where the state came with a snapshot:
                       test_snapshot_reading.c */
    {'E', FOLLOWS},
    {'F', FOLLOWS},
    {'G', FOLLOWS},
    {'H', FOLLOWS},
    {'I', UNREAD}, /* it says where to look, not what is found */
    {'J', FOLLOWS},
    {'K', UNREAD},
    {'M', UNDER_ROOT},
    {'N', UNDER_ROOT},
    {'P', FOLLOWS},
    {'Q', UNREAD},
    {'R', FOLLOWS},
    {'S', UNDER_ROOT},
    {'T', UNREAD},
    {'W', UNDER_ROOT},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static void every_kind_of_record_has_its_case(void **context)
{
    (void)context;
    char line[512], found[KINDS_MAX + 1] = "", expected[KIND_COUNT + 1] = "";
    size_t count = 0;
    FILE *file = fopen(TALLY_SOURCE_DIR "/storage/state_record.h", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL && strstr(line, "#ifndef") == NULL)
        if (strncmp(line, " *   '", 6) == 0 && line[7] == '\'' && count < KINDS_MAX) found[count++] = line[6];
    fclose(file);
    for (size_t i = 0; i < KIND_COUNT; i++)
        expected[i] = kinds[i].kind;
    assert_string_equal(found, expected);
}

static bool outcomes_equal(const struct outcome *a, const struct outcome *b)
{
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->results[i].code != b->results[i].code ||
            a->results[i].detail_size != b->results[i].detail_size ||
            memcmp(a->results[i].detail, b->results[i].detail, a->results[i].detail_size) != 0)
            return false;
    return digest_equal(&a->checkpoint.state_root, &b->checkpoint.state_root) &&
           digest_equal(&a->checkpoint.results_root, &b->checkpoint.results_root);
}

static void what_no_rule_reads_changes_no_result_and_what_is_under_the_root_is_missed(void **context)
{
    (void)context;
    struct machine *untouched = machine_open();
    assert_int_equal(machine_start(untouched), TALLY_OK);
    probe(untouched);
    for (size_t i = 0; i < KIND_COUNT; i++)
        for (enum spoiling spoiling = REMOVED; spoiling < SPOILINGS; spoiling++) {
            if (kinds[i].standing == FOLLOWS) continue;
            struct machine *machine = machine_open();
            spoil(machine, kinds[i].kind, spoiling);
            int error = machine_start(machine);
            if (error == TALLY_OK) {
                probe(machine);
                error = machine->last.error;
            }
            /* It may be found; it may not be there to be found, if nobody asks; it never gives another
             * result. */
            if (error == TALLY_OK && !outcomes_equal(&machine->last, &untouched->last))
                fail_msg("records '%c' changed a result", kinds[i].kind);
            if (error == TALLY_OK && kinds[i].standing == UNDER_ROOT)
                fail_msg("records '%c' are not missed", kinds[i].kind);
            machine_close(machine);
        }
    machine_close(untouched);
}

/* ---- What follows from the subjects' files and histories ---- */

/* Whether the history of a subject holds this event; its entries fold to the signed accumulator. */
static bool history_holds(
    struct state *state, const struct digest *subject_id, const struct subject_leaf *leaf, const uint8_t *id)
{
    struct state_history_entry entries[EVENTS_MAX];
    struct digest acc = subject_fold_start(&fixture->genesis.chain_id, subject_id);
    bool found = false;
    assert_true(leaf->count <= EVENTS_MAX);
    assert_int_equal(state_history_read(state, subject_id, 0, leaf->count, entries), TALLY_OK);
    for (uint64_t i = 0; i < leaf->count; i++) {
        acc = subject_fold_step(
            &acc, i, entries[i].height, entries[i].time_ms, entries[i].result, &entries[i].event_id);
        if (memcmp(entries[i].event_id.bytes, id, DIGEST_SIZE) == 0) found = true;
    }
    assert_true(digest_equal(&acc, &leaf->acc));
    return found;
}

static struct record *record_find(struct records *records, const struct state_key *key)
{
    for (size_t i = 0; i < records->count; i++)
        if (span_equal(span_of(records->items[i].key, records->items[i].key_size), state_key_span(key)))
            return &records->items[i];
    return NULL;
}

/* Holds what is known by account against one subject's file; returns how many accounts and events that made.
 */
static void subject_held(struct machine *machine, const struct record *record, struct records *accounts,
    size_t *account_count, size_t *event_count)
{
    struct state_subject stored;
    struct subject_state file;
    assert_int_equal(state_subject_decode(span_of(record->value, record->value_size), &stored), TALLY_OK);
    struct digest subject_id = stored.subject_id;
    subject_state_init(&file);
    assert_int_equal(subject_state_decode(stored.bytes, &file), TALLY_OK);
    for (uint32_t a = 0; a < file.account_count; a++) {
        const struct account *account = &file.accounts[a];
        struct state_key key = state_key_of_account(account->member_id, account->ref);
        const struct record *known = record_find(accounts, &key);
        assert_non_null(known);
        assert_memory_equal(known->value, subject_id.bytes, DIGEST_SIZE);
        struct digest ids = {{0}}, found;
        for (uint32_t seq = 0; seq < account->next_seq; seq++) {
            assert_int_equal(
                state_account_event_get(machine->state, account->member_id, account->ref, seq, &found),
                TALLY_OK);
            assert_true(history_holds(machine->state, &subject_id, &stored.leaf, found.bytes));
            struct batch_event expected =
                event_of(account->member_id, subject_id.bytes[1], account->ref[1], seq);
            struct event_facts facts = event_facts_of(&expected.fields);
            assert_memory_equal(found.bytes, expected.id.bytes, DIGEST_SIZE);
            ids = event_facts_account_step(&ids, &expected.id, &facts);
        }
        assert_memory_equal(found.bytes, account->head.bytes, DIGEST_SIZE);
        assert_memory_equal(ids.bytes, account->ids.bytes, DIGEST_SIZE);
        *event_count += account->next_seq;
    }
    *account_count += file.account_count;
    subject_state_close(&file);
}

/* The entries of accounts' events in the records of the index. */
static size_t account_entries(const struct records *records)
{
    size_t count = 0;
    for (size_t i = 0; i < records->count; i++)
        for (size_t at = 0; at < records->items[i].value_size; at += INDEX_ENTRY_SIZE)
            if (records->items[i].value[at + EVENT_KEY_SIZE] >> (EVENT_KIND_SHIFT - 56) == INDEX_ACCOUNT)
                count++;
    return count;
}

static void the_indexes_of_accounts_are_what_the_files_and_histories_say(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct store *store = store_of(machine);
    struct records subjects = records_of(store, 'S'), accounts = records_of(store, 'A'),
                   pages = records_of(store, 'E'), runs = records_of(store, 'G');
    size_t account_count = 0, event_count = 0;
    store_close(store);
    assert_int_equal(machine_start(machine), TALLY_OK);
    for (size_t i = 0; i < subjects.count; i++)
        subject_held(machine, &subjects.items[i], &accounts, &account_count, &event_count);
    assert_int_equal(account_count, accounts.count);
    assert_int_equal(event_count, account_entries(&pages) + account_entries(&runs));
    records_close(&subjects);
    records_close(&accounts);
    records_close(&pages);
    records_close(&runs);
    machine_close(machine);
}

static void count_found(void *context, const char *what)
{
    size_t *count = context;
    assert_true(what[0] != '\0');
    (*count)++;
}

static int header_of(void *context, uint64_t height, uint32_t index, struct arena *arena, struct span *header)
{
    (void)context, (void)arena;
    *header = batch_at(height, index < 4 ? LENDER : OTHER_LENDER).events[index % 4].header;
    return TALLY_OK;
}

/* What a look at the whole state finds in the indexes of accounts; no start looks at them. */
static size_t found_in(struct machine *machine)
{
    size_t count = 0;
    struct state_checker checker = {.header = header_of, .found = count_found, .context = &count};
    int error = machine_start(machine);
    if (error == TALLY_OK) error = state_check_accounts(machine->state, &checker);
    assert_true(error == TALLY_OK || error == TALLY_EDAMAGED);
    machine_stop(machine);
    return error == TALLY_OK ? count : 1;
}

static void what_follows_from_the_files_is_held_against_them(void **context)
{
    (void)context;
    for (size_t i = 0; i < KIND_COUNT; i++)
        for (enum spoiling spoiling = REMOVED; spoiling < SPOILINGS; spoiling++) {
            if (strchr("AEFGR", kinds[i].kind) == NULL) continue;
            struct machine *machine = machine_open();
            assert_int_equal(found_in(machine), 0);
            spoil(machine, kinds[i].kind, spoiling);
            assert_true(found_in(machine) > 0);
            machine_close(machine);
        }
}

static void the_remembered_batches_are_those_of_the_replay_window(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct store *store = store_of(machine);
    struct records batches = records_of(store, 'W'), meta = records_of(store, 'M');
    struct replay_window window = {0};
    struct state_meta read;
    store_close(store);
    for (uint64_t height = 1; height <= BLOCKS; height++)
        for (uint32_t member = LENDER; member <= OTHER_LENDER; member++) {
            struct batch batch = batch_at(height, member);
            uint32_t order;
            struct state_key key = state_key_of_batch(batch.expires_at_ms / REPLAY_MINUTE_MS, &batch.digest);
            assert_non_null(record_find(&batches, &key));
            assert_int_equal(replay_window_add(&window, START_MS + height * 1000, &batch.digest,
                                 batch.expires_at_ms, &order),
                TALLY_OK);
            struct state_batch remembered;
            const struct record *found = record_find(&batches, &key);
            assert_int_equal(
                state_batch_decode(span_of(found->value, found->value_size), &remembered), TALLY_OK);
            assert_int_equal(remembered.order, order);
            assert_int_equal(remembered.expires_at_ms, batch.expires_at_ms);
        }
    assert_int_equal(batches.count, 2 * BLOCKS);
    assert_int_equal(
        state_meta_decode(span_of(meta.items[0].value, meta.items[0].value_size), &read), TALLY_OK);
    struct digest expected = replay_window_root(&window), found = replay_window_root(&read.window);
    assert_memory_equal(found.bytes, expected.bytes, DIGEST_SIZE);
    records_close(&batches);
    records_close(&meta);
    machine_close(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_probe_leans_on_every_rule),
        cmocka_unit_test(every_kind_of_record_has_its_case),
        cmocka_unit_test(what_no_rule_reads_changes_no_result_and_what_is_under_the_root_is_missed),
        cmocka_unit_test(the_indexes_of_accounts_are_what_the_files_and_histories_say),
        cmocka_unit_test(what_follows_from_the_files_is_held_against_them),
        cmocka_unit_test(the_remembered_batches_are_those_of_the_replay_window),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
