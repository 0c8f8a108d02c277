/* The applications that may call this node, as node.yaml lists them, and what each has used of its limits.
 * Pure: time comes in, nothing else.
 *
 * A client is its name: where the list is replaced, calls that are open go on counting for the client of the
 * same name, even under another certificate. */
#ifndef TALLY_RPC_CLIENTS_H
#define TALLY_RPC_CLIENTS_H

#include "node/rpc/roles.h"
#include "proto/base/bytes.h"

#define CLIENTS_MAX 256u
#define CLIENT_NAME_SIZE_MAX 64u
/* Calls a second; for a moment a client that was quiet may make one second's calls at once. */
#define CLIENT_RATE_MAX 1000000u
#define CLIENT_RATE_DEFAULT 1000u
/* Calls that are open at once, streams included. */
#define CLIENT_CONCURRENCY_MAX 10000u
#define CLIENT_CONCURRENCY_DEFAULT 100u
/* The hint to one that has as many calls open as it may: when one ends is its own to know. */
#define CLIENT_CONCURRENCY_RETRY_MS 100u

struct client_entry {
    char name[CLIENT_NAME_SIZE_MAX + 1];
    struct digest fingerprint; /* SHA-256 of its certificate's DER */
    uint32_t roles;            /* of enum rpc_role */
    uint32_t rate;             /* 1 to CLIENT_RATE_MAX */
    uint32_t concurrency;      /* 1 to CLIENT_CONCURRENCY_MAX */
};

struct clients;

/* Nobody is listed. Errors: TALLY_ENOMEM. */
int clients_open(struct clients **clients) TALLY_MUST_CHECK;
/* NULL is fine. */
void clients_close(struct clients *clients);

/* Lists these instead, at most CLIENTS_MAX; their names and their fingerprints differ. What each has used is
 * kept by name. Errors: TALLY_ENOMEM, which changes nothing. */
int clients_replace(
    struct clients *clients, const struct client_entry *entries, uint32_t count) TALLY_MUST_CHECK;

/* Who is listed with this certificate; NULL for nobody. Borrowed until the next clients_replace. */
const struct client_entry *clients_find(const struct clients *clients, const struct digest *fingerprint);

/* One more call of the client of this name. `now_ms` never steps back. TALLY_OK: it counts until
 * client_call_end. Errors: TALLY_EFULL (over its rate; *retry_after_ms is when one more call is due),
 * TALLY_EBUSY (as many are open as may be; the call was counted against the rate), TALLY_ENOTFOUND (nobody
 * of this name is listed). */
int client_call_begin(
    struct clients *clients, const char *name, uint64_t now_ms, uint32_t *retry_after_ms) TALLY_MUST_CHECK;
/* Once for each that began. */
void client_call_end(struct clients *clients, const char *name);
/* Calls of this name that have begun and not ended. */
uint32_t client_calls_open(const struct clients *clients, const char *name);

#endif
