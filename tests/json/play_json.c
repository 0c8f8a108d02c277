/* The JSON of the services' messages, to be compared with protobuf's own. A line in is a direction, a type
 * and hexadecimal bytes ("to tallystick.v1.GetBlockRequest 0801", "from TYPE 7b7d"); the line out is "ok"
 * with the other form in hexadecimal, or "no" with the reason. "types" lists the types that the services'
 * calls have. */
#include <stdio.h>
#include <stdlib.h>

#include "node/rpc/message_json.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"
#include "rpc.pb-c.h"

#define LINE_SIZE_MAX (16u * MIB)
#define TYPES_MAX 128u

static const ProtobufCServiceDescriptor *const services[] = {
    &tallystick__v1__ledger__descriptor,
    &tallystick__v1__credit__descriptor,
    &tallystick__v1__member__descriptor,
    &tallystick__v1__node__descriptor,
};

static const ProtobufCMessageDescriptor *types[TYPES_MAX];
static size_t type_count;

static const ProtobufCMessageDescriptor *find_type(const char *name)
{
    for (size_t i = 0; i < type_count; i++)
        if (strcmp(types[i]->name, name) == 0) return types[i];
    return NULL;
}

static void add_type(const ProtobufCMessageDescriptor *type)
{
    if (find_type(type->name) != NULL) return;
    CHECK(type_count < TYPES_MAX);
    types[type_count++] = type;
}

static void find_types(void)
{
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        for (unsigned k = 0; k < services[i]->n_methods; k++) {
            add_type(services[i]->methods[k].input);
            add_type(services[i]->methods[k].output);
        }
    add_type(&tallystick__v1__error_detail__descriptor);
}

static void answer(struct span bytes)
{
    char *text = malloc(2 * bytes.size + 1);
    CHECK(text != NULL);
    hex_encode(bytes, text);
    (void)printf("ok %s\n", text);
    free(text);
}

static void play(const char *direction, const ProtobufCMessageDescriptor *type, struct span bytes)
{
    char why[256] = "not a message";
    ProtobufCMessage *message;
    struct arena arena;
    struct buffer out;
    int error;
    bool to_json = strcmp(direction, "to") == 0;
    arena_init(&arena, 64 * bytes.size + 64 * KIB);
    buffer_init(&out, LINE_SIZE_MAX);
    if (to_json)
        error = message_decode(type, MESSAGE_LENIENT, bytes, &arena, &message);
    else
        error = message_from_json(bytes, type, &arena, &message, why, sizeof why);
    if (error == TALLY_OK && to_json) error = message_to_json(message, &out);
    if (error == TALLY_OK && !to_json) message_encode(message, &out);
    CHECK(!out.failed);
    if (error == TALLY_OK)
        answer(buffer_span(&out));
    else
        (void)printf("no %s\n", why);
    buffer_close(&out);
    arena_close(&arena);
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    find_types();
    while (getline(&line, &capacity, stdin) > 0) {
        char *rest = line, *direction = strsep(&rest, " \n"), *name = strsep(&rest, " \n"),
             *hex = strsep(&rest, "\n");
        for (size_t i = 0; strcmp(direction, "types") == 0 && i < type_count; i++)
            (void)printf("%s%s", types[i]->name, i + 1 < type_count ? " " : "\n");
        if (strcmp(direction, "types") != 0) {
            CHECK(hex != NULL && find_type(name) != NULL);
            size_t size = strlen(hex) / 2;
            uint8_t *bytes = malloc(size + 1);
            CHECK(bytes != NULL && hex_decode(hex, bytes, size) == TALLY_OK);
            play(direction, find_type(name), span_of(bytes, size));
            free(bytes);
        }
        (void)fflush(stdout);
    }
    free(line);
    return 0;
}
