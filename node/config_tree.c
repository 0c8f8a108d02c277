#include "node/config_tree.h"

int config_tree_open(struct config_tree *tree, struct span text)
{
    if (text.size == 0) return TALLY_EFORM;
    if (yaml_parser_initialize(&tree->parser) != 1) return TALLY_ENOMEM;
    yaml_parser_set_input_string(&tree->parser, text.data, text.size);
    if (yaml_parser_load(&tree->parser, &tree->document) == 1) return TALLY_OK;
    int error = tree->parser.error == YAML_MEMORY_ERROR ? TALLY_ENOMEM : TALLY_EFORM;
    yaml_parser_delete(&tree->parser);
    return error;
}

void config_tree_close(struct config_tree *tree)
{
    yaml_document_delete(&tree->document);
    yaml_parser_delete(&tree->parser);
}

const yaml_node_t *config_tree_root(struct config_tree *tree)
{
    return yaml_document_get_root_node(&tree->document);
}

const yaml_node_t *config_tree_node(struct config_tree *tree, int number)
{
    return yaml_document_get_node(&tree->document, number);
}

const yaml_node_pair_t *config_tree_pair(
    struct config_tree *tree, const yaml_node_t *mapping, const char *key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE) return NULL;
    const yaml_node_pair_t *start = mapping->data.mapping.pairs.start;
    for (const yaml_node_pair_t *at = mapping->data.mapping.pairs.top; at > start;) {
        const yaml_node_t *name = config_tree_node(tree, (--at)->key);
        if (name->type == YAML_SCALAR_NODE && strcmp((const char *)name->data.scalar.value, key) == 0)
            return at;
    }
    return NULL;
}

const yaml_node_t *config_tree_value(struct config_tree *tree, const yaml_node_t *mapping, const char *key)
{
    const yaml_node_pair_t *pair = config_tree_pair(tree, mapping, key);
    return pair == NULL ? NULL : config_tree_node(tree, pair->value);
}

size_t config_tree_count(const yaml_node_t *list)
{
    if (list == NULL || list->type != YAML_SEQUENCE_NODE) return 0;
    return (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
}

const yaml_node_t *config_tree_entry(struct config_tree *tree, const yaml_node_t *list, size_t index)
{
    if (index >= config_tree_count(list)) return NULL;
    return config_tree_node(tree, list->data.sequence.items.start[index]);
}
