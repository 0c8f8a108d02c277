#include "node/epoch_book.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "proto/base/check.h"

/* The last epoch that a book holds has no end that it could hold. */
#define EPOCHS_MAX (EPOCH_SEALS_MAX + 1u)

struct epoch_book {
    struct digest chain_id;
    /* By epoch. Each is written once, whole, before others can see it. */
    _Atomic(struct verify_set *) sets[EPOCHS_MAX + 1];
    _Atomic(struct epoch_seal *) seals[EPOCH_SEALS_MAX + 1];
    atomic_uint_fast64_t sealed;
};

int epoch_book_open(const struct genesis *genesis, struct epoch_book **out)
{
    struct validator_set set;
    struct epoch_book *book = calloc(1, sizeof *book);
    if (book == NULL) return TALLY_ENOMEM;
    book->chain_id = genesis->chain_id;
    genesis_validator_set(genesis, &set);
    int error = epoch_book_know(book, &set);
    if (error != TALLY_OK)
        epoch_book_close(book);
    else
        *out = book;
    return error;
}

void epoch_book_close(struct epoch_book *book)
{
    if (book == NULL) return;
    for (uint64_t epoch = 1; epoch <= EPOCHS_MAX; epoch++)
        free(book->sets[epoch]);
    for (uint64_t epoch = 1; epoch <= EPOCH_SEALS_MAX; epoch++)
        free(book->seals[epoch]);
    free(book);
}

const struct verify_set *epoch_book_set(const struct epoch_book *book, uint64_t epoch)
{
    if (epoch == 0 || epoch > EPOCHS_MAX) return NULL;
    return atomic_load_explicit(&book->sets[epoch], memory_order_acquire);
}

const struct epoch_seal *epoch_book_seal(const struct epoch_book *book, uint64_t epoch)
{
    if (epoch == 0 || epoch > EPOCH_SEALS_MAX) return NULL;
    return atomic_load_explicit(&book->seals[epoch], memory_order_acquire);
}

/* Whoever had a former epoch's keys could else make up what came later. */
const struct verify_set *epoch_book_set_for(const struct epoch_book *book, const struct block_header *header)
{
    const struct epoch_seal *seal = epoch_book_seal(book, header->epoch);
    const struct epoch_seal *before = epoch_book_seal(book, header->epoch - 1);
    if (seal != NULL && header->height > seal->checkpoint.checkpoint.height) return NULL;
    if (before != NULL && header->height <= before->checkpoint.checkpoint.height) return NULL;
    return epoch_book_set(book, header->epoch);
}

uint64_t epoch_book_sealed(const struct epoch_book *book)
{
    return atomic_load_explicit(&book->sealed, memory_order_acquire);
}

int epoch_book_know(struct epoch_book *book, const struct validator_set *set)
{
    if (set->epoch == 0) return TALLY_EINVALID;
    if (set->epoch > EPOCHS_MAX) return TALLY_ELIMIT;
    const struct verify_set *known = epoch_book_set(book, set->epoch);
    if (known != NULL) {
        struct digest old = validator_set_hash(&known->set), new = validator_set_hash(set);
        return digest_equal(&old, &new) ? TALLY_OK : TALLY_EINVALID;
    }
    struct verify_set *added = malloc(sizeof *added);
    if (added == NULL) return TALLY_ENOMEM;
    int error = verify_set_init(set, added);
    if (error != TALLY_OK) {
        free(added);
        return error;
    }
    added->before = epoch_book_set(book, set->epoch - 1);
    atomic_store_explicit(&book->sets[set->epoch], added, memory_order_release);
    /* Where the state was made anew, its own epoch's set is known before those that led to it. */
    struct verify_set *next = set->epoch < EPOCHS_MAX ? book->sets[set->epoch + 1] : NULL;
    if (next != NULL) atomic_store_explicit(&next->before, added, memory_order_release);
    return TALLY_OK;
}

static int seal_check(const struct epoch_book *book, const struct epoch_seal *seal, uint64_t epoch)
{
    const struct verify_set *set = epoch_book_set(book, epoch);
    const struct checkpoint *checkpoint = &seal->checkpoint.checkpoint;
    CHECK(set != NULL);
    struct digest own = validator_set_hash(&set->set), next = validator_set_hash(&seal->next_set);
    if (checkpoint->epoch != epoch || seal->next_set.epoch != epoch + 1) return TALLY_EINVALID;
    if (!digest_equal(&checkpoint->chain_id, &book->chain_id)) return TALLY_EINVALID;
    if (!digest_equal(&checkpoint->set_hash, &own)) return TALLY_EINVALID;
    if (!digest_equal(&checkpoint->next_set_hash, &next)) return TALLY_EINVALID;
    return certified_checkpoint_check(set, &seal->checkpoint);
}

int epoch_book_add(struct epoch_book *book, const struct epoch_seal *seal)
{
    uint64_t epoch = epoch_book_sealed(book) + 1;
    if (epoch > EPOCH_SEALS_MAX) return TALLY_ELIMIT;
    int error = seal_check(book, seal, epoch);
    if (error != TALLY_OK) return error;
    struct epoch_seal *added = malloc(sizeof *added);
    if (added == NULL) return TALLY_ENOMEM;
    *added = *seal;
    error = epoch_book_know(book, &seal->next_set);
    if (error != TALLY_OK) {
        free(added);
        return error;
    }
    atomic_store_explicit(&book->seals[epoch], added, memory_order_release);
    atomic_store_explicit(&book->sealed, epoch, memory_order_release);
    return TALLY_OK;
}
