/* tally gov: what members decide by ballot. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/args.h"
#include "tools/gov_draft.h"
#include "tools/gov_show.h"
#include "tools/output.h"

#define MS_PER_SECOND 1000u
#define CLOSES_UNLESS_GIVEN "14"
#define CLOSES_DAYS_MAX 90u

static enum tool_exit gov_run(struct context *context, int count, char **arguments);

const struct command command_gov = {
    .name = "gov",
    .summary = "members, keys, validators, policy: shown, proposed, voted on",
    .help =
        "usage: tally --home DIR gov show [--proposals] [--members] [--keys] [--nodes]\n"
        "       tally --home DIR gov vote NUMBER|ID yes|no\n"
        "       tally --home DIR gov withdraw NUMBER|ID\n"
        "       tally --home DIR gov revoke-own-key node|signing|ballot KEY\n"
        "       tally --home DIR gov prove-key signing|ballot FILE --member M\n"
        "and, to propose:\n"
        "       tally --home DIR gov admit FILE                      an institution, by its join file\n"
        "       tally --home DIR gov suspend MEMBER                  it submits and votes nothing\n"
        "       tally --home DIR gov restore MEMBER                  active again\n"
        "       tally --home DIR gov remove MEMBER                   for good: its keys end, its nodes go\n"
        "       tally --home DIR gov add-key signing|ballot --key-file FILE    one more of its own\n"
        "       tally --home DIR gov add-key --proof FILE            a key of the member that proved it\n"
        "       tally --home DIR gov rotate-key node|signing|ballot  a new key for the home's\n"
        "       tally --home DIR gov revoke-key node|signing|ballot KEY\n"
        "       tally --home DIR gov add-node NAME --address HOST:PORT --key-file FILE [--validator]\n"
        "       tally --home DIR gov validators [--add NODE,..] [--remove NODE,..]\n"
        "       tally --home DIR gov policy NAME|FILE                as tally policy takes it\n"
        "       tally --home DIR gov set base_timeout_ms|heartbeat_ms VALUE\n"
        "       tally --home DIR gov flag N --from HEIGHT            a protocol flag, at a height\n"
        "                                                            (--unknown: this version does not know "
        "it)\n"
        "\n"
        "Members change their network by proposals. A proposal passes, and is carried out, once more than "
        "two thirds of those\n"
        "who can vote said yes; whoever proposes says yes with that, and a vote is final. Everything is "
        "signed with the home's\n"
        "ballot key, waits until it is final, and tells what became of it. show tells what is in force, who "
        "voted how, how many\n"
        "more yes each proposal needs, when it closes, and from when on it would hold. Members and nodes are "
        "named by id or name.\n"
        "\n"
        "  --closes N        days until a proposal expires, 14 unless given, at most 90; 30m or 12h for "
        "less\n"
        "  --ballot-key FILE the key to sign with; the home's ballot.key unless given\n"
        "  --key-file FILE   a secret key; made where there is none\n"
        "\n"
        "rotate-key makes the new key beside the old one (signing.key.next and so on), and tally goes over "
        "to "
        "it once it is in\n"
        "force; a node begins anew with its own (node/governance/OPERATING.md). A stolen key: revoke-own-key "
        "ends it at once, without a vote, unless it is the last "
        "ballot key: that\n"
        "the others revoke, and then add the one that the member proves with prove-key.\n"
        "\n"
        "--json: show prints {\"network\", \"height\", \"voters\", \"yes_needed\", \"members\", \"keys\", "
        "\"nodes\", \"epoch\",\n"
        "\"base_timeout_ms\", \"heartbeat_ms\", \"policy\", \"policy_from\", \"flags\", \"open\", "
        "\"closed\"}, whatever is asked for;\n"
        "proposals and votes {\"proposal\", \"id\", \"height\", \"outcome\"}, and of one that is open "
        "{\"yes\", \"no\", \"yes_needed\",\n"
        "\"more_needed\", \"closes_ms\", \"what\", \"takes_effect\"}; revoke-own-key {\"key\", "
        "\"height\"}. A refusal exits 1 with\n"
        "its name, such as BALLOTED or CLOSED. UNDECIDED says that the node was lost before it answered: "
        "show tells what\n"
        "became of it, once the network goes on.\n",
    .run = gov_run,
};

static const struct option_spec options[] = {{"ballot-key", true}, {"closes", true}, {"key-file", true},
    {"proof", true}, {"address", true}, {"validator", false}, {"add", true}, {"remove", true}, {"from", true},
    {"unknown", false}, {"member", true}, {NULL, false}};

/* Whether nothing is given but what the verb has, by commas. */
static bool options_fit(const struct args *args, const char *allowed)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        const char *found = strstr(allowed, options[i].name);
        size_t size = strlen(options[i].name);
        bool is_allowed = found != NULL && (found == allowed || found[-1] == ',') &&
                          (found[size] == ',' || found[size] == '\0');
        if (args_value(args, options[i].name) != NULL && !is_allowed) return false;
    }
    return true;
}

/* ---- Proposing ---- */

/* "14" days, or a number with s, m, h or d behind it. */
static enum tool_exit closing_time(struct context *context, const char *text, uint64_t *closes_ms)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char digits[16];
    size_t size = strlen(text);
    uint64_t seconds = 86400, number = 0;
    for (size_t i = 0; size > 0 && i < sizeof units / sizeof units[0]; i++) {
        if (text[size - 1] != units[i].letter) continue;
        seconds = units[i].seconds;
        size--;
        break;
    }
    snprintf(digits, sizeof digits, "%.*s", (int)(size < sizeof digits ? size : 0), text);
    if (number_from_text(digits, 1, CLOSES_DAYS_MAX * 86400u / seconds, &number) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE",
            "--closes wants 1 to %u days, or a number with s, m or h behind it", CLOSES_DAYS_MAX);
    *closes_ms = clock_wall_ms() + number * seconds * MS_PER_SECOND;
    return TOOL_DONE;
}

static enum tool_exit propose(struct context *context, const char *verb, const struct args *args)
{
    const char *closes = args_value(args, "closes");
    struct governance_transaction transaction = {.kind = GOVERNANCE_PROPOSE};
    struct gov_session *session;
    struct gov_draft draft = {.note = ""};
    struct gov_answer answer = {.height = 0};
    enum tool_exit code =
        closing_time(context, closes == NULL ? CLOSES_UNLESS_GIVEN : closes, &transaction.closes_ms);
    if (code != TOOL_DONE) return code;
    code = gov_open_voter(context, args_value(args, "ballot-key"), &session);
    if (code != TOOL_DONE) return code;
    code = gov_draft_make(context, session, verb, args, &draft);
    transaction.action = buffer_span(&draft.bytes);
    transaction.proofs = buffer_span(&draft.proofs);
    if (code == TOOL_DONE) code = gov_submit(context, session, &transaction, &answer);
    if (code == TOOL_DONE) code = gov_answer_show(context, session, &answer.digest, &answer);
    if (code == TOOL_DONE && !context->json && draft.note[0] != '\0') printf("%s\n", draft.note);
    gov_draft_close(&draft);
    gov_close(session);
    return code;
}

/* ---- The rest ---- */

static enum tool_exit about_proposal(
    struct context *context, const struct args *args, struct governance_transaction *transaction)
{
    struct gov_session *session;
    struct gov_answer answer = {.height = 0};
    enum tool_exit code = gov_open_voter(context, args_value(args, "ballot-key"), &session);
    if (code != TOOL_DONE) return code;
    code = gov_proposal(context, session, args->positionals[0], &transaction->proposal);
    if (code == TOOL_DONE) code = gov_submit(context, session, transaction, &answer);
    if (code == TOOL_DONE) code = gov_answer_show(context, session, &transaction->proposal, &answer);
    gov_close(session);
    return code;
}

static enum tool_exit vote(struct context *context, const struct args *args)
{
    struct governance_transaction transaction = {.kind = GOVERNANCE_BALLOT};
    transaction.yes = args->positional_count == 2 && strcmp(args->positionals[1], "yes") == 0;
    bool is_vote =
        args->positional_count == 2 && (transaction.yes || strcmp(args->positionals[1], "no") == 0);
    if (!is_vote)
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally gov vote NUMBER|ID yes|no");
    return about_proposal(context, args, &transaction);
}

static enum tool_exit withdraw(struct context *context, const struct args *args)
{
    struct governance_transaction transaction = {.kind = GOVERNANCE_WITHDRAW};
    if (args->positional_count != 1)
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally gov withdraw NUMBER|ID");
    return about_proposal(context, args, &transaction);
}

static enum tool_exit revoke_own_key(struct context *context, const struct args *args)
{
    struct governance_transaction transaction = {.kind = GOVERNANCE_REVOKE_OWN_KEY};
    struct gov_session *session;
    struct gov_answer answer = {.height = 0};
    if (args->positional_count != 2)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally gov revoke-own-key node|signing|ballot KEY");
    enum tool_exit code = gov_key_kind(context, args->positionals[0], &transaction.revoked_kind);
    if (code == TOOL_DONE) code = gov_public_key(context, args->positionals[1], &transaction.revoked_key);
    if (code == TOOL_DONE) code = gov_open_voter(context, args_value(args, "ballot-key"), &session);
    if (code != TOOL_DONE) return code;
    code = gov_submit(context, session, &transaction, &answer);
    gov_close(session);
    if (code != TOOL_DONE) return code;
    if (context->json)
        return output_json_take(context,
            json_pack("{s:o, s:I}", "key", json_hex(span_of(transaction.revoked_key.bytes, PUBLIC_KEY_SIZE)),
                "height", (json_int_t)answer.height));
    printf("revoked at height %" PRIu64 ": from the next height on nothing that it signs is taken\n",
        answer.height);
    return TOOL_DONE;
}

static enum tool_exit prove_key(struct context *context, const struct args *args)
{
    const char *member = args_value(args, "member");
    struct gov_session *session;
    struct key_pair pair = {0};
    enum key_kind kind = KEY_NODE;
    uint32_t member_id = 0;
    if (args->positional_count != 2 || member == NULL)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally gov prove-key signing|ballot FILE --member M");
    enum tool_exit code = gov_key_kind(context, args->positionals[0], &kind);
    if (code == TOOL_DONE && kind == KEY_NODE)
        return context_fail(context, TOOL_USAGE, "USAGE", "a node's key comes with its node: add-node");
    if (code == TOOL_DONE) code = gov_open(context, &session);
    if (code != TOOL_DONE) return code;
    code = gov_member(context, session, member, &member_id);
    if (code == TOOL_DONE) code = key_pair_open(context, args->positionals[1], &pair);
    if (code == TOOL_DONE) code = gov_key_prove(context, &session->chain_id, member_id, kind, &pair);
    secret_key_close(&pair.secret);
    gov_close(session);
    return code;
}

static const struct verb {
    const char *name, *allowed;
    enum tool_exit (*run)(struct context *context, const struct args *args);
} verbs[] = {
    {"vote", "ballot-key", vote},
    {"withdraw", "ballot-key", withdraw},
    {"revoke-own-key", "ballot-key", revoke_own_key},
    {"prove-key", "member", prove_key},
};

static enum tool_exit verb_run(struct context *context, const char *name, const struct args *args)
{
    const char *usage, *own;
    char allowed[64];
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) != 0) continue;
        if (options_fit(args, verbs[i].allowed)) return verbs[i].run(context, args);
        return context_fail(
            context, TOOL_USAGE, "USAGE", "gov %s has no such option; see: tally help gov", name);
    }
    if (!gov_draft_verb(name, &usage, &own))
        return context_fail(
            context, TOOL_USAGE, "USAGE", "there is no tally gov %s; see: tally help gov", name);
    snprintf(allowed, sizeof allowed, "ballot-key,closes,%s", own);
    if (options_fit(args, allowed)) return propose(context, name, args);
    return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally gov %s; see: tally help gov", usage);
}

static enum tool_exit gov_run(struct context *context, int count, char **arguments)
{
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (count == 0)
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally gov show, vote, withdraw, or what is to be proposed; see: tally help gov");
    if (strcmp(arguments[0], "show") == 0) return gov_show_run(context, count - 1, arguments + 1);
    if (args_parse(options, count - 1, arguments + 1, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help gov", why);
    return verb_run(context, arguments[0], &args);
}
