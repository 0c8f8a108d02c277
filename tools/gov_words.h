/* What is proposed, in words for those who vote on it. */
#ifndef TALLY_TOOLS_GOV_WORDS_H
#define TALLY_TOOLS_GOV_WORDS_H

#include "proto/codec/register.h"

/* Of the longest: a join file with its keys in hexadecimal, or a choice about every node. */
#define GOV_WORDS_SIZE_MAX (32u * KIB)
_Static_assert(GOV_WORDS_SIZE_MAX >= PEERS_MAX * (NAME_SIZE_MAX + 64u), "a choice about every node fits");

/* Appends what an action does, "suspend member 2 (Bank B)"; names as they are, nothing escaped. */
void gov_words_action(
    const struct member_register *now, const struct governance_action *action, struct buffer *out);
/* From when on it holds once it has passed: at the next height, at the next epoch, at a height that it names.
 * Constant, but for SET_FLAG. */
void gov_words_effect(
    const struct member_register *now, const struct governance_action *action, struct buffer *out);
/* "member 2 (Bank B)". */
void gov_words_member(const struct member_register *now, uint32_t member_id, struct buffer *out);

#endif
