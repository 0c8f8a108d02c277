/* The simulated network between identities: links that break and return, messages that are lost, late,
 * doubled. */
#ifndef TALLY_SIM_NETWORK_H
#define TALLY_SIM_NETWORK_H

#include "tests/sim/parcel.h"
#include "tests/sim/seal.h"

struct world;
struct replica;

#define PARTITIONS_MAX 8u

struct partition {
    bool active;
    bool one_way; /* only from inside to outside is cut */
    bool inside[PEERS_MAX];
};

struct network {
    bool linked[PEERS_MAX][PEERS_MAX];      /* between identities; symmetric */
    uint8_t cut[PEERS_MAX][PEERS_MAX];      /* how many partitions cut from, to */
    uint64_t last_us[PEERS_MAX][PEERS_MAX]; /* when the newest message of a link arrives: links are first in,
                                               first out */
    struct partition partitions[PARTITIONS_MAX];
    uint64_t seal_view[EPOCHS_MAX + 1]; /* the newest view that a seal was proposed in, by epoch */
    uint64_t script;                    /* what FAULT_SCRIPT drops follows from it */
};

/* Sends from a replica to an identity, or PEER_ALL that are linked. Does not take the parcel. */
void network_send(struct world *world, const struct replica *from, uint32_t to, struct parcel *parcel);
/* Whether what it sends there now is sent at all: linked, and not one that fell silent. It may still be lost.
 */
bool network_reaches(const struct world *world, const struct replica *from, uint32_t to);
/* Brings the link between two identities to what the network and their being up allow, telling both. */
void network_link_check(struct world *world, uint32_t a, uint32_t b);
/* Breaks every link of an identity at once, telling the others a little later. */
void network_break(struct world *world, uint32_t identity);
/* Breaks the link between two identities; it returns within a second. */
void network_flap(struct world *world, uint32_t a, uint32_t b);
/* Checks every link of an identity within a second from now. */
void network_reconnect(struct world *world, uint32_t identity);
/* Begins a drawn partition; false when too many are going on. */
bool network_partition(struct world *world);
void network_partition_end(struct world *world, uint32_t index);
/* The validators whose keepalive of these 3 D reaches the replica, as a bitmap. */
uint64_t network_heard(struct world *world, const struct replica *to);
/* Cuts the honest of the two camps from each other, and joins them again. */
void network_part(struct world *world);
void network_join(struct world *world);
/* Ends all partitions and lets every link return. */
void network_heal(struct world *world);

#endif
