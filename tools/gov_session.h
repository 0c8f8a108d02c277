/* What governance commands have at hand: the home's node, the register as it has it, and the member's ballot
 * key. */
#ifndef TALLY_TOOLS_GOV_SESSION_H
#define TALLY_TOOLS_GOV_SESSION_H

#include "proto/codec/governance.h"
#include "tools/key_in_force.h"
#include "tools/remote.h"

/* Large, and holds a secret. */
struct gov_session {
    struct home home;
    struct digest chain_id;
    struct remote remote;
    struct member_register now;
    uint64_t height;        /* of the register */
    struct key_pair ballot; /* of whoever votes; else zeros */
    uint32_t member_id;     /* whose that is; 0 where nobody votes */
};

/* Opens the home that the command line names, and asks for the register. On a failure *session is NULL. */
enum tool_exit gov_open(struct context *context, struct gov_session **session) TALLY_MUST_CHECK;
/* The same for who signs: with the ballot key of the file, or where that is NULL, of the home. */
enum tool_exit gov_open_voter(
    struct context *context, const char *ballot_key, struct gov_session **session) TALLY_MUST_CHECK;
/* Wipes and frees; NULL is fine. */
void gov_close(struct gov_session *session);

/* What became of a transaction that was carried out; texts are the node's. */
#define GOV_WORD_SIZE 32
struct gov_answer {
    struct digest digest;
    uint64_t height;
    uint64_t proposal; /* its number; 0 where it is about none */
    char outcome[GOV_WORD_SIZE];
    char why[GOV_WORD_SIZE];
};

/* Signs what `filled` says by its kind and the fields of that, submits it, waits until it is final, and asks
 * for the register again. Where the member has just said something else, it is signed once more, with the
 * sequence that is then its next. A refusal fails with the ruling's name; UNDECIDED says that the node was
 * lost before it answered, DONE that it was lost afterwards. Else it was not ordered, and never will be. */
enum tool_exit gov_submit(struct context *context, struct gov_session *session,
    const struct governance_transaction *filled, struct gov_answer *answer) TALLY_MUST_CHECK;

/* ---- What arguments name. Each is told where there is none. ---- */

/* A member by its id or its name; removed ones by their id alone. */
enum tool_exit gov_member(struct context *context, const struct gov_session *session, const char *text,
    uint32_t *member_id) TALLY_MUST_CHECK;
/* A node that has not ended, by its id or its name. */
enum tool_exit gov_node(struct context *context, const struct gov_session *session, const char *text,
    const struct register_node **node) TALLY_MUST_CHECK;
/* A proposal by its number or its id, open or closed. */
enum tool_exit gov_proposal(struct context *context, const struct gov_session *session, const char *text,
    struct digest *id) TALLY_MUST_CHECK;
/* "node", "signing" or "ballot". */
enum tool_exit gov_key_kind(struct context *context, const char *text, enum key_kind *kind) TALLY_MUST_CHECK;
/* 66 hexadecimal digits. */
enum tool_exit gov_public_key(
    struct context *context, const char *text, struct public_key *key) TALLY_MUST_CHECK;

#endif
