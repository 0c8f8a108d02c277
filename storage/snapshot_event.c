#include "storage/snapshot_event.h"

void snapshot_event_encode(const struct snapshot_event *event, struct buffer *out)
{
    buffer_u16(out, (uint16_t)event->account);
    buffer_u64(out, event->height);
    buffer_u64(out, event->time_ms);
    buffer_u16(out, event->result);
    buffer_append(out, event->id.bytes, DIGEST_SIZE);
    event_facts_encode(&event->facts, out);
}

bool snapshot_event_read(struct reader *reader, struct snapshot_event *event)
{
    event->account = reader_u16(reader);
    event->height = reader_u64(reader);
    event->time_ms = reader_u64(reader);
    event->result = reader_u16(reader);
    reader_copy(reader, event->id.bytes, DIGEST_SIZE);
    return event_facts_read(reader, &event->facts) &&
           snapshot_event_has_item(event) == event_facts_has_item(&event->facts);
}
