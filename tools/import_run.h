/* The import itself: lines in, batches out, answers counted. Many batches are in flight, but never two that
 * touch the same subject: subjects are divided among lanes, each with one batch under way, so that their
 * events, be they of an account or not, arrive in order whichever validator proposes them. */
#ifndef TALLY_TOOLS_IMPORT_RUN_H
#define TALLY_TOOLS_IMPORT_RUN_H

#include "node/client/client.h"
#include "tools/command.h"
#include "tools/import_batch.h"
#include "tools/import_source.h"

#define IMPORT_LANES 12
/* Accounts asked about at once. */
#define IMPORT_LOOKUP_MAX 1000
/* Lines read before the node is asked about their accounts. */
#define IMPORT_CHUNK_LINES 4096
/* Events waiting, below which more lines are read. */
#define IMPORT_PENDING_LOW 8192
/* Attempts at one batch, with pauses that grow from 50 ms to 5 s: close to a minute. A call that ran into its
 * own deadline counts as four. */
#define IMPORT_ATTEMPTS_MAX 16
/* Times an account is looked up again without an event of it applied in between. */
#define IMPORT_REFRESHES_MAX 3

/* A batch's answer, in the client's terms. */
struct import_answer {
    uint32_t lane;
    int result;
    struct client_error error;
    struct span reply; /* an encoded SubmitBatchReply; good until the next call */
};

/* An account as the node tells it. */
struct import_known {
    uint8_t ref[ACCOUNT_REF_SIZE];
    uint32_t next_seq;
    struct digest head;
    const struct digest *commitments; /* of its applied events; borrowed */
    uint32_t count;
};

/* The way to the node. A test puts a ledger of its own here. Results are those of node/client. */
struct import_wire {
    void *context;
    int (*start)(void *context, struct span request, uint32_t lane);
    /* TALLY_ETIMEOUT where nothing was answered in time. */
    int (*wait)(void *context, uint32_t timeout_ms, struct import_answer *answer);
    /* Tells every account of `refs` that the node holds; returns the first error of on_known too. */
    int (*accounts)(void *context, const struct import_account *const *accounts, size_t count,
        int (*on_known)(void *run, const struct import_known *known), void *run, struct client_error *error);
};

struct import_rejection {
    uint64_t line;
    enum event_type type; /* 0 where the line has none */
    const char *reason;
    const char *message;
};

#define IMPORT_TYPES (EVENT_STATEMENT + 1)

struct import_counts {
    uint64_t accepted, duplicate, rejected;
};

struct import_result {
    uint64_t read, accepted, duplicate, rejected;
    struct import_counts types[IMPORT_TYPES]; /* by enum event_type; at 0 lines that have none */
    uint64_t batches, retries;
};

struct import_options {
    const struct import_keys *keys;
    const struct import_wire *wire;
    int descriptor;                     /* the file */
    const struct import_source *source; /* what makes its lines; NULL = they are those of the file */
    const char *file_name;
    void *context;
    void (*on_rejection)(void *context, const struct import_rejection *rejection);
    void (*on_progress)(void *context, const struct import_result *so_far, bool waiting); /* often */
};

/* Imports the whole file. *result is right even when it fails. A node that goes away ends it with
 * TOOL_UNREACHABLE; the same file can be imported again, and goes on where this one ended. */
enum tool_exit import_run(struct context *context, const struct import_options *options,
    struct import_result *result) TALLY_MUST_CHECK;

#endif
