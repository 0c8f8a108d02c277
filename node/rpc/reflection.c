#include "node/rpc/reflection.h"

#include <grpc/reflection/v1/reflection.pb-c.h>
#include <symbols.pb-c.h>

#include "node/client/grpc.h"
#include "proto/base/check.h"
#include "proto/base/limits.h"
#include "proto/codec/message.h"

#define FILES_MAX 16u
#define SERVICES_MAX 16u

typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;
typedef Tallystick__V1__SymbolFile File;

/* A FileDescriptorSet. */
static const uint8_t descriptors[] = {
#include "public.inc"
};

/* The schema's files: what is answered, and what is looked at. */
struct schema {
    struct arena arena;
    size_t count;
    const ProtobufCBinaryData *encoded;
    const File *files[FILES_MAX];
};

/* What a response points at until it is encoded. */
struct answer {
    Response response;
    Grpc__Reflection__V1__FileDescriptorResponse files;
    ProtobufCBinaryData file_list[FILES_MAX];
    Grpc__Reflection__V1__ListServiceResponse services;
    Grpc__Reflection__V1__ServiceResponse service_list[SERVICES_MAX], *service_pointers[SERVICES_MAX];
    Grpc__Reflection__V1__ErrorResponse error;
};

/* The descriptors are the build's own, so that they decode. */
static ProtobufCMessage *decode(
    struct schema *schema, const ProtobufCMessageDescriptor *descriptor, struct span bytes)
{
    ProtobufCMessage *message;
    CHECK(message_decode(descriptor, MESSAGE_LENIENT, bytes, &schema->arena, &message) == TALLY_OK);
    return message;
}

static void schema_init(struct schema *schema)
{
    arena_init(&schema->arena, MIB);
    const Tallystick__V1__SymbolFiles *set = (const Tallystick__V1__SymbolFiles *)decode(
        schema, &tallystick__v1__symbol_files__descriptor, span_of(descriptors, sizeof descriptors));
    CHECK(set->n_file <= FILES_MAX);
    schema->count = set->n_file;
    schema->encoded = set->file;
    for (size_t i = 0; i < set->n_file; i++)
        schema->files[i] = (const File *)decode(
            schema, &tallystick__v1__symbol_file__descriptor, span_of(set->file[i].data, set->file[i].len));
}

/* What is left of a dotted path after its first part, or parts: "" where that is all of it, NULL where it
 * begins otherwise. */
static const char *path_after(const char *path, const char *name)
{
    size_t size = strlen(name);
    if (strncmp(path, name, size) != 0) return NULL;
    if (path[size] == '\0') return path + size;
    return path[size] == '.' && path[size + 1] != '\0' ? path + size + 1 : NULL;
}

static bool any_enum_is(Tallystick__V1__SymbolEnum *const *enums, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(enums[i]->name, path) == 0) return true;
    return false;
}

static bool type_has(const Tallystick__V1__SymbolType *type, const char *path)
{
    const char *rest = path_after(path, type->name);
    if (rest == NULL || *rest == '\0') return rest != NULL;
    for (size_t i = 0; i < type->n_nested_type; i++)
        if (type_has(type->nested_type[i], rest)) return true;
    return any_enum_is(type->enum_type, type->n_enum_type, rest);
}

static bool service_has(const Tallystick__V1__SymbolService *service, const char *path)
{
    const char *rest = path_after(path, service->name);
    if (rest == NULL || *rest == '\0') return rest != NULL;
    for (size_t i = 0; i < service->n_method; i++)
        if (strcmp(service->method[i]->name, rest) == 0) return true;
    return false;
}

static bool file_has(const File *file, const char *symbol)
{
    const char *path = path_after(symbol, file->package);
    if (path == NULL || *path == '\0') return false;
    for (size_t i = 0; i < file->n_message_type; i++)
        if (type_has(file->message_type[i], path)) return true;
    for (size_t i = 0; i < file->n_service; i++)
        if (service_has(file->service[i], path)) return true;
    return any_enum_is(file->enum_type, file->n_enum_type, path);
}

/* The file's place; schema->count where there is none. */
static size_t find_file(const struct schema *schema, const char *name)
{
    size_t i = 0;
    while (i < schema->count && strcmp(schema->files[i]->name, name) != 0)
        i++;
    return i;
}

static size_t find_symbol(const struct schema *schema, const char *symbol)
{
    size_t i = 0;
    while (i < schema->count && !file_has(schema->files[i], symbol))
        i++;
    return i;
}

static void answer_error(struct answer *answer, enum grpc_status status, const char *message)
{
    answer->response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    answer->response.error_response = &answer->error;
    answer->error.error_code = (int32_t)status;
    answer->error.error_message = (char *)(uintptr_t)message;
}

/* Adds a file and what it imports, each once. */
static void add_file(const struct schema *schema, size_t index, struct answer *answer)
{
    CHECK(index < schema->count);
    for (size_t i = 0; i < answer->files.n_file_descriptor_proto; i++)
        if (answer->file_list[i].data == schema->encoded[index].data) return;
    answer->file_list[answer->files.n_file_descriptor_proto++] = schema->encoded[index];
    const File *file = schema->files[index];
    for (size_t i = 0; i < file->n_dependency; i++)
        add_file(schema, find_file(schema, file->dependency[i]), answer);
}

static void answer_file(const struct schema *schema, size_t index, struct answer *answer)
{
    if (index == schema->count) {
        answer_error(answer, GRPC_NOT_FOUND, "nothing of this name is in the schema");
        return;
    }
    answer->response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    answer->response.file_descriptor_response = &answer->files;
    answer->files.file_descriptor_proto = answer->file_list;
    add_file(schema, index, answer);
}

/* "package.Service", in the schema's memory. */
static char *full_name(struct schema *schema, const char *package, const char *name)
{
    size_t package_size = strlen(package), name_size = strlen(name);
    char *text = arena_take(&schema->arena, package_size + name_size + 2);
    CHECK(text != NULL);
    memcpy(text, package, package_size);
    text[package_size] = '.';
    memcpy(text + package_size + 1, name, name_size + 1);
    return text;
}

static void answer_services(struct schema *schema, struct answer *answer)
{
    Grpc__Reflection__V1__ListServiceResponse *list = &answer->services;
    answer->response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    answer->response.list_services_response = list;
    list->service = answer->service_pointers;
    for (size_t i = 0; i < schema->count; i++)
        for (size_t k = 0; k < schema->files[i]->n_service; k++) {
            CHECK(list->n_service < SERVICES_MAX);
            Grpc__Reflection__V1__ServiceResponse *service = &answer->service_list[list->n_service];
            grpc__reflection__v1__service_response__init(service);
            service->name = full_name(schema, schema->files[i]->package, schema->files[i]->service[k]->name);
            list->service[list->n_service++] = service;
        }
}

static void answer_request(struct schema *schema, const Request *request, struct answer *answer)
{
    switch (request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        answer_file(schema, find_file(schema, request->file_by_filename), answer);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        answer_file(schema, find_symbol(schema, request->file_containing_symbol), answer);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        answer_error(answer, GRPC_NOT_FOUND, "the schema has no extensions");
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        answer_services(schema, answer);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__NOT_SET:
    case _GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__CASE_IS_INT_SIZE:
        answer_error(answer, GRPC_INVALID_ARGUMENT, "the request asks for nothing");
        return;
    }
}

int reflection_answer(struct span bytes, struct buffer *reply)
{
    struct schema schema;
    struct answer answer = {0};
    struct arena arena;
    ProtobufCMessage *message;
    arena_init(&arena, 64 * bytes.size + 4 * KIB);
    int error = message_decode(&grpc__reflection__v1__server_reflection_request__descriptor, MESSAGE_LENIENT,
        bytes, &arena, &message);
    if (error == TALLY_OK) {
        Request *request = (Request *)message;
        grpc__reflection__v1__server_reflection_response__init(&answer.response);
        grpc__reflection__v1__file_descriptor_response__init(&answer.files);
        grpc__reflection__v1__list_service_response__init(&answer.services);
        grpc__reflection__v1__error_response__init(&answer.error);
        answer.response.valid_host = request->host;
        answer.response.original_request = request;
        schema_init(&schema);
        answer_request(&schema, request, &answer);
        message_encode(&answer.response.base, reply);
        arena_close(&schema.arena);
    }
    arena_close(&arena);
    return error;
}
