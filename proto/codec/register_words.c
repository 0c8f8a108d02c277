#include "proto/codec/register_words.h"

#include <string.h>

const char *key_kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [KEY_NODE] = "node", [KEY_SIGNING] = "signing", [KEY_BALLOT] = "ballot"};
    return kind >= KEY_NODE && kind <= KEY_BALLOT ? names[kind] : NULL;
}

bool name_is_number(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits > 0 && name[digits] == '\0';
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

static bool in_name(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

bool address_is_sound(const char *text)
{
    const char *colon = strrchr(text, ':');
    uint32_t port = 0;
    if (colon == NULL || colon == text || colon[1] == '\0' || colon[1] == '0' || strlen(colon) > 6)
        return false;
    for (const char *at = colon + 1; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') return false;
        port = port * 10 + (uint32_t)(*at - '0');
    }
    const bool bracketed = text[0] == '[' && colon[-1] == ']';
    const char *from = bracketed ? text + 1 : text, *end = bracketed ? colon - 1 : colon;
    if (from >= end) return false;
    for (const char *at = from; at < end; at++)
        if (!in_name((unsigned char)*at) && !(bracketed && *at == ':')) return false;
    return port <= UINT16_MAX;
}
