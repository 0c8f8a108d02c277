/* A home's node.yaml, while its list of clients is looked at or changed. */
#ifndef TALLY_TOOLS_CLIENT_LISTING_H
#define TALLY_TOOLS_CLIENT_LISTING_H

#include "tools/home.h"

struct client_listing {
    struct home home;
    char path[HOME_PATH_MAX]; /* of node.yaml */
    int lock;                 /* -1 = none */
    struct buffer text;
};

/* Reads node.yaml of the home the command line names, and keeps other commands from changing it until it is
 * closed, which it is also where this fails. */
enum tool_exit client_listing_open(struct context *context, struct client_listing *listing) TALLY_MUST_CHECK;
/* One that is all zeros but for its lock of -1 is fine. */
void client_listing_close(struct client_listing *listing);

/* Puts the new text in the old one's place, whole or not at all, with the old one's mode. */
enum tool_exit client_listing_write(struct context *context, const struct client_listing *listing,
    const struct buffer *text) TALLY_MUST_CHECK;

/* Has the node that runs on the home, if one does, read the file again; *told says whether one does. */
enum tool_exit client_listing_tell(
    struct context *context, const struct client_listing *listing, bool *told) TALLY_MUST_CHECK;

#endif
