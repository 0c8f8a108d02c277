#include "node/net/frame.h"

#include "proto/base/agreement.h"
#include "proto/base/check.h"
#include "proto/codec/epoch_seal.h"

/* A frame that came in pieces keeps its memory for the next one up to this size. */
#define PARTIAL_KEPT_SIZE (64u * KIB)

/* The digests of a block's batches, and the fields around them. */
#define DIGESTS_SIZE_MAX (BLOCK_BATCHES_MAX * DIGEST_SIZE)
#define FIELDS_SIZE_MAX (4u * KIB)

static const struct {
    const char *name;
    uint32_t size_max;
    bool bulk;
} kinds[FRAME_KIND_MAX + 1] = {
    [FRAME_HELLO] = {"hello", 512, false},
    [FRAME_KEEPALIVE] = {"keepalive", 64, false},
    [FRAME_PROPOSAL] = {"proposal", JUSTIFICATION_SIZE_MAX + DIGESTS_SIZE_MAX + FIELDS_SIZE_MAX, false},
    [FRAME_VOTE] = {"vote", 256, false},
    [FRAME_CERTIFICATE] = {"certificate", 8 * KIB, false},
    [FRAME_BATCH] = {"batch", BATCH_SIZE_MAX + FIELDS_SIZE_MAX, true},
    [FRAME_BATCH_REQUEST] = {"batch_request", DIGESTS_SIZE_MAX + FIELDS_SIZE_MAX, false},
    [FRAME_PROPOSAL_REQUEST] = {"proposal_request", 64, false},
    [FRAME_ENTRY_REQUEST] = {"entry_request", 64, false},
    [FRAME_RANGE_REQUEST] = {"range_request", 64, false},
    [FRAME_RANGE] = {"range", FRAME_SIZE_MAX, true},
    [FRAME_CHECKPOINT_VOTE] = {"checkpoint_vote", KIB, false},
    [FRAME_CHECKPOINT_REQUEST] = {"checkpoint_request", 64, false},
    [FRAME_CHECKPOINT] = {"checkpoint", 8 * KIB, false},
    [FRAME_PART] = {"part", FRAME_PART_SIZE_MAX, false},
    [FRAME_SNAPSHOT_REQUEST] = {"snapshot_request", 64, false},
    [FRAME_SNAPSHOT] = {"snapshot", FRAME_SIZE_MAX, true},
    [FRAME_CHUNK_REQUEST] = {"chunk_request", 64, false},
    [FRAME_CHUNK] = {"chunk", FRAME_SIZE_MAX, true},
    [FRAME_BACKFILL_REQUEST] = {"backfill_request", 64, false},
    [FRAME_BACKFILL] = {"backfill", FRAME_SIZE_MAX, true},
    [FRAME_SEAL_REQUEST] = {"seal_request", 64, false},
    [FRAME_SEAL] = {"seal", EPOCH_SEAL_SIZE_MAX, false},
};
_Static_assert(
    JUSTIFICATION_SIZE_MAX + DIGESTS_SIZE_MAX + FIELDS_SIZE_MAX <= FRAME_SIZE_MAX, "a proposal fits a frame");
_Static_assert(BATCH_SIZE_MAX + FIELDS_SIZE_MAX <= FRAME_SIZE_MAX, "a batch fits a frame");
_Static_assert(
    8 * KIB >= VALIDATORS_MAX * (SIGNATURE_SIZE + 2) + 512, "a certified checkpoint of the largest set fits");

const char *frame_kind_name(unsigned kind)
{
    return kind <= FRAME_KIND_MAX ? kinds[kind].name : NULL;
}

uint32_t frame_size_max(unsigned kind)
{
    return kind <= FRAME_KIND_MAX ? kinds[kind].size_max : 0;
}

bool frame_is_bulk(enum frame_kind kind)
{
    CHECK((unsigned)kind <= FRAME_KIND_MAX);
    return kinds[kind].bulk;
}

void frame_header_put(uint8_t header[FRAME_HEADER_SIZE], enum frame_kind kind, size_t payload_size)
{
    CHECK((unsigned)kind <= FRAME_KIND_MAX && kinds[kind].name != NULL);
    CHECK(payload_size <= kinds[kind].size_max);
    put_u32(header, (uint32_t)payload_size);
    header[4] = (uint8_t)kind;
}

void frame_parser_init(struct frame_parser *parser, uint32_t kinds_allowed)
{
    parser->kinds = kinds_allowed;
    parser->error = TALLY_OK;
    buffer_init(&parser->partial, FRAME_HEADER_SIZE + FRAME_SIZE_MAX);
}

void frame_parser_close(struct frame_parser *parser)
{
    buffer_close(&parser->partial);
}

void frame_parser_allow(struct frame_parser *parser, uint32_t kinds_allowed)
{
    parser->kinds = kinds_allowed;
}

/* Reads a header. Sizes are judged here, before a byte of payload is kept. */
static int header_read(
    const struct frame_parser *parser, const uint8_t *header, enum frame_kind *kind, uint32_t *size)
{
    unsigned number = header[4];
    if (number > FRAME_KIND_MAX || (parser->kinds >> number & 1) == 0) return TALLY_EFORM;
    if (get_u32(header) > frame_size_max(number)) return TALLY_ELIMIT;
    *kind = (enum frame_kind)number;
    *size = get_u32(header);
    return TALLY_OK;
}

/* Moves bytes from the front of *bytes into the partial frame until it holds `size`. True when it does. */
static int partial_fill(struct frame_parser *parser, size_t size, struct span *bytes, bool *full)
{
    size_t lacking = size - parser->partial.size;
    size_t taken = lacking < bytes->size ? lacking : bytes->size;
    buffer_append(&parser->partial, bytes->data, taken);
    if (parser->partial.failed) return TALLY_ENOMEM;
    bytes->data += taken;
    bytes->size -= taken;
    *full = taken == lacking;
    return TALLY_OK;
}

static void partial_forget(struct frame_parser *parser)
{
    if (parser->partial.capacity > PARTIAL_KEPT_SIZE) buffer_close(&parser->partial);
    if (parser->partial.data == NULL) buffer_init(&parser->partial, FRAME_HEADER_SIZE + FRAME_SIZE_MAX);
    buffer_clear(&parser->partial);
}

/* Goes on with the frame that began in earlier bytes. */
static int partial_feed(struct frame_parser *parser, struct span *bytes, frame_handler handler, void *context)
{
    enum frame_kind kind;
    uint32_t size;
    bool full = true;
    int error = TALLY_OK;
    if (parser->partial.size < FRAME_HEADER_SIZE)
        error = partial_fill(parser, FRAME_HEADER_SIZE, bytes, &full);
    if (error != TALLY_OK || !full) return error;
    error = header_read(parser, parser->partial.data, &kind, &size);
    if (error == TALLY_OK) error = partial_fill(parser, FRAME_HEADER_SIZE + (size_t)size, bytes, &full);
    if (error != TALLY_OK || !full) return error;
    error = handler(context, kind, span_of(parser->partial.data + FRAME_HEADER_SIZE, size));
    partial_forget(parser);
    return error;
}

/* Takes a frame that lies whole at the front of *bytes, or begins a partial one with what there is. */
static int front_feed(struct frame_parser *parser, struct span *bytes, frame_handler handler, void *context)
{
    enum frame_kind kind;
    uint32_t size = 0;
    bool full;
    if (bytes->size < FRAME_HEADER_SIZE) return partial_fill(parser, FRAME_HEADER_SIZE, bytes, &full);
    int error = header_read(parser, bytes->data, &kind, &size);
    if (error != TALLY_OK) return error;
    size_t whole = FRAME_HEADER_SIZE + (size_t)size;
    if (bytes->size < whole) return partial_fill(parser, whole, bytes, &full);
    struct span payload = span_of(bytes->data + FRAME_HEADER_SIZE, size);
    bytes->data += whole;
    bytes->size -= whole;
    return handler(context, kind, payload);
}

int frame_parser_feed(struct frame_parser *parser, struct span bytes, frame_handler handler, void *context)
{
    while (bytes.size > 0 && parser->error == TALLY_OK) {
        if (parser->partial.size > 0)
            parser->error = partial_feed(parser, &bytes, handler, context);
        else
            parser->error = front_feed(parser, &bytes, handler, context);
    }
    return parser->error;
}
