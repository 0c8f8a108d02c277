/* The lines of an evidence file: readable by people, and by whoever reads JSON. Everything in a line follows
 * from the key and the evidence, so a reader needs no parser: it takes the line that it would have written.
 */
#include <stdio.h>

#include "proto/codec/evidence.h"

#define KEY_MARK "{\"validator\":\""
#define EVIDENCE_MARK ",\"evidence\":\""
#define LINE_END "\"}"
#define KEY_TEXT_SIZE (2u * PUBLIC_KEY_SIZE)

static void put_text(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

static void put_hex(struct buffer *out, struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        char pair[3];
        hex_encode(span_of(bytes.data + i, 1), pair);
        buffer_append(out, pair, 2);
    }
}

static void put_signed(struct buffer *out, const char *first, const char *second)
{
    put_text(out, ",\"signed\":[\"");
    put_text(out, first);
    if (second != NULL) {
        put_text(out, "\",\"");
        put_text(out, second);
    }
    put_text(out, "\"]");
}

static void put_number(struct buffer *out, const char *name, uint64_t value)
{
    char text[64];
    snprintf(text, sizeof text, ",\"%s\":%llu", name, (unsigned long long)value);
    put_text(out, text);
}

static void put_form(struct buffer *out, const struct evidence *evidence)
{
    const char *first = NULL, *second = NULL;
    switch (evidence->form) {
    case EVIDENCE_STATEMENTS:
        put_number(out, "view", evidence->first.view);
        first = statement_name(evidence->first.kind);
        second = statement_name(evidence->second.kind);
        break;
    case EVIDENCE_UNJUSTIFIED:
        put_number(out, "view", evidence->first.view);
        first = statement_name(evidence->first.kind);
        break;
    case EVIDENCE_CHECKPOINTS:
        put_number(out, "height", evidence->first_checkpoint.height);
        first = second = "checkpoint";
        break;
    }
    put_signed(out, first, second);
}

static void print_encoded(
    const struct evidence *evidence, const struct public_key *key, struct span encoded, struct buffer *out)
{
    put_text(out, KEY_MARK);
    put_hex(out, span_of(key->bytes, PUBLIC_KEY_SIZE));
    put_text(out, "\"");
    put_number(out, "epoch", evidence->epoch);
    put_form(out, evidence);
    put_text(out, EVIDENCE_MARK);
    put_hex(out, encoded);
    put_text(out, LINE_END "\n");
}

void evidence_line_print(const struct evidence *evidence, const struct public_key *key, struct buffer *out)
{
    struct buffer encoded;
    buffer_init(&encoded, EVIDENCE_SIZE_MAX);
    evidence_encode(evidence, &encoded);
    if (encoded.failed)
        out->failed = true;
    else
        print_encoded(evidence, key, buffer_span(&encoded), out);
    buffer_close(&encoded);
}

/* Hexadecimal digits in the middle of a text. */
static int hex_read(struct span text, uint8_t *bytes)
{
    char pair[3] = "";
    for (size_t i = 0; i < text.size / 2; i++) {
        memcpy(pair, text.data + 2 * i, 2);
        int error = hex_decode(pair, &bytes[i], 1);
        if (error != TALLY_OK) return error;
    }
    return text.size % 2 == 0 ? TALLY_OK : TALLY_EFORM;
}

static int read_encoded(struct span line, struct arena *arena, struct span *encoded)
{
    const uint8_t *mark = memmem(line.data, line.size, EVIDENCE_MARK, strlen(EVIDENCE_MARK));
    if (mark == NULL) return TALLY_EFORM;
    const uint8_t *start = mark + strlen(EVIDENCE_MARK);
    size_t left = line.size - (size_t)(start - line.data);
    if (left < strlen(LINE_END)) return TALLY_EFORM;
    struct span digits = span_of(start, left - strlen(LINE_END));
    uint8_t *bytes = arena_take(arena, digits.size / 2);
    if (bytes == NULL) return TALLY_ENOMEM;
    *encoded = span_of(bytes, digits.size / 2);
    return hex_read(digits, bytes);
}

int evidence_line_read(
    struct span line, struct arena *arena, struct evidence *evidence, struct public_key *key)
{
    struct public_key named;
    struct span encoded;
    struct evidence read;
    struct buffer again;
    if (line.size < strlen(KEY_MARK) + KEY_TEXT_SIZE || line.size >= EVIDENCE_LINE_SIZE_MAX)
        return TALLY_EFORM;
    int error = hex_read(span_of(line.data + strlen(KEY_MARK), KEY_TEXT_SIZE), named.bytes);
    if (error == TALLY_OK) error = read_encoded(line, arena, &encoded);
    if (error == TALLY_OK) error = evidence_decode(encoded, arena, &read);
    if (error != TALLY_OK) return error;
    buffer_init(&again, EVIDENCE_LINE_SIZE_MAX);
    print_encoded(&read, &named, encoded, &again);
    bool same = !again.failed && again.size == line.size + 1 && memcmp(again.data, line.data, line.size) == 0;
    error = again.failed ? TALLY_ENOMEM : same ? TALLY_OK : TALLY_EFORM;
    buffer_close(&again);
    if (error != TALLY_OK) return error;
    *evidence = read;
    *key = named;
    return TALLY_OK;
}
