/* The check of a message's bytes before anything is unpacked: protobuf-c itself has no depth limit, keeps
 * unknown fields, and takes any enum, any text and any order. Private to this folder. */
#ifndef TALLY_CODEC_MESSAGE_SCAN_H
#define TALLY_CODEC_MESSAGE_SCAN_H

#include "proto/codec/message.h"

/* Walks the whole of `bytes` without taking memory. Errors: TALLY_EFORM. */
int message_scan(
    const ProtobufCMessageDescriptor *descriptor, enum message_form form, struct span bytes) TALLY_MUST_CHECK;

#endif
