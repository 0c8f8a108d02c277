// links: policies node
/* Snapshots whose subjects have more events than one part takes: cut into runs, each checked once the newer
 * one is, and read again a piece at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/commit/execution.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/base_record.h"
#include "storage/state_check.h"
#include "storage/state_load.h"
#include "storage/store.h"
#include "tests/fault/cut_node.h"

/* Few events, each byte of which is looked at; and many, of which pieces are read. */
static struct cut_node few, many;

static void world_make(struct cut_node *world, uint32_t blocks, uint32_t events, uint32_t run)
{
    cut_node_of(world, small_node_make(blocks, events));
    world->config.snapshot_run = run;
}

static int set_up(void **context)
{
    (void)context;
    world_make(&few, 61, 3, 8);
    world_make(&many, 241, 60, 700);
    cut_node_write(&few, few.node->dir, few.node->dir);
    cut_node_write(&many, many.node->dir, many.node->dir);
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    small_node_close(few.node);
    small_node_close(many.node);
    return 0;
}

/* ---- Every byte of it ---- */

static void no_byte_is_slack(
    struct cut_node *world, struct snapshot_reading *reading, uint32_t kind, uint32_t index)
{
    struct buffer bytes = part_of(world->node->dir, world->height, kind, index);
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t bit = (uint8_t)(1u << (i * 7 + i / 8) % 8);
        bytes.data[i] ^= bit;
        int error = snapshot_reading_check(reading, kind, index, buffer_span(&bytes));
        if (error != TALLY_EDAMAGED) fail_msg("part %u of kind %u, byte %zu: %d", index, kind, i, error);
        bytes.data[i] ^= bit;
        if (i % 13 == 0 || i + 1 == bytes.size)
            assert_int_equal(
                snapshot_reading_check(reading, kind, index, span_of(bytes.data, i)), TALLY_EDAMAGED);
    }
    buffer_u8(&bytes, 0);
    assert_int_equal(snapshot_reading_check(reading, kind, index, buffer_span(&bytes)), TALLY_EDAMAGED);
    bytes.size--;
    assert_int_equal(snapshot_reading_check(reading, kind, index, buffer_span(&bytes)), TALLY_OK);
    buffer_close(&bytes);
}

static void no_byte_of_any_part_is_slack(void **context)
{
    (void)context;
    struct snapshot_reading *reading;
    struct snapshot_head *head = head_of(&few, few.node->dir);
    assert_int_equal(snapshot_reading_open(head, &reading), TALLY_OK);
    assert_int_equal(snapshot_reading_count(reading, SNAPSHOT_HISTORY), 8);
    assert_int_equal(snapshot_reading_count(reading, SNAPSHOT_EVENTS), 0);
    for (uint32_t kind = SNAPSHOT_BLOCK; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; i < snapshot_reading_count(reading, kind); i++)
            no_byte_is_slack(&few, reading, kind, i);
    /* 312 events of 12 subjects, whose events are not all as many. */
    assert_in_range(snapshot_reading_count(reading, SNAPSHOT_EVENTS), 312 / 8 + 1, 312 / 8 + 12);
    snapshot_reading_close(reading);
    snapshot_head_close(head);
}

/* ---- Order ---- */

static struct snapshot_reading *read_subjects(const struct cut_node *world, const struct snapshot_head *head)
{
    struct snapshot_reading *reading;
    assert_int_equal(snapshot_reading_open(head, &reading), TALLY_OK);
    for (uint32_t i = 0; i < snapshot_reading_count(reading, SNAPSHOT_SUBJECTS); i++) {
        struct buffer bytes = part_of(world->node->dir, world->height, SNAPSHOT_SUBJECTS, i);
        assert_int_equal(
            snapshot_reading_check(reading, SNAPSHOT_SUBJECTS, i, buffer_span(&bytes)), TALLY_OK);
        buffer_close(&bytes);
    }
    return reading;
}

static void runs_are_taken_in_order_and_in_no_others_place(void **context)
{
    (void)context;
    struct snapshot_head *head = head_of(&few, few.node->dir);
    struct snapshot_reading *reading = read_subjects(&few, head);
    uint32_t count = snapshot_reading_count(reading, SNAPSHOT_EVENTS);
    for (uint32_t at = 0; at < count; at++) {
        for (uint32_t other = 0; other < count; other++) {
            struct buffer bytes = part_of(few.node->dir, few.height, SNAPSHOT_EVENTS, other);
            if (other > at)
                assert_int_equal(snapshot_reading_check(reading, SNAPSHOT_EVENTS, other, buffer_span(&bytes)),
                    TALLY_EINVALID);
            put_u32(bytes.data + 13, at); /* the number that it would need */
            if (other != at)
                assert_int_equal(snapshot_reading_check(reading, SNAPSHOT_EVENTS, at, buffer_span(&bytes)),
                    TALLY_EDAMAGED);
            buffer_close(&bytes);
        }
        struct buffer bytes = part_of(few.node->dir, few.height, SNAPSHOT_EVENTS, at);
        assert_int_equal(snapshot_reading_check(reading, SNAPSHOT_EVENTS, at, buffer_span(&bytes)), TALLY_OK);
        assert_int_equal(
            snapshot_reading_check(reading, SNAPSHOT_EVENTS, at, buffer_span(&bytes)), TALLY_EINVALID);
        assert_int_equal(snapshot_part_check(head, SNAPSHOT_EVENTS, at, buffer_span(&bytes)), TALLY_EDAMAGED);
        buffer_close(&bytes);
    }
    struct buffer last = part_of(few.node->dir, few.height, SNAPSHOT_EVENTS, count - 1);
    assert_int_equal(
        snapshot_reading_check(reading, SNAPSHOT_EVENTS, count, buffer_span(&last)), TALLY_EDAMAGED);
    buffer_close(&last);
    snapshot_reading_close(reading);
    snapshot_head_close(head);
}

/* ---- A subject's own part ---- */

struct first_subject {
    size_t at; /* behind the state bytes: the count */
    bool told;
};

static int note_first(void *context, const struct snapshot_subject *subject)
{
    struct first_subject *first = context;
    if (!first->told) first->at = SNAPSHOT_PREFIX_SIZE + DIGEST_SIZE + 4 + subject->bytes.size;
    first->told = true;
    assert_true(subject->is_long && subject->events.size == 0);
    return TALLY_OK;
}

/* Whoever gives a part does not choose whether a subject's events stand in it: one with the events where a
 * long subject's stand elsewhere folds to the same leaf, and is another part all the same. */
static void events_of_a_long_subject_stand_nowhere_else(void **context)
{
    (void)context;
    struct cut_node whole = few;
    struct first_subject first = {0};
    char dir[64] = "/tmp/tally-reading.XXXXXX";
    struct snapshot_head *head = head_of(&few, few.node->dir), *other;
    assert_non_null(mkdtemp(dir));
    whole.config.snapshot_run = 1000;
    cut_node_write(&whole, few.node->dir, dir);
    other = head_of(&whole, dir);
    struct buffer plain = part_of(dir, few.height, SNAPSHOT_SUBJECTS, 0),
                  cut = part_of(few.node->dir, few.height, SNAPSHOT_SUBJECTS, 0);
    assert_int_equal(snapshot_part_check(other, SNAPSHOT_SUBJECTS, 0, buffer_span(&plain)), TALLY_OK);
    assert_int_equal(snapshot_part_check(head, SNAPSHOT_SUBJECTS, 0, buffer_span(&cut)), TALLY_OK);
    assert_int_equal(snapshot_part_check(head, SNAPSHOT_SUBJECTS, 0, buffer_span(&plain)), TALLY_EDAMAGED);
    assert_int_equal(snapshot_part_check(other, SNAPSHOT_SUBJECTS, 0, buffer_span(&cut)), TALLY_EDAMAGED);
    assert_int_equal(snapshot_subjects_walk(head, 0, buffer_span(&cut), note_first, &first), TALLY_OK);
    assert_true(first.told && get_u32(cut.data + first.at) > 8);
    buffer_close(&plain);
    buffer_close(&cut);
    snapshot_head_close(head);
    snapshot_head_close(other);
    small_remove(dir);
}

/* ---- Loading ---- */

static void load(const struct cut_node *world, const char *to)
{
    struct state_load *loading;
    struct snapshot_head *head = head_of(world, world->node->dir);
    assert_int_equal(state_load_begin(to, head, &loading), TALLY_OK);
    for (uint32_t kind = SNAPSHOT_HISTORY; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; i < state_load_count(loading, kind); i++) {
            struct buffer bytes = part_of(world->node->dir, world->height, kind, i);
            assert_false(state_load_has(loading, kind, i));
            bytes.data[bytes.size - 1] ^= 1;
            assert_int_equal(state_load_part(loading, kind, i, buffer_span(&bytes)), TALLY_EDAMAGED);
            bytes.data[bytes.size - 1] ^= 1;
            assert_int_equal(state_load_part(loading, kind, i, buffer_span(&bytes)), TALLY_OK);
            assert_int_equal(state_load_part(loading, kind, i, buffer_span(&bytes)), TALLY_OK);
            assert_true(state_load_has(loading, kind, i));
            buffer_close(&bytes);
        }
    assert_true(state_load_count(loading, SNAPSHOT_EVENTS) > 12);
    assert_int_equal(state_load_end(loading), TALLY_OK);
    state_load_close(loading);
    snapshot_head_close(head);
}

struct twins {
    struct cut_node *world;
    char dir[64];
    struct state *own, *loaded;
};

static void twins_open(struct twins *twins, struct cut_node *world)
{
    *twins = (struct twins){.world = world, .dir = "/tmp/tally-reading.XXXXXX"};
    assert_non_null(mkdtemp(twins->dir));
    load(world, twins->dir);
    assert_int_equal(state_open(world->node->dir, &world->config, &twins->own), TALLY_OK);
    assert_int_equal(state_open(twins->dir, &world->config, &twins->loaded), TALLY_OK);
}

static void twins_close(struct twins *twins)
{
    state_close(twins->own);
    state_close(twins->loaded);
    small_remove(twins->dir);
}

static void ids_equal(struct twins *twins, uint32_t number)
{
    const struct small_account *account = &twins->world->node->accounts[number];
    struct digest ref = sample_digest_of("account", number), own, loaded;
    uint32_t member = number % 4 + 1, count = account->seq;
    struct digest *ids = calloc(count + 1, sizeof *ids);
    assert_non_null(ids);
    assert_int_equal(state_account_ids(twins->loaded, member, ref.bytes, 0, count, ids), TALLY_OK);
    for (uint32_t seq = 0; seq < count; seq++) {
        assert_int_equal(state_account_event_get(twins->own, member, ref.bytes, seq, &own), TALLY_OK);
        assert_int_equal(state_account_event_get(twins->loaded, member, ref.bytes, seq, &loaded), TALLY_OK);
        assert_memory_equal(own.bytes, loaded.bytes, DIGEST_SIZE);
        assert_memory_equal(own.bytes, ids[seq].bytes, DIGEST_SIZE);
    }
    /* From within, and beyond. */
    assert_int_equal(
        state_account_ids(twins->loaded, member, ref.bytes, count / 3, count / 2, ids), TALLY_OK);
    assert_int_equal(state_account_event_get(twins->own, member, ref.bytes, count / 3, &own), TALLY_OK);
    assert_memory_equal(own.bytes, ids[0].bytes, DIGEST_SIZE);
    assert_int_equal(state_account_ids(twins->loaded, member, ref.bytes, count / 3, 0, ids), TALLY_OK);
    assert_int_equal(
        state_account_event_get(twins->loaded, member, ref.bytes, count, &loaded), TALLY_ENOTFOUND);
    assert_int_equal(state_account_ids(twins->loaded, member, ref.bytes, 1, count, ids), TALLY_ENOTFOUND);
    ref.bytes[0] ^= 1;
    assert_int_equal(state_account_event_get(twins->loaded, member, ref.bytes, 0, &loaded), TALLY_ENOTFOUND);
    free(ids);
}

static void every_id_of_an_account_is_found_by_its_seq(void **context)
{
    struct twins twins;
    (void)context;
    struct cut_node *worlds[] = {&few, &many};
    for (size_t i = 0; i < 2; i++) {
        twins_open(&twins, worlds[i]);
        for (uint32_t number = 0; number < SMALL_ACCOUNTS; number++)
            ids_equal(&twins, number);
        twins_close(&twins);
    }
}

static void backfill(struct twins *twins)
{
    for (uint64_t height = 1; height <= twins->world->height; height++) {
        struct state_older_result *results;
        uint32_t count;
        struct arena arena;
        arena_init(&arena, 16 * MIB);
        older_results(twins->own, height, &arena, &results, &count);
        assert_int_equal(state_backfill_put(twins->loaded, height, results, count), TALLY_OK);
        arena_close(&arena);
    }
}

/* The whole of it, and pieces that begin and end within chunks and runs. */
static void history_equal(struct twins *twins, const struct digest *id)
{
    struct state_subject subject;
    struct arena arena;
    arena_init(&arena, MIB);
    assert_int_equal(state_subject_get(twins->loaded, id, &arena, &subject), TALLY_OK);
    size_t count = (size_t)subject.leaf.count;
    struct state_history_entry *own = calloc(count, sizeof *own), *loaded = calloc(count, sizeof *loaded);
    assert_true(own != NULL && loaded != NULL);
    for (size_t from = 0; from < count; from += count / 5) {
        size_t want = from == 0 ? count : (count - from) / 2;
        assert_int_equal(state_history_read(twins->own, id, from, want, own), TALLY_OK);
        assert_int_equal(state_history_read(twins->loaded, id, from, want, loaded), TALLY_OK);
        assert_memory_equal(own, loaded, want * sizeof *own);
    }
    assert_int_equal(state_history_read(twins->loaded, id, 1, count, loaded), TALLY_ENOTFOUND);
    free(own);
    free(loaded);
    arena_close(&arena);
}

static void histories_are_read_as_from_the_first_block_on(void **context)
{
    struct twins twins;
    (void)context;
    twins_open(&twins, &many);
    backfill(&twins);
    for (uint32_t s = 0; s < SMALL_ACCOUNTS / 2; s++) {
        struct digest id = sample_digest_of("subject", s);
        history_equal(&twins, &id);
    }
    twins_close(&twins);
}

/* ---- The same bytes, whoever makes it ---- */

static void a_loaded_state_makes_the_same_parts(void **context)
{
    (void)context;
    struct cut_node *worlds[] = {&few, &many};
    for (size_t w = 0; w < 2; w++) {
        struct twins twins;
        struct cut_node *world = worlds[w];
        twins_open(&twins, world);
        state_close(twins.loaded);
        cut_node_write(world, twins.dir, twins.dir);
        struct snapshot_head *head = head_of(world, world->node->dir);
        struct snapshot_reading *reading = read_subjects(world, head);
        for (uint32_t kind = SNAPSHOT_BLOCK; kind <= SNAPSHOT_EVENTS; kind++)
            for (uint32_t i = 0; i < snapshot_reading_count(reading, kind); i++) {
                struct buffer x = part_of(world->node->dir, world->height, kind, i),
                              y = part_of(twins.dir, world->height, kind, i);
                assert_true(span_equal(buffer_span(&x), buffer_span(&y)));
                buffer_close(&x);
                buffer_close(&y);
            }
        snapshot_reading_close(reading);
        snapshot_head_close(head);
        assert_int_equal(state_open(twins.dir, &world->config, &twins.loaded), TALLY_OK);
        twins_close(&twins);
    }
}

/* ---- Damage that no checksum sees ---- */

static void count_found(void *context, const char *what)
{
    assert_true(what[0] != '\0');
    (*(size_t *)context)++;
}

/* Nothing was applied to it since: no header is asked for. */
static int look_at(struct state *state, size_t *found)
{
    return state_check_accounts(state, &(struct state_checker){.found = count_found, .context = found});
}

struct picked {
    uint32_t skip;
    struct buffer key, value;
};

static bool pick(void *context, struct span key, struct span value)
{
    struct picked *picked = context;
    if (picked->skip-- > 0) return true;
    buffer_append(&picked->key, key.data, key.size);
    buffer_append(&picked->value, value.data, value.size);
    return false;
}

/* Changes one byte of record number `skip` of a kind; with `at` beyond it, takes it away. Puts it right again
 * where it is called once more. */
static void spoil(const char *dir, char kind, uint32_t skip, size_t at)
{
    static struct picked picked;
    static bool spoilt;
    char path[128];
    struct store *store;
    struct store_batch *batch = store_batch_make();
    (void)snprintf(path, sizeof path, "%s/state", dir);
    assert_int_equal(store_open(path, &store), TALLY_OK);
    if (!spoilt) {
        picked = (struct picked){.skip = skip};
        buffer_init(&picked.key, KIB);
        buffer_init(&picked.value, MIB);
        assert_int_equal(store_scan(store, span_of(&kind, 1), span_of(&kind, 1), pick, &picked), TALLY_OK);
        assert_true(picked.key.size > 0);
    }
    if (at < picked.value.size) picked.value.data[at] ^= 1;
    if (at < picked.value.size || spoilt)
        store_batch_put(batch, buffer_span(&picked.key), buffer_span(&picked.value));
    else
        store_batch_remove(batch, buffer_span(&picked.key));
    assert_int_equal(store_commit(store, batch), TALLY_OK);
    if (spoilt) {
        buffer_close(&picked.key);
        buffer_close(&picked.value);
    }
    spoilt = !spoilt;
    store_batch_close(batch);
    store_close(store);
}

static void damage_is_found(struct twins *twins, char kind, uint32_t skip, size_t at)
{
    size_t found = 0;
    state_close(twins->loaded);
    spoil(twins->dir, kind, skip, at);
    assert_int_equal(state_open(twins->dir, &twins->world->config, &twins->loaded), TALLY_OK);
    int error = look_at(twins->loaded, &found);
    if (error != TALLY_EDAMAGED && (error != TALLY_OK || found == 0))
        fail_msg("'%c' %u, byte %zu: %d, %zu found", kind, skip, at, error, found);
    state_close(twins->loaded);
    spoil(twins->dir, kind, skip, at);
    assert_int_equal(state_open(twins->dir, &twins->world->config, &twins->loaded), TALLY_OK);
}

static void each_byte_of_what_came_with_it_is_held_against_the_leaves(void **context)
{
    struct twins twins;
    size_t found = 0;
    (void)context;
    twins_open(&twins, &few);
    assert_int_equal(look_at(twins.loaded, &found), TALLY_OK);
    assert_int_equal(found, 0);
    /* Two accounts, and the events of one run or less. */
    for (size_t at = 0; at < 2 + 2 * BASE_ACCOUNT_SIZE + 2 * (SNAPSHOT_EVENT_SIZE_MAX - DIGEST_SIZE); at++)
        damage_is_found(&twins, 'H', 1, at);
    damage_is_found(&twins, 'H', 0, SIZE_MAX);
    for (size_t at = 0; at < 4; at++)
        damage_is_found(&twins, 'D', 3, at);
    damage_is_found(&twins, 'D', 2, SIZE_MAX);
    assert_int_equal(look_at(twins.loaded, &found), TALLY_OK);
    assert_int_equal(found, 0);
    twins_close(&twins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_byte_of_any_part_is_slack),
        cmocka_unit_test(runs_are_taken_in_order_and_in_no_others_place),
        cmocka_unit_test(events_of_a_long_subject_stand_nowhere_else),
        cmocka_unit_test(every_id_of_an_account_is_found_by_its_seq),
        cmocka_unit_test(histories_are_read_as_from_the_first_block_on),
        cmocka_unit_test(a_loaded_state_makes_the_same_parts),
        cmocka_unit_test(each_byte_of_what_came_with_it_is_held_against_the_leaves),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
