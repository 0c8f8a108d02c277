#include "tools/gov_draft.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "tools/join_file.h"
#include "tools/output.h"
#include "tools/policy.h"

#define PROOF_FILE_SIZE_MAX KIB
#define PROOFS_SIZE_MAX (NEW_KEYS_MAX * SIGNATURE_SIZE)
#define FLAG_MAX UINT32_MAX
#define LIST_TEXT_SIZE_MAX 4096u

/* What a verb is made from: its arguments after its own name. */
struct make {
    struct context *context;
    const struct gov_session *session;
    const struct args *args;
    struct gov_draft *draft;
};

static const char *argument(const struct make *make, size_t index)
{
    return make->args->positionals[index];
}

static enum tool_exit usage(const struct make *make, const char *why)
{
    return context_fail(make->context, TOOL_USAGE, "USAGE", "%s; see: tally help gov", why);
}

/* ---- Bytes and proofs ---- */

static enum tool_exit encode(const struct make *make)
{
    action_encode(&make->draft->action, &make->draft->bytes);
    if (!make->draft->bytes.failed) return TOOL_DONE;
    return context_fail(make->context, TOOL_REFUSED, "LIMIT", "it is larger than one proposal may be");
}

/* With the one new key, whose secret is at hand. */
static enum tool_exit encode_proven(const struct make *make, const struct key_pair *pair)
{
    enum tool_exit code = encode(make);
    if (code != TOOL_DONE) return code;
    struct digest digest = action_proof_digest(&make->session->chain_id, buffer_span(&make->draft->bytes));
    struct signature proof;
    signature_make(&pair->secret, &digest, &proof);
    buffer_append(&make->draft->proofs, proof.bytes, SIGNATURE_SIZE);
    return TOOL_DONE;
}

/* ---- Members ---- */

static enum tool_exit make_admit(const struct make *make)
{
    struct gov_draft *draft = make->draft;
    return join_file_open(make->context, argument(make, 0), &make->session->chain_id, &draft->action,
        &draft->bytes, &draft->proofs);
}

static enum tool_exit make_choice(const struct make *make, enum action_kind kind)
{
    make->draft->action.kind = kind;
    enum tool_exit code =
        gov_member(make->context, make->session, argument(make, 0), &make->draft->action.member_id);
    return code == TOOL_DONE ? encode(make) : code;
}

static enum tool_exit make_suspend(const struct make *make)
{
    return make_choice(make, ACTION_SUSPEND_MEMBER);
}

static enum tool_exit make_restore(const struct make *make)
{
    return make_choice(make, ACTION_RESTORE_MEMBER);
}

static enum tool_exit make_remove(const struct make *make)
{
    return make_choice(make, ACTION_REMOVE_MEMBER);
}

/* ---- Keys ---- */

/* The key of a file, which is made where it is not there. */
static enum tool_exit key_file_open(struct context *context, const char *path, struct key_pair *pair)
{
    enum tool_exit code = access(path, F_OK) == 0 ? TOOL_DONE : key_file_make(context, path, &pair->public);
    return code == TOOL_DONE ? key_pair_open(context, path, pair) : code;
}

static int proof_fields_read(json_t *root, struct governance_action *action, struct signature *proof)
{
    json_int_t member = 0;
    const char *kind = NULL, *key = NULL, *signature = NULL;
    if (json_unpack(root, "{s:I, s:s, s:s, s:s !}", "member", &member, "kind", &kind, "key", &key, "proof",
            &signature) != 0)
        return TALLY_EFORM;
    action->kind = ACTION_ADD_KEY;
    action->member_id = member < 1 || member > UINT32_MAX ? 0 : (uint32_t)member;
    action->key_kind = strcmp(kind, "signing") == 0 ? KEY_SIGNING : KEY_BALLOT;
    if (strcmp(kind, key_kind_name((uint32_t)action->key_kind)) != 0) return TALLY_EFORM;
    int error = hex_decode(key, action->key.bytes, PUBLIC_KEY_SIZE);
    return error == TALLY_OK ? hex_decode(signature, proof->bytes, SIGNATURE_SIZE) : error;
}

/* As tally gov prove-key printed it. */
static enum tool_exit proof_open(const struct make *make, const char *path)
{
    char why[MESSAGE_SIZE_MAX / 2];
    struct gov_draft *draft = make->draft;
    struct signature proof;
    struct buffer text;
    enum tool_exit code = TOOL_DONE;
    buffer_init(&text, PROOF_FILE_SIZE_MAX);
    int error = file_read(path, &text, why, sizeof why);
    if (error != TALLY_OK) code = context_fail(make->context, TOOL_REFUSED, "FILE", "%s", why);
    json_t *root = error == TALLY_OK ? json_loadb((const char *)text.data, text.size, 0, NULL) : NULL;
    if (code == TOOL_DONE && proof_fields_read(root, &draft->action, &proof) != TALLY_OK)
        code = context_fail(
            make->context, TOOL_REFUSED, "FORM", "%s is not what tally gov prove-key prints", path);
    json_decref(root);
    buffer_close(&text);
    if (code == TOOL_DONE) code = encode(make);
    if (code != TOOL_DONE) return code;
    buffer_append(&draft->proofs, proof.bytes, SIGNATURE_SIZE);
    if (action_proofs_check(&draft->action, &make->session->chain_id, buffer_span(&draft->bytes),
            buffer_span(&draft->proofs)) == TALLY_OK)
        return TOOL_DONE;
    return context_fail(make->context, TOOL_REFUSED, "SIGNATURE",
        "%s does not hold: it was altered, or made for another network", path);
}

static enum tool_exit make_add_key(const struct make *make)
{
    const char *proof = args_value(make->args, "proof"), *path = args_value(make->args, "key-file");
    bool by_proof = make->args->positional_count == 0 && proof != NULL && path == NULL;
    struct governance_action *action = &make->draft->action;
    struct key_pair pair = {0};
    if (by_proof) return proof_open(make, proof);
    if (make->args->positional_count != 1 || path == NULL || proof != NULL)
        return usage(
            make, "wanted: tally gov add-key signing|ballot --key-file FILE, or add-key --proof FILE");
    action->kind = ACTION_ADD_KEY;
    action->member_id = make->session->member_id;
    enum tool_exit code = gov_key_kind(make->context, argument(make, 0), &action->key_kind);
    if (code == TOOL_DONE && action->key_kind == KEY_NODE)
        return usage(make, "a node's key comes with its node: tally gov add-node");
    if (code == TOOL_DONE) code = key_file_open(make->context, path, &pair);
    action->key = pair.public;
    if (code == TOOL_DONE) code = encode_proven(make, &pair);
    secret_key_close(&pair.secret);
    return code;
}

/* The home's key that is to end. */
static enum tool_exit old_key_open(const struct make *make, enum key_kind kind, struct public_key *key)
{
    char name[KEY_FILE_NAME_SIZE], path[HOME_PATH_MAX];
    struct key_pair pair = {0};
    uint32_t holder = 0;
    enum tool_exit code = TOOL_DONE;
    if (kind == KEY_NODE) {
        /* The node itself goes over to its next key. */
        key_file_name(kind, false, name);
        code = path_join(make->context, make->session->home.path, name, path);
        if (code == TOOL_DONE) code = key_pair_open(make->context, path, &pair);
        holder = key_holder(&make->session->now, kind, &pair.public);
    } else {
        code = key_in_force(make->context, &make->session->home, &make->session->now, kind, &pair, &holder);
    }
    *key = pair.public;
    secret_key_close(&pair.secret);
    if (code == TOOL_DONE && holder != make->session->member_id)
        code = context_fail(make->context, TOOL_REFUSED, "KEY", "the home's %s key is not this member's",
            key_kind_name((uint32_t)kind));
    return code;
}

static enum tool_exit make_rotate_key(const struct make *make)
{
    char name[KEY_FILE_NAME_SIZE], path[HOME_PATH_MAX];
    struct governance_action *action = &make->draft->action;
    struct key_pair pair = {0};
    action->kind = ACTION_ROTATE_KEY;
    action->member_id = make->session->member_id;
    enum tool_exit code = gov_key_kind(make->context, argument(make, 0), &action->key_kind);
    if (code == TOOL_DONE) code = old_key_open(make, action->key_kind, &action->old_key);
    key_file_name(action->key_kind, true, name);
    if (code == TOOL_DONE) code = path_join(make->context, make->session->home.path, name, path);
    if (code == TOOL_DONE) code = key_file_open(make->context, path, &pair);
    action->key = pair.public;
    if (code == TOOL_DONE) code = encode_proven(make, &pair);
    secret_key_close(&pair.secret);
    if (code == TOOL_DONE)
        snprintf(make->draft->note, sizeof make->draft->note,
            action->key_kind == KEY_NODE
                ? "the new key is in %s: keep it there, the node goes over to it by itself once this has "
                  "passed"
                : "the new key is in %s: keep it there, it is taken by itself once this has passed",
            path);
    return code;
}

static enum tool_exit make_revoke_key(const struct make *make)
{
    struct governance_action *action = &make->draft->action;
    action->kind = ACTION_REVOKE_KEY;
    enum tool_exit code = gov_key_kind(make->context, argument(make, 0), &action->key_kind);
    if (code == TOOL_DONE) code = gov_public_key(make->context, argument(make, 1), &action->old_key);
    if (code != TOOL_DONE) return code;
    action->member_id = key_holder(&make->session->now, action->key_kind, &action->old_key);
    if (action->member_id != 0) return encode(make);
    return context_fail(make->context, TOOL_REFUSED, "NO_KEY", "no member has this %s key in force",
        key_kind_name((uint32_t)action->key_kind));
}

/* ---- Nodes and validators ---- */

static enum tool_exit make_add_node(const struct make *make)
{
    const char *name = argument(make, 0), *address = args_value(make->args, "address");
    const char *path = args_value(make->args, "key-file");
    struct governance_action *action = &make->draft->action;
    struct key_pair pair = {0};
    if (address == NULL || path == NULL || strlen(name) > NAME_SIZE_MAX ||
        strlen(address) > REGISTER_ADDRESS_SIZE_MAX)
        return usage(
            make, "wanted: tally gov add-node NAME --address HOST:PORT --key-file FILE [--validator]");
    action->kind = ACTION_ADD_NODE;
    action->member_id = make->session->member_id;
    snprintf(action->node.name, sizeof action->node.name, "%s", name);
    snprintf(action->node.address, sizeof action->node.address, "%s", address);
    action->node.validator = args_value(make->args, "validator") != NULL;
    enum tool_exit code = key_file_open(make->context, path, &pair);
    action->node.key = pair.public;
    if (code == TOOL_DONE) code = encode_proven(make, &pair);
    secret_key_close(&pair.secret);
    return code;
}

/* Ascending by node; one that stands there already was named twice. */
static bool choice_add(struct governance_action *action, uint32_t node_id, bool validator)
{
    uint32_t at = action->choice_count;
    if (at == PEERS_MAX) return false;
    while (at > 0 && action->choices[at - 1].node_id > node_id)
        at--;
    if (at > 0 && action->choices[at - 1].node_id == node_id) return false;
    memmove(&action->choices[at + 1], &action->choices[at],
        (action->choice_count - at) * sizeof *action->choices);
    action->choices[at] = (struct validator_choice){node_id, validator};
    action->choice_count++;
    return true;
}

/* "a,b,7": nodes by their ids or names. */
static enum tool_exit choices_add(const struct make *make, const char *list, bool validator)
{
    char text[LIST_TEXT_SIZE_MAX], *rest = text;
    const struct register_node *node;
    if (list == NULL) return TOOL_DONE;
    if (strlen(list) >= sizeof text) return usage(make, "too many nodes are named");
    memcpy(text, list, strlen(list) + 1);
    for (char *word = strsep(&rest, ","); word != NULL; word = strsep(&rest, ",")) {
        enum tool_exit code = gov_node(make->context, make->session, word, &node);
        if (code != TOOL_DONE) return code;
        if (!choice_add(&make->draft->action, node->id, validator))
            return usage(make, "a node is named twice");
    }
    return TOOL_DONE;
}

static enum tool_exit make_validators(const struct make *make)
{
    make->draft->action.kind = ACTION_SET_VALIDATORS;
    enum tool_exit code = choices_add(make, args_value(make->args, "add"), true);
    if (code == TOOL_DONE) code = choices_add(make, args_value(make->args, "remove"), false);
    if (code == TOOL_DONE && make->draft->action.choice_count == 0)
        return usage(make, "wanted: tally gov validators [--add NODE,..] [--remove NODE,..]");
    return code == TOOL_DONE ? encode(make) : code;
}

/* ---- Policy, parameters, flags ---- */

/* A profile that ships has the version that is the next one here; a file says its own, so that what was
 * written against an older policy is noticed. */
static enum tool_exit make_policy(const struct make *make)
{
    struct gov_draft *draft = make->draft;
    struct credit_policy policy;
    const char *name = argument(make, 0);
    enum tool_exit code = policy_open(make->context, name, &policy);
    if (code != TOOL_DONE) return code;
    if (strpbrk(name, "/.") == NULL) policy.version = make->session->now.policy_version + 1;
    if (policy.version != make->session->now.policy_version + 1)
        return context_fail(make->context, TOOL_REFUSED, "STALE_POLICY",
            "%s is version %" PRIu32 "; the one in force is %" PRIu32 ", so the next one has to be %" PRIu32,
            name, policy.version, make->session->now.policy_version, make->session->now.policy_version + 1);
    credit_policy_print(&policy, &draft->policy);
    if (draft->policy.failed)
        return context_fail(make->context, TOOL_REFUSED, "LIMIT", "the policy's text is too long");
    draft->action.kind = ACTION_SET_POLICY;
    draft->action.policy = buffer_span(&draft->policy);
    draft->action.policy_version = policy.version;
    return encode(make);
}

static enum tool_exit make_set(const struct make *make)
{
    struct governance_action *action = &make->draft->action;
    action->kind = ACTION_SET_PARAMETER;
    for (uint32_t at = PARAMETER_BASE_TIMEOUT_MS; parameter_name(at) != NULL; at++)
        if (strcmp(parameter_name(at), argument(make, 0)) == 0) action->parameter = (enum parameter)at;
    if (action->parameter == 0)
        return usage(make, "there is no such parameter: base_timeout_ms or heartbeat_ms");
    if (number_from_text(argument(make, 1), 0, UINT32_MAX, &action->value) != TALLY_OK ||
        !parameter_allows((uint32_t)action->parameter, action->value))
        return usage(make, "the parameter cannot have this value");
    return encode(make);
}

static enum tool_exit make_flag(const struct make *make)
{
    struct governance_action *action = &make->draft->action;
    const char *from = args_value(make->args, "from");
    uint64_t flag = 0;
    action->kind = ACTION_SET_FLAG;
    if (from == NULL || number_from_text(argument(make, 0), 1, FLAG_MAX, &flag) != TALLY_OK ||
        number_from_text(from, 1, INT64_MAX, &action->height) != TALLY_OK)
        return usage(make, "wanted: tally gov flag N --from HEIGHT");
    if (flag > FLAGS_KNOWN && args_value(make->args, "unknown") == NULL)
        return context_fail(make->context, TOOL_REFUSED, "UNKNOWN_FLAG",
            "this version knows no protocol flag %" PRIu64 ": every node that does not know it stops before "
            "height %" PRIu64 "; --unknown proposes it all the same",
            flag, action->height);
    action->flag = (uint32_t)flag;
    return encode(make);
}

/* ---- All of them ---- */

static const struct verb {
    const char *name, *usage, *options;
    size_t least, most; /* arguments */
    enum tool_exit (*make)(const struct make *make);
} verbs[] = {
    {"admit", "admit FILE", "", 1, 1, make_admit},
    {"suspend", "suspend MEMBER", "", 1, 1, make_suspend},
    {"restore", "restore MEMBER", "", 1, 1, make_restore},
    {"remove", "remove MEMBER", "", 1, 1, make_remove},
    {"add-key", "add-key signing|ballot --key-file FILE", "key-file,proof", 0, 1, make_add_key},
    {"rotate-key", "rotate-key node|signing|ballot", "", 1, 1, make_rotate_key},
    {"revoke-key", "revoke-key node|signing|ballot KEY", "", 2, 2, make_revoke_key},
    {"add-node", "add-node NAME --address HOST:PORT --key-file FILE [--validator]",
        "address,key-file,validator", 1, 1, make_add_node},
    {"validators", "validators [--add NODE,..] [--remove NODE,..]", "add,remove", 0, 0, make_validators},
    {"policy", "policy NAME|FILE", "", 1, 1, make_policy},
    {"set", "set base_timeout_ms|heartbeat_ms VALUE", "", 2, 2, make_set},
    {"flag", "flag N --from HEIGHT [--unknown]", "from,unknown", 1, 1, make_flag},
};

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    return NULL;
}

bool gov_draft_verb(const char *name, const char **usage_text, const char **options)
{
    const struct verb *verb = verb_find(name);
    if (verb == NULL) return false;
    *usage_text = verb->usage;
    *options = verb->options;
    return true;
}

enum tool_exit gov_draft_make(struct context *context, const struct gov_session *session, const char *name,
    const struct args *args, struct gov_draft *draft)
{
    const struct verb *verb = verb_find(name);
    const struct make make = {context, session, args, draft};
    CHECK(verb != NULL);
    *draft = (struct gov_draft){.note = ""};
    buffer_init(&draft->policy, POLICY_TEXT_SIZE_MAX);
    buffer_init(&draft->bytes, ACTION_SIZE_MAX);
    buffer_init(&draft->proofs, PROOFS_SIZE_MAX);
    if (args->positional_count < verb->least || args->positional_count > verb->most)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally gov %s; see: tally help gov", verb->usage);
    return verb->make(&make);
}

void gov_draft_close(struct gov_draft *draft)
{
    buffer_close(&draft->policy);
    buffer_close(&draft->bytes);
    buffer_close(&draft->proofs);
}

enum tool_exit gov_key_prove(struct context *context, const struct digest *chain_id, uint32_t member_id,
    enum key_kind kind, const struct key_pair *pair)
{
    struct governance_action action = {
        .kind = ACTION_ADD_KEY, .member_id = member_id, .key_kind = kind, .key = pair->public};
    struct buffer bytes;
    struct signature proof;
    buffer_init(&bytes, ACTION_SIZE_MAX);
    action_encode(&action, &bytes);
    CHECK(!bytes.failed);
    struct digest digest = action_proof_digest(chain_id, buffer_span(&bytes));
    signature_make(&pair->secret, &digest, &proof);
    buffer_close(&bytes);
    return output_json_take(context,
        json_pack("{s:I, s:s, s:o, s:o}", "member", (json_int_t)member_id, "kind",
            key_kind_name((uint32_t)kind), "key", json_hex(span_of(pair->public.bytes, PUBLIC_KEY_SIZE)),
            "proof", json_hex(span_of(proof.bytes, SIGNATURE_SIZE))));
}
