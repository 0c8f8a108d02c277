// links: node codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/epoch_book.h"
#include "tests/vectors/governance_samples.h"

/* The genesis' validators by their secrets, and the sets of the two epochs after. */
static struct genesis genesis;
static struct sample_network networks[3];
static struct epoch_book *book;

static int begin(void **state)
{
    (void)state;
    sample_genesis(&genesis);
    for (uint32_t i = 0; i < 3; i++) {
        sample_network_of(&networks[i], "chain", i + 1, 20 + 10 * i, 4);
        networks[i].chain_id = genesis.chain_id;
    }
    for (uint32_t i = 0; i < 4; i++)
        genesis.validators[i].key = networks[0].validators.set.keys[3 - i];
    return epoch_book_open(&genesis, &book);
}

static int end(void **state)
{
    (void)state;
    epoch_book_close(book);
    return 0;
}

/* How epoch number `at` + 1 ended. */
static struct epoch_seal seal_of(uint32_t at)
{
    struct epoch_seal seal = {.next_set = networks[at + 1].validators.set};
    seal.checkpoint.checkpoint = (struct checkpoint){.chain_id = genesis.chain_id,
        .epoch = at + 1,
        .height = 10 * (at + 1),
        .set_hash = validator_set_hash(&networks[at].validators.set),
        .next_set_hash = validator_set_hash(&networks[at + 1].validators.set)};
    struct digest digest = checkpoint_digest(&seal.checkpoint.checkpoint);
    seal.checkpoint.signers = sample_quorum(&networks[at]);
    sample_sign(&networks[at], &digest, seal.checkpoint.signers, seal.checkpoint.signatures);
    return seal;
}

static void it_begins_with_the_genesis(void **state)
{
    (void)state;
    assert_int_equal(epoch_book_sealed(book), 0);
    assert_memory_equal(
        &epoch_book_set(book, 1)->set, &networks[0].validators.set, sizeof networks[0].validators.set);
    assert_null(epoch_book_set(book, 1)->before);
    assert_null(epoch_book_set(book, 0));
    assert_null(epoch_book_set(book, 2));
    assert_null(epoch_book_set(book, UINT64_MAX));
    assert_null(epoch_book_seal(book, 1));
    assert_null(epoch_book_seal(book, 0));
    assert_null(epoch_book_seal(book, UINT64_MAX));
}

static void seals_lead_from_set_to_set(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct epoch_seal seal = seal_of(i);
        assert_int_equal(epoch_book_add(book, &seal), TALLY_OK);
        assert_int_equal(epoch_book_sealed(book), i + 1);
        assert_int_equal(epoch_book_seal(book, i + 1)->checkpoint.checkpoint.height, 10 * (i + 1));
        assert_ptr_equal(epoch_book_set(book, i + 2)->before, epoch_book_set(book, i + 1));
    }
}

static void a_seal_that_does_not_follow_is_refused(void **state)
{
    (void)state;
    struct epoch_seal later = seal_of(1), seal = seal_of(0);
    assert_int_equal(epoch_book_add(book, &later), TALLY_EINVALID);
    seal.checkpoint.signatures[0].bytes[5] ^= 1;
    assert_int_equal(epoch_book_add(book, &seal), TALLY_ESIGNATURE);
    seal = seal_of(0);
    seal.next_set = networks[2].validators.set;
    assert_int_equal(epoch_book_add(book, &seal), TALLY_EINVALID);
    seal = seal_of(0);
    seal.checkpoint.checkpoint.chain_id.bytes[0] ^= 1;
    assert_int_equal(epoch_book_add(book, &seal), TALLY_EINVALID);
    seal = seal_of(0);
    seal.checkpoint.checkpoint.set_hash.bytes[0] ^= 1;
    assert_int_equal(epoch_book_add(book, &seal), TALLY_EINVALID);
    assert_int_equal(epoch_book_sealed(book), 0);
    seal = seal_of(0);
    assert_int_equal(epoch_book_add(book, &seal), TALLY_OK);
    assert_int_equal(epoch_book_add(book, &seal), TALLY_EINVALID);
}

static void a_set_may_be_known_before_its_seals(void **state)
{
    (void)state;
    const struct validator_set *third = &networks[2].validators.set;
    assert_int_equal(epoch_book_know(book, third), TALLY_OK);
    assert_int_equal(epoch_book_know(book, third), TALLY_OK);
    assert_null(epoch_book_set(book, 3)->before);
    struct validator_set other = *third;
    other.keys[0] = networks[1].validators.set.keys[0];
    assert_int_equal(epoch_book_know(book, &other), TALLY_EINVALID);
    for (uint32_t i = 0; i < 2; i++) {
        struct epoch_seal seal = seal_of(i);
        assert_int_equal(epoch_book_add(book, &seal), TALLY_OK);
    }
    assert_int_equal(epoch_book_sealed(book), 2);
    assert_ptr_equal(epoch_book_set(book, 3)->before, epoch_book_set(book, 2));
}

static void a_height_has_one_epoch(void **state)
{
    (void)state;
    struct block_header header = {.epoch = 1, .height = 1000};
    assert_non_null(epoch_book_set_for(book, &header));
    for (uint32_t i = 0; i < 2; i++) {
        struct epoch_seal seal = seal_of(i);
        assert_int_equal(epoch_book_add(book, &seal), TALLY_OK);
    }
    static const struct {
        uint64_t epoch, height;
        bool may_be;
    } cases[] = {{1, 1, true}, {1, 10, true}, {1, 11, false}, {2, 10, false}, {2, 11, true}, {2, 20, true},
        {2, 21, false}, {3, 20, false}, {3, 21, true}, {3, 1000, true}, {4, 1000, false}, {0, 1, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        header = (struct block_header){.epoch = cases[i].epoch, .height = cases[i].height};
        assert_int_equal(epoch_book_set_for(book, &header) != NULL, cases[i].may_be);
    }
}

static void it_is_bounded(void **state)
{
    (void)state;
    struct validator_set set = networks[1].validators.set;
    set.epoch = EPOCH_SEALS_MAX + 1;
    assert_int_equal(epoch_book_know(book, &set), TALLY_OK);
    set.epoch++;
    assert_int_equal(epoch_book_know(book, &set), TALLY_ELIMIT);
    set.epoch = 2;
    set.count = 3;
    assert_int_equal(epoch_book_know(book, &set), TALLY_EFORM);
}

#define with_book(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_book(it_begins_with_the_genesis),
        with_book(seals_lead_from_set_to_set),
        with_book(a_seal_that_does_not_follow_is_refused),
        with_book(a_set_may_be_known_before_its_seals),
        with_book(a_height_has_one_epoch),
        with_book(it_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
