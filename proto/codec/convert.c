#include "proto/codec/convert.h"

#include "proto/codec/message.h"

int fixed_from_bytes(ProtobufCBinaryData bytes, void *to, size_t size)
{
    if (bytes.len != size) return TALLY_EFORM;
    memcpy(to, bytes.data, size);
    return TALLY_OK;
}

ProtobufCBinaryData digest_bytes(const struct digest *digest)
{
    return message_bytes(span_of(digest->bytes, DIGEST_SIZE));
}

int digests_from_bytes(ProtobufCBinaryData bytes, size_t count_max, struct digest *to, uint32_t *count)
{
    size_t found = bytes.len / DIGEST_SIZE;
    if (bytes.len % DIGEST_SIZE != 0 || found > count_max) return TALLY_EFORM;
    if (found > 0) memcpy(to, bytes.data, bytes.len);
    *count = (uint32_t)found;
    return TALLY_OK;
}
