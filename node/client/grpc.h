/* What both halves of the RPC agree on beneath the methods: gRPC's statuses, message frames, deadlines, and
 * how an error travels in trailers. Pure: no socket, no HTTP/2. */
#ifndef TALLY_CLIENT_GRPC_H
#define TALLY_CLIENT_GRPC_H

#include "proto/base/base64.h"
#include "proto/base/bytes.h"

/* The registry of https://grpc.github.io/grpc/core/md_doc_statuscodes.html; the numbers are on the wire. */
enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};
#define GRPC_STATUS_MAX GRPC_UNAUTHENTICATED

/* The status's name in upper case, as the ecosystem writes it; "UNKNOWN" for a number outside the registry.
 */
const char *grpc_status_name(enum grpc_status status);

/* A message on the wire: one byte that says whether it is compressed, its size as u32 big-endian, its bytes.
 */
#define GRPC_PREFIX_SIZE 5u
void grpc_prefix_write(uint8_t prefix[GRPC_PREFIX_SIZE], uint32_t size);

/* grpc-timeout: one to eight digits and a unit of H, M, S, m, u or n. Parts of a millisecond are rounded up.
 * Errors: TALLY_EFORM. */
int grpc_timeout_parse(struct span text, uint64_t *timeout_ms) TALLY_MUST_CHECK;
/* Writes a grpc-timeout for 0..99,999,999 ms (more is written as the largest), NUL-terminated. */
#define GRPC_TIMEOUT_TEXT_SIZE 12u
void grpc_timeout_write(uint64_t timeout_ms, char text[GRPC_TIMEOUT_TEXT_SIZE]);

/* Bounds of an error as it travels; longer texts are cut. */
#define GRPC_MESSAGE_SIZE_MAX 255u
#define GRPC_REASON_SIZE_MAX 63u
#define GRPC_FIELD_SIZE_MAX 63u

/* grpc-message: printable ASCII stands for itself, every other byte and '%' is percent-encoded. `text` is cut
 * after GRPC_MESSAGE_SIZE_MAX bytes. Writes NUL-terminated. */
#define GRPC_MESSAGE_ESCAPED_SIZE (3u * GRPC_MESSAGE_SIZE_MAX + 1u)
void grpc_message_escape(const char *text, char escaped[GRPC_MESSAGE_ESCAPED_SIZE]);
/* The reverse, lenient: a broken escape stands for itself, control characters become spaces. Cut to fit
 * `text`. */
void grpc_message_unescape(struct span escaped, char text[GRPC_MESSAGE_SIZE_MAX + 1]);

/* The machine-readable part of an error: ErrorDetail of rpc.proto. */
struct grpc_error_detail {
    char reason[GRPC_REASON_SIZE_MAX + 1]; /* a stable word, UPPER_CASE; empty = none */
    char field[GRPC_FIELD_SIZE_MAX + 1];   /* what it is about; empty = none */
    uint32_t event_index;                  /* meaningful where has_event_index is set */
    bool has_event_index;
    uint32_t retry_after_ms; /* 0 = retrying will not help by itself */
    uint64_t resume_height;  /* of a stream of blocks that was cut; else 0 */
};

#define GRPC_DETAIL_TRAILER "tallystick-error-bin"

/* Appends the ErrorDetail, at most GRPC_DETAIL_SIZE_MAX bytes. */
#define GRPC_DETAIL_SIZE_MAX (GRPC_REASON_SIZE_MAX + GRPC_FIELD_SIZE_MAX + 36u)
void grpc_detail_encode(const struct grpc_error_detail *detail, struct buffer *out);
/* The trailer's value: the same in base64 without padding, NUL-terminated. */
#define GRPC_DETAIL_TEXT_SIZE (BASE64_SIZE(GRPC_DETAIL_SIZE_MAX) + 1u)
void grpc_detail_write(const struct grpc_error_detail *detail, char text[GRPC_DETAIL_TEXT_SIZE]);
/* Reads one, padded or not; texts that are too long are cut.
 * Errors: TALLY_EFORM (no base64, or no ErrorDetail inside), TALLY_ELIMIT (longer than 4 KiB), TALLY_ENOMEM.
 */
int grpc_detail_read(struct span text, struct grpc_error_detail *detail) TALLY_MUST_CHECK;

#endif
