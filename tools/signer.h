/* A command that writes events: the home's keys at hand, and its node connected. */
#ifndef TALLY_TOOLS_SIGNER_H
#define TALLY_TOOLS_SIGNER_H

#include "tools/member_event.h"

/* Large, and holds secrets. */
struct signer {
    struct home home;
    struct proof_trust trust;
    struct import_keys keys;
    struct remote remote;
};

/* Opens the home that the command line names. On a failure *signer is NULL. */
enum tool_exit signer_open(struct context *context, struct signer **signer) TALLY_MUST_CHECK;
/* Wipes and frees; NULL is fine. */
void signer_close(struct signer *signer);

/* Whose file an event is in that the member may read. */
enum tool_exit signer_subject(struct context *context, struct signer *signer, const struct digest *event_id,
    struct digest *subject) TALLY_MUST_CHECK;

/* Submits the event and verifies its receipt; one that was refused fails with its result. */
enum tool_exit signer_submit(struct context *context, struct signer *signer, const struct member_event *event,
    struct receipt *receipt) TALLY_MUST_CHECK;

/* {name: id, "height"}, or a line of text that begins with `what`. */
enum tool_exit signer_show(struct context *context, const char *name, const char *what,
    const struct receipt *receipt) TALLY_MUST_CHECK;

#endif
