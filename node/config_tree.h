/* node.yaml as a tree, which knows where each node of it stands in the text. */
#ifndef TALLY_NODE_CONFIG_TREE_H
#define TALLY_NODE_CONFIG_TREE_H

#include <yaml.h>

#include "proto/base/bytes.h"

struct config_tree {
    yaml_parser_t parser;
    yaml_document_t document;
};

/* Errors: TALLY_EFORM (no YAML), TALLY_ENOMEM; there is then nothing to close. The text is borrowed. */
int config_tree_open(struct config_tree *tree, struct span text) TALLY_MUST_CHECK;
void config_tree_close(struct config_tree *tree);

/* All return NULL for what is not there, and take NULL for it. Borrowed until the tree closes. */
const yaml_node_t *config_tree_root(struct config_tree *tree);
const yaml_node_t *config_tree_node(struct config_tree *tree, int number);
/* The last pair of this key in a mapping. */
const yaml_node_pair_t *config_tree_pair(
    struct config_tree *tree, const yaml_node_t *mapping, const char *key);
/* The value of this key in a mapping. */
const yaml_node_t *config_tree_value(struct config_tree *tree, const yaml_node_t *mapping, const char *key);
/* How many entries a list has; 0 for what is none. */
size_t config_tree_count(const yaml_node_t *list);
const yaml_node_t *config_tree_entry(struct config_tree *tree, const yaml_node_t *list, size_t index);

#endif
