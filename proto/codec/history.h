/* Histories, receipts and consistency, with their proofs: bytes <-> plain structs. Verified in proto/proof.
 */
#ifndef TALLY_CODEC_HISTORY_H
#define TALLY_CODEC_HISTORY_H

#include "proto/base/agreement.h"
#include "proto/base/arena.h"
#include "proto/codec/event.h"
#include "proto/codec/result.h"
#include "proto/crypto/merkle.h"
#include "proto/crypto/subject_path.h"

enum history_place {
    PLACE_PRESENT = 1,
    PLACE_OTHER = 2, /* another subject's leaf stands where this one's would */
    PLACE_EMPTY = 3,
};

/* What a subject's canonical state fixes of one account's events. */
struct account_chain {
    uint32_t member_id;
    uint8_t ref[ACCOUNT_REF_SIZE];
    uint32_t next_seq;  /* how many there are */
    struct digest head; /* id of the newest */
    struct digest ids;  /* account_ids_step over all of them */
};

/* And of its events that have an item id. */
struct item_chain {
    uint32_t count;
    struct digest ids; /* item_ids_step over all of them, in the order of the fold */
};

/* In the order of the fold. An event's index in its block is not here: the fold does not bind it. */
struct proven_event {
    uint64_t height;
    uint64_t time_ms;
    uint16_t result;
    struct span header;
    bool has_body;
    uint8_t salt[SALT_SIZE];
    struct span body;
};

struct history_proof {
    struct digest subject_id;
    struct digest position; /* as the bytes say; the encoder computes it from chain and subject */
    struct certified_checkpoint checkpoint;
    struct digest members_root, policy_root, replay_root, counts_root;
    uint32_t sibling_count;                          /* at most SUBJECT_PATH_LENGTH_MAX */
    struct digest siblings[SUBJECT_PATH_LENGTH_MAX]; /* from the root downwards */
    enum history_place place;
    struct subject_leaf leaf;     /* present or other */
    struct digest other_position; /* other */
    uint64_t since;               /* events left out at the beginning; 0 in a whole history */
    uint32_t event_count;
    const struct proven_event *events; /* borrowed */
    struct span seals;                 /* borrowed: as in epoch_seal.h */
};

void history_proof_encode(const struct history_proof *proof, struct buffer *out);
/* Errors: TALLY_EFORM (not canonical), TALLY_EVERSION, TALLY_ENOMEM. */
int history_proof_decode(
    struct span bytes, struct arena *arena, struct history_proof *proof) TALLY_MUST_CHECK;

struct receipt {
    uint64_t height;
    uint32_t index;
    struct digest event_id;
    struct event_result result;
    uint32_t result_path_length;
    struct digest result_path[MERKLE_DEPTH_MAX];
    struct digest block;
    uint64_t time_ms;
    struct digest state_root, results_root;
    uint32_t history_path_length;
    struct digest history_path[MERKLE_DEPTH_MAX];
    struct certified_checkpoint checkpoint;
    struct span seals; /* borrowed: as in epoch_seal.h */
};

void receipt_encode(const struct receipt *receipt, struct buffer *out);
/* Borrows the bytes. Errors: TALLY_EFORM (not canonical), TALLY_EVERSION, TALLY_ENOMEM. */
int receipt_decode(struct span bytes, struct receipt *receipt) TALLY_MUST_CHECK;

/* That the ledger of one certified checkpoint is the beginning of another's. */
struct consistency_proof {
    struct certified_checkpoint older, newer;
    uint32_t path_length;
    struct digest path[MERKLE_CONSISTENCY_MAX];
    struct span seals; /* borrowed: as in epoch_seal.h */
};

void consistency_proof_encode(const struct consistency_proof *proof, struct buffer *out);
/* Borrows the bytes. Errors: TALLY_EFORM (not canonical), TALLY_EVERSION, TALLY_ENOMEM. */
int consistency_proof_decode(struct span bytes, struct consistency_proof *proof) TALLY_MUST_CHECK;

/* What a saved file is. */
enum proof_form {
    PROOF_FORM_HISTORY = 1,
    PROOF_FORM_RECEIPT,
    PROOF_FORM_CONSISTENCY,
    PROOF_FORM_CHECKPOINT, /* a CertifiedCheckpoint alone */
};
/* Which of the forms the bytes can be: by their first field, and after a version by their second. Whether
 * they are of that form is for its decoder to say. */
enum proof_form proof_form_of(struct span bytes);

#endif
