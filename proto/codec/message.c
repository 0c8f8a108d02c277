#include "proto/codec/message.h"

#include "proto/base/check.h"
#include "proto/codec/message_scan.h"

/* The arena behind protobuf-c's allocator. */
struct arena_allocator {
    struct arena *arena;
    bool failed;
};

static void *allocate(void *context, size_t size)
{
    struct arena_allocator *allocator = context;
    void *memory = arena_take(allocator->arena, size);
    if (memory == NULL) allocator->failed = true;
    return memory;
}

/* Memory goes back with the arena, also what protobuf-c gives up while it fails. */
static void release(void *context, void *memory)
{
    (void)context;
    (void)memory;
}

/* Forgets what a lenient message had beside the schema, at every level, so that it can only be encoded
 * canonically. */
static void drop_unknown(ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    message->n_unknown_fields = 0;
    message->unknown_fields = NULL;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        const uint8_t *base = (const uint8_t *)message;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count;
            ProtobufCMessage **children;
            memcpy(&count, base + field->quantifier_offset, sizeof count);
            memcpy(&children, base + field->offset, sizeof children);
            for (size_t k = 0; k < count; k++)
                drop_unknown(children[k]);
            continue;
        }
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            uint32_t set;
            memcpy(&set, base + field->quantifier_offset, sizeof set);
            if (set != field->id) continue;
        }
        ProtobufCMessage *child;
        memcpy(&child, base + field->offset, sizeof child);
        if (child != NULL) drop_unknown(child);
    }
}

int message_decode(const ProtobufCMessageDescriptor *descriptor, enum message_form form, struct span bytes,
    struct arena *arena, ProtobufCMessage **message)
{
    /* protobuf-c reads through the pointer it is given, whatever the size. */
    static const uint8_t nothing[1] = {0};
    int error = message_scan(descriptor, form, bytes);
    if (error != TALLY_OK) return error;
    struct arena_allocator state = {.arena = arena};
    ProtobufCAllocator allocator = {.alloc = allocate, .free = release, .allocator_data = &state};
    ProtobufCMessage *unpacked =
        protobuf_c_message_unpack(descriptor, &allocator, bytes.size, bytes.size > 0 ? bytes.data : nothing);
    if (unpacked == NULL) return state.failed ? TALLY_ENOMEM : TALLY_EFORM;
    if (form == MESSAGE_LENIENT) drop_unknown(unpacked);
    *message = unpacked;
    return TALLY_OK;
}

void message_encode(const ProtobufCMessage *message, struct buffer *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size == 0) return;
    uint8_t *to = buffer_reserve(out, size);
    if (to != NULL) CHECK(protobuf_c_message_pack(message, to) == size);
}

ProtobufCBinaryData message_bytes(struct span bytes)
{
    return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data};
}

bool message_version_differs(struct span bytes, uint32_t version)
{
    /* Field 1, a varint: one byte for the versions there will be. */
    return bytes.size >= 2 && bytes.data[0] == 0x08 && bytes.data[1] < 0x80 && bytes.data[1] != 0 &&
           bytes.data[1] != version;
}
