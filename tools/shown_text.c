#include "tools/shown_text.h"

#include "proto/base/check.h"

#define INVALID UINT32_MAX

struct range {
    uint32_t first, last;
};

/* Controls of both kinds, marks and overrides of direction, separators, the byte order mark, and what is no
 * character at all. */
static const struct range hidden[] = {{0x00, 0x1F}, {0x7F, 0x9F}, {0xAD, 0xAD}, {0x61C, 0x61C},
    {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFB},
    {0xFFFE, 0xFFFF}, {0xE0000, 0xE0FFF}};

/* What terminals draw over two columns. */
static const struct range wide[] = {{0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0xA4CF}, {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF}, {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1FAFF},
    {0x20000, 0x3FFFD}};

#define IS_IN(ranges, character) is_in(ranges, sizeof(ranges) / sizeof(ranges)[0], character)

static bool is_in(const struct range *ranges, size_t count, uint32_t character)
{
    for (size_t i = 0; i < count; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last) return true;
    }
    return false;
}

/* Reads one character of UTF-8; INVALID with a size of 1 where there is none. Text ends in NUL, which
 * continues no character, so nothing is read past it. */
static uint32_t character_read(const uint8_t *at, size_t *size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xC0 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    uint32_t character = length < 2 ? at[0] : at[0] & (0x7Fu >> length);
    *size = 1;
    if (length == 0 || at[0] >= 0xF8) return INVALID;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80) return INVALID;
        character = character << 6 | (at[i] & 0x3Fu);
    }
    bool surrogate = character >= 0xD800 && character <= 0xDFFF;
    if (character < least[length] || character > 0x10FFFF || surrogate) return INVALID;
    *size = length;
    return character;
}

static void escape_append(struct buffer *out, const uint8_t *bytes, size_t size)
{
    char text[5];
    for (size_t i = 0; i < size; i++) {
        snprintf(text, sizeof text, "\\x%02X", bytes[i]);
        buffer_append(out, text, 4);
    }
}

static const char *entity_of(uint8_t character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    }
    return NULL;
}

static void append(struct buffer *out, const char *text, bool html)
{
    size_t size;
    for (const uint8_t *at = (const uint8_t *)text; *at != '\0'; at += size) {
        uint32_t character = character_read(at, &size);
        const char *entity = html ? entity_of(*at) : NULL;
        if (character == INVALID || character == '\\' || IS_IN(hidden, character)) {
            escape_append(out, at, size);
        } else if (entity != NULL) {
            buffer_append(out, entity, strlen(entity));
        } else {
            buffer_append(out, at, size);
        }
    }
}

void shown_append(struct buffer *out, const char *text)
{
    append(out, text, false);
}

static void shown_make(struct buffer *shown, const char *text)
{
    buffer_init(shown, 4 * strlen(text) + 1);
    shown_append(shown, text);
    buffer_append(shown, "", 1);
}

void shown_print(FILE *out, const char *text)
{
    struct buffer shown;
    shown_make(&shown, text);
    if (!shown.failed) fputs((const char *)shown.data, out);
    buffer_close(&shown);
}

void shown_copy(const char *text, char *room, size_t size)
{
    struct buffer shown;
    shown_make(&shown, text);
    snprintf(room, size, "%s", shown.failed ? "" : (const char *)shown.data);
    buffer_close(&shown);
}

void shown_append_html(struct buffer *out, const char *text)
{
    append(out, text, true);
}

size_t shown_character(struct span text)
{
    size_t size = 1;
    CHECK(text.size > 0);
    while (size < text.size && (text.data[size] & 0xC0) == 0x80)
        size++;
    return size;
}

size_t shown_width(struct span text)
{
    size_t width = 0, size;
    for (size_t at = 0; at < text.size; at += size) {
        uint8_t bytes[5] = {0};
        size = shown_character(span_of(text.data + at, text.size - at));
        memcpy(bytes, text.data + at, size < 4 ? size : 4);
        size_t read;
        width += IS_IN(wide, character_read(bytes, &read)) ? 2 : 1;
    }
    return width;
}
