/* Connections that were accepted and wait for their handshake, a turn for each address: whoever opens many at
 * once waits behind itself, not others behind it. A plain value. */
#ifndef TALLY_NET_WAITING_ROOM_H
#define TALLY_NET_WAITING_ROOM_H

#include <stdint.h>

#include "proto/base/error.h"

#define WAITING_ROOM_MAX 96u

struct tls_stream;

struct waiting {
    struct tls_stream *stream;
    uint64_t source;
    uint64_t turn; /* one more than that of the same source's before it, or than the one that is on */
};

struct waiting_room {
    struct waiting entries[WAITING_ROOM_MAX]; /* in the order of arrival */
    uint32_t count;
    uint64_t turn; /* that is on */
};

/* Lets in `stream`, whose address is `source`. Returns who has to go for it where the room was full: the last
 * of the source that has most waiting, maybe `stream` itself; else NULL. */
struct tls_stream *waiting_room_enter(
    struct waiting_room *room, uint64_t source, struct tls_stream *stream) TALLY_MUST_CHECK;
/* Who is next, taken out; NULL where nobody waits. */
struct tls_stream *waiting_room_next(struct waiting_room *room) TALLY_MUST_CHECK;

#endif
