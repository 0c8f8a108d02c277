#include "tools/gov_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/codec/governance_json.h"
#include "proto/codec/ruling.h"
#include "tools/args.h"
#include "tools/gov_words.h"
#include "tools/output.h"
#include "tools/shown_text.h"

#define REGISTER_TEXT_SIZE_MAX (4u * MIB)

static enum tool_exit no_memory(struct context *context)
{
    return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
}

/* ---- Words about a proposal ---- */

typedef void words_of(
    const struct member_register *now, const struct governance_action *action, struct buffer *out);

/* What `words` says of the proposed action, ending in NUL. */
static void proposal_words(const struct member_register *now, const struct register_proposal *proposal,
    words_of *words, char text[GOV_WORDS_SIZE_MAX])
{
    struct governance_action action;
    struct arena arena;
    struct buffer said;
    arena_init(&arena, GOVERNANCE_ARENA_BUDGET);
    buffer_init(&said, GOV_WORDS_SIZE_MAX - 1);
    text[0] = '\0';
    if (action_decode(span_of(proposal->action, proposal->action_size), &arena, &action) == TALLY_OK)
        words(now, &action, &said);
    if (!said.failed && said.size > 0) {
        memcpy(text, said.data, said.size);
        text[said.size] = '\0';
    }
    buffer_close(&said);
    arena_close(&arena);
}

static uint32_t more_needed(const struct member_register *now, uint32_t yes)
{
    uint32_t needed = register_yes_needed(now);
    return yes < needed ? needed - yes : 0;
}

/* ---- As JSON ---- */

/* What the register does not say by itself. */
static void proposal_json_add(
    const struct member_register *now, const struct register_proposal *proposal, json_t *to)
{
    char text[GOV_WORDS_SIZE_MAX];
    uint32_t yes, no;
    register_tally(now, proposal, &yes, &no);
    json_object_set_new(to, "yes_needed", json_integer((json_int_t)register_yes_needed(now)));
    json_object_set_new(to, "more_needed", json_integer((json_int_t)more_needed(now, yes)));
    proposal_words(now, proposal, gov_words_action, text);
    json_object_set_new(to, "what", json_string(text));
    proposal_words(now, proposal, gov_words_effect, text);
    json_object_set_new(to, "takes_effect", json_string(text));
}

static json_t *register_json(const struct gov_session *session)
{
    struct buffer text;
    buffer_init(&text, REGISTER_TEXT_SIZE_MAX);
    register_print(&session->now, &text);
    json_t *root = text.failed ? NULL : json_loadb((const char *)text.data, text.size, 0, NULL);
    buffer_close(&text);
    if (root == NULL) return NULL;
    json_object_set_new(root, "height", json_integer((json_int_t)session->height));
    json_object_set_new(root, "yes_needed", json_integer((json_int_t)register_yes_needed(&session->now)));
    for (uint32_t i = 0; i < session->now.open_count; i++)
        proposal_json_add(
            &session->now, &session->now.open[i], json_array_get(json_object_get(root, "open"), i));
    return root;
}

/* ---- As text ---- */

static void line_show(const char *label, const char *text)
{
    printf("%s", label);
    shown_print(stdout, text);
    putchar('\n');
}

static void members_show(const struct member_register *now)
{
    printf("members (%u vote)\n", register_voter_count(now));
    for (uint32_t i = 0; i < now->member_count; i++) {
        const struct register_member *member = &now->members[i];
        printf("  %-4" PRIu32 " %-10s %-10s %s ", member->id, member_role_name((uint32_t)member->role),
            member_status_name((uint32_t)member->status),
            register_is_voter(now, member) ? "votes  " : "no vote");
        line_show(" ", member->name);
    }
}

static void keys_show(const struct member_register *now)
{
    char text[2 * PUBLIC_KEY_SIZE + 1];
    printf("keys\n");
    for (uint32_t i = 0; i < now->key_count; i++) {
        const struct register_key *key = &now->keys[i];
        hex_encode(span_of(key->key.bytes, PUBLIC_KEY_SIZE), text);
        printf("  %s  member %-4" PRIu32 " %-8s from %" PRIu64, text, key->member_id,
            key_kind_name((uint32_t)key->kind), key->from);
        if (key->until != 0) printf(" until %" PRIu64, key->until);
        putchar('\n');
    }
}

/* Whether a node votes, and if that is to change. */
static const char *node_standing(const struct member_register *now, const struct register_node *node)
{
    bool votes = register_set_has_node(now, &now->set, node);
    bool next = now->next.count > 0 ? register_set_has_node(now, &now->next, node) : votes;
    if (node->until != 0) return votes ? "gone, and votes until this epoch ends" : "gone";
    if (votes != next) return next ? "votes from the next epoch on" : "votes until this epoch ends";
    if (votes != node->validator)
        return votes ? "votes, and is to stop" : "is to vote, once it has shown that it is synced";
    if (votes && !register_set_has(&now->set, &node->key)) return "votes, by its old key for now";
    return votes ? "votes" : "observes";
}

static void nodes_show(const struct member_register *now)
{
    char text[NAME_SIZE_MAX + REGISTER_ADDRESS_SIZE_MAX + 8];
    printf("nodes\n");
    for (uint32_t i = 0; i < now->node_count; i++) {
        const struct register_node *node = &now->nodes[i];
        printf("  %-4" PRIu32 " member %-4" PRIu32 " %-12s", node->id, node->member_id,
            node_standing(now, node));
        snprintf(
            text, sizeof text, "%s%s%s", node->name, node->address[0] == '\0' ? "" : " at ", node->address);
        line_show("  ", text);
    }
}

static void terms_show(const struct member_register *now)
{
    printf("policy version %" PRIu32 ", from height %" PRIu64 "\n", now->policy_version, now->policy_from);
    printf("base_timeout_ms %" PRIu32 ", heartbeat_ms %" PRIu32, now->set.base_timeout_ms,
        now->set.heartbeat_ms);
    if (now->base_timeout_ms != now->set.base_timeout_ms || now->heartbeat_ms != now->set.heartbeat_ms)
        printf("; from the next epoch on %" PRIu32 " and %" PRIu32, now->base_timeout_ms, now->heartbeat_ms);
    putchar('\n');
    for (uint32_t i = 0; i < now->flag_count; i++)
        printf(
            "protocol flag %" PRIu32 ", from height %" PRIu64 "\n", now->flags[i].flag, now->flags[i].from);
}

static void ballots_show(const struct member_register *now, const struct register_proposal *proposal)
{
    for (uint32_t i = 0; i < proposal->ballot_count; i++) {
        const struct register_ballot *ballot = &proposal->ballots[i];
        const struct register_member *member = register_member_by_id(now, ballot->member_id);
        printf("      %s  member %" PRIu32 " ", ballot->yes ? "yes" : "no ", ballot->member_id);
        line_show("", member == NULL ? "" : member->name);
    }
}

static void proposal_show(const struct member_register *now, const struct register_proposal *proposal)
{
    char id[2 * DIGEST_SIZE + 1], closes[TIME_TEXT_SIZE], text[GOV_WORDS_SIZE_MAX];
    uint32_t yes, no;
    register_tally(now, proposal, &yes, &no);
    hex_encode(span_of(proposal->id.bytes, DIGEST_SIZE), id);
    time_to_text(proposal->closes_ms, closes);
    printf("  %" PRIu64 "  %s\n", proposal->number, id);
    proposal_words(now, proposal, gov_words_action, text);
    line_show("      ", text);
    printf("      %" PRIu32 " yes, %" PRIu32 " no: %" PRIu32 " more yes needed; closes %s\n", yes, no,
        more_needed(now, yes), closes);
    proposal_words(now, proposal, gov_words_effect, text);
    line_show("      takes effect ", text);
    ballots_show(now, proposal);
}

static void closed_show(const struct closed_proposal *closed)
{
    printf("  %" PRIu64 "  %s of member %" PRIu32 ": %s at height %" PRIu64, closed->number,
        action_name((uint32_t)closed->kind), closed->member_id,
        proposal_outcome_name((uint32_t)closed->outcome), closed->height);
    if (closed->outcome == PROPOSAL_VOID) printf(": %s", ruling_sentence(closed->why));
    putchar('\n');
}

static void proposals_show(const struct member_register *now)
{
    printf(now->open_count > 0 ? "open proposals\n" : "no open proposals\n");
    for (uint32_t i = 0; i < now->open_count; i++)
        proposal_show(now, &now->open[i]);
    if (now->closed_count > 0) printf("closed proposals\n");
    for (uint32_t i = 0; i < now->closed_count; i++)
        closed_show(&now->closed[i]);
}

static void head_show(const struct gov_session *session)
{
    const struct member_register *now = &session->now;
    line_show("network ", now->network);
    printf("height %" PRIu64 ", epoch %" PRIu64 " since height %" PRIu64 ", %" PRIu32 " validators",
        session->height, now->epoch, now->epoch_from, now->set.count);
    if (now->next.count > 0)
        printf("; the next epoch's %" PRIu32 " are settled since height %" PRIu64, now->next.count,
            now->next_from);
    putchar('\n');
}

static void session_show(const struct args *args, const struct gov_session *session)
{
    bool members = args_value(args, "members") != NULL, keys = args_value(args, "keys") != NULL;
    bool nodes = args_value(args, "nodes") != NULL, proposals = args_value(args, "proposals") != NULL;
    bool all = !members && !keys && !nodes && !proposals;
    if (all) head_show(session);
    if (all || members) members_show(&session->now);
    if (all || nodes) nodes_show(&session->now);
    if (keys) keys_show(&session->now);
    if (all) terms_show(&session->now);
    if (all || proposals) proposals_show(&session->now);
}

enum tool_exit gov_show_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {
        {"proposals", false}, {"members", false}, {"keys", false}, {"nodes", false}, {NULL, false}};
    struct args args;
    struct gov_session *session;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help gov", why);
    if (args.positional_count > 0)
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally gov show [--proposals] [--members] [--keys] [--nodes]");
    enum tool_exit code = gov_open(context, &session);
    if (code != TOOL_DONE) return code;
    if (context->json) {
        json_t *root = register_json(session);
        code = root == NULL ? no_memory(context) : output_json_take(context, root);
    } else {
        session_show(&args, session);
    }
    gov_close(session);
    return code;
}

/* ---- What became of a transaction ---- */

static enum tool_exit answer_json(struct context *context, const struct gov_session *session,
    const struct digest *id, const struct gov_answer *answer)
{
    const struct register_proposal *open = register_proposal_find(&session->now, id);
    uint32_t yes, no;
    json_t *root = json_pack("{s:I, s:o, s:I, s:s}", "proposal", (json_int_t)answer->proposal, "id",
        json_digest(id), "height", (json_int_t)answer->height, "outcome", answer->outcome);
    if (root == NULL) return no_memory(context);
    if (answer->why[0] != '\0') json_object_set_new(root, "why", json_string(answer->why));
    if (open != NULL) {
        register_tally(&session->now, open, &yes, &no);
        json_object_set_new(root, "yes", json_integer((json_int_t)yes));
        json_object_set_new(root, "no", json_integer((json_int_t)no));
        json_object_set_new(root, "closes_ms", json_integer((json_int_t)open->closes_ms));
        proposal_json_add(&session->now, open, root);
    }
    return output_json_take(context, root);
}

enum tool_exit gov_answer_show(struct context *context, const struct gov_session *session,
    const struct digest *proposal, const struct gov_answer *answer)
{
    const struct register_proposal *open = register_proposal_find(&session->now, proposal);
    if (context->json) return answer_json(context, session, proposal, answer);
    printf("proposal %" PRIu64 ": %s, at height %" PRIu64, answer->proposal, answer->outcome, answer->height);
    if (answer->why[0] != '\0')
        printf(": %s", ruling_sentence_by_name(answer->why) == NULL ? answer->why
                                                                    : ruling_sentence_by_name(answer->why));
    putchar('\n');
    if (open != NULL) proposal_show(&session->now, open);
    return TOOL_DONE;
}
