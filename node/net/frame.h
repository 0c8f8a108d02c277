/* Frames between nodes: payload size u32, kind u8, payload. A bound for each kind; a parser that takes bytes
 * however they were split and never holds more than one frame.
 *
 * Two lanes share a link. Urgent frames (votes, proposals, what moves agreement) go out whole and at once.
 * Bulk frames (batches, ranges, snapshots) of more than one TLS record are cut into FRAME_PART frames, so
 * that an urgent frame waits for a record at most; the other side joins the parts again. One bulk frame is
 * under way at a time. */
#ifndef TALLY_NET_FRAME_H
#define TALLY_NET_FRAME_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

#define FRAME_HEADER_SIZE 5u

/* A number never changes its meaning. */
enum frame_kind {
    FRAME_HELLO = 1,     /* Hello; the first frame each way, and only the first */
    FRAME_KEEPALIVE = 2, /* Keepalive */
    FRAME_PROPOSAL = 3,
    FRAME_VOTE = 4,
    FRAME_CERTIFICATE = 5,
    FRAME_BATCH = 6, /* bulk */
    FRAME_BATCH_REQUEST = 7,
    FRAME_PROPOSAL_REQUEST = 8,
    FRAME_ENTRY_REQUEST = 9,
    FRAME_RANGE_REQUEST = 10,
    FRAME_RANGE = 11, /* BlockRange; bulk */
    FRAME_CHECKPOINT_VOTE = 12,
    FRAME_CHECKPOINT_REQUEST = 13,
    FRAME_CHECKPOINT = 14, /* CertifiedCheckpoint */
    FRAME_PART = 15, /* the next bytes of a bulk frame, header included; made and taken by the link itself */
    FRAME_SNAPSHOT_REQUEST = 16,
    FRAME_SNAPSHOT = 17, /* bulk */
    FRAME_CHUNK_REQUEST = 18,
    FRAME_CHUNK = 19, /* bulk */
    FRAME_BACKFILL_REQUEST = 20,
    FRAME_BACKFILL = 21, /* bulk */
    FRAME_SEAL_REQUEST = 22,
    FRAME_SEAL = 23, /* EpochSeals, of one */
};
#define FRAME_KIND_MAX 23u

/* A part and its header fill one TLS record. */
#define FRAME_PART_SIZE_MAX (16u * KIB - FRAME_HEADER_SIZE)

/* "vote" and so on; NULL for a number that is no kind. */
const char *frame_kind_name(unsigned kind);
/* The largest payload of a kind, in bytes; 0 for a number that is no kind. */
uint32_t frame_size_max(unsigned kind);
/* True for the kinds that wait behind the others. */
bool frame_is_bulk(enum frame_kind kind);

/* Writes the header of a frame; `payload_size` is at most the kind's bound (CHECKed). */
void frame_header_put(uint8_t header[FRAME_HEADER_SIZE], enum frame_kind kind, size_t payload_size);

/* Called for each whole frame, `payload` borrowed for the call. A value other than TALLY_OK stops the parser.
 */
typedef int (*frame_handler)(void *context, enum frame_kind kind, struct span payload);

/* Takes the memory of one frame as its bytes arrive, never by what its header claims. */
struct frame_parser {
    uint32_t kinds;        /* bit k set: kind k may come */
    struct buffer partial; /* the header and payload so far of a frame that came in pieces */
    int error;             /* sticky */
};

/* Accepts every kind whose bit is set in `kinds`. No memory is taken yet. */
void frame_parser_init(struct frame_parser *parser, uint32_t kinds);
void frame_parser_close(struct frame_parser *parser);
/* Accepts these kinds from the next frame on. The one thing a handler may do to its parser. */
void frame_parser_allow(struct frame_parser *parser, uint32_t kinds);

/* Takes the next bytes of the stream and calls `handler` for each frame they complete; one that lies whole in
 * `bytes` is not copied. Errors, all of them final for this parser:
 * TALLY_EFORM (no such kind, or not one that may come), TALLY_ELIMIT (a size over its kind's bound),
 * TALLY_ENOMEM, or what the handler returned. */
int frame_parser_feed(
    struct frame_parser *parser, struct span bytes, frame_handler handler, void *context) TALLY_MUST_CHECK;

#endif
