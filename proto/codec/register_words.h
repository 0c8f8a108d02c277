/* What the register and the transactions that change it have in common: kinds, numbers, bounds. Numbers never
 * change their meaning. */
#ifndef TALLY_CODEC_REGISTER_WORDS_H
#define TALLY_CODEC_REGISTER_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/limits.h"

#define REGISTER_KIND_SIZE_MAX 32
#define REGISTER_ADDRESS_SIZE_MAX 128
#define REGISTER_POLICY_SIZE_MAX (4u * KIB)
#define REGISTER_BASE_TIMEOUT_MS_MAX 30000u
#define REGISTER_HEARTBEAT_MS_MAX 86400000u

/* One key, one work: used for another's, it is refused. */
enum key_kind {
    KEY_NODE = 1,    /* links, votes */
    KEY_SIGNING = 2, /* batches */
    KEY_BALLOT = 3,  /* governance */
};
/* "node" and so on; NULL for a number that is none. */
const char *key_kind_name(uint32_t kind);

/* Whether a text is host:port as the register keeps it: a name, an IPv4 address, or an IPv6 address in
 * brackets, and a port of 1 to 65535 without leading zeros. Its size is the caller's to bound. */
bool address_is_sound(const char *text);

enum parameter {
    PARAMETER_BASE_TIMEOUT_MS = 1, /* D, 1 to REGISTER_BASE_TIMEOUT_MS_MAX */
    PARAMETER_HEARTBEAT_MS = 2,    /* 0 (off) to REGISTER_HEARTBEAT_MS_MAX */
};
/* "base_timeout_ms" and so on; NULL for a number that is none. */
const char *parameter_name(uint32_t parameter);
/* Whether the parameter exists and may have this value. */
bool parameter_allows(uint32_t parameter, uint64_t value);

/* Whether a name is digits alone: no member and no node has such a name, for people name both by id too. */
bool name_is_number(const char *name);

#endif
