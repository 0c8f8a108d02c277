/* Governance as JSON, for people and their scripts: join files both ways; actions and the register to be
 * shown. Keys, digests and signatures are hexadecimal. */
#ifndef TALLY_CODEC_GOVERNANCE_JSON_H
#define TALLY_CODEC_GOVERNANCE_JSON_H

#include "proto/codec/register.h"

/* Appends a join file: the fields of the ADMIT_MEMBER by their names, and its proofs. */
void join_file_print(const struct governance_action *action, struct span proofs, struct buffer *out);
/* Reads one and checks the proofs for a chain, or for a network to be founded (zeros). Appends the canonical
 * action and the proofs, as a PROPOSE carries them, to the two buffers (of ACTION_SIZE_MAX and
 * NEW_KEYS_MAX * SIGNATURE_SIZE bytes). On failure `why` holds one sentence, and *action and the buffers are
 * unspecified. Errors: TALLY_EFORM, TALLY_ELIMIT, TALLY_ESIGNATURE (a proof fails: the file was altered, or
 * made for another chain), TALLY_ENOMEM. */
int join_file_parse(struct span json, const struct digest *chain_id, struct governance_action *action,
    struct buffer *action_bytes, struct buffer *proofs, char *why, size_t why_size) TALLY_MUST_CHECK;

/* Appends an action: its "action", and then its fields. A policy is given as the object that it is. */
void action_print(const struct governance_action *action, struct buffer *out);
/* Appends all of a register; open proposals with their actions, and the votes that count now. */
void register_print(const struct member_register *from, struct buffer *out);

#endif
