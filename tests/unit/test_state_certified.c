// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/state_model.h"

static void check_provable(struct state *state, const struct state_roots *roots, uint32_t subject)
{
    uint64_t height;
    static struct state_proof proof;
    struct digest id = subject_of(subject), position = subject_position(&config.chain_id, &id);
    assert_int_equal(state_provable_height(state, &height), TALLY_OK);
    assert_int_equal(height, roots->height);
    assert_int_equal(state_prove(state, height, &id, &proof), TALLY_OK);
    struct digest root = state_root(&proof.parts), node = {{0}};
    assert_true(digest_equal(&root, &roots->state_root));
    if (proof.place == PLACE_PRESENT) node = subject_leaf_hash(&position, &proof.leaf);
    if (proof.place == PLACE_OTHER) {
        node = subject_leaf_hash(&proof.other_position, &proof.leaf);
        assert_true(position_shared_bits(&proof.other_position, &position) >= proof.sibling_count);
        assert_false(digest_equal(&proof.other_position, &position));
    }
    root = subject_path_root(&position, &node, proof.siblings, proof.sibling_count);
    assert_true(digest_equal(&root, &roots->parts.subjects_root));
}

static void proofs_are_made_at_the_newest_certified_version(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    struct state_roots roots[11];
    uint64_t height;
    assert_int_equal(state_provable_height(opened, &height), TALLY_EBUSY);
    for (uint64_t i = 1; i <= 10; i++) {
        roots[i] = apply_block(opened, &model, 20 + i, 12);
        if (i == 7) assert_int_equal(state_freeze(opened), TALLY_OK);
    }
    assert_int_equal(state_provable_height(opened, &height), TALLY_EBUSY);
    struct certified_checkpoint four = certify(&roots[4]), seven = certify(&roots[7]), found;
    assert_int_equal(state_certified_put(opened, &four), TALLY_OK);
    for (uint32_t s = 0; s < MODEL_SUBJECTS + 10; s++)
        check_provable(opened, &roots[4], s);
    struct certified_checkpoint wrong = seven;
    wrong.checkpoint.state_root.bytes[0] ^= 1;
    assert_int_equal(state_certified_put(opened, &wrong), TALLY_EINVALID);
    assert_int_equal(state_certified_put(opened, &seven), TALLY_OK);
    assert_int_equal(state_certified_put(opened, &seven), TALLY_OK);
    for (uint32_t s = 0; s < MODEL_SUBJECTS + 10; s++)
        check_provable(opened, &roots[7], s);
    static struct state_proof proof;
    struct digest id = subject_of(1);
    assert_int_equal(state_prove(opened, 4, &id, &proof), TALLY_EBUSY);
    assert_int_equal(state_certified_above(opened, 2, &found), TALLY_OK);
    assert_int_equal(found.checkpoint.height, 4);
    assert_int_equal(state_certified_above(opened, 5, &found), TALLY_OK);
    assert_int_equal(found.checkpoint.height, 7);
    assert_int_equal(state_certified_above(opened, 8, &found), TALLY_ENOTFOUND);
    /* Flushed up to the certified height, a restart can prove at once, and while it replays. */
    assert_int_equal(state_flush(opened, 7), TALLY_OK);
    state_close(opened);
    opened = open_state(dir);
    assert_int_equal(state_applied_height(opened), 7);
    check_provable(opened, &roots[7], 3);
    assert_int_equal(state_certified_newest(opened, &found), TALLY_OK);
    assert_int_equal(found.checkpoint.height, 7);
    assert_int_equal(state_certified_get(opened, 4, &found), TALLY_OK);
    assert_int_equal(state_certified_above(opened, 3, &found), TALLY_OK);
    assert_int_equal(found.checkpoint.height, 4);
    state_close(opened);
    drop_dir(dir);
}

static void versions_that_wait_for_a_certificate_take_bounded_memory(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    size_t usual = config.older_nodes_max;
    config.older_nodes_max = 1;
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    struct state_roots roots[STATE_VERSIONS_MIN + 6];
    for (uint64_t i = 1; i < STATE_VERSIONS_MIN + 6; i++)
        roots[i] = apply_block(opened, &model, 20 + i, 12);
    uint64_t height;
    struct certified_checkpoint five = certify(&roots[5]), six = certify(&roots[6]);
    assert_int_equal(state_certified_put(opened, &five), TALLY_OK);
    assert_int_equal(state_provable_height(opened, &height), TALLY_EBUSY);
    assert_int_equal(state_certified_put(opened, &six), TALLY_OK);
    check_provable(opened, &roots[6], 1);
    state_close(opened);
    config.older_nodes_max = usual;
    drop_dir(dir);
}

static void a_checkpoint_known_before_its_block_counts_once_the_block_is_applied(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    struct state_roots roots = {0};
    for (uint64_t i = 1; i <= 3; i++)
        roots = apply_block(opened, &model, 30 + i, 5);
    struct certified_checkpoint three = certify(&roots);
    state_close(opened);
    opened = open_state(dir);
    assert_int_equal(state_certified_put(opened, &three), TALLY_OK);
    uint64_t height;
    assert_int_equal(state_provable_height(opened, &height), TALLY_EBUSY);
    model = (struct model){.time_ms = START_MS};
    for (uint64_t i = 1; i <= 3; i++)
        apply_block(opened, &model, 30 + i, 5);
    check_provable(opened, &roots, 0);
    state_close(opened);
    drop_dir(dir);
}

static void many_checkpoints_wait_for_a_flush_without_bound_on_memory(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct certified_checkpoint found;
    for (uint64_t i = 1; i <= 200; i++) {
        struct state_roots roots = {.height = i, .block = digest_of(i)};
        struct certified_checkpoint checkpoint = certify(&roots);
        assert_int_equal(state_certified_put(opened, &checkpoint), TALLY_OK);
    }
    for (uint64_t i = 1; i <= 200; i++) {
        assert_int_equal(state_certified_get(opened, i, &found), TALLY_OK);
        assert_int_equal(found.checkpoint.height, i);
        assert_int_equal(state_certified_above(opened, i, &found), TALLY_OK);
        assert_int_equal(found.checkpoint.height, i);
    }
    state_close(opened);
    drop_dir(dir);
}

static void history_paths_lead_to_the_history_root(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    struct state_roots roots[14];
    for (uint64_t i = 1; i <= 13; i++) {
        roots[i] = apply_block(opened, &model, 60 + i, 2);
        if (i == 9) assert_int_equal(state_freeze(opened), TALLY_OK);
    }
    assert_int_equal(state_flush(opened, 9), TALLY_OK);
    struct digest path[MERKLE_DEPTH_MAX];
    size_t length;
    for (uint64_t under = 1; under <= 13; under++) {
        for (uint64_t height = 1; height <= under; height++) {
            assert_int_equal(state_history_path(opened, under, height, path, &length), TALLY_OK);
            assert_int_equal(merkle_path_check(&model.leaves[height - 1], height - 1, under, path, length,
                                 &roots[under].history_root),
                TALLY_OK);
        }
    }
    assert_int_equal(state_history_path(opened, 14, 1, path, &length), TALLY_ENOTFOUND);
    assert_int_equal(state_history_path(opened, 5, 6, path, &length), TALLY_ENOTFOUND);
    state_close(opened);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proofs_are_made_at_the_newest_certified_version),
        cmocka_unit_test(versions_that_wait_for_a_certificate_take_bounded_memory),
        cmocka_unit_test(a_checkpoint_known_before_its_block_counts_once_the_block_is_applied),
        cmocka_unit_test(many_checkpoints_wait_for_a_flush_without_bound_on_memory),
        cmocka_unit_test(history_paths_lead_to_the_history_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
