/* What the services' handlers share. */
#ifndef TALLY_RPC_SERVICES_INTERNAL_H
#define TALLY_RPC_SERVICES_INTERNAL_H

#include <protobuf-c/protobuf-c.h>

#include "node/inquiry.h"
#include "node/node.h"
#include "node/rpc/clients.h"
#include "node/rpc/recent.h"
#include "node/rpc/server.h"
#include "node/supervision.h"
#include "proto/base/arena.h"
#include "rpc.pb-c.h"

/* Reads of the state that wait or run: past that a caller is told to try again. */
#define SERVICES_READS_MAX 256u
/* Streams open at once, those that wait for the next block included. */
#define SERVICES_STREAMS_MAX 320u
/* Of one client, so that there are some for the others. */
#define SERVICES_CLIENT_STREAMS_MAX 240u
#define SERVICES_RETRY_MS 200u
/* The hint where older blocks are awaited. */
#define SERVICES_BACKFILL_RETRY_MS 5000u
#define SERVICES_TEXT_SIZE 128u
#define SERVICES_TICK_MS 500u

/* A client's open stream, which is looked at again every SERVICES_TICK_MS, on the loop; `run` may remove it,
 * and no other. */
struct services_tick {
    struct services_tick *next;
    void (*run)(struct services_tick *tick);
    char caller[RPC_CALLER_NAME_SIZE_MAX + 1];
};

struct services {
    struct node *node;
    struct rpc_server *server;
    struct clients *clients;
    size_t reads;          /* queries that have not let go */
    size_t streams;        /* the same */
    _Atomic size_t held;   /* bytes of what streams have read and not handed on */
    struct recent *recent; /* blocks, as those who follow are told them */
    struct services_tick *ticks;
    uv_timer_t timer; /* of the ticks */
    bool timer_is_open;
    struct services_drain *drain; /* NULL unless it is under way */
    bool draining;                /* no call begins any more, and streams end */
    bool closing;
    void (*on_closed)(void *context);
    void *on_closed_context;
};

/* A read has ended: where the services are closing, the last one lets the node go on with that. */
void services_let_go(struct services *services);

void services_tick_init(struct services *services, uv_loop_t *loop);
void services_tick_add(struct services *services, struct services_tick *tick, const struct rpc_call *call);
void services_tick_remove(struct services *services, struct services_tick *tick);
/* How many the caller has. */
size_t services_tick_count(const struct services *services, const struct rpc_call *call);
/* Runs all of them now. */
void services_tick_all(struct services *services);

/* Waits no longer for open calls; whoever waits for that is told nothing. */
void services_drain_stop(struct services *services);
/* Ends a call because the node stops; `resume_height` is what its client goes on from elsewhere, 0 where it
 * follows no blocks. */
void fail_call_draining(struct rpc_call *call, uint64_t resume_height);

/* Whether a service of this full name has a method here. */
bool services_has(const char *service);

/* Ends a call with a reply of at most REPLY_AT_ONCE_SIZE_MAX bytes, made on the loop. */
#define REPLY_AT_ONCE_SIZE_MAX (512u * KIB)
void reply_at_once(struct rpc_call *call, const ProtobufCMessage *reply);

/* Ends a call with an error: `reason` is a stable word, `field` may be NULL. */
void fail_call(struct rpc_call *call, enum grpc_status status, const char *reason, const char *field,
    const char *message);
/* The same, with the hint to try again after a while. */
void fail_call_for_now(
    struct rpc_call *call, enum grpc_status status, const char *reason, const char *message);
/* The same, after so long. */
void fail_call_until(struct rpc_call *call, enum grpc_status status, const char *reason, const char *message,
    uint32_t retry_after_ms);
/* "back-filling: blocks up to 1200 of 5000 are here". On any thread. */
void say_backfill(struct services *services, char text[SERVICES_TEXT_SIZE]);
/* Ends a call that needs one that is not here yet, with the hint to try again later. */
void fail_call_pending(struct rpc_call *call, const char *text);
/* Whether the node answers at all now; if not, the call is ended. */
bool services_admit(struct services *services, struct rpc_call *call);
/* Decodes the request, of a foreign client's making, into an arena that holds 64 times its size and some. On
 * failure the call is ended and false returned; the arena is then closed. */
bool read_request(struct rpc_call *call, const ProtobufCMessageDescriptor *descriptor, struct arena *arena,
    ProtobufCMessage **request);

/* One read of the state for a unary call: `run` on the state thread fills `reply` (or sets an error), and the
 * rest follows. A call that is cancelled meanwhile is let go. */
struct query {
    struct job job;
    struct services *services;
    struct rpc_call *call; /* NULL once cancelled */
    void (*run)(struct query *query);
    struct arena arena; /* of the request, and scratch for `run` */
    const ProtobufCMessage *request;
    struct buffer reply;
    struct rpc_form form;
    int form_error; /* of writing the reply in its form */
    /* GRPC_OK, or what the call ends with; UNAVAILABLE carries the hint to try again. */
    enum grpc_status status;
    const char *reason, *field, *message;
    bool damaged;                  /* what it read was */
    char text[SERVICES_TEXT_SIZE]; /* where `message` is not constant */
};
void query_start(struct services *services, struct rpc_call *call,
    const ProtobufCMessageDescriptor *descriptor, void (*run)(struct query *query));
void query_fail(
    struct query *query, enum grpc_status status, const char *reason, const char *field, const char *message);
/* Translates an error of state, ledger or query; TALLY_OK sets nothing. Returns whether there was one. */
bool query_failed(struct query *query, int error, const char *what);

/* What a read ends with that the caller may not make. Constants. */
struct read_refusal {
    enum grpc_status status;
    const char *reason, *message;
};

/* ---- Reading under a regulator's inquiry about blocks; a request without one has no bytes there. ---- */

/* On the loop: whether the caller may name this inquiry; if not, the call is ended. */
bool supervision_admit(struct rpc_call *call, ProtobufCBinaryData inquiry);
/* On the state thread: the blocks that the inquiry opens now, of which this height's is one. Where it does
 * not, *refusal says why, and it is TALLY_OK all the same. Errors: those of reading. */
int supervision_read(const struct services *services, const struct digest *inquiry, uint64_t height,
    struct block_range *blocks, const struct read_refusal **refusal) TALLY_MUST_CHECK;
/* The same for a query; whether the block is open to it. Where an inquiry is named that does not open it, the
 * query has failed. */
bool query_is_supervised(struct query *query, ProtobufCBinaryData inquiry, uint64_t height);

/* A call that streams what it reads, a chunk at a time: `run` on the state thread appends messages, each
 * ended by stream_message_end; what it read goes out, and the next chunk is read once the client has taken
 * most of that. A client that takes less than STREAM_PACE_MIN bytes in STREAM_SLOW_MS, though more waits for
 * it all that time, is cut. */
#define STREAM_CHUNK_MESSAGES_MAX 256u
#define STREAM_CHUNK_SIZE (256u * KIB) /* from there on `run` adds nothing more */
#define STREAM_PENDING_MAX (256u * KIB)
/* What all streams may hold at once that could not be handed on; as many chunks more as there are threads. */
#define STREAMS_HELD_MAX (32u * MIB)
#define STREAM_SLOW_MS 10000u
#define STREAM_PACE_MIN (64u * KIB)
_Static_assert(SERVICES_STREAMS_MAX <= RPC_MEMORY_MAX / 4 * 3 / STREAM_PENDING_MAX,
    "what waits on all streams leaves memory for other calls");
_Static_assert(STREAM_SLOW_MS < RPC_STALL_TIMEOUT_MS, "a stream is cut with a reason before it is reset");
struct stream {
    struct job job;
    struct services_tick tick;
    struct services *services;
    struct rpc_call *call; /* NULL once cancelled or ended */
    void (*run)(struct stream *stream);
    /* On the loop: whether there may be something to read now; else stream_advance is called again when there
     * is. */
    bool (*ready)(const struct stream *stream);
    /* On the loop: what the owner keeps besides is given back; the stream itself is freed after it. */
    void (*close)(struct stream *stream);
    bool reading;
    bool deferred;       /* too much was held: it waits for the next tick */
    size_t held;         /* of its chunk, in the services' sum */
    uint64_t generation; /* of the state it reads: node_rebuilt_height */
    bool finished;       /* set by `run`: no more will come, and the call ends well */
    int error;           /* set by `run`: the call ends with it, and what it appended is dropped */
    const struct read_refusal *refusal; /* set by `run`, which appended nothing: the call ends with it */
    struct rpc_form form;
    int form_error; /* of writing the message behind the last of the chunk in its form */
    /* The chunk: messages, where they end in `bytes`, and from which height a client goes on that has them.
     */
    struct buffer bytes;
    size_t ends[STREAM_CHUNK_MESSAGES_MAX];
    uint64_t resumes[STREAM_CHUNK_MESSAGES_MAX];
    size_t count, written;  /* `written` of them were handed on */
    uint64_t resume_height; /* of what was handed on; 0 = this is no stream of blocks */
    /* Its client's pace: bytes handed on in all, and what it had taken of them at the beginning of the
     * window.
     */
    uint64_t given, taken;
    uint32_t ticks; /* of the window */
};
/* Whether one more stream of the caller's may be open; if not, the call is ended. */
bool streams_admit(struct services *services, struct rpc_call *call);
/* The same of one that reads the state, and whether the node answers from that at all now. */
bool stream_admit(struct services *services, struct rpc_call *call);
/* Takes the call over. `stream` is calloc'd, with run, ready and close set; it frees itself, maybe at once.
 */
void stream_start(struct services *services, struct rpc_call *call, struct stream *stream);
/* Goes on, or ends, as things stand now. The stream may be gone after it. */
void stream_advance(struct stream *stream);
/* `resume_height` is what a client goes on from that has the message; 0 where the stream is not of blocks. */
void stream_message_end(struct stream *stream, uint64_t resume_height);

/* Submits a foreign client's batch, which may be NULL, and waits as asked. `on_done` comes with an outcome of
 * OUTCOME_DONE alone, and takes the call over; any other ends it. */
typedef void submitted(
    struct services *services, struct rpc_call *call, const struct submission_outcome *outcome);
void submit_batch(struct services *services, struct rpc_call *call, const Tallystick__V1__Batch *message,
    enum submission_wait wait, submitted *on_done);

/* Which wait a client asks for. */
enum submission_wait wait_of(Tallystick__V1__WaitFor wait_for);

/* Whether a batch of foreign making is of one event, and that of this type. */
bool batch_is_of_one(const Tallystick__V1__Batch *batch, enum event_type type);

/* For whom answers are made: this node's member. On the state thread. */
struct asker services_asker(const struct services *services);

/* Handlers: the context is the services'. */
void handle_submit_batch(void *context, struct rpc_call *call);
void handle_get_receipt(void *context, struct rpc_call *call);
void handle_get_event(void *context, struct rpc_call *call);
void handle_get_block(void *context, struct rpc_call *call);
void handle_get_checkpoint(void *context, struct rpc_call *call);
void handle_follow(void *context, struct rpc_call *call);
void handle_inquire(void *context, struct rpc_call *call);
void handle_reserve(void *context, struct rpc_call *call);
void handle_get_history(void *context, struct rpc_call *call);
void handle_own_events(void *context, struct rpc_call *call);
void handle_own_accounts(void *context, struct rpc_call *call);
void handle_get_status(void *context, struct rpc_call *call);
void handle_get_peers(void *context, struct rpc_call *call);
void handle_get_members(void *context, struct rpc_call *call);
void handle_get_policy(void *context, struct rpc_call *call);
void handle_get_register(void *context, struct rpc_call *call);
void handle_get_proposals(void *context, struct rpc_call *call);
void handle_propose(void *context, struct rpc_call *call);
void handle_ballot(void *context, struct rpc_call *call);
void handle_withdraw(void *context, struct rpc_call *call);
void handle_revoke_own_key(void *context, struct rpc_call *call);
void handle_health_check(void *context, struct rpc_call *call);
void handle_health_watch(void *context, struct rpc_call *call);

/* The table of the server's methods. */
const struct rpc_method *services_methods(size_t *count);

/* Pages: the context is the services'. */
unsigned render_health(void *context, struct buffer *out);
unsigned render_readiness(void *context, struct buffer *out);
unsigned render_version(void *context, struct buffer *out);
unsigned render_metrics(void *context, struct buffer *out);

/* /events: Follow, for browsers. "from" is the first block's height; "events" is "all" or "own";
 * "checkpoints" is "1". A block's event has its height as its id. */
int events_ask(
    const char *query, const char *last_id, struct buffer *request, const char **why) TALLY_MUST_CHECK;
const char *events_tell(struct span message, uint64_t *id);

/* Which of a block's events a reply lists. */
enum block_listing {
    LIST_NONE,
    LIST_OWN,
    LIST_ALL,
    LIST_WHOLE, /* and others' events with header and body: under an inquiry about the block */
};

/* What a reply is: one by itself, the same with seals, or news of a Follow. */
enum block_reply_form { REPLY_BLOCK, REPLY_BLOCK_WITH_SEALS, REPLY_NEWS };

/* Appends an encoded GetBlockReply of an applied block, inside a FollowReply where it is news, as
 * `member_id`'s clients may see it: that member's events with result, header and body, regulators' inquiries
 * about blocks too, and, unless it is LIST_WHOLE, only ids of the others'. On the state thread. Errors: as
 * ledger_read, state_results_read and query_seals, and TALLY_ELIMIT.
 */
int block_reply(struct state *state, struct ledger *ledger, uint32_t member_id, uint64_t height,
    enum block_listing listing, enum block_reply_form form, struct buffer *out) TALLY_MUST_CHECK;

#endif
