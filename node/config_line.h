/* Where in node.yaml a value stands, for what a schema cannot complain about. */
#ifndef TALLY_NODE_CONFIG_LINE_H
#define TALLY_NODE_CONFIG_LINE_H

#include "proto/base/bytes.h"

/* A key of the file; or, where `list` is set, of that list's `index`-th entry. */
struct config_place {
    const char *list;
    unsigned index;
    const char *key;
};

/* The line it stands on, from 1, the last one where it stands there more than once; 0 where it does not, or
 * the text is no YAML. */
size_t config_line(struct span text, const struct config_place *place);

#endif
