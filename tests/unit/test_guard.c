// links: keys storage crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/keys/guard.h"
#include "tests/fault/memory_disk.h"

static const struct digest chain = {{7}}, other_chain = {{8}};
static const struct digest block_a = {{1}}, block_b = {{2}};

static struct memory_disk *fresh_disk(void)
{
    struct memory_disk *disk = memory_disk_make(1);
    assert_int_equal(disk->disk.make_dir(disk->disk.context, "home"), TALLY_OK);
    return disk;
}

static struct guard *opened(struct memory_disk *disk)
{
    struct guard *guard = NULL;
    assert_int_equal(guard_open(&disk->disk, "home", &chain, &guard), TALLY_OK);
    return guard;
}

static void is_marked(const struct guard *guard, uint64_t epoch, uint64_t view)
{
    assert_int_equal(guard_marked(guard).epoch, epoch);
    assert_int_equal(guard_marked(guard).view, view);
}

static int reach(struct guard *guard, uint64_t epoch, uint64_t view)
{
    return guard_reach(guard, (struct guard_mark){epoch, view});
}

static void a_mark_outlives_the_process_and_only_grows(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    struct guard *guard = NULL;
    assert_int_equal(guard_open(&disk->disk, "home", &chain, &guard), TALLY_ENOTFOUND);
    assert_int_equal(guard_create(&disk->disk, "home", &chain), TALLY_OK);
    guard = opened(disk);
    is_marked(guard, 0, 0);
    for (uint64_t view = 1; view < 300; view += 7) {
        assert_int_equal(reach(guard, 1, view), TALLY_OK);
        assert_int_equal(reach(guard, 1, view - 1), TALLY_OK);
        is_marked(guard, 1, view);
        guard_close(guard);
        guard = opened(disk);
        is_marked(guard, 1, view);
    }
    /* Views begin anew in the next epoch. */
    assert_int_equal(reach(guard, 2, 1), TALLY_OK);
    is_marked(guard, 2, 1);
    guard_close(guard);
    assert_int_equal(guard_create(&disk->disk, "home", &chain), TALLY_OK); /* what is there stays */
    guard = opened(disk);
    is_marked(guard, 2, 1);
    guard_close(guard);
    assert_int_equal(guard_open(&disk->disk, "home", &other_chain, &guard), TALLY_ECHAIN);
    assert_int_equal(guard_create(&disk->disk, "home", &other_chain), TALLY_ECHAIN);
    memory_disk_close(disk);
}

static void a_power_cut_loses_less_than_a_window(void **state)
{
    (void)state;
    for (enum crash_kind kind = CRASH_KEEPS_ALL; kind <= CRASH_KEEPS_SOME; kind++) {
        for (uint64_t last = 1; last <= 3 * GUARD_WINDOW; last++) {
            struct memory_disk *disk = fresh_disk();
            assert_int_equal(guard_create(&disk->disk, "home", &chain), TALLY_OK);
            struct guard *guard = opened(disk);
            for (uint64_t view = 1; view <= last; view++)
                assert_int_equal(reach(guard, 1, view), TALLY_OK);
            memory_disk_crash(disk, kind);
            struct guard *again = opened(disk);
            assert_true(guard_marked(again).view <= last);
            assert_true(last - guard_marked(again).view < GUARD_WINDOW);
            if (kind == CRASH_KEEPS_ALL) is_marked(again, 1, last);
            guard_close(again);
            guard_close(guard);
            memory_disk_close(disk);
        }
    }
}

static void one_slot_of_two_may_be_spoilt(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    assert_int_equal(guard_create(&disk->disk, "home", &chain), TALLY_OK);
    struct guard *guard = opened(disk);
    assert_int_equal(reach(guard, 1, 5), TALLY_OK);
    assert_int_equal(reach(guard, 1, 6), TALLY_OK);
    guard_close(guard);
    struct memory_file *file = memory_find(disk, "home/guard");
    for (size_t at = 0; at < 2 * GUARD_SLOT_SIZE; at++) {
        if (at % GUARD_SLOT_SIZE > 100) continue; /* zeros that stand for nothing */
        file->data[at] ^= 1;
        guard = opened(disk);
        assert_true(guard_marked(guard).view == 5 || guard_marked(guard).view == 6);
        guard_close(guard);
        file->data[at] ^= 1;
    }
    file->data[20] ^= 1;
    file->data[GUARD_SLOT_SIZE + 20] ^= 1;
    assert_int_equal(guard_open(&disk->disk, "home", &chain, &guard), TALLY_EDAMAGED);
    assert_int_equal(guard_create(&disk->disk, "home", &chain), TALLY_EDAMAGED);
    memory_disk_close(disk);
}

/* Wherever the n-th write or sync fails: what was reached before is known after, and nothing follows. */
static void a_failed_write_is_final(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth <= 8; nth++) {
        struct memory_disk *disk = fresh_disk();
        assert_int_equal(guard_create(&disk->disk, "home", &chain), TALLY_OK);
        struct guard *guard = opened(disk);
        memory_fault(disk, FAULT_IO, nth, 0);
        uint64_t view = 0, reached = 0;
        int error = TALLY_OK;
        while (error == TALLY_OK && view < 10 * GUARD_WINDOW) {
            view += GUARD_WINDOW;
            error = reach(guard, 1, view);
            if (error == TALLY_OK) reached = view;
        }
        assert_int_equal(error, TALLY_EIO);
        assert_int_equal(reach(guard, 1, view + 1), TALLY_EIO);
        guard_close(guard);
        memory_disk_crash(disk, CRASH_KEEPS_SYNCED);
        guard = opened(disk);
        assert_int_equal(guard_marked(guard).view, reached);
        guard_close(guard);
        memory_disk_close(disk);
    }
}

static int allow(struct guard *guard, enum vote_kind vote, uint64_t view, const struct digest *digest)
{
    const struct signing what = {vote == 0 ? SIGNING_PROPOSAL : SIGNING_VOTE, vote, 1, view, 0};
    return guard_allow(guard, &what, digest);
}

static void what_contradicts_is_not_allowed(void **state)
{
    (void)state;
    struct memory_disk *disk = fresh_disk();
    assert_int_equal(guard_create(&disk->disk, "home", &chain), TALLY_OK);
    struct guard *guard = opened(disk);
    assert_int_equal(allow(guard, VOTE_NOTARIZE, 1, &block_a), TALLY_OK);
    assert_int_equal(allow(guard, VOTE_NOTARIZE, 1, &block_a), TALLY_OK);
    assert_int_equal(allow(guard, VOTE_NOTARIZE, 1, &block_b), TALLY_EEXISTS);
    assert_int_equal(allow(guard, VOTE_FINALIZE, 1, &block_a), TALLY_OK);
    assert_int_equal(allow(guard, VOTE_NULLIFY, 1, &block_b), TALLY_EEXISTS);
    assert_int_equal(allow(guard, VOTE_NULLIFY, 2, &block_b), TALLY_OK);
    assert_int_equal(allow(guard, VOTE_NOTARIZE, 2, &block_a), TALLY_OK); /* R3: after my own nullify too */
    assert_int_equal(allow(guard, VOTE_FINALIZE, 2, &block_a), TALLY_EEXISTS);
    assert_int_equal(allow(guard, 0, 3, &block_a), TALLY_OK);
    assert_int_equal(allow(guard, 0, 3, &block_b), TALLY_EEXISTS);
    /* Older than what is remembered: it cannot be told, so it is not signed. */
    assert_int_equal(allow(guard, VOTE_NOTARIZE, 1 + GUARD_VIEWS, &block_a), TALLY_OK);
    assert_int_equal(allow(guard, VOTE_NOTARIZE, 1, &block_a), TALLY_EEXISTS);
    /* The same view of the next epoch is another one. */
    const struct signing later = {SIGNING_VOTE, VOTE_NOTARIZE, 2, 2, 0};
    assert_int_equal(guard_allow(guard, &later, &block_b), TALLY_OK);
    assert_int_equal(allow(guard, VOTE_NULLIFY, 2, &block_b), TALLY_EEXISTS);
    guard_close(guard);
    memory_disk_close(disk);
}

static void a_signer_signs_with_its_key(void **state)
{
    (void)state;
    struct secret_key secret;
    struct node_signer signer;
    struct signature signature;
    struct verify_key key;
    const struct signing link = {.kind = SIGNING_LINK};
    secret_key_generate(&secret);
    assert_int_equal(node_signer_open(&secret, &signer), TALLY_OK);
    assert_int_equal(verify_key_parse(&signer.key, &key), TALLY_OK);
    assert_int_equal(node_signer_sign(&signer, &link, &block_a, &signature), TALLY_OK);
    assert_int_equal(signature_check(&key, &block_a, &signature), TALLY_OK);
    node_signer_close(&signer);
    node_signer_close(&signer);
    signer = node_signer_of(&secret);
    assert_int_equal(node_signer_sign(&signer, &link, &block_b, &signature), TALLY_OK);
    assert_int_equal(signature_check(&key, &block_b, &signature), TALLY_OK);
    secret = (struct secret_key){{0}};
    assert_int_equal(node_signer_open(&secret, &signer), TALLY_EFORM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_outlives_the_process_and_only_grows),
        cmocka_unit_test(a_power_cut_loses_less_than_a_window),
        cmocka_unit_test(one_slot_of_two_may_be_spoilt),
        cmocka_unit_test(a_failed_write_is_final),
        cmocka_unit_test(what_contradicts_is_not_allowed),
        cmocka_unit_test(a_signer_signs_with_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
