/* The applications that may call a node: node.yaml's list, and the certificates they show. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config_edit.h"
#include "node/net/certificate.h"
#include "tools/args.h"
#include "tools/client_listing.h"
#include "tools/output.h"

static enum tool_exit client_run(struct context *context, int count, char **arguments);

const struct command command_client = {
    .name = "client",
    .summary = "which applications may call the node",
    .help =
        "usage: tally --home DIR client add NAME --roles R,.. [--rate N] [--concurrency N]\n"
        "                                   [--out DIR | --certificate FILE]\n"
        "       tally --home DIR client list\n"
        "       tally --home DIR client remove NAME\n"
        "\n"
        "add makes a key and a certificate for an application, and lists its fingerprint in node.yaml; "
        "remove "
        "takes it off the\n"
        "list, and leaves the files. Every other line of node.yaml stays as it is. A node that runs on the "
        "home reads the list\n"
        "again at once: a new client may call, and one that was removed is cut off.\n"
        "\n"
        "  NAME               1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit\n"
        "  --roles R,..       of submit (batches), inquire (borrowers' files), read (what is the member's "
        "own), admin\n"
        "  --rate N           calls a second, 1000 unless given; one second's calls may come at once\n"
        "  --concurrency N    calls that are open at once, streams too, 100 unless given\n"
        "  --out DIR          where NAME.crt and NAME.key go; HOME/clients unless given\n"
        "  --certificate FILE lists this certificate (PEM), whose key the application has, and makes none\n"
        "\n"
        "--json prints {\"name\", \"fingerprint\", \"roles\", \"rate\", \"concurrency\", \"certificate\", "
        "\"key\", \"reloaded\"} of add,\n"
        "{\"clients\": [{\"name\", \"fingerprint\", \"roles\", \"rate\", \"concurrency\"}]} of list, "
        "{\"name\", "
        "\"reloaded\"} of remove.\n"
        "\"reloaded\" is false where no node runs on the home.\n",
    .run = client_run,
};

static void told_print(const char *what, const char *name, bool told)
{
    printf("%s is %s; %s\n", name, what,
        told ? "the node has been told" : "no node runs here: it counts from the next start");
}

/* ---- add ---- */

/* Names become file names, and words of logs. */
static bool name_is_sound(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t size = strlen(name);
    if (size == 0 || size > CLIENT_NAME_SIZE_MAX || strchr(letters, name[0]) == NULL) return false;
    for (const char *at = name; *at != '\0'; at++)
        if (strchr(letters, *at) == NULL && strchr("._-", *at) == NULL) return false;
    return true;
}

static enum tool_exit roles_read(struct context *context, const char *text, uint32_t *roles)
{
    for (const char *at = text; at != NULL;) {
        char name[32];
        size_t size = strcspn(at, ",");
        uint32_t role = 0;
        snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name), at);
        if (rpc_role_parse(name, &role) != TALLY_OK)
            return context_fail(
                context, TOOL_USAGE, "ROLE", "there is no role '%s'; there are " RPC_ROLE_NAMES, name);
        *roles |= role;
        at = at[size] == ',' ? at + size + 1 : NULL;
    }
    return TOOL_DONE;
}

static enum tool_exit limit_read(struct context *context, const struct args *args, const char *option,
    uint32_t most, uint32_t otherwise, uint32_t *limit)
{
    const char *text = args_value(args, option);
    uint64_t number = otherwise;
    if (text != NULL && number_from_text(text, 1, most, &number) != TALLY_OK)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "--%s is '%s', not a number from 1 to %u", option, text, most);
    *limit = (uint32_t)number;
    return TOOL_DONE;
}

static enum tool_exit entry_read(struct context *context, const struct args *args, struct client_entry *entry)
{
    const char *name = args->positionals[1], *roles = args_value(args, "roles");
    if (args->positional_count != 2 || roles == NULL)
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR client add NAME --roles R,.. [--rate N] [--concurrency N]");
    if (args_value(args, "out") != NULL && args_value(args, "certificate") != NULL)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "--certificate makes no files, so --out is not for it");
    if (!name_is_sound(name))
        return context_fail(context, TOOL_USAGE, "USAGE",
            "'%s' is no name: 1 to %u of A-Z a-z 0-9 . _ -, the first a letter or digit", name,
            CLIENT_NAME_SIZE_MAX);
    memcpy(entry->name, name, strlen(name));
    enum tool_exit code = roles_read(context, roles, &entry->roles);
    if (code == TOOL_DONE)
        code = limit_read(context, args, "rate", CLIENT_RATE_MAX, CLIENT_RATE_DEFAULT, &entry->rate);
    if (code == TOOL_DONE)
        code = limit_read(context, args, "concurrency", CLIENT_CONCURRENCY_MAX, CLIENT_CONCURRENCY_DEFAULT,
            &entry->concurrency);
    return code;
}

/* The certificate to list, and what was made for it. */
struct identity {
    char certificate[HOME_PATH_MAX], key[HOME_PATH_MAX];
    bool made;
};

static enum tool_exit identity_make(struct context *context, const struct client_listing *listing,
    const char *out, const char *name, struct identity *identity)
{
    char directory[HOME_PATH_MAX], file[CLIENT_NAME_SIZE_MAX + 8];
    enum tool_exit code = path_join(context, listing->home.path, "clients", directory);
    if (code != TOOL_DONE) return code;
    if (out != NULL) snprintf(directory, sizeof directory, "%s", out);
    snprintf(file, sizeof file, "%s.crt", name);
    code = path_join(context, directory, file, identity->certificate);
    snprintf(file, sizeof file, "%s.key", name);
    if (code == TOOL_DONE) code = path_join(context, directory, file, identity->key);
    if (code != TOOL_DONE) return code;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return context_fail(
            context, TOOL_REFUSED, "FILE", "cannot make the directory %s: %s", directory, strerror(errno));
    int error = certificate_make_files(name, NULL, 0, identity->certificate, identity->key);
    if (error == TALLY_EEXISTS)
        return context_fail(context, TOOL_REFUSED, "EXISTS",
            "%s or its key is there already; to list it again: --certificate %s", identity->certificate,
            identity->certificate);
    if (error != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "FILE", "cannot make the certificate %s: %s",
            identity->certificate, tally_error_text(error));
    identity->made = true;
    return TOOL_DONE;
}

static enum tool_exit identity_open(struct context *context, const struct args *args,
    const struct client_listing *listing, struct client_entry *entry, struct identity *identity)
{
    const char *given = args_value(args, "certificate");
    enum tool_exit code = TOOL_DONE;
    if (given == NULL)
        code = identity_make(context, listing, args_value(args, "out"), entry->name, identity);
    else
        snprintf(identity->certificate, sizeof identity->certificate, "%s", given);
    if (code == TOOL_DONE &&
        certificate_file_fingerprint(identity->certificate, &entry->fingerprint) != TALLY_OK)
        code = context_fail(
            context, TOOL_REFUSED, "CERTIFICATE", "%s holds no certificate", identity->certificate);
    return code;
}

static json_t *entry_json(const struct client_entry *entry)
{
    json_t *roles = json_array();
    uint32_t role = 0;
    const char *name;
    for (uint32_t i = 0; (name = rpc_role_at(i, &role)) != NULL; i++)
        if ((entry->roles & role) != 0) json_array_append_new(roles, json_string(name));
    return json_pack("{s:s, s:o, s:o, s:I, s:I}", "name", entry->name, "fingerprint",
        json_digest(&entry->fingerprint), "roles", roles, "rate", (json_int_t)entry->rate, "concurrency",
        (json_int_t)entry->concurrency);
}

static enum tool_exit add_tell(
    struct context *context, const struct client_entry *entry, const struct identity *identity, bool told)
{
    if (context->json) {
        json_t *object = entry_json(entry);
        json_object_set_new(object, "certificate", json_string(identity->certificate));
        json_object_set_new(object, "key", identity->made ? json_string(identity->key) : json_null());
        json_object_set_new(object, "reloaded", json_boolean(told));
        return output_json_take(context, object);
    }
    told_print("listed", entry->name, told);
    printf("  certificate  %s\n", identity->certificate);
    if (identity->made) printf("  key          %s\n", identity->key);
    return TOOL_DONE;
}

static enum tool_exit add(struct context *context, const struct args *args, struct client_listing *listing)
{
    struct client_entry entry = {0};
    struct identity identity = {0};
    struct buffer text;
    char why[MESSAGE_SIZE_MAX];
    bool told = false;
    enum tool_exit code = entry_read(context, args, &entry);
    if (code == TOOL_DONE) code = client_listing_open(context, listing);
    if (code == TOOL_DONE) code = identity_open(context, args, listing, &entry, &identity);
    buffer_init(&text, CONFIG_FILE_SIZE_MAX);
    if (code == TOOL_DONE) {
        int error =
            config_client_add(buffer_span(&listing->text), listing->path, &entry, &text, why, sizeof why);
        if (error == TALLY_OK)
            code = client_listing_write(context, listing, &text);
        else
            code =
                context_fail(context, TOOL_REFUSED, error == TALLY_EEXISTS ? "EXISTS" : "CONFIG", "%s", why);
        if (code != TOOL_DONE && identity.made) {
            unlink(identity.certificate);
            unlink(identity.key);
        }
    }
    buffer_close(&text);
    if (code == TOOL_DONE) code = client_listing_tell(context, listing, &told);
    return code == TOOL_DONE ? add_tell(context, &entry, &identity, told) : code;
}

/* ---- list and remove ---- */

static enum tool_exit list_print(struct context *context, const struct config *config)
{
    if (context->json) {
        json_t *clients = json_array();
        for (uint32_t i = 0; i < config->client_count; i++)
            json_array_append_new(clients, entry_json(&config->clients[i]));
        return output_json_take(context, json_pack("{s:o}", "clients", clients));
    }
    for (uint32_t i = 0; i < config->client_count; i++) {
        const struct client_entry *entry = &config->clients[i];
        char fingerprint[2 * DIGEST_SIZE + 1];
        uint32_t role = 0;
        const char *name;
        hex_encode(span_of(entry->fingerprint.bytes, DIGEST_SIZE), fingerprint);
        printf("%s\n  fingerprint  %s\n  roles       ", entry->name, fingerprint);
        for (uint32_t r = 0; (name = rpc_role_at(r, &role)) != NULL; r++)
            if ((entry->roles & role) != 0) printf(" %s", name);
        printf("\n  at most      %u calls a second, %u open at once\n", entry->rate, entry->concurrency);
    }
    return TOOL_DONE;
}

static enum tool_exit list(struct context *context, struct client_listing *listing)
{
    char why[MESSAGE_SIZE_MAX] = "memory ran out";
    enum tool_exit code = client_listing_open(context, listing);
    if (code != TOOL_DONE) return code;
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL ||
        config_parse(buffer_span(&listing->text), listing->path, config, why, sizeof why) != TALLY_OK)
        code = context_fail(context, TOOL_REFUSED, "CONFIG", "%s", why);
    else
        code = list_print(context, config);
    free(config);
    return code;
}

static enum tool_exit remove_client(struct context *context, const char *name, struct client_listing *listing)
{
    struct buffer text;
    char why[MESSAGE_SIZE_MAX];
    bool told = false;
    enum tool_exit code = client_listing_open(context, listing);
    if (code != TOOL_DONE) return code;
    buffer_init(&text, CONFIG_FILE_SIZE_MAX);
    int error =
        config_client_remove(buffer_span(&listing->text), listing->path, name, &text, why, sizeof why);
    if (error == TALLY_OK)
        code = client_listing_write(context, listing, &text);
    else
        code =
            context_fail(context, TOOL_REFUSED, error == TALLY_ENOTFOUND ? "NOT_FOUND" : "CONFIG", "%s", why);
    buffer_close(&text);
    if (code == TOOL_DONE) code = client_listing_tell(context, listing, &told);
    if (code != TOOL_DONE) return code;
    if (context->json)
        return output_json_take(context, json_pack("{s:s, s:b}", "name", name, "reloaded", told));
    told_print("off the list", name, told);
    return TOOL_DONE;
}

static enum tool_exit client_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"roles", true}, {"rate", true}, {"concurrency", true},
        {"out", true}, {"certificate", true}, {NULL, false}};
    struct args args;
    struct client_listing listing = {.lock = -1};
    char why[MESSAGE_SIZE_MAX];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help client", why);
    const char *what = args.positional_count > 0 ? args.positionals[0] : "";
    enum tool_exit code;
    if (strcmp(what, "add") == 0)
        code = add(context, &args, &listing);
    else if (strcmp(what, "list") == 0 && args.positional_count == 1)
        code = list(context, &listing);
    else if (strcmp(what, "remove") == 0 && args.positional_count == 2)
        code = remove_client(context, args.positionals[1], &listing);
    else
        code = context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR client add NAME --roles R,.. | list | remove NAME");
    client_listing_close(&listing);
    return code;
}
