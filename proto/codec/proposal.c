/* Proposals and their justifications. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/agreement.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"

/* Parent, certificate, and the longest of both lists. */
#define JUSTIFICATION_FIELDS_MAX (2u + VIEWS_SKIPPED_MAX + SEAL_PATH_MAX)

void justification_encode(const struct justification *justification, struct buffer *out)
{
    Tallystick__V1__BlockHeader parent;
    Tallystick__V1__Certificate certificate;
    Tallystick__V1__Justification message = TALLYSTICK__V1__JUSTIFICATION__INIT;
    size_t count = justification->nullification_count;
    CHECK(count <= VIEWS_SKIPPED_MAX);
    if (!justification->parent_is_genesis) {
        block_header_to_message(&justification->parent, &parent);
        certificate_to_message(&justification->parent_certificate, &certificate);
        message.parent = &parent;
        message.parent_certificate = &certificate;
    }
    size_t path = justification->seal_path_count;
    CHECK(path <= SEAL_PATH_MAX);
    Tallystick__V1__Certificate *messages = calloc(count + 1, sizeof *messages);
    Tallystick__V1__Certificate **pointers = calloc(count + 1, sizeof *pointers);
    Tallystick__V1__BlockHeader *headers = calloc(path + 1, sizeof *headers);
    Tallystick__V1__BlockHeader **header_pointers = calloc(path + 1, sizeof *header_pointers);
    if (messages == NULL || pointers == NULL || headers == NULL || header_pointers == NULL) {
        out->failed = true;
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        certificate_to_message(&justification->nullifications[i], &messages[i]);
        pointers[i] = &messages[i];
    }
    message.n_nullifications = count;
    message.nullifications = pointers;
    for (size_t i = 0; i < path; i++) {
        block_header_to_message(&justification->seal_path[i], &headers[i]);
        header_pointers[i] = &headers[i];
    }
    message.n_seal_path = path;
    message.seal_path = header_pointers;
    message_encode(&message.base, out);
done:
    free(messages);
    free(pointers);
    free(headers);
    free(header_pointers);
}

static int nullifications_from_message(
    const Tallystick__V1__Justification *message, struct arena *arena, struct justification *justification)
{
    size_t count = message->n_nullifications;
    if (count > VIEWS_SKIPPED_MAX) return TALLY_ELIMIT;
    if (count == 0) return TALLY_OK;
    struct certificate *certificates = arena_take_zeroed(arena, count, sizeof *certificates);
    if (certificates == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int error = certificate_from_message(message->nullifications[i], &certificates[i]);
        if (error != TALLY_OK) return error;
    }
    justification->nullification_count = (uint32_t)count;
    justification->nullifications = certificates;
    return TALLY_OK;
}

static int seal_path_from_message(
    const Tallystick__V1__Justification *message, struct arena *arena, struct justification *justification)
{
    size_t count = message->n_seal_path;
    if (count > SEAL_PATH_MAX) return TALLY_ELIMIT;
    if (count == 0) return TALLY_OK;
    if (message->parent == NULL) return TALLY_EFORM;
    struct block_header *headers = arena_take_zeroed(arena, count, sizeof *headers);
    if (headers == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int error = block_header_from_message(message->seal_path[i], &headers[i]);
        if (error != TALLY_OK) return error;
    }
    justification->seal_path_count = (uint32_t)count;
    justification->seal_path = headers;
    return TALLY_OK;
}

/* How many fields a message of sized fields has, lists by element, up to where it is malformed. Counted
 * before memory is taken for them: an empty element takes two bytes of a message and a hundred of memory. */
static size_t fields_count(struct span bytes)
{
    struct reader reader;
    size_t count = 0;
    reader_init(&reader, bytes);
    while (!reader.failed && reader.left > 0) {
        uint64_t size = 0;
        uint8_t byte = 0x80;
        reader_u8(&reader); /* the key */
        for (unsigned shift = 0; shift < 35 && (byte & 0x80) != 0; shift += 7) {
            byte = reader_u8(&reader);
            size |= (uint64_t)(byte & 0x7F) << shift;
        }
        reader_span(&reader, (size_t)size);
        count++;
    }
    return count;
}

int justification_decode(struct span bytes, struct arena *arena, struct justification *justification)
{
    ProtobufCMessage *unpacked;
    struct justification read = {0};
    if (bytes.size > JUSTIFICATION_SIZE_MAX || fields_count(bytes) > JUSTIFICATION_FIELDS_MAX)
        return TALLY_ELIMIT;
    int error = message_decode(
        &tallystick__v1__justification__descriptor, MESSAGE_CANONICAL, bytes, arena, &unpacked);
    if (error != TALLY_OK) return error;
    const Tallystick__V1__Justification *message = (const Tallystick__V1__Justification *)unpacked;
    read.parent_is_genesis = message->parent == NULL;
    if (read.parent_is_genesis) {
        if (message->parent_certificate != NULL) return TALLY_EFORM;
    } else {
        error = block_header_from_message(message->parent, &read.parent);
        if (error == TALLY_OK)
            error = certificate_from_message(message->parent_certificate, &read.parent_certificate);
        if (error != TALLY_OK) return error;
        read.parent_hash = block_header_hash(&read.parent);
    }
    error = nullifications_from_message(message, arena, &read);
    if (error == TALLY_OK) error = seal_path_from_message(message, arena, &read);
    if (error == TALLY_OK) *justification = read;
    return error;
}

void proposal_encode(const struct proposal *proposal, struct buffer *out)
{
    Tallystick__V1__BlockHeader header;
    Tallystick__V1__Proposal message = TALLYSTICK__V1__PROPOSAL__INIT;
    block_header_to_message(&proposal->header, &header);
    message.header = &header;
    message.justification = message_bytes(proposal->justification_bytes);
    message.batches =
        message_bytes(span_of(proposal->batches, proposal->batch_count * sizeof(struct digest)));
    message.signature = message_bytes(span_of(proposal->signature.bytes, SIGNATURE_SIZE));
    message_encode(&message.base, out);
}

static int batches_from_bytes(ProtobufCBinaryData bytes, struct arena *arena, struct proposal *proposal)
{
    if (bytes.len > BLOCK_BATCHES_MAX * DIGEST_SIZE) return TALLY_ELIMIT;
    struct digest *batches = arena_take(arena, bytes.len);
    if (batches == NULL) return TALLY_ENOMEM;
    proposal->batches = batches;
    return digests_from_bytes(bytes, BLOCK_BATCHES_MAX, batches, &proposal->batch_count);
}

/* The content against what the header says of it. */
static int content_check(const struct proposal *proposal)
{
    struct digest root = justification_root(proposal->justification_bytes);
    if (!digest_equal(&root, &proposal->header.justification_root)) return TALLY_EFORM;
    struct digest payload = payload_root(proposal->batches, proposal->batch_count);
    return digest_equal(&payload, &proposal->header.payload_root) ? TALLY_OK : TALLY_EFORM;
}

int proposal_decode(struct span bytes, struct arena *arena, struct proposal *proposal)
{
    ProtobufCMessage *unpacked;
    struct proposal read = {0};
    int error =
        message_decode(&tallystick__v1__proposal__descriptor, MESSAGE_CANONICAL, bytes, arena, &unpacked);
    if (error != TALLY_OK) return error;
    const Tallystick__V1__Proposal *message = (const Tallystick__V1__Proposal *)unpacked;
    error = block_header_from_message(message->header, &read.header);
    if (error == TALLY_OK) error = fixed_from_bytes(message->signature, read.signature.bytes, SIGNATURE_SIZE);
    if (error == TALLY_OK) error = batches_from_bytes(message->batches, arena, &read);
    if (error != TALLY_OK) return error;
    read.hash = block_header_hash(&read.header);
    read.justification_bytes = span_of_bytes(message->justification);
    error = content_check(&read);
    if (error == TALLY_OK) error = justification_decode(read.justification_bytes, arena, &read.justification);
    if (error == TALLY_OK) *proposal = read;
    return error;
}
