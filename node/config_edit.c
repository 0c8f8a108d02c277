#include "node/config_edit.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/config_tree.h"
#include "proto/base/check.h"

#define ENTRY_TEXT_SIZE_MAX 512

/* ---- Places in the text ---- */

/* A mark counts characters, of UTF-8. */
static size_t offset_of(struct span text, yaml_mark_t mark)
{
    size_t offset = 0;
    for (size_t characters = 0; offset < text.size; offset++) {
        if ((text.data[offset] & 0xC0) == 0x80) continue;
        if (characters++ == mark.index) break;
    }
    return offset;
}

static size_t line_start(struct span text, size_t offset)
{
    while (offset > 0 && text.data[offset - 1] != '\n')
        offset--;
    return offset;
}

/* Past its newline. */
static size_t line_end(struct span text, size_t offset)
{
    while (offset < text.size && text.data[offset] != '\n')
        offset++;
    return offset < text.size ? offset + 1 : offset;
}

/* Where a node's last word ends; what libyaml calls the end of a block is where the next one begins. */
static yaml_mark_t node_end(struct config_tree *tree, const yaml_node_t *node)
{
    if (node->type == YAML_MAPPING_NODE && node->data.mapping.style != YAML_FLOW_MAPPING_STYLE &&
        node->data.mapping.pairs.top > node->data.mapping.pairs.start)
        return node_end(tree, config_tree_node(tree, node->data.mapping.pairs.top[-1].value));
    if (node->type == YAML_SEQUENCE_NODE && node->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE &&
        config_tree_count(node) > 0)
        return node_end(tree, config_tree_entry(tree, node, config_tree_count(node) - 1));
    return node->end_mark;
}

/* An entry of a block list begins with a dash before it. */
static size_t dash_of(struct span text, const yaml_node_t *entry)
{
    size_t at = offset_of(text, entry->start_mark);
    size_t start = line_start(text, at);
    while (at > start && text.data[at] != '-')
        at--;
    return at;
}

/* ---- The new text ---- */

static void put(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

static void put_range(struct buffer *out, struct span text, size_t from, size_t to)
{
    CHECK(from <= to && to <= text.size);
    buffer_append(out, text.data + from, to - from);
}

/* What stands by itself is left out. */
static void entry_print(const struct client_entry *entry, char text[ENTRY_TEXT_SIZE_MAX])
{
    char fingerprint[2 * DIGEST_SIZE + 1], rate[40] = "", concurrency[40] = "", roles[80] = "";
    uint32_t role = 0;
    const char *name;
    for (uint32_t i = 0; (name = rpc_role_at(i, &role)) != NULL; i++) {
        if ((entry->roles & role) == 0) continue;
        if (roles[0] != '\0') strcat(roles, ", ");
        strcat(roles, name);
    }
    if (entry->rate != CLIENT_RATE_DEFAULT) snprintf(rate, sizeof rate, ", rate: %u", entry->rate);
    if (entry->concurrency != CLIENT_CONCURRENCY_DEFAULT)
        snprintf(concurrency, sizeof concurrency, ", concurrency: %u", entry->concurrency);
    hex_encode(span_of(entry->fingerprint.bytes, DIGEST_SIZE), fingerprint);
    int size = snprintf(text, ENTRY_TEXT_SIZE_MAX, "{name: \"%s\", fingerprint: \"%s\", roles: [%s]%s%s}",
        entry->name, fingerprint, roles, rate, concurrency);
    CHECK(size > 0 && size < ENTRY_TEXT_SIZE_MAX);
}

static void add_line(struct config_tree *tree, struct span text, const yaml_node_t *list, const char *entry,
    struct buffer *out)
{
    const yaml_node_t *last = config_tree_entry(tree, list, config_tree_count(list) - 1);
    size_t at = line_end(text, offset_of(text, node_end(tree, last)));
    size_t dash = dash_of(text, last);
    put_range(out, text, 0, at);
    if (at == text.size && text.data[at - 1] != '\n') put(out, "\n");
    for (size_t i = line_start(text, dash); i < dash; i++)
        put(out, " ");
    put(out, "- ");
    put(out, entry);
    put(out, "\n");
    put_range(out, text, at, text.size);
}

static void add(struct config_tree *tree, struct span text, const char *entry, struct buffer *out)
{
    const yaml_node_t *list = config_tree_value(tree, config_tree_root(tree), "clients");
    if (list == NULL) {
        put_range(out, text, 0, text.size);
        if (text.size > 0 && text.data[text.size - 1] != '\n') put(out, "\n");
        put(out, "clients:\n  - ");
        put(out, entry);
        put(out, "\n");
    } else if (list->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE) {
        add_line(tree, text, list, entry, out);
    } else {
        size_t bracket = offset_of(text, list->end_mark) - 1;
        put_range(out, text, 0, bracket);
        if (config_tree_count(list) > 0) put(out, ", ");
        put(out, entry);
        put_range(out, text, bracket, text.size);
    }
}

/* What of the text goes with an entry of "[a, b, c]": its comma too. */
static void cut_of_flow(struct config_tree *tree, struct span text, const yaml_node_t *list, size_t index,
    size_t *from, size_t *to)
{
    const yaml_node_t *entry = config_tree_entry(tree, list, index);
    *from = offset_of(text, entry->start_mark);
    *to = offset_of(text, entry->end_mark);
    if (index + 1 < config_tree_count(list))
        *to = offset_of(text, config_tree_entry(tree, list, index + 1)->start_mark);
    else if (index > 0)
        *from = offset_of(text, config_tree_entry(tree, list, index - 1)->end_mark);
}

static void remove_entry(struct config_tree *tree, struct span text, size_t index, struct buffer *out)
{
    const yaml_node_pair_t *pair = config_tree_pair(tree, config_tree_root(tree), "clients");
    const yaml_node_t *list = config_tree_node(tree, pair->value);
    const yaml_node_t *entry = config_tree_entry(tree, list, index);
    size_t from, to;
    if (list->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE) {
        cut_of_flow(tree, text, list, index, &from, &to);
    } else {
        from = line_start(text, dash_of(text, entry));
        to = line_end(text, offset_of(text, node_end(tree, entry)));
        /* A block list of nothing cannot be written: its key goes too. */
        if (config_tree_count(list) == 1)
            from = line_start(text, offset_of(text, config_tree_node(tree, pair->key)->start_mark));
    }
    put_range(out, text, 0, from);
    put_range(out, text, to, text.size);
}

/* ---- Before and after ---- */

struct edit {
    struct span text;
    const char *path;
    char *why;
    size_t why_size;
    struct config *before, *after;
    struct config_tree tree;
    bool planted;
};

/* Reads the old text, twice: for what it says, and for where. */
static int edit_open(struct edit *edit)
{
    edit->before = calloc(1, sizeof *edit->before);
    edit->after = calloc(1, sizeof *edit->after);
    snprintf(edit->why, edit->why_size, "memory ran out");
    if (edit->before == NULL || edit->after == NULL) return TALLY_ENOMEM;
    int error = config_parse(edit->text, edit->path, edit->before, edit->why, edit->why_size);
    if (error == TALLY_OK) error = config_tree_open(&edit->tree, edit->text);
    edit->planted = error == TALLY_OK;
    return error;
}

static void edit_close(struct edit *edit)
{
    if (edit->planted) config_tree_close(&edit->tree);
    free(edit->before);
    free(edit->after);
}

/* The new text says what `before` does by now, and nothing else. */
static int edit_check(struct edit *edit, const struct buffer *out)
{
    char why[512];
    if (out->failed) return TALLY_ENOMEM;
    if (config_parse(buffer_span(out), edit->path, edit->after, why, sizeof why) == TALLY_OK &&
        memcmp(edit->before, edit->after, sizeof *edit->before) == 0)
        return TALLY_OK;
    snprintf(edit->why, edit->why_size,
        "%s is written in a way that is not changed here: change its clients by hand", edit->path);
    return TALLY_EFORM;
}

static int before_add(struct edit *edit, const struct client_entry *entry)
{
    struct config *config = edit->before;
    for (uint32_t i = 0; i < config->client_count; i++) {
        bool name = strcmp(config->clients[i].name, entry->name) == 0;
        if (!name && !digest_equal(&config->clients[i].fingerprint, &entry->fingerprint)) continue;
        snprintf(edit->why, edit->why_size,
            name ? "%s lists a client \"%s\" already" : "%s lists this certificate already, as \"%s\"",
            edit->path, config->clients[i].name);
        return TALLY_EEXISTS;
    }
    if (config->client_count == CLIENTS_MAX) {
        snprintf(
            edit->why, edit->why_size, "%s lists %u clients, and no more may be", edit->path, CLIENTS_MAX);
        return TALLY_ELIMIT;
    }
    memcpy(&config->clients[config->client_count++], entry, sizeof *entry);
    return TALLY_OK;
}

static int before_remove(struct edit *edit, const char *name, size_t *index)
{
    struct config *config = edit->before;
    for (uint32_t i = 0; i < config->client_count; i++) {
        if (strcmp(config->clients[i].name, name) != 0) continue;
        *index = i;
        config->client_count--;
        memmove(&config->clients[i], &config->clients[i + 1],
            (config->client_count - i) * sizeof config->clients[0]);
        memset(&config->clients[config->client_count], 0, sizeof config->clients[0]);
        return TALLY_OK;
    }
    snprintf(edit->why, edit->why_size, "%s lists no client \"%s\"", edit->path, name);
    return TALLY_ENOTFOUND;
}

int config_client_add(struct span text, const char *path, const struct client_entry *entry,
    struct buffer *out, char *why, size_t why_size)
{
    struct edit edit = {.text = text, .path = path, .why = why, .why_size = why_size};
    char printed[ENTRY_TEXT_SIZE_MAX];
    int error = edit_open(&edit);
    if (error == TALLY_OK) error = before_add(&edit, entry);
    if (error == TALLY_OK) {
        entry_print(entry, printed);
        add(&edit.tree, text, printed, out);
        error = edit_check(&edit, out);
    }
    edit_close(&edit);
    return error;
}

int config_client_remove(
    struct span text, const char *path, const char *name, struct buffer *out, char *why, size_t why_size)
{
    struct edit edit = {.text = text, .path = path, .why = why, .why_size = why_size};
    size_t index = 0;
    int error = edit_open(&edit);
    if (error == TALLY_OK) error = before_remove(&edit, name, &index);
    if (error == TALLY_OK) {
        remove_entry(&edit.tree, text, index, out);
        error = edit_check(&edit, out);
    }
    edit_close(&edit);
    return error;
}
