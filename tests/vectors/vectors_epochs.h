/* Vectors of proofs whose checkpoint is of a later epoch than the trusted validators': with the seals that
 * lead there. */
#ifndef TALLY_TESTS_VECTORS_EPOCHS_H
#define TALLY_TESTS_VECTORS_EPOCHS_H

#include "tests/vectors/sample_epochs.h"
#include "tests/vectors/vector.h"

#define SEALS_SPOILT_MAX 8u

/* What a vector is made from, for its `spoil` to change. */
struct epochs_making {
    const struct sample_epochs *epochs;
    struct epoch_seal seals[SEALS_SPOILT_MAX];
    uint32_t seal_count;
    struct consistency_proof consistency; /* of heights 1 and 11 */
    struct receipt receipt;               /* under the checkpoint of height 11 */
    struct history_proof history;         /* under that of height 9 */
    struct certified_checkpoint *under;   /* the proof's own, or the newer */
    uint64_t known;                       /* the height of the one verified before; 0 = none */
};

typedef void epochs_spoil(struct epochs_making *making);

/* Signs a seal anew, after its checkpoint has changed. */
static void seal_resign(struct epochs_making *making, uint32_t i)
{
    const struct sample_network *network = &making->epochs->networks[i];
    sample_certify(network, sample_quorum(network), &making->seals[i].checkpoint);
}

/* Signs the proof's own checkpoint anew, as this epoch's validators may. */
static void under_resign(struct epochs_making *making, uint32_t epoch)
{
    const struct sample_network *network = &making->epochs->networks[epoch - 1];
    sample_certify(network, sample_quorum(network), making->under);
}

static void stale_set_signs(struct epochs_making *making)
{
    sample_epochs_certify(making->epochs, making->epochs->count - 1, false, making->under);
}
static void stale_set_signs_for_the_new_one(struct epochs_making *making)
{
    under_resign(making, making->epochs->count - 1);
}
static void first_seal_left_out(struct epochs_making *making)
{
    memmove(making->seals, making->seals + 1, --making->seal_count * sizeof making->seals[0]);
}
static void middle_seal_left_out(struct epochs_making *making)
{
    memmove(making->seals + 1, making->seals + 2, (--making->seal_count - 1) * sizeof making->seals[0]);
}
static void last_seal_left_out(struct epochs_making *making)
{
    making->seal_count--;
}
static void no_seals(struct epochs_making *making)
{
    making->seal_count = 0;
}
static void seals_out_of_order(struct epochs_making *making)
{
    struct epoch_seal first = making->seals[0];
    making->seals[0] = making->seals[1];
    making->seals[1] = first;
}
static void seal_twice(struct epochs_making *making)
{
    memmove(making->seals + 1, making->seals, making->seal_count++ * sizeof making->seals[0]);
}
/* One more than there are epochs before the checkpoint's: it would have to be of the next. */
static void seal_of_its_own_epoch(struct epochs_making *making)
{
    making->seals[making->seal_count] = making->seals[making->seal_count - 1];
    making->seals[making->seal_count].checkpoint = *making->under;
    making->seal_count++;
}
static void seal_by_the_next_set(struct epochs_making *making)
{
    const struct sample_network *next = &making->epochs->networks[1];
    sample_certify(next, sample_quorum(next), &making->seals[0].checkpoint);
}
static void seal_by_the_next_set_in_its_name(struct epochs_making *making)
{
    struct checkpoint *checkpoint = &making->seals[0].checkpoint.checkpoint;
    checkpoint->set_hash = validator_set_hash(&making->epochs->networks[1].validators.set);
    seal_by_the_next_set(making);
}
static void next_set_key_changed(struct epochs_making *making)
{
    struct epoch_seal *last = &making->seals[making->seal_count - 1];
    last->next_set.keys[last->next_set.count - 1].bytes[PUBLIC_KEY_SIZE - 1] ^= 1;
}
static void next_set_key_left_out(struct epochs_making *making)
{
    making->seals[0].next_set.count--;
}
/* The third epoch's quorum is 3 of 4: two of them, and one who only is of the fourth. */
static void quorum_of_the_union_alone(struct epochs_making *making)
{
    struct certified_checkpoint *certified = &making->seals[2].checkpoint, other = *certified;
    const struct sample_network *own = &making->epochs->networks[2], *next = own + 1;
    uint32_t newcomer = 0;
    for (uint32_t i = 0; i < next->validators.set.count; i++) {
        bool is_old = false;
        for (uint32_t j = 0; j < own->validators.set.count; j++)
            is_old = is_old || memcmp(&own->validators.set.keys[j], &next->validators.set.keys[i],
                                   PUBLIC_KEY_SIZE) == 0;
        if (!is_old) newcomer = i;
    }
    sample_certify(next, 1ull << newcomer, &other);
    certified->signatures[2] = other.signatures[0];
}
static void seal_too_few_signers(struct epochs_making *making)
{
    sample_certify(&making->epochs->networks[1], 15, &making->seals[1].checkpoint);
}
static void seal_with_the_next_epochs_number(struct epochs_making *making)
{
    making->seals[0].checkpoint.checkpoint.epoch++;
    seal_resign(making, 0);
}
static void checkpoint_with_the_next_epochs_number(struct epochs_making *making)
{
    making->under->checkpoint.epoch++;
    under_resign(making, making->epochs->count);
}
static void seal_that_seals_nothing(struct epochs_making *making)
{
    struct checkpoint *checkpoint = &making->seals[0].checkpoint.checkpoint;
    checkpoint->next_set_hash = checkpoint->set_hash;
    seal_resign(making, 0);
}
static void seal_of_another_chain(struct epochs_making *making)
{
    making->seals[1].checkpoint.checkpoint.chain_id = sample_digest("another chain");
    seal_resign(making, 1);
}
/* An x that is no point's. */
static void next_set_key_is_none(struct epochs_making *making)
{
    struct epoch_seal *seal = &making->seals[0];
    struct public_key *key = &seal->next_set.keys[seal->next_set.count - 1];
    memset(key->bytes, 0xFF, PUBLIC_KEY_SIZE);
    key->bytes[0] = 3;
    seal->checkpoint.checkpoint.next_set_hash = validator_set_hash(&seal->next_set);
    seal_resign(making, 0);
}
static void seal_not_higher(struct epochs_making *making)
{
    making->seals[1].checkpoint.checkpoint.height = making->seals[0].checkpoint.checkpoint.height;
    seal_resign(making, 1);
}
static void seal_not_later(struct epochs_making *making)
{
    making->seals[1].checkpoint.checkpoint.time_ms = making->seals[0].checkpoint.checkpoint.time_ms;
    seal_resign(making, 1);
}
static void checkpoint_below_the_seal(struct epochs_making *making)
{
    making->under->checkpoint.height = making->seals[making->seal_count - 1].checkpoint.checkpoint.height - 1;
    under_resign(making, making->epochs->count);
}
static void checkpoint_before_the_seal(struct epochs_making *making)
{
    making->under->checkpoint.time_ms = making->seals[making->seal_count - 1].checkpoint.checkpoint.time_ms;
    under_resign(making, making->epochs->count);
}
static void next_set_of_keys_not_ascending(struct epochs_making *making)
{
    struct public_key *keys = making->seals[0].next_set.keys, first = keys[0];
    keys[0] = keys[1];
    keys[1] = first;
}
static void next_set_of_a_key_twice(struct epochs_making *making)
{
    making->seals[0].next_set.keys[1] = making->seals[0].next_set.keys[0];
}

/* ---- Consistency ---- */

static void older_is_a_seal(struct epochs_making *making)
{
    sample_epochs_consistency(making->epochs, 4, 11, &making->consistency);
}
static void older_in_the_middle(struct epochs_making *making)
{
    sample_epochs_consistency(making->epochs, 5, 11, &making->consistency);
}
static void both_in_the_last_epoch(struct epochs_making *making)
{
    sample_epochs_consistency(making->epochs, 10, 11, &making->consistency);
}
static void one_with_itself(struct epochs_making *making)
{
    sample_epochs_consistency(making->epochs, 11, 11, &making->consistency);
}
static void older_of_a_later_epoch(struct epochs_making *making)
{
    sample_epochs_consistency(making->epochs, 5, 11, &making->consistency);
    making->seal_count = 1;
    sample_epochs_certify(making->epochs, 2, false, &making->consistency.newer);
}
/* Signed by an epoch's validators above its seal. */
static void older_above_its_seal(struct epochs_making *making)
{
    sample_epochs_consistency(making->epochs, 3, 11, &making->consistency);
    sample_epochs_certify(making->epochs, 1, false, &making->consistency.older);
}
static void older_is_another_than_its_seal(struct epochs_making *making)
{
    sample_epochs_consistency(making->epochs, 2, 11, &making->consistency);
    sample_epochs_certify(making->epochs, 1, false, &making->consistency.older);
}
static void older_below_the_seal_before_it(struct epochs_making *making)
{
    sample_epochs_consistency(making->epochs, 1, 11, &making->consistency);
    sample_epochs_certify(making->epochs, 2, false, &making->consistency.older);
}

/* ---- Beside a checkpoint that is known ---- */

static void known_in_the_middle(struct epochs_making *making)
{
    making->known = 5;
}
static void known_is_a_seal(struct epochs_making *making)
{
    making->known = 4;
}
static void known_is_a_seal_where_seals_begin(struct epochs_making *making)
{
    making->known = 4;
    first_seal_left_out(making);
}
static void known_where_seals_begin(struct epochs_making *making)
{
    making->known = 5;
    first_seal_left_out(making);
    first_seal_left_out(making);
}
static void known_after_where_seals_begin(struct epochs_making *making)
{
    making->known = 5;
    first_seal_left_out(making);
}
static void known_of_the_last_epoch_without_seals(struct epochs_making *making)
{
    making->known = 10;
    making->seal_count = 0;
}
static void known_above_it(struct epochs_making *making)
{
    making->known = 11;
    sample_epochs_consistency(making->epochs, 1, 10, &making->consistency);
}
/* The first epoch's keys, retired since, sign what never was: newer than all that they had to say. */
static void retired_keys_sign_on(struct epochs_making *making)
{
    making->seal_count = 0;
    sample_epochs_certify(making->epochs, 1, false, making->under);
}
static void retired_keys_sign_on_beside_the_known(struct epochs_making *making)
{
    retired_keys_sign_on(making);
    making->known = 5;
}
/* Or seal their epoch once more, for others. */
static void retired_keys_seal_again(struct epochs_making *making)
{
    static struct sample_network other;
    sample_network_of(&other, "chain", 2, 20, 4);
    making->seal_count = 1;
    making->seals[0].next_set = other.validators.set;
    making->seals[0].checkpoint.checkpoint.next_set_hash = validator_set_hash(&other.validators.set);
    seal_resign(making, 0);
    making->under->checkpoint.epoch = 2;
    making->under->checkpoint.set_hash = validator_set_hash(&other.validators.set);
    making->under->checkpoint.next_set_hash = making->under->checkpoint.set_hash;
    sample_certify(&other, sample_quorum(&other), making->under);
}
static void retired_keys_seal_again_beside_the_known(struct epochs_making *making)
{
    retired_keys_seal_again(making);
    making->known = 3;
}
/* The epoch of the known checkpoint is sealed below it. */
static void known_above_its_epochs_seal(struct epochs_making *making)
{
    making->known = 3;
    struct checkpoint *seal = &making->seals[1].checkpoint.checkpoint;
    seal->height = 3;
    seal->time_ms = making->seals[0].checkpoint.checkpoint.time_ms + 1;
    seal_resign(making, 1);
}

/* ---- In the list's own bytes ---- */

static void list_trailing_byte(struct buffer *list)
{
    buffer_u8(list, 0);
}
static void list_empty_seal(struct buffer *list)
{
    buffer_append(list, "\x0a\x00", 2);
}
static void list_truncated(struct buffer *list)
{
    list->size--;
}
/* The first seal's next set, which ends it, loses a byte; the sizes of both say so. */
static void list_key_cut(struct buffer *list)
{
    size_t end = 3 + ((list->data[1] & 0x7Fu) | (size_t)list->data[2] << 7);
    CHECK(list->data[1] > 0x80 && list->size == end);
    list->size--;
    list->data[1]--;
    list->data[end - 4 * PUBLIC_KEY_SIZE - 2]--;
}
static void list_size_not_minimal(struct buffer *list)
{
    buffer_u8(list, 0);
    memmove(list->data + 4, list->data + 3, list->size - 4);
    list->data[2] |= 0x80;
    list->data[3] = 0;
}

enum epochs_form { EPOCHS_RECEIPT, EPOCHS_HISTORY, EPOCHS_CONSISTENCY };

static const struct {
    const char *name;
    enum proof_reason reason;
    enum epochs_form form;
    uint32_t epochs;
    epochs_spoil *spoil;
    vector_mangle *list;
} epochs_vectors[] = {
    {"epochs_2_receipt", PROOF_OK, EPOCHS_RECEIPT, .epochs = 2},
    {"epochs_5_receipt", PROOF_OK, EPOCHS_RECEIPT, .epochs = 5},
    {"epochs_2_history", PROOF_OK, EPOCHS_HISTORY, .epochs = 2},
    {"epochs_5_history", PROOF_OK, EPOCHS_HISTORY, .epochs = 5},
    {"epochs_2_consistency", PROOF_OK, EPOCHS_CONSISTENCY, .epochs = 2},
    {"epochs_5_consistency", PROOF_OK, EPOCHS_CONSISTENCY, .epochs = 5},
    {"epochs_consistency_older_is_a_seal", PROOF_OK, EPOCHS_CONSISTENCY, 5, .spoil = older_is_a_seal},
    {"epochs_consistency_older_in_the_middle", PROOF_OK, EPOCHS_CONSISTENCY, 5, .spoil = older_in_the_middle},
    {"epochs_consistency_both_in_the_last", PROOF_OK, EPOCHS_CONSISTENCY, 5, .spoil = both_in_the_last_epoch},
    {"epochs_consistency_one_with_itself", PROOF_OK, EPOCHS_CONSISTENCY, 5, .spoil = one_with_itself},
    {"epochs_stale_set_signs", PROOF_SIGNATURE, EPOCHS_RECEIPT, 2, .spoil = stale_set_signs},
    {"epochs_stale_set_signs_history", PROOF_SIGNATURE, EPOCHS_HISTORY, 5, .spoil = stale_set_signs},
    {"epochs_stale_set_signs_newer", PROOF_SIGNATURE, EPOCHS_CONSISTENCY, 5, .spoil = stale_set_signs},
    {"epochs_stale_set_for_the_new", PROOF_SIGNATURE, EPOCHS_RECEIPT, 2,
        .spoil = stale_set_signs_for_the_new_one},
    {"epochs_first_seal_left_out", PROOF_SIGNATURE, EPOCHS_RECEIPT, 5, .spoil = first_seal_left_out},
    {"epochs_middle_seal_left_out", PROOF_SIGNATURE, EPOCHS_RECEIPT, 5, .spoil = middle_seal_left_out},
    {"epochs_last_seal_left_out", PROOF_SIGNATURE, EPOCHS_RECEIPT, 5, .spoil = last_seal_left_out},
    {"epochs_no_seals", PROOF_SIGNATURE, EPOCHS_HISTORY, 2, .spoil = no_seals},
    {"epochs_seals_out_of_order", PROOF_SIGNATURE, EPOCHS_RECEIPT, 5, .spoil = seals_out_of_order},
    {"epochs_seal_twice", PROOF_SIGNATURE, EPOCHS_RECEIPT, 5, .spoil = seal_twice},
    {"epochs_seal_of_its_own_epoch", PROOF_SIGNATURE, EPOCHS_RECEIPT, 2, .spoil = seal_of_its_own_epoch},
    {"epochs_seal_by_the_next_set", PROOF_SIGNATURE, EPOCHS_RECEIPT, 2, .spoil = seal_by_the_next_set},
    {"epochs_seal_in_the_next_sets_name", PROOF_SIGNATURE, EPOCHS_RECEIPT, 2,
        .spoil = seal_by_the_next_set_in_its_name},
    {"epochs_next_set_key_changed", PROOF_SIGNATURE, EPOCHS_RECEIPT, 5, .spoil = next_set_key_changed},
    {"epochs_next_set_key_left_out", PROOF_SIGNATURE, EPOCHS_RECEIPT, 2, .spoil = next_set_key_left_out},
    {"epochs_next_set_key_is_none", PROOF_SIGNATURE, EPOCHS_RECEIPT, 2, .spoil = next_set_key_is_none},
    {"epochs_quorum_of_the_union", PROOF_SIGNATURE, EPOCHS_RECEIPT, 5, .spoil = quorum_of_the_union_alone},
    {"epochs_seal_too_few_signers", PROOF_SIGNATURE, EPOCHS_RECEIPT, 5, .spoil = seal_too_few_signers},
    {"epochs_seal_with_the_next_number", PROOF_SIGNATURE, EPOCHS_RECEIPT, 2,
        .spoil = seal_with_the_next_epochs_number},
    {"epochs_checkpoint_with_the_next_number", PROOF_SIGNATURE, EPOCHS_RECEIPT, 2,
        .spoil = checkpoint_with_the_next_epochs_number},
    {"epochs_seal_that_seals_nothing", PROOF_SIGNATURE, EPOCHS_RECEIPT, 2, .spoil = seal_that_seals_nothing},
    {"epochs_seal_of_another_chain", PROOF_CHAIN, EPOCHS_RECEIPT, 5, .spoil = seal_of_another_chain},
    {"epochs_seal_not_higher", PROOF_CHAIN, EPOCHS_RECEIPT, 5, .spoil = seal_not_higher},
    {"epochs_seal_not_later", PROOF_CHAIN, EPOCHS_RECEIPT, 5, .spoil = seal_not_later},
    {"epochs_checkpoint_below_the_seal", PROOF_CHAIN, EPOCHS_RECEIPT, 5, .spoil = checkpoint_below_the_seal},
    {"epochs_checkpoint_before_the_seal", PROOF_CHAIN, EPOCHS_HISTORY, 2,
        .spoil = checkpoint_before_the_seal},
    {"epochs_next_set_not_ascending", PROOF_FORM, EPOCHS_RECEIPT, 2, .spoil = next_set_of_keys_not_ascending},
    {"epochs_next_set_key_twice", PROOF_FORM, EPOCHS_HISTORY, 2, .spoil = next_set_of_a_key_twice},
    {"epochs_list_trailing_byte", PROOF_FORM, EPOCHS_RECEIPT, 5, .list = list_trailing_byte},
    {"epochs_list_empty_seal", PROOF_FORM, EPOCHS_CONSISTENCY, 5, .list = list_empty_seal},
    {"epochs_list_empty_seal_alone", PROOF_FORM, EPOCHS_RECEIPT, 1, .list = list_empty_seal},
    {"epochs_list_truncated", PROOF_FORM, EPOCHS_HISTORY, 5, .list = list_truncated},
    {"epochs_list_key_cut", PROOF_FORM, EPOCHS_RECEIPT, 2, .list = list_key_cut},
    {"epochs_list_size_not_minimal", PROOF_FORM, EPOCHS_RECEIPT, 2, .list = list_size_not_minimal},
    {"epochs_older_of_a_later_epoch", PROOF_SIGNATURE, EPOCHS_CONSISTENCY, 5,
        .spoil = older_of_a_later_epoch},
    {"epochs_older_above_its_seal", PROOF_CHAIN, EPOCHS_CONSISTENCY, 5, .spoil = older_above_its_seal},
    {"epochs_older_is_another_than_its_seal", PROOF_CHAIN, EPOCHS_CONSISTENCY, 5,
        .spoil = older_is_another_than_its_seal},
    {"epochs_older_below_the_seal_before", PROOF_CHAIN, EPOCHS_CONSISTENCY, 5,
        .spoil = older_below_the_seal_before_it},
    {"epochs_known_in_the_middle", PROOF_OK, EPOCHS_RECEIPT, 5, .spoil = known_in_the_middle},
    {"epochs_known_is_a_seal", PROOF_OK, EPOCHS_CONSISTENCY, 5, .spoil = known_is_a_seal},
    {"epochs_known_is_a_seal_where_seals_begin", PROOF_OK, EPOCHS_RECEIPT, 5,
        .spoil = known_is_a_seal_where_seals_begin},
    {"epochs_known_where_seals_begin", PROOF_OK, EPOCHS_HISTORY, 5, .spoil = known_where_seals_begin},
    {"epochs_known_of_the_last", PROOF_OK, EPOCHS_RECEIPT, 5, .spoil = known_of_the_last_epoch_without_seals},
    {"epochs_known_after_where_seals_begin", PROOF_SIGNATURE, EPOCHS_HISTORY, 5,
        .spoil = known_after_where_seals_begin},
    {"epochs_known_above_it", PROOF_STALE, EPOCHS_CONSISTENCY, 5, .spoil = known_above_it},
    {"epochs_retired_keys_sign_on", PROOF_OK, EPOCHS_RECEIPT, 5, .spoil = retired_keys_sign_on},
    {"epochs_retired_keys_beside_the_known", PROOF_CHAIN, EPOCHS_RECEIPT, 5,
        .spoil = retired_keys_sign_on_beside_the_known},
    {"epochs_retired_keys_seal_again", PROOF_OK, EPOCHS_RECEIPT, 5, .spoil = retired_keys_seal_again},
    {"epochs_sealed_again_beside_the_known", PROOF_CHAIN, EPOCHS_RECEIPT, 5,
        .spoil = retired_keys_seal_again_beside_the_known},
    {"epochs_known_above_its_epochs_seal", PROOF_CHAIN, EPOCHS_RECEIPT, 5,
        .spoil = known_above_its_epochs_seal},
};
#define EPOCHS_VECTORS (sizeof epochs_vectors / sizeof epochs_vectors[0])

/* A checkpoint that was saved before: with the seals that lead to it. */
static void known_save(const struct sample_epochs *epochs, uint64_t height, struct buffer *out)
{
    static struct consistency_proof proof;
    struct buffer list;
    buffer_init(&list, VECTOR_SIZE_MAX);
    sample_epochs_consistency(epochs, height, height, &proof);
    sample_epochs_list(epochs, 1, sample_epoch_at(epochs, height) - 1, &list);
    proof.seals = buffer_span(&list);
    consistency_proof_encode(&proof, out);
    buffer_close(&list);
}

static void epochs_encode(
    struct epochs_making *making, enum epochs_form form, struct span list, struct buffer *out)
{
    switch (form) {
    case EPOCHS_RECEIPT:
        making->receipt.seals = list;
        receipt_encode(&making->receipt, out);
        return;
    case EPOCHS_HISTORY:
        making->history.seals = list;
        history_proof_encode(&making->history, out);
        return;
    case EPOCHS_CONSISTENCY:
        making->consistency.seals = list;
        consistency_proof_encode(&making->consistency, out);
        return;
    }
}

static void epochs_vector_make(const struct sample_map *map, size_t i, struct vector *vector)
{
    static struct sample_epochs epochs;
    static struct epochs_making making;
    struct certified_checkpoint *under[] = {
        &making.receipt.checkpoint, &making.history.checkpoint, &making.consistency.newer};
    enum epochs_form form = epochs_vectors[i].form;
    struct buffer list;
    buffer_init(&list, VECTOR_SIZE_MAX);
    sample_epochs_init(&epochs, epochs_vectors[i].epochs);
    memset(&making, 0, sizeof making);
    making.epochs = &epochs;
    making.seal_count = epochs.count - 1;
    making.under = under[form];
    memcpy(making.seals, epochs.seals, making.seal_count * sizeof making.seals[0]);
    sample_epochs_consistency(&epochs, 1, 11, &making.consistency);
    sample_receipt(&epochs.networks[0], 6, 4, 7, &making.receipt);
    sample_epochs_certify(&epochs, epochs.count, false, &making.receipt.checkpoint);
    sample_prove(map, &map->subject, &making.history);
    sample_epochs_certify(&epochs, epochs.count, false, &making.history.checkpoint);
    if (epochs_vectors[i].spoil != NULL) epochs_vectors[i].spoil(&making);
    for (uint32_t seal = 0; seal < making.seal_count; seal++)
        epoch_seal_append(&making.seals[seal], &list);
    if (epochs_vectors[i].list != NULL) epochs_vectors[i].list(&list);
    vector_init(vector, epochs_vectors[i].name, epochs_vectors[i].reason);
    epochs_encode(&making, form, buffer_span(&list), &vector->bytes);
    if (making.known != 0) known_save(&epochs, making.known, &vector->known);
    buffer_close(&list);
}

#endif
