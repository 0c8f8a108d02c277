/* Evidence: two signed messages of one validator that no honest one signs both of, or one vote that no honest
 * one signs at all. Bytes <-> plain structs; judged in proto/proof/blame.h. See schema/evidence.proto. */
#ifndef TALLY_CODEC_EVIDENCE_H
#define TALLY_CODEC_EVIDENCE_H

#include "proto/base/agreement.h"
#include "proto/base/arena.h"

/* The kind byte of the signed tuple (tag, chain id, epoch, kind, view, block). */
enum statement_kind {
    STATEMENT_NOTARIZE = VOTE_NOTARIZE,
    STATEMENT_FINALIZE = VOTE_FINALIZE,
    STATEMENT_NULLIFY = VOTE_NULLIFY,
    STATEMENT_PROPOSE = 4, /* the leader's signature on its block */
};

/* What one validator signed about one view. */
struct statement {
    enum statement_kind kind;
    uint64_t epoch;
    uint64_t view;
    struct digest block; /* zeros where it nullifies */
    uint32_t signer;     /* index in the epoch's validator set */
    struct signature signature;
};

enum evidence_form {
    EVIDENCE_STATEMENTS = 1,  /* two statements of a view that contradict each other */
    EVIDENCE_UNJUSTIFIED = 2, /* a vote for a block whose own justification is invalid */
    EVIDENCE_CHECKPOINTS = 3, /* two checkpoints of one height */
};

/* `first` and `second` are of one signer, epoch and view. Fields of another form are zeros. */
struct evidence {
    enum evidence_form form;
    struct digest chain_id;
    uint64_t epoch;
    uint32_t signer;
    struct statement first;  /* STATEMENTS; UNJUSTIFIED: the vote */
    struct statement second; /* STATEMENTS */
    /* UNJUSTIFIED: the header that the vote names by its hash, and the justification that the header names by
     * its root; the bytes are borrowed. */
    struct block_header header;
    struct span justification;
    /* CHECKPOINTS: each with the signer's signature. */
    struct checkpoint first_checkpoint, second_checkpoint;
    struct signature first_signature, second_signature;
};

/* Appends the canonical encoding. Of two statements or checkpoints the lesser stands first, whatever their
 * order here: by kind and then block; or by digest of the checkpoint. */
void evidence_encode(const struct evidence *evidence, struct buffer *out);
/* Takes the canonical form alone, the order of the two included; that anything is signed, or contradicts
 * anything, is not checked. The justification is the arena's. Errors: TALLY_EFORM, TALLY_EVERSION,
 * TALLY_ENOMEM. */
int evidence_decode(struct span bytes, struct arena *arena, struct evidence *evidence) TALLY_MUST_CHECK;

/* The line of an evidence file, with its newline: what a person wants to know of it, and its exact bytes.
 * `key` is the signer's. */
void evidence_line_print(const struct evidence *evidence, const struct public_key *key, struct buffer *out);

#endif
