#include "tools/gov_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/ruling.h"
#include "rpc.pb-c.h"
#include "tools/args.h"
#include "tools/output.h"
#include "tools/remote_register.h"

/* How long a transaction may wait to be in a block: the node says that it was not before the call gives up.
 */
#define TRANSACTION_LIFETIME_MS 25000u
_Static_assert(TRANSACTION_LIFETIME_MS < REMOTE_DEADLINE_MS, "what no block has is given up first");

/* ---- At hand ---- */

enum tool_exit gov_open(struct context *context, struct gov_session **out)
{
    struct genesis *genesis = NULL;
    struct gov_session *session = *out = calloc(1, sizeof *session);
    if (session == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = home_open_given(context, &session->home);
    if (code == TOOL_DONE) code = home_genesis(context, &session->home, &genesis);
    if (code == TOOL_DONE) session->chain_id = genesis->chain_id;
    free(genesis);
    if (code == TOOL_DONE) code = remote_open(context, &session->home, &session->remote);
    if (code == TOOL_DONE) code = remote_register(context, &session->remote, &session->now, &session->height);
    if (code == TOOL_DONE) return TOOL_DONE;
    gov_close(session);
    *out = NULL;
    return code;
}

static enum tool_exit ballot_key_open(struct context *context, const char *path, struct gov_session *session)
{
    if (path == NULL)
        return key_in_force(
            context, &session->home, &session->now, KEY_BALLOT, &session->ballot, &session->member_id);
    enum tool_exit code = key_pair_open(context, path, &session->ballot);
    if (code != TOOL_DONE) return code;
    session->member_id = key_holder(&session->now, KEY_BALLOT, &session->ballot.public);
    if (session->member_id != 0) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "KEY",
        "%s is in force as no member's ballot key; tally gov show --keys lists those that are", path);
}

enum tool_exit gov_open_voter(struct context *context, const char *ballot_key, struct gov_session **out)
{
    enum tool_exit code = gov_open(context, out);
    if (code == TOOL_DONE) code = ballot_key_open(context, ballot_key, *out);
    if (code == TOOL_DONE) return TOOL_DONE;
    gov_close(*out);
    *out = NULL;
    return code;
}

void gov_close(struct gov_session *session)
{
    if (session == NULL) return;
    remote_close(&session->remote);
    explicit_bzero(session, sizeof *session);
    free(session);
}

/* ---- Transactions ---- */

static const char *method_of(enum governance_kind kind)
{
    switch (kind) {
    case GOVERNANCE_PROPOSE:
        return "/tallystick.v1.Member/Propose";
    case GOVERNANCE_BALLOT:
        return "/tallystick.v1.Member/Ballot";
    case GOVERNANCE_WITHDRAW:
        return "/tallystick.v1.Member/Withdraw";
    case GOVERNANCE_REVOKE_OWN_KEY:
        return "/tallystick.v1.Member/RevokeOwnKey";
    case GOVERNANCE_READY: /* which nodes say by themselves */
        break;
    }
    CHECK_UNREACHABLE();
}

static int transaction_sign(const struct gov_session *session, const struct governance_transaction *filled,
    uint64_t sequence, struct buffer *out)
{
    struct governance_transaction transaction = *filled;
    struct buffer body;
    buffer_init(&body, GOVERNANCE_SIZE_MAX);
    transaction.chain_id = session->chain_id;
    transaction.member_id = session->member_id;
    transaction.expires_at_ms = clock_wall_ms() + TRANSACTION_LIFETIME_MS;
    transaction.sequence = sequence;
    governance_body_encode(&transaction, &body);
    transaction.body = buffer_span(&body);
    governance_sign(&transaction, &session->ballot.secret);
    governance_encode(&transaction, out);
    int error = body.failed || out->failed ? TALLY_ENOMEM : TALLY_OK;
    buffer_close(&body);
    return error;
}

static enum tool_exit answer_take(struct context *context, const struct remote *remote,
    const Tallystick__V1__GovernanceReply *reply, struct gov_answer *answer)
{
    if (digest_from_bytes(reply->digest, &answer->digest) != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "FORM", "%s answers with what is no answer", remote->node);
    if (reply->ruling != RULING_OK)
        return context_fail(context, TOOL_REFUSED,
            reply->ruling_name[0] == '\0' ? "UNKNOWN" : reply->ruling_name,
            "refused at height %" PRIu64 ": %s", reply->height, ruling_sentence(reply->ruling));
    answer->height = reply->height;
    answer->proposal = reply->proposal_number;
    snprintf(answer->outcome, sizeof answer->outcome, "%s", reply->proposal_outcome);
    snprintf(answer->why, sizeof answer->why, "%s", reply->proposal_why);
    return TOOL_DONE;
}

/* Where the node is lost on the way nobody knows what became of it; said again, it would count twice. */
static enum tool_exit undecided(struct context *context)
{
    bool is_lost = strcmp(context->reason, "TIMEOUT") == 0 || strcmp(context->reason, "UNREACHABLE") == 0 ||
                   strcmp(context->reason, "LINK") == 0;
    if (!is_lost) return TOOL_UNREACHABLE; /* it said that it takes nothing now */
    return context_fail(context, TOOL_UNREACHABLE, "UNDECIDED",
        "%s. It was sent, and may be ordered all the same: look at tally gov show before it is said again",
        context->message);
}

static enum tool_exit submit_once(struct context *context, struct gov_session *session,
    const struct governance_transaction *filled, struct gov_answer *answer)
{
    Tallystick__V1__GovernanceRequest request = TALLYSTICK__V1__GOVERNANCE_REQUEST__INIT;
    const struct register_member *member = register_member_by_id(&session->now, session->member_id);
    ProtobufCMessage *reply = NULL;
    struct arena arena;
    struct buffer bytes;
    CHECK(member != NULL);
    buffer_init(&bytes, GOVERNANCE_SIZE_MAX);
    arena_init(&arena, REMOTE_ARENA_BUDGET);
    enum tool_exit code = transaction_sign(session, filled, member->sequence + 1, &bytes) == TALLY_OK
                              ? TOOL_DONE
                              : context_fail(context, TOOL_REFUSED, "LIMIT",
                                    "what is proposed is larger than one transaction may be");
    request.transaction = message_bytes(buffer_span(&bytes));
    request.wait_for = TALLYSTICK__V1__WAIT_FOR__FINAL;
    if (code == TOOL_DONE)
        code = remote_call(context, &session->remote, method_of(filled->kind), &request.base,
            &tallystick__v1__governance_reply__descriptor, &arena, &reply);
    if (code == TOOL_UNREACHABLE) code = undecided(context);
    if (code == TOOL_DONE)
        code = answer_take(context, &session->remote, (const Tallystick__V1__GovernanceReply *)reply, answer);
    arena_close(&arena);
    buffer_close(&bytes);
    return code;
}

static enum tool_exit ask_again(struct context *context, struct gov_session *session)
{
    return remote_register(context, &session->remote, &session->now, &session->height);
}

enum tool_exit gov_submit(struct context *context, struct gov_session *session,
    const struct governance_transaction *filled, struct gov_answer *answer)
{
    enum tool_exit code = submit_once(context, session, filled, answer);
    bool again = code == TOOL_REFUSED && strcmp(context->reason, ruling_name(RULING_OUT_OF_SEQUENCE)) == 0;
    if (again) code = ask_again(context, session);
    if (again && code == TOOL_DONE) code = submit_once(context, session, filled, answer);
    if (code != TOOL_DONE || ask_again(context, session) == TOOL_DONE) return code;
    return context_fail(context, TOOL_UNREACHABLE, "DONE",
        "it was carried out at height %" PRIu64 ", and what became of it is not known: %s; look at tally "
        "gov show",
        answer->height, context->message);
}

/* ---- What arguments name ---- */

enum tool_exit gov_member(
    struct context *context, const struct gov_session *session, const char *text, uint32_t *member_id)
{
    uint64_t id = 0;
    bool is_id = number_from_text(text, 1, UINT32_MAX, &id) == TALLY_OK;
    for (uint32_t i = 0; i < session->now.member_count; i++) {
        const struct register_member *member = &session->now.members[i];
        bool is_named = member->status != MEMBER_REMOVED && strcmp(member->name, text) == 0;
        if (is_id ? member->id != id : !is_named) continue;
        *member_id = member->id;
        return TOOL_DONE;
    }
    return context_fail(context, TOOL_REFUSED, "NO_MEMBER",
        "there is no member '%s': name one by its id or its name, as tally gov show --members has them",
        text);
}

enum tool_exit gov_node(struct context *context, const struct gov_session *session, const char *text,
    const struct register_node **node)
{
    uint64_t id = 0;
    bool is_id = number_from_text(text, 1, UINT32_MAX, &id) == TALLY_OK;
    for (uint32_t i = 0; i < session->now.node_count; i++) {
        const struct register_node *each = &session->now.nodes[i];
        if (each->until != 0 || (is_id ? each->id != id : strcmp(each->name, text) != 0)) continue;
        *node = each;
        return TOOL_DONE;
    }
    return context_fail(context, TOOL_REFUSED, "NO_NODE",
        "there is no node '%s': name one by its id or its name, as tally gov show --nodes has them", text);
}

enum tool_exit gov_proposal(
    struct context *context, const struct gov_session *session, const char *text, struct digest *id)
{
    uint64_t number = 0;
    if (hex_decode(text, id->bytes, DIGEST_SIZE) == TALLY_OK) return TOOL_DONE;
    if (number_from_text(text, 1, UINT64_MAX, &number) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE",
            "'%s' is no proposal: name one by its number, or its id of 64 hexadecimal digits", text);
    for (uint32_t i = 0; i < session->now.open_count; i++) {
        *id = session->now.open[i].id;
        if (session->now.open[i].number == number) return TOOL_DONE;
    }
    for (uint32_t i = 0; i < session->now.closed_count; i++) {
        *id = session->now.closed[i].id;
        if (session->now.closed[i].number == number) return TOOL_DONE;
    }
    return context_fail(
        context, TOOL_REFUSED, ruling_name(RULING_NO_PROPOSAL), "%s", ruling_sentence(RULING_NO_PROPOSAL));
}

enum tool_exit gov_key_kind(struct context *context, const char *text, enum key_kind *kind)
{
    for (uint32_t at = KEY_NODE; at <= KEY_BALLOT; at++) {
        *kind = (enum key_kind)at;
        if (strcmp(key_kind_name(at), text) == 0) return TOOL_DONE;
    }
    return context_fail(
        context, TOOL_USAGE, "USAGE", "'%s' is no kind of key: node, signing or ballot", text);
}

enum tool_exit gov_public_key(struct context *context, const char *text, struct public_key *key)
{
    if (hex_decode(text, key->bytes, PUBLIC_KEY_SIZE) == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_USAGE, "USAGE", "'%s' is no public key: 66 hexadecimal digits", text);
}
