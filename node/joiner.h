/* How a node with an empty ledger begins: with a snapshot that its peers offer, gathered chunk by chunk from
 * all of them at once, or with the first block. Facts in, requests out: it touches no link, disk or clock.
 *
 * Peers are asked for the newest snapshot they have. Once a quorum of validators has answered (or as many as
 * will), what f + 1 of them say is final, and how high the snapshots are that a quorum signed, tells how far
 * the network is: near its beginning nothing is gained by a snapshot, and one that lies far behind is
 * refused. The newest of the rest, cut as most have it, is taken from all peers that offer the same. A peer
 * that gives a chunk that does not check is left out from then on; one that gives none in time for a while,
 * each time for longer, and from then on others' come first. What comes so slowly that it would take an hour
 * is put behind what others offer too.
 */
#ifndef TALLY_NODE_JOINER_H
#define TALLY_NODE_JOINER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/limits.h"

/* A network lower than this is followed from its first block. */
#define JOINER_BLOCKS_MIN 1000u
/* A snapshot may be so many blocks behind what others say is final, and an eighth of all that: nodes make one
 * when a sixteenth of all events is new, and every day. */
#define JOINER_AGE_MIN 1000u
#define JOINER_AGE_SHARE 8u
/* How long those who have not answered yet are waited for, from the first answer on. */
#define JOINER_PATIENCE_MS 3000u
/* Offers are asked for again so often, and so long, or until a peer that stalled once is back and was waited
 * for anew; then an old one is taken after all, and without any the node begins with the first block. */
#define JOINER_ASK_MS 3000u
#define JOINER_GIVE_UP_MS 20000u
/* A chunk that takes longer is asked of another peer. */
#define JOINER_STALL_MS 20000u
/* Who let that happen is left out for so long, and each time for twice as long, doubled so often at most. */
#define JOINER_REST_MS 60000u
#define JOINER_REST_DOUBLED_MAX 5u
/* A snapshot of which nothing more comes for so long is given up, though somebody offers it. */
#define JOINER_IDLE_MS 60000u
/* One that at the pace of the last JOINER_IDLE_MS takes so many times as long to come is given up, while
 * another is offered by peers that were not as slow. So a peer that alone has a snapshot can hold a node up
 * for an hour at most, and a node whose own link is slow tries each once. */
#define JOINER_SLOW_TIMES 60u
/* Chunks asked of one peer at a time, until they are checked; the first that is missing counts for none, as
 * others may wait for it. */
#define JOINER_ASKED_MAX 2u
/* What one peer may have to answer at a time: those, the first, and two offers, as it is asked for one more
 * when its link has just come up. */
#define JOINER_REQUESTS_MAX (JOINER_ASKED_MAX + 3u)
/* How far ahead of the first chunk that is missing others are asked for. */
#define JOINER_WINDOW 32u
#define JOINER_CHUNKS_MAX (1u << 20)
/* Those that it does not tell of. */
#define JOINER_CHUNKS_MORE_MAX (1u << 22)

enum joiner_phase {
    JOINER_ASKING = 1, /* nothing is decided */
    JOINER_FETCHING,
    JOINER_DONE,    /* every chunk is here */
    JOINER_GENESIS, /* the node begins with the first block */
};

/* Why a peer, or what it offers, is passed over. */
enum joiner_refusal {
    JOINER_OLD = 1,     /* its snapshot is far behind; it may offer another */
    JOINER_WRONG_HEAD,  /* its offer does not check: it is left out */
    JOINER_WRONG_CHUNK, /* likewise a chunk */
    JOINER_STALLED,     /* a chunk did not come in time: it is left out for a while */
    JOINER_GONE,        /* it no longer has the snapshot */
    JOINER_SLOW,        /* its snapshot comes too slowly: others' are tried first */
};

/* A snapshot that a peer offers, its head checked. */
struct joiner_snapshot {
    uint64_t height;      /* 0 = none; all honest ones of one height are the same */
    uint32_t chunk_count; /* that the head tells of: 1 to JOINER_CHUNKS_MAX */
    struct digest cut;    /* where it is cut, which nobody signs: chunks are whose offer is cut alike */
};

/* None calls back into the joiner. */
struct joiner_callbacks {
    void (*ask_offer)(void *context, uint32_t peer);
    /* `index` counts from 1. */
    void (*ask_chunk)(void *context, uint32_t peer, uint64_t height, uint32_t index);
    /* `peer`'s offer is taken: its head is the one to keep. Chunks of another one taken before are void. */
    void (*chosen)(void *context, uint32_t peer, const struct joiner_snapshot *snapshot);
    void (*refused)(void *context, uint32_t peer, enum joiner_refusal why, uint64_t height);
};

struct joiner;

/* `validator` tells by peer who votes, as far as this node knows, of validator_count who do; `self` is no
 * peer. Errors: TALLY_ENOMEM. */
int joiner_open(uint32_t peer_count, const bool validator[PEERS_MAX], uint32_t validator_count, uint32_t self,
    const struct joiner_callbacks *callbacks, void *context, struct joiner **joiner) TALLY_MUST_CHECK;
void joiner_close(struct joiner *joiner);

/* `now_ms` never goes back. Peers are below peer_count (CHECKed). */
void joiner_link_up(struct joiner *joiner, uint32_t peer, uint64_t now_ms);
/* What the peer offered counts for nothing: it is asked anew when it returns. */
void joiner_link_down(struct joiner *joiner, uint32_t peer, uint64_t now_ms);
/* Whether an offer of this peer is awaited; only then it is worth a look. */
bool joiner_offer_came(struct joiner *joiner, uint32_t peer);
/* A peer's answer, checked: what it says is final, and what it offers. */
void joiner_offer(struct joiner *joiner, uint32_t peer, uint64_t finalized_height,
    const struct joiner_snapshot *snapshot, uint64_t now_ms);
/* What the peer offered last counts for nothing, until it offers again. */
void joiner_offer_void(struct joiner *joiner, uint32_t peer);
/* As joiner_offer, of one that does not check. */
void joiner_wrong_head(struct joiner *joiner, uint32_t peer, uint64_t finalized_height, uint64_t now_ms);

enum joiner_verdict {
    JOINER_CHUNK_HERE = 1, /* checked and kept */
    JOINER_CHUNK_WRONG,
    JOINER_CHUNK_GONE,
};
/* Whether a chunk was asked of this peer and is awaited; if so it counts as come, and its verdict must
 * follow. */
bool joiner_chunk_came(struct joiner *joiner, uint32_t peer, uint64_t height, uint32_t index);
/* Of a chunk that came. One of a snapshot that is no longer wanted is ignored. */
void joiner_chunk(struct joiner *joiner, uint32_t peer, uint64_t height, uint32_t index,
    enum joiner_verdict verdict, uint64_t now_ms);

/* Before the verdict on a chunk, which shows that there are `more` behind all others: once for a snapshot,
 * and JOINER_CHUNKS_MORE_MAX at most (CHECKed). Of one that is no longer wanted it is ignored. */
void joiner_more_chunks(struct joiner *joiner, uint64_t height, uint32_t more);

/* A few times a second. */
void joiner_tick(struct joiner *joiner, uint64_t now_ms);

struct joiner_status {
    enum joiner_phase phase;
    uint32_t answers; /* peers that have said something */
    uint64_t claimed; /* the height that f + 1 validators say is final, once decided */
    uint64_t height;  /* of the snapshot that is fetched; 0 = none */
    uint32_t chunks_here, chunk_count;
    uint32_t sources; /* peers it is fetched from now */
};
void joiner_status(const struct joiner *joiner, struct joiner_status *status);

#endif
