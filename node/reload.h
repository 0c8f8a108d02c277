/* node.yaml, read again while the node runs. */
#ifndef TALLY_NODE_RELOAD_H
#define TALLY_NODE_RELOAD_H

#include "node/config.h"

/* Takes up what may change in a running node: the clients and log_level. What else has changed is said in the
 * log, and takes a restart. A file that is refused changes nothing, and is one line in the log. Returns
 * whether the file was taken. */
bool config_reload(struct config *config);

#endif
