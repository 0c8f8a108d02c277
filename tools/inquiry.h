/* How a command asks for what others furnished about a subject: by an INQUIRY that is on the ledger before
 * the answer is, or by one that was answered before. */
#ifndef TALLY_TOOLS_INQUIRY_H
#define TALLY_TOOLS_INQUIRY_H

#include "proto/proof/verify.h"
#include "tools/args.h"
#include "tools/member_event.h"

/* What the command line says of it; all zeros is no inquiry. Texts are borrowed. */
struct inquiry {
    bool is_asked;
    bool is_old; /* it was ordered before: `id` is given, and the rest is not */
    struct digest id;
    const char *purpose, *consent, *legal_basis, *operator_name; /* NULL where absent */
};

/* For the command's table of options, and its help. */
#define INQUIRY_OPTIONS                                                                                      \
    {"purpose", true}, {"consent", true}, {"legal-basis", true}, {"operator", true},                         \
    {                                                                                                        \
        "inquiry", true                                                                                      \
    }
#define INQUIRY_HELP                                                                                         \
    "  --purpose P       why: CREDIT_DECISION, ACCOUNT_REVIEW, GUARANTEE, COLLECTION, EMPLOYMENT or "        \
    "SUBJECT_REQUEST\n"                                                                                      \
    "  --consent ID      the consent that covers it (tally consent); or else\n"                              \
    "  --legal-basis B   what stands in for one: COURT_ORDER, SUPERVISION or STATUTE\n"                      \
    "  --operator NAME   who asks at the member, of whom the ledger gets a keyed digest; the login name "    \
    "unless given\n"                                                                                         \
    "  --inquiry ID      instead of all these: an inquiry that was answered before is answered again, "      \
    "without a new use of\n"                                                                                 \
    "                    its consent, for as long as the policy says and the consent stands\n"

/* Errors (usage): options that do not go together. */
enum tool_exit inquiry_take(
    struct context *context, const struct args *args, struct inquiry *inquiry) TALLY_MUST_CHECK;

/* Makes a new inquiry about `subject`, signed. The caller closes the event, on a failure too. */
enum tool_exit inquiry_event_make(struct context *context, const struct import_keys *keys,
    const struct digest *subject, const struct inquiry *inquiry, struct member_event *event) TALLY_MUST_CHECK;

/* Signs and submits the inquiry about `subject` with the home's keys, or asks by the old one's id, and
 * verifies its receipt; inquiry->id is then set. Of an inquiry that was refused that is all there is, and
 * the command fails with the result. Its operator_digest is HMAC-SHA256 under the home's salt.key over
 * TAG_OPERATOR, the nonce and the operator's name. Where it was granted, `proof` is the answer, in the arena,
 * from event `since` on, or with *more a piece of it (proto/proof/history_pieces.h), of which the rest is
 * asked for as by an old inquiry; the caller verifies the whole, with inquiry->id in its trust. */
enum tool_exit inquiry_ask(struct context *context, const struct home *home, struct remote *remote,
    const struct proof_trust *trust, const struct digest *subject, uint64_t since, struct inquiry *inquiry,
    struct arena *arena, struct span *proof, bool *more) TALLY_MUST_CHECK;

#endif
