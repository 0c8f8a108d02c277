/* What struct rpc_call is: one call of one connection, and the answer on its way out. The handlers' functions
 * of server.h are in the source beside it; the functions here are for the other files of this kind. */
#ifndef TALLY_RPC_RPC_CALL_H
#define TALLY_RPC_RPC_CALL_H

#include "node/jobs/worker.h"
#include "node/net/log.h"
#include "node/rpc/dialect.h"
#include "node/rpc/exchange.h"
#include "node/rpc/server.h"

/* What may be refused, and is logged apart, so that much of one kind does not hide another. */
enum refusal {
    REFUSAL_STRANGER, /* nobody that is listed */
    REFUSAL_ROLE,
    REFUSAL_BOUND, /* of the caller's, or the node's */
    REFUSAL_FORM,
    REFUSALS, /* how many there are */
};

/* What the sessions of one server share. */
struct rpc_shared {
    const struct rpc_method *methods;
    size_t method_count;
    const struct rpc_page *pages;
    size_t page_count;
    const struct rpc_feed *feeds;
    size_t feed_count;
    void *context; /* for the handlers, the pages, and these two, which may be NULL */
    int (*call_begin)(void *context, const char *caller, uint32_t *retry_after_ms);
    void (*call_end)(void *context, const char *caller);
    bool draining; /* no call is taken any more */
    size_t memory_max;
    size_t stream_backlog_max;
    uint32_t request_timeout_ms;
    uint32_t stall_timeout_ms;
    uint64_t (*now_ms)(void *clock);
    void *clock;
    void (*submit)(struct worker *worker, struct job *job); /* worker_submit */
    struct worker *worker;
    struct rpc_server_counts counts;
    size_t turn_spent;                 /* of RPC_TURN_SIZE_MAX, by calls that began in this turn */
    bool turn_large;                   /* a call above it began in this turn */
    uint64_t due_total;                /* calls that had to wait for another, so far */
    uint32_t deadlines;                /* calls that have one */
    struct log_limit limits[REFUSALS]; /* of lines about what is refused */
};

static inline uint64_t rpc_now_ms(const struct rpc_shared *shared)
{
    return shared->now_ms(shared->clock);
}

#define RPC_ADDRESS_SIZE_MAX 80u

/* Who is at the other end of a connection. */
struct rpc_peer {
    bool known;
    struct rpc_caller caller; /* where it is known */
    char address[RPC_ADDRESS_SIZE_MAX];
    char certificate[2 * LOG_BYTES_SHOWN + 1]; /* the first of its fingerprint; empty = it shows none */
    struct carrier *carrier;
};

enum call_state {
    CALL_RECEIVING, /* the request is arriving */
    CALL_OPEN,      /* the handler has it */
    CALL_CLOSED,    /* answered or cancelled; what was queued is being sent */
};

struct call_chunk;
struct call_error;
struct conversion;

struct rpc_call {
    struct rpc_shared *shared;
    struct exchange *exchange;
    const struct rpc_peer *peer;
    const struct dialect *dialect;
    struct rpc_call *previous, *next; /* the session's list */
    const struct rpc_method *method;
    const struct rpc_feed *feed; /* of server-sent events */
    enum call_state state;
    bool responding; /* the response's headers are queued */
    bool drained;    /* on_drain is due */
    bool failed;
    bool counted; /* by call_begin */
    uint64_t due; /* its request is here and waits for its turn: the lower, the sooner; 0 = it does not */
    struct buffer request;         /* as it came; once the call is open, as protobuf */
    size_t request_at;             /* where in it the message begins */
    struct conversion *conversion; /* has the request's bytes for now; NULL = it is not being converted */
    struct call_chunk *first, *last;
    size_t first_sent; /* bytes of the first chunk */
    size_t pending;
    uint64_t started_ms;
    uint64_t started_ns;  /* uv_hrtime */
    uint64_t deadline_ms; /* UINT64_MAX = none */
    uint64_t progress_ms; /* when bytes last went out, or began to wait */
    void *watch_context;
    void (*on_drain)(void *context, struct rpc_call *call);
    void (*on_cancel)(void *context, struct rpc_call *call);
    char status[4];
    struct call_error *error;
};

/* A call whose request is arriving, in plain HTTP until its dialect is set; `peer` is borrowed. NULL when
 * memory is spent. */
struct rpc_call *call_make(struct rpc_shared *shared, struct exchange *exchange, const struct rpc_peer *peer);
/* Frees the call and what it holds. It has been taken off the session's list, and its handler knows. */
void call_free(struct rpc_call *call);

/* So many bytes of the server's memory are counted no longer. */
void call_memory_give(struct rpc_shared *shared, size_t size);

void call_deadline_set(struct rpc_call *call, uint64_t timeout_ms);

/* Sets the bound of its request's bytes, prefix included. */
void call_request_expect(struct rpc_call *call, size_t size_max);
/* Errors: TALLY_ELIMIT (more than is expected), TALLY_EFULL (memory_max is spent), TALLY_ENOMEM; nothing is
 * kept then. */
int call_request_append(struct rpc_call *call, struct span bytes) TALLY_MUST_CHECK;
/* Puts `request` in the place of what came, and takes its memory, in every case. Errors: TALLY_EFULL. */
int call_request_replace_take(struct rpc_call *call, struct buffer *request) TALLY_MUST_CHECK;
/* The message in what came, borrowed. */
struct span call_request_message(const struct rpc_call *call);
/* Forgets what came. */
void call_request_clear(struct rpc_call *call);
void call_request_release(struct rpc_call *call);

/* Queues two spans as one chunk to send. What tells a call's end is not counted, so that there is always room
 * for it. Errors: TALLY_EFULL (memory_max is spent), TALLY_ENOMEM. */
int call_chunk_queue(
    struct rpc_call *call, struct span head, struct span body, bool counted) TALLY_MUST_CHECK;
/* Counts the call among those that failed, once. */
void call_failure_count(struct rpc_call *call);

/* Ends a call in any state by resetting its exchange; what was queued is dropped. Its handler is not told. */
void call_reset(struct rpc_call *call);
/* Tells the handler of a call that was open, and is closed now, that it is over. */
void call_cancel_tell(struct rpc_call *call);

/* Moves at most `size` bytes that wait to `to`. *last: nothing follows but the trailers. */
size_t call_fill(struct rpc_call *call, uint8_t *to, size_t size, bool *last);
#endif
