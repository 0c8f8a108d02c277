/* What this process has counted since it began: of what is not kept elsewhere, one place, so that whoever
 * counts needs to be handed nothing. Any thread may. What is kept elsewhere is read there when it is asked
 * for (node_metrics.h). A node that is opened again in the same process counts on. */
#ifndef TALLY_METRICS_METERS_H
#define TALLY_METRICS_METERS_H

#include "node/metrics/meter.h"
#include "proto/base/limits.h"

/* Why this replica gave a view up (R5). */
enum meter_nullify {
    METER_NULLIFY_TIMER,
    METER_NULLIFY_SILENT_LEADER,
    METER_NULLIFY_EQUIVOCATION,
    METER_NULLIFY_REJECTED,
    METER_NULLIFY_CAUSES,
};
extern const char *const meter_nullify_words[METER_NULLIFY_CAUSES];

enum meter_entered {
    METER_ENTERED_BY_NOTARIZATION,
    METER_ENTERED_BY_NULLIFICATION,
    METER_ENTERED_BY_FINALIZATION,
    METER_ENTERED_CAUSES,
};
extern const char *const meter_entered_words[METER_ENTERED_CAUSES];

enum meter_evidence {
    METER_EVIDENCE_OF_VOTES,
    METER_EVIDENCE_OF_PROPOSALS,
    METER_EVIDENCE_OF_CHECKPOINTS,
    METER_EVIDENCE_KINDS,
};
extern const char *const meter_evidence_words[METER_EVIDENCE_KINDS];

/* Where a batch came from. */
enum meter_source {
    METER_SOURCE_CLIENT,
    METER_SOURCE_PEER,
    METER_SOURCE_COUNT,
};
extern const char *const meter_source_words[METER_SOURCE_COUNT];

enum meter_submission {
    METER_SUBMISSION_DONE,
    METER_SUBMISSION_REFUSED,
    METER_SUBMISSION_BUSY,
    METER_SUBMISSION_EXPIRED,
    METER_SUBMISSION_FAILED,
    METER_SUBMISSION_FORGOTTEN, /* nobody waited any longer for what became of it */
    METER_SUBMISSION_OUTCOMES,
};
extern const char *const meter_submission_words[METER_SUBMISSION_OUTCOMES];

/* What is synced to disk before anything is said of it. */
enum meter_file {
    METER_FILE_LEDGER,
    METER_FILE_VOTES,
    METER_FILE_COUNT,
};
extern const char *const meter_file_words[METER_FILE_COUNT];

/* Why admission refused a batch: its own words, and one for whatever is not among them. */
#define METER_REASONS 31u
extern const char *const meter_reason_words[METER_REASONS];
/* Its place in that list. */
uint32_t meter_reason(const char *reason);

/* Of one validator, whatever its seat in an epoch and by whatever key: its node's. */
struct validator_meters {
    uint32_t node_id; /* 0 = nobody's yet */
    struct meter votes_late, votes_missing;
    struct meter evidence[METER_EVIDENCE_KINDS];
};

#define METER_RESULTS 32u /* more than result codes */
#define METER_STORE_LEVELS 7u
#define METER_METHODS 65u      /* of the RPC; the last is what is none */
#define METER_STATUSES 17u     /* gRPC's */
#define METER_CALL_REASONS 48u /* more than reasons of calls that fail */

struct meters {
    struct meter started_ms; /* since 1970 */
    /* Agreement: the loop's. */
    struct meter views_entered[METER_ENTERED_CAUSES];
    struct meter views_nullified[METER_NULLIFY_CAUSES];
    struct meter blocks_finalized, batches_finalized, events_finalized;
    struct validator_meters validators[PEERS_MAX]; /* by their nodes' slots (node/roster.h) */
    struct meter checkpoints_signed, divergences;
    /* The way in: the loop's. */
    struct meter refusals[METER_SOURCE_COUNT][METER_REASONS];
    struct meter submissions[METER_SUBMISSION_OUTCOMES];
    struct timing commit; /* from a client's batch to its block's being final and on disk here */
    /* Calls of the RPC: the loop's. */
    struct meter calls[METER_METHODS][METER_STATUSES];
    struct timing call_times[METER_METHODS];
    struct meter call_reasons[METER_CALL_REASONS];
    /* The disk: the threads' of votes and ledger. */
    struct timing syncs[METER_FILE_COUNT];
    struct timing append;
    struct meter blocks_mended;
    /* The state: its thread's, but for what is said of flushes and the store, which are the writer's. */
    struct meter events_applied[METER_RESULTS];
    struct timing execution;
    struct timing apply_wait; /* for the disk, before a block */
    struct meter unflushed_bytes;
    struct meter cache_bytes, cache_hits, cache_misses;
    struct timing flush;
    struct meter flushed_bytes;
    struct meter store_files[METER_STORE_LEVELS], store_memory_bytes;
    struct timing query;
    /* The newest snapshot, of this or an earlier process; height 0 = none. */
    struct meter snapshot_height, snapshot_time_ms, snapshots_made, snapshot_ns;
};
extern struct meters meters;

/* Those of the node in this slot, which is below PEERS_MAX: fresh ones where another had it before, so that
 * no number ever goes over from one validator to another. On the loop. */
struct validator_meters *meters_of_validator(uint32_t slot, uint32_t node_id);

#endif
