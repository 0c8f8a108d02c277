/* node.yaml's list of clients, changed in its text: every other line stays as somebody wrote it. */
#ifndef TALLY_NODE_CONFIG_EDIT_H
#define TALLY_NODE_CONFIG_EDIT_H

#include "node/config.h"

/* Both append the whole new text to `out`, which has been read back by config_parse and says what the old one
 * says but for the one client. `path` is what `why` calls the file. `entry` is all zeros past its texts'
 * ends. Errors: TALLY_EFORM (the old text is refused, or so written that it cannot be changed here),
 * TALLY_EEXISTS (a client of this name, or with this fingerprint, is listed), TALLY_ELIMIT (as many are
 * listed as may be), TALLY_ENOTFOUND (nobody of this name is listed), TALLY_ENOMEM. */
int config_client_add(struct span text, const char *path, const struct client_entry *entry,
    struct buffer *out, char *why, size_t why_size) TALLY_MUST_CHECK;
int config_client_remove(struct span text, const char *path, const char *name, struct buffer *out, char *why,
    size_t why_size) TALLY_MUST_CHECK;

#endif
