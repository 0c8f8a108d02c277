/* What a command line proposes: an action, its exact bytes, and a proof of each key that it brings. */
#ifndef TALLY_TOOLS_GOV_DRAFT_H
#define TALLY_TOOLS_GOV_DRAFT_H

#include "tools/args.h"
#include "tools/gov_session.h"

/* The action's policy, and nothing else, is borrowed: from `policy`. */
struct gov_draft {
    struct governance_action action;
    struct buffer policy;
    struct buffer bytes;
    struct buffer proofs;
    char note[HOME_PATH_MAX + 128]; /* what is done on this side when it passes; "" for nothing */
};

/* Makes the draft of a verb that proposes, such as "suspend", from its arguments and options; what it names
 * is looked up in the register. May make a key file. The draft is closed in any case. */
enum tool_exit gov_draft_make(struct context *context, const struct gov_session *session, const char *verb,
    const struct args *args, struct gov_draft *draft) TALLY_MUST_CHECK;
void gov_draft_close(struct gov_draft *draft);
/* Whether a verb proposes; how it is written is then in *usage, and the options that it has besides --closes
 * and --ballot-key in *options, by commas. */
bool gov_draft_verb(const char *verb, const char **usage, const char **options);

/* What who holds a key says, for another to propose it: {"member", "kind", "key", "proof"}. Takes over
 * nothing. */
enum tool_exit gov_key_prove(struct context *context, const struct digest *chain_id, uint32_t member_id,
    enum key_kind kind, const struct key_pair *pair) TALLY_MUST_CHECK;

#endif
