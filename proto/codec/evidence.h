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
/* "notarize", "finalize", "nullify", "propose": a constant. */
const char *statement_name(enum statement_kind kind);

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

/* All of it is of one signer and epoch, and both statements of one view. Fields of another form are zeros. */
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

/* Its longest encoding carries a justification, which may be anything that fits a block. */
#define EVIDENCE_SIZE_MAX (FRAME_SIZE_MAX + 2u * KIB)
/* A line of an evidence file: the bytes in hexadecimal, and what a person reads. */
#define EVIDENCE_LINE_SIZE_MAX (2u * EVIDENCE_SIZE_MAX + KIB)
/* Enough to read a line, or to judge evidence. */
#define EVIDENCE_ARENA_SIZE (2u * EVIDENCE_SIZE_MAX + MIB)

/* Puts the lesser of two statements or checkpoints first: by kind and then block; by the checkpoint's digest.
 * There is one order, so that there is one encoding. */
void evidence_arrange(struct evidence *evidence);
/* Appends the canonical encoding. The two are arranged, and differ (CHECKed). */
void evidence_encode(const struct evidence *evidence, struct buffer *out);
/* Takes canonical bytes alone, the order of the two included. That anything is signed, or contradicts
 * anything, is not checked. The justification is the arena's. Errors: TALLY_EFORM, TALLY_EVERSION,
 * TALLY_ENOMEM. */
int evidence_decode(struct span bytes, struct arena *arena, struct evidence *evidence) TALLY_MUST_CHECK;

/* Appends one line of an evidence file, its newline included: {"validator": key, "epoch", "view" or "height",
 * "signed": [what, ..], "evidence": the encoding}. `key` is the signer's. */
void evidence_line_print(const struct evidence *evidence, const struct public_key *key, struct buffer *out);
/* Reads one line, without its newline; nothing but what evidence_line_print wrote is taken. Whether `key` is
 * the signer's is the caller's to know. Errors: TALLY_EFORM, TALLY_EVERSION, TALLY_ENOMEM. */
int evidence_line_read(struct span line, struct arena *arena, struct evidence *evidence,
    struct public_key *key) TALLY_MUST_CHECK;

#endif
