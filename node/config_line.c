#include "node/config_line.h"

#include "node/config_tree.h"

size_t config_line(struct span text, const struct config_place *place)
{
    struct config_tree tree;
    if (config_tree_open(&tree, text) != TALLY_OK) return 0;
    const yaml_node_t *mapping = config_tree_root(&tree);
    if (place->list != NULL)
        mapping = config_tree_entry(&tree, config_tree_value(&tree, mapping, place->list), place->index);
    const yaml_node_pair_t *pair = config_tree_pair(&tree, mapping, place->key);
    size_t line = pair == NULL ? 0 : config_tree_node(&tree, pair->key)->start_mark.line + 1;
    config_tree_close(&tree);
    return line;
}
