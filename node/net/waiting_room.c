#include "node/net/waiting_room.h"

#include <stddef.h>
#include <string.h>

#include "proto/base/check.h"

static struct tls_stream *take(struct waiting_room *room, uint32_t index)
{
    CHECK(index < room->count);
    struct tls_stream *stream = room->entries[index].stream;
    room->count--;
    memmove(&room->entries[index], &room->entries[index + 1], (room->count - index) * sizeof *room->entries);
    return stream;
}

static uint64_t turn_after(const struct waiting_room *room, uint64_t source)
{
    uint64_t last = room->turn;
    for (uint32_t i = 0; i < room->count; i++)
        if (room->entries[i].source == source && room->entries[i].turn > last) last = room->entries[i].turn;
    return last + 1;
}

struct tls_stream *waiting_room_enter(struct waiting_room *room, uint64_t source, struct tls_stream *stream)
{
    const struct waiting entering = {stream, source, turn_after(room, source)};
    struct tls_stream *leaving = NULL;
    CHECK(stream != NULL && room->count <= WAITING_ROOM_MAX);
    if (room->count == WAITING_ROOM_MAX) {
        uint32_t latest = 0;
        for (uint32_t i = 1; i < room->count; i++)
            if (room->entries[i].turn >= room->entries[latest].turn) latest = i;
        if (entering.turn >= room->entries[latest].turn) return stream;
        leaving = take(room, latest);
    }
    room->entries[room->count++] = entering;
    return leaving;
}

struct tls_stream *waiting_room_next(struct waiting_room *room)
{
    uint32_t next = 0;
    if (room->count == 0) return NULL;
    for (uint32_t i = 1; i < room->count; i++)
        if (room->entries[i].turn < room->entries[next].turn) next = i;
    room->turn = room->entries[next].turn;
    return take(room, next);
}
