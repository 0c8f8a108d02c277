// links: policies node
/* Snapshots of subjects that somebody chose so that their positions begin with the same bits: cut further
 * where they stand close, and by everybody alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/subject_path.h"
#include "storage/state_load.h"

struct small_node;
static struct digest mined_subject(const struct small_node *node, uint32_t number);
#define SMALL_ACCOUNTS 600u
#define SMALL_SUBJECT(node, number) mined_subject(node, number)
#include "tests/fault/cut_node.h"

#define SUBJECTS (SMALL_ACCOUNTS / 2)
#define RUN 16u /* some subjects have more events than that, and others have not */
#define PART_SIZE 3000u

/* ---- Subjects ---- */

/* The first hundred are anybody's. Of the others one half shares 10 bits on one side of the map, and the
 * other half 10 bits on its other side; and some of each share 6 more. */
static uint32_t wanted_bits(uint32_t number)
{
    return number < 100 ? 0 : number < 260 ? 10 : 16;
}

static struct digest mined_subject(const struct small_node *node, uint32_t number)
{
    static struct digest mined[SUBJECTS];
    static bool done[SUBJECTS];
    const struct digest targets[2] = {{{0x5a, 0xb3, 0x41}}, {{0xe5, 0x0c, 0x99}}};
    for (uint32_t i = 0; !done[number]; i++) {
        mined[number] = sample_digest_of("subject", number * 10000000u + i);
        struct digest position = subject_position(&node->genesis.chain_id, &mined[number]);
        done[number] = position_shared_bits(&position, &targets[number % 2]) >= wanted_bits(number);
    }
    return mined[number];
}

/* ---- A network, a node of it, and how its snapshots are cut ---- */

/* Few events, of which all make one part to begin with; and many, that make two. */
static struct cut_node few, many;

static void world_make(struct cut_node *world, uint32_t blocks, uint32_t events, uint32_t part_size)
{
    cut_node_of(world, small_node_make(blocks, events));
    world->config.snapshot_run = RUN;
    world->config.snapshot_part_size = part_size;
    cut_node_write(world, world->node->dir, world->node->dir);
}

static int set_up(void **context)
{
    (void)context;
    world_make(&few, 21, 150, PART_SIZE);
    world_make(&many, 241, 60, PART_SIZE);
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    small_node_close(few.node);
    small_node_close(many.node);
    return 0;
}

/* ---- Where it is cut ---- */

static int count_subject(void *context, const struct snapshot_subject *subject)
{
    (void)subject;
    ++*(uint32_t *)context;
    return TALLY_OK;
}

/* Of a part: how many subjects it has; it is no larger than it may be. */
static uint32_t subjects_of(const struct cut_node *world, const struct snapshot_head *head, uint32_t index)
{
    struct buffer bytes = part_of(world->node->dir, world->height, SNAPSHOT_SUBJECTS, index);
    uint32_t count = 0;
    assert_int_equal(
        snapshot_subjects_walk(head, index, buffer_span(&bytes), count_subject, &count), TALLY_OK);
    assert_true(count < 2 || bytes.size <= world->config.snapshot_part_size);
    buffer_close(&bytes);
    return count;
}

/* What the two halves would be together is too large: else they were not cut. */
static void cut_for_a_reason(const struct cut_node *world, const struct snapshot_head *head, uint32_t index)
{
    const struct snapshot_range *low = &head->ranges.items[index], *high = low + 1;
    if (index + 1 == head->ranges.count || low->depth != high->depth || low->depth == head->depth) return;
    if (!snapshot_range_holds(&low->first, low->depth - 1, &high->first)) return;
    struct buffer a = part_of(world->node->dir, world->height, SNAPSHOT_SUBJECTS, index),
                  b = part_of(world->node->dir, world->height, SNAPSHOT_SUBJECTS, index + 1);
    assert_true(a.size + b.size - SNAPSHOT_PREFIX_SIZE > world->config.snapshot_part_size);
    buffer_close(&a);
    buffer_close(&b);
}

static void look_at_cuts(const struct cut_node *world, uint32_t depth)
{
    struct snapshot_head *head = head_of(world, world->node->dir);
    uint32_t kinds[3] = {0}, deep[2] = {0}, subjects = 0;
    assert_int_equal(head->depth, depth);
    assert_int_equal(snapshot_part_count(head, SNAPSHOT_SUBJECTS), head->ranges.count);
    for (uint32_t i = 0; i < head->ranges.count; i++) {
        const struct snapshot_range *range = &head->ranges.items[i];
        subjects += subjects_of(world, head, i);
        cut_for_a_reason(world, head, i);
        kinds[range->subtree.kind]++;
        deep[range->first.bytes[0] >> 7] += range->depth > 16;
    }
    assert_int_equal(subjects, SUBJECTS);
    assert_true(kinds[SUBTREE_EMPTY] > 0 && kinds[SUBTREE_LEAF] > 0 && kinds[SUBTREE_INNER] > 0);
    assert_true(deep[0] > 1 && deep[1] > 1);
    snapshot_head_close(head);
}

static void parts_are_as_large_as_they_may_be_and_no_larger(void **context)
{
    (void)context;
    look_at_cuts(&few, 0);
    look_at_cuts(&many, 1);
}

/* How deep the part is that begins where this one does, where parts are at most of that size. */
static uint32_t depth_with(const struct snapshot_range *range, uint32_t part_size)
{
    struct cut_node other = few;
    char dir[64] = "/tmp/tally-cut.XXXXXX";
    uint32_t at = 0;
    assert_non_null(mkdtemp(dir));
    other.config.snapshot_part_size = part_size;
    cut_node_write(&other, few.node->dir, dir);
    struct snapshot_head *head = head_of(&few, dir);
    while (!digest_equal(&head->ranges.items[at].first, &range->first))
        at++;
    uint32_t depth = head->ranges.items[at].depth;
    snapshot_head_close(head);
    small_remove(dir);
    return depth;
}

static void a_size_is_kept_to_the_byte(void **context)
{
    (void)context;
    struct snapshot_head *head = head_of(&few, few.node->dir);
    for (uint32_t i = 0, tried = 0; tried < 3; i++) {
        const struct snapshot_range *range = &head->ranges.items[i];
        if (range->subtree.kind != SUBTREE_INNER) continue;
        struct buffer bytes = part_of(few.node->dir, few.height, SNAPSHOT_SUBJECTS, i);
        assert_int_equal(depth_with(range, (uint32_t)bytes.size), range->depth);
        assert_true(depth_with(range, (uint32_t)bytes.size - 1) > range->depth);
        buffer_close(&bytes);
        tried++;
    }
    snapshot_head_close(head);
}

/* ---- The same bytes, whoever makes it ---- */

static void files_equal(const struct cut_node *world, const char *dir)
{
    struct snapshot_head *head = head_of(world, dir);
    struct snapshot_reading *reading;
    assert_int_equal(snapshot_reading_open(head, &reading), TALLY_OK);
    for (uint32_t kind = 0; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; i < (kind == 0 ? 1 : snapshot_reading_count(reading, kind)); i++) {
            struct buffer x = part_of(world->node->dir, world->height, kind, i),
                          y = part_of(dir, world->height, kind, i);
            assert_true(span_equal(buffer_span(&x), buffer_span(&y)));
            if (kind > 0)
                assert_int_equal(snapshot_reading_check(reading, kind, i, buffer_span(&y)), TALLY_OK);
            buffer_close(&x);
            buffer_close(&y);
        }
    assert_true(snapshot_reading_count(reading, SNAPSHOT_EVENTS) > 0);
    snapshot_reading_close(reading);
    snapshot_head_close(head);
}

/* A state that is made of the parts, those of subjects from the last to the first. */
static void load_backwards(const struct cut_node *world, const char *to)
{
    struct state_load *loading;
    struct snapshot_head *head = head_of(world, world->node->dir);
    assert_int_equal(state_load_begin(to, head, &loading), TALLY_OK);
    for (uint32_t kind = SNAPSHOT_HISTORY; kind <= SNAPSHOT_EVENTS; kind++) {
        uint32_t count = state_load_count(loading, kind);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t index = kind == SNAPSHOT_SUBJECTS ? count - 1 - i : i;
            struct buffer bytes = part_of(world->node->dir, world->height, kind, index);
            assert_int_equal(state_load_part(loading, kind, index, buffer_span(&bytes)), TALLY_OK);
            buffer_close(&bytes);
        }
    }
    assert_int_equal(state_load_end(loading), TALLY_OK);
    state_load_close(loading);
    snapshot_head_close(head);
}

static void a_state_built_otherwise_is_cut_alike(void **context)
{
    (void)context;
    const struct cut_node *worlds[] = {&few, &many};
    for (size_t i = 0; i < 2; i++) {
        char dir[64] = "/tmp/tally-cut.XXXXXX";
        assert_non_null(mkdtemp(dir));
        load_backwards(worlds[i], dir);
        cut_node_write(worlds[i], dir, dir);
        files_equal(worlds[i], dir);
        small_remove(dir);
    }
}

/* ---- Every byte of it ---- */

static int check(const struct snapshot_head *head, uint32_t kind, uint32_t index, struct span bytes)
{
    struct snapshot_head *again;
    if (kind != 0) return snapshot_part_check(head, kind, index, bytes);
    int error = snapshot_head_decode(bytes, &few.validators, &few.config, &again);
    if (error == TALLY_OK) snapshot_head_close(again);
    return error;
}

/* A head's maker makes its digest anew. */
static void digest_anew(uint32_t kind, struct buffer *bytes)
{
    if (kind != 0) return;
    size_t size = bytes->size - DIGEST_SIZE;
    struct digest digest = digest_tagged(TAG_SNAPSHOT, span_of(bytes->data, size));
    memcpy(bytes->data + size, digest.bytes, DIGEST_SIZE);
}

static void no_byte_is_slack(const struct snapshot_head *head, uint32_t kind, uint32_t index)
{
    struct buffer bytes = part_of(few.node->dir, few.height, kind, index);
    size_t size = kind == 0 ? bytes.size - DIGEST_SIZE : bytes.size;
    assert_int_equal(check(head, kind, index, buffer_span(&bytes)), TALLY_OK);
    for (size_t i = 0; i < size; i++)
        for (uint32_t way = 0; way < (kind == 0 ? 3u : 1u); way++) {
            /* In a head also what tells one kind of subtree from another. */
            uint8_t bits = (uint8_t)(way == 0 ? 1u << (i * 7 + i / 8) % 8 : way);
            bytes.data[i] ^= bits;
            digest_anew(kind, &bytes);
            if (check(head, kind, index, buffer_span(&bytes)) == TALLY_OK)
                fail_msg("part %u of kind %u, byte %zu, bits %u", index, kind, i, bits);
            bytes.data[i] ^= bits;
        }
    buffer_close(&bytes);
}

static void no_byte_of_a_cut_snapshot_is_slack(void **context)
{
    (void)context;
    struct snapshot_head *head = head_of(&few, few.node->dir);
    no_byte_is_slack(head, 0, 0);
    for (uint32_t i = 0; i < head->ranges.count; i++)
        if (i % 8 == 0 || head->ranges.items[i].depth > 16) no_byte_is_slack(head, SNAPSHOT_SUBJECTS, i);
    snapshot_head_close(head);
}

/* Not even an empty one. */
static void no_part_stands_in_anothers_place(void **context)
{
    (void)context;
    struct snapshot_head *head = head_of(&few, few.node->dir);
    for (uint32_t i = 0; i + 1 < head->ranges.count; i++) {
        struct buffer bytes = part_of(few.node->dir, few.height, SNAPSHOT_SUBJECTS, i);
        bool empty = head->ranges.items[i].subtree.kind == SUBTREE_EMPTY,
             both = empty && head->ranges.items[i + 1].subtree.kind == SUBTREE_EMPTY;
        assert_int_equal(
            snapshot_part_check(head, SNAPSHOT_SUBJECTS, i + 1, buffer_span(&bytes)), TALLY_EDAMAGED);
        put_u32(bytes.data + 13, i + 1); /* the number that it would need */
        assert_int_equal(snapshot_part_check(head, SNAPSHOT_SUBJECTS, i + 1, buffer_span(&bytes)),
            both ? TALLY_OK : TALLY_EDAMAGED);
        buffer_close(&bytes);
    }
    snapshot_head_close(head);
}

/* The roots do not say where it is cut; so a head that is cut otherwise is told from others. */
static void a_head_that_is_cut_otherwise_is_known_by_it(void **context)
{
    (void)context;
    struct cut_node other = few;
    char dir[64] = "/tmp/tally-cut.XXXXXX";
    assert_non_null(mkdtemp(dir));
    other.config.snapshot_part_size = PART_SIZE + 700;
    cut_node_write(&other, few.node->dir, dir);
    struct snapshot_head *ours = head_of(&few, few.node->dir), *theirs = head_of(&few, dir);
    struct digest a = snapshot_cut_digest(ours), b = snapshot_cut_digest(theirs);
    assert_memory_not_equal(a.bytes, b.bytes, DIGEST_SIZE);
    assert_true(ours->ranges.count > theirs->ranges.count);
    a = snapshot_ranges_join(&ours->ranges).root;
    b = snapshot_ranges_join(&theirs->ranges).root;
    assert_memory_equal(a.bytes, b.bytes, DIGEST_SIZE);
    snapshot_head_close(ours);
    snapshot_head_close(theirs);
    small_remove(dir);
}

/* ---- Its one form ---- */

/* A leaf below the first half of `bits` bits, all of them zero, or below the other. */
static void put_leaf(struct buffer *out, uint32_t bits, bool upper)
{
    struct digest position = {{0}};
    if (upper) position = snapshot_range_upper(&position, bits - 1);
    buffer_u8(out, SUBTREE_LEAF);
    buffer_append(out, position.bytes, DIGEST_SIZE);
    for (uint32_t i = 0; i < 16 + 2 * DIGEST_SIZE; i++)
        buffer_u8(out, (uint8_t)i);
}

/* What is written as: 0 empty, a and b a leaf in the lower or upper half of what was cut last, 2 an inner
 * node, ( a cut, C cuts all the way to 255 bits whose upper halves are to follow. */
static void put_form(struct buffer *out, const char *form)
{
    uint32_t depth = 0;
    for (; *form != '\0'; form++) {
        if (*form == 'C')
            for (; depth < SUBJECT_PATH_LENGTH_MAX - 1; depth++)
                buffer_u8(out, 3);
        else if (*form == 'a' || *form == 'b')
            put_leaf(out, depth, *form == 'b');
        else
            buffer_u8(out, *form == '(' ? 3 : (uint8_t)(*form - '0'));
        depth += *form == '(';
        for (uint32_t i = 0; *form == '2' && i < 2 * DIGEST_SIZE; i++)
            buffer_u8(out, (uint8_t)i);
    }
}

static int read_form(const char *form, size_t zeros)
{
    struct snapshot_ranges ranges = {0};
    struct buffer bytes, again;
    struct reader reader;
    buffer_init(&bytes, MIB);
    buffer_init(&again, MIB);
    put_form(&bytes, form);
    for (size_t i = 0; i < zeros; i++)
        buffer_u8(&bytes, 0);
    reader_init(&reader, buffer_span(&bytes));
    int error = snapshot_ranges_read(&reader, 0, &ranges);
    if (error == TALLY_OK) {
        assert_true(reader_done(&reader));
        snapshot_ranges_encode(&ranges, 0, &again);
        assert_true(span_equal(buffer_span(&bytes), buffer_span(&again)));
    }
    snapshot_ranges_close(&ranges);
    buffer_close(&bytes);
    buffer_close(&again);
    return error;
}

static void what_needs_no_cut_has_none(void **context)
{
    (void)context;
    static const char *const right[] = {
        "0", "2", "(ab", "(20", "(02", "(22", "(a2", "(2b", "((ab0", "((220", "(0(22", "((20(02"};
    static const char *const wrong[] = {"", "4", "(", "(2", "(00", "(a0", "(0b", "(ba", "(bb", "(aa", "((002",
        "((a02", "(2(00", "((ab", "((00(00", "((a00", "(4"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        if (read_form(right[i], 0) != TALLY_OK) fail_msg("%s", right[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (read_form(wrong[i], 0) != TALLY_EFORM) fail_msg("%s", wrong[i]);
}

static void no_cut_is_deeper_than_a_position(void **context)
{
    (void)context;
    size_t zeros = SUBJECT_PATH_LENGTH_MAX - 1;
    assert_int_equal(read_form("C(ab", zeros), TALLY_OK);
    assert_int_equal(read_form("C(ab", zeros - 1), TALLY_EFORM);
    assert_int_equal(read_form("C(a0", zeros), TALLY_EFORM);
    assert_int_equal(read_form("C(20", zeros), TALLY_EFORM); /* more than one at a single position */
    assert_int_equal(read_form("C((220", zeros), TALLY_EFORM);
    assert_int_equal(read_form("C20", zeros - 1), TALLY_OK);
}

/* Memory is taken for what is there, and for so many. */
static void there_are_only_so_many_parts(void **context)
{
    (void)context;
    for (uint32_t more = 0; more < 2; more++) {
        struct snapshot_ranges ranges = {0};
        struct buffer bytes;
        struct reader reader;
        buffer_init(&bytes, 16 * MIB);
        put_form(&bytes, more ? "((222" : "(22");
        for (uint32_t i = 1; i < SNAPSHOT_PARTS_MAX / 2; i++)
            put_form(&bytes, "(22");
        reader_init(&reader, buffer_span(&bytes));
        assert_int_equal(snapshot_ranges_read(&reader, 16, &ranges), more ? TALLY_EFORM : TALLY_OK);
        assert_int_equal(ranges.count, SNAPSHOT_PARTS_MAX);
        assert_int_equal(ranges.capacity, SNAPSHOT_PARTS_MAX);
        snapshot_ranges_close(&ranges);
        buffer_close(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_as_large_as_they_may_be_and_no_larger),
        cmocka_unit_test(a_size_is_kept_to_the_byte),
        cmocka_unit_test(a_state_built_otherwise_is_cut_alike),
        cmocka_unit_test(no_byte_of_a_cut_snapshot_is_slack),
        cmocka_unit_test(no_part_stands_in_anothers_place),
        cmocka_unit_test(a_head_that_is_cut_otherwise_is_known_by_it),
        cmocka_unit_test(what_needs_no_cut_has_none),
        cmocka_unit_test(no_cut_is_deeper_than_a_position),
        cmocka_unit_test(there_are_only_so_many_parts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
