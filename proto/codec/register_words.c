#include "proto/codec/register_words.h"

#include <stddef.h>

const char *key_kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [KEY_NODE] = "node", [KEY_SIGNING] = "signing", [KEY_BALLOT] = "ballot"};
    return kind >= KEY_NODE && kind <= KEY_BALLOT ? names[kind] : NULL;
}

static const struct {
    const char *name;
    uint64_t min, max;
} parameters[] = {
    [PARAMETER_BASE_TIMEOUT_MS] = {"base_timeout_ms", 1, REGISTER_BASE_TIMEOUT_MS_MAX},
    [PARAMETER_HEARTBEAT_MS] = {"heartbeat_ms", 0, REGISTER_HEARTBEAT_MS_MAX},
};

static bool parameter_is_known(uint32_t parameter)
{
    return parameter >= PARAMETER_BASE_TIMEOUT_MS && parameter <= PARAMETER_HEARTBEAT_MS;
}

const char *parameter_name(uint32_t parameter)
{
    return parameter_is_known(parameter) ? parameters[parameter].name : NULL;
}

bool parameter_allows(uint32_t parameter, uint64_t value)
{
    return parameter_is_known(parameter) && value >= parameters[parameter].min &&
           value <= parameters[parameter].max;
}
