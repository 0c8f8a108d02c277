/* Hello: the first frame each way, which proves the sender's node key on this very connection.
 *
 * It signs H(TAG_LINK | chain id | the TLS exporter | side | node key), side 0 for who connected and 1 for
 * who accepted. A relay in the middle has another exporter value on each half and can prove nothing; a
 * recorded Hello fits no other connection, and one's own does not fit the other side. */
#ifndef TALLY_NET_HELLO_H
#define TALLY_NET_HELLO_H

#include "node/keys/node_signer.h"
#include "node/net/log.h"
#include "proto/crypto/signature.h"

#define HELLO_VERSION 1u
#define HELLO_EXPORTER_LABEL "EXPORTER-tallystick-link"
#define HELLO_SIZE_MAX 512u
#define HELLO_SOFTWARE_SIZE_MAX 64u
#define HELLO_SIDE_CONNECTED 0u
#define HELLO_SIDE_ACCEPTED 1u

/* Who this node is; shared by its links, and outlives them. */
struct link_identity {
    struct digest chain_id;
    const struct node_signer *signer; /* with its key */
    const char *
        software; /* "tallyd 0.1.0": shown to peers, trusted by none; at most HELLO_SOFTWARE_SIZE_MAX bytes */
    struct log_limit *refusals; /* bounds the lines about refused strangers */
};

struct hello {
    uint32_t version;
    struct digest chain_id;
    struct public_key key;
    struct signature signature;
    char software[HELLO_SOFTWARE_SIZE_MAX + 1];
};

struct digest hello_digest(
    const struct digest *chain_id, const struct digest *exporter, uint8_t side, const struct public_key *key);

/* Appends this node's Hello as the given side of the connection with that exporter. Errors: as
 * node_signer_sign; nothing is appended then. */
int hello_encode(const struct link_identity *identity, const struct digest *exporter, uint8_t side,
    struct buffer *out) TALLY_MUST_CHECK;

/* Errors: TALLY_EFORM (not a canonical Hello of its fields' sizes), TALLY_EVERSION (a Hello of another
 * version: only hello->version is set), TALLY_ENOMEM. */
int hello_decode(struct span bytes, struct hello *hello) TALLY_MUST_CHECK;

/* The signature, as made by the given side. Errors: TALLY_EFORM (the key is no point), TALLY_ESIGNATURE. */
int hello_check(const struct hello *hello, const struct digest *exporter, uint8_t side) TALLY_MUST_CHECK;

#endif
