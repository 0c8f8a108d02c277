#include "node/config_line.h"

#include <yaml.h>

/* The last pair of this key; NULL where there is none. */
static const yaml_node_pair_t *pair_of(yaml_document_t *document, const yaml_node_t *mapping, const char *key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE) return NULL;
    const yaml_node_pair_t *start = mapping->data.mapping.pairs.start;
    for (const yaml_node_pair_t *at = mapping->data.mapping.pairs.top; at > start;) {
        const yaml_node_t *name = yaml_document_get_node(document, (--at)->key);
        if (name->type == YAML_SCALAR_NODE && strcmp((const char *)name->data.scalar.value, key) == 0)
            return at;
    }
    return NULL;
}

static const yaml_node_t *entry_of(
    yaml_document_t *document, const yaml_node_t *root, const char *list, unsigned index)
{
    const yaml_node_pair_t *pair = pair_of(document, root, list);
    const yaml_node_t *node = pair == NULL ? NULL : yaml_document_get_node(document, pair->value);
    if (node == NULL || node->type != YAML_SEQUENCE_NODE) return NULL;
    const yaml_node_item_t *items = node->data.sequence.items.start;
    if (index >= (size_t)(node->data.sequence.items.top - items)) return NULL;
    return yaml_document_get_node(document, items[index]);
}

size_t config_line(struct span text, const struct config_place *place)
{
    yaml_parser_t parser;
    yaml_document_t document;
    size_t line = 0;
    if (yaml_parser_initialize(&parser) != 1) return 0;
    yaml_parser_set_input_string(&parser, text.data, text.size);
    if (yaml_parser_load(&parser, &document) == 1) {
        const yaml_node_t *mapping = yaml_document_get_root_node(&document);
        if (place->list != NULL) mapping = entry_of(&document, mapping, place->list, place->index);
        const yaml_node_pair_t *pair = pair_of(&document, mapping, place->key);
        if (pair != NULL) line = yaml_document_get_node(&document, pair->key)->start_mark.line + 1;
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return line;
}
