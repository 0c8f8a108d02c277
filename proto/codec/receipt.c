#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/epoch_seal.h"
#include "proto/codec/history.h"
#include "proto/codec/message.h"

#define RECEIPT_VERSION 1u
#define RESULT_MAX 0xFFFFu
/* A receipt has no list of messages in it, so its bytes bound its memory. */
#define RECEIPT_SIZE_MAX (16u * KIB + EPOCH_SEALS_SIZE_MAX)
#define RECEIPT_ARENA_SIZE (RECEIPT_SIZE_MAX + 4u * KIB)
_Static_assert(16u * KIB > 2 * MERKLE_DEPTH_MAX * DIGEST_SIZE + VALIDATORS_MAX * SIGNATURE_SIZE + 2048,
    "the longest paths and the largest certificate fit");

void receipt_to_message(const struct receipt *receipt, struct receipt_message *message)
{
    Tallystick__V1__Receipt *outer = &message->outer;
    CHECK(
        receipt->result_path_length <= MERKLE_DEPTH_MAX && receipt->history_path_length <= MERKLE_DEPTH_MAX);
    CHECK(receipt->result.detail_size <= RESULT_DETAIL_SIZE_MAX);
    certified_checkpoint_to_message(&receipt->checkpoint, &message->checkpoint);
    tallystick__v1__receipt__init(outer);
    outer->version = RECEIPT_VERSION;
    outer->height = receipt->height;
    outer->index = receipt->index;
    outer->event_id = digest_bytes(&receipt->event_id);
    outer->result = receipt->result.code;
    outer->detail = message_bytes(span_of(receipt->result.detail, receipt->result.detail_size));
    outer->result_path =
        message_bytes(span_of(receipt->result_path, receipt->result_path_length * sizeof(struct digest)));
    outer->block = digest_bytes(&receipt->block);
    outer->time_ms = receipt->time_ms;
    outer->state_root = digest_bytes(&receipt->state_root);
    outer->results_root = digest_bytes(&receipt->results_root);
    outer->history_path =
        message_bytes(span_of(receipt->history_path, receipt->history_path_length * sizeof(struct digest)));
    outer->checkpoint = &message->checkpoint.outer;
    outer->seals = message_bytes(receipt->seals);
}

static int result_from_message(const Tallystick__V1__Receipt *message, struct event_result *result)
{
    if (message->result > RESULT_MAX || message->detail.len > RESULT_DETAIL_SIZE_MAX) return TALLY_EFORM;
    result->code = (uint16_t)message->result;
    result->detail_size = (uint8_t)message->detail.len;
    if (message->detail.len > 0) memcpy(result->detail, message->detail.data, message->detail.len);
    return TALLY_OK;
}

int receipt_from_message(const Tallystick__V1__Receipt *message, struct receipt *receipt)
{
    if (message->version != RECEIPT_VERSION) return message->version == 0 ? TALLY_EFORM : TALLY_EVERSION;
    struct receipt read = {
        .height = message->height,
        .index = message->index,
        .time_ms = message->time_ms,
        .seals = span_of_bytes(message->seals),
    };
    int error = digest_from_bytes(message->event_id, &read.event_id);
    if (error == TALLY_OK) error = result_from_message(message, &read.result);
    if (error == TALLY_OK)
        error = digests_from_bytes(
            message->result_path, MERKLE_DEPTH_MAX, read.result_path, &read.result_path_length);
    if (error == TALLY_OK) error = digest_from_bytes(message->block, &read.block);
    if (error == TALLY_OK) error = digest_from_bytes(message->state_root, &read.state_root);
    if (error == TALLY_OK) error = digest_from_bytes(message->results_root, &read.results_root);
    if (error == TALLY_OK)
        error = digests_from_bytes(
            message->history_path, MERKLE_DEPTH_MAX, read.history_path, &read.history_path_length);
    if (error == TALLY_OK) error = certified_checkpoint_from_message(message->checkpoint, &read.checkpoint);
    if (error == TALLY_OK) error = epoch_seals_check(read.seals);
    if (error == TALLY_OK) *receipt = read;
    return error;
}

void receipt_encode(const struct receipt *receipt, struct buffer *out)
{
    struct receipt_message message;
    receipt_to_message(receipt, &message);
    message_encode(&message.outer.base, out);
}

int receipt_decode(struct span bytes, struct receipt *receipt)
{
    struct arena arena;
    ProtobufCMessage *message;
    if (bytes.size > RECEIPT_SIZE_MAX) return TALLY_EFORM;
    if (message_version_differs(bytes, RECEIPT_VERSION)) return TALLY_EVERSION;
    arena_init(&arena, RECEIPT_ARENA_SIZE);
    int error =
        message_decode(&tallystick__v1__receipt__descriptor, MESSAGE_CANONICAL, bytes, &arena, &message);
    if (error == TALLY_OK) error = receipt_from_message((const Tallystick__V1__Receipt *)message, receipt);
    if (error == TALLY_OK) receipt->seals = span_of_tail(bytes, receipt->seals.size);
    arena_close(&arena);
    return error;
}
