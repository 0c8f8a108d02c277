/* What writing and reading of JSON share: a field's name and the size of its values. */
#ifndef TALLY_RPC_MESSAGE_JSON_FIELD_H
#define TALLY_RPC_MESSAGE_JSON_FIELD_H

#include <protobuf-c/protobuf-c.h>

/* A name of the schema is shorter than this (a bug otherwise). */
#define JSON_NAME_SIZE 64u

/* The field's name in JSON: its own, which is in snake_case, without the underscores. */
void json_name(const ProtobufCFieldDescriptor *field, char name[JSON_NAME_SIZE]);

/* How many bytes one value of the field takes in its message, or in the array of a repeated field. */
size_t json_value_size(const ProtobufCFieldDescriptor *field);

#endif
