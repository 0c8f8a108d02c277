#include "tools/backup_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/crypto/digest.h"
#include "tools/args.h"

#define FIRST_LINE "tallystick backup 1"
#define LINE_SIZE_MAX 256
#define HEX_SIZE (2 * DIGEST_SIZE)

void backup_manifest_close(struct backup_manifest *manifest)
{
    free(manifest->files);
    *manifest = (struct backup_manifest){0};
}

int backup_manifest_add(struct backup_manifest *manifest, const struct backup_file *file)
{
    if (manifest->count == BACKUP_FILES_MAX) return TALLY_ELIMIT;
    if (manifest->count == manifest->capacity) {
        size_t capacity = manifest->capacity == 0 ? 64 : manifest->capacity * 2;
        struct backup_file *files = realloc(manifest->files, capacity * sizeof *files);
        if (files == NULL) return TALLY_ENOMEM;
        manifest->files = files;
        manifest->capacity = capacity;
    }
    manifest->files[manifest->count++] = *file;
    return TALLY_OK;
}

/* ---- Encoding ---- */

static void line_put(struct buffer *out, const char *before, const struct digest *digest, const char *after)
{
    char hex[HEX_SIZE + 1];
    hex_encode(span_of(digest->bytes, DIGEST_SIZE), hex);
    buffer_append(out, before, strlen(before));
    buffer_append(out, hex, HEX_SIZE);
    buffer_append(out, after, strlen(after));
    buffer_u8(out, '\n');
}

static struct digest digest_of(struct span bytes)
{
    struct hasher hasher;
    hasher_init_plain(&hasher);
    hasher_bytes(&hasher, bytes.data, bytes.size);
    return hasher_final(&hasher);
}

void backup_manifest_encode(const struct backup_manifest *manifest, struct buffer *out)
{
    char text[LINE_SIZE_MAX];
    buffer_append(out, FIRST_LINE "\n", sizeof FIRST_LINE);
    line_put(out, "chain ", &manifest->chain_id, "");
    snprintf(text, sizeof text, "height %" PRIu64 "\n", manifest->height);
    buffer_append(out, text, strlen(text));
    for (size_t i = 0; i < manifest->count; i++) {
        const struct backup_file *file = &manifest->files[i];
        snprintf(text, sizeof text, "  %" PRIu64 "  %s", file->size, file->name);
        line_put(out, "", &file->digest, text);
    }
    if (out->failed) return;
    struct digest digest = digest_of(buffer_span(out));
    line_put(out, "end ", &digest, "");
}

/* ---- Decoding ---- */

/* The next line, without its newline, ended by a NUL. */
static bool line_take(struct span *left, char line[LINE_SIZE_MAX])
{
    const uint8_t *end = left->size == 0 ? NULL : memchr(left->data, '\n', left->size);
    if (end == NULL || (size_t)(end - left->data) >= LINE_SIZE_MAX) return false;
    size_t size = (size_t)(end - left->data);
    memcpy(line, left->data, size);
    line[size] = '\0';
    *left = span_of(left->data + size + 1, left->size - size - 1);
    return strlen(line) == size;
}

static bool digest_take(char *text, struct digest *digest)
{
    if (strlen(text) < HEX_SIZE) return false;
    char after = text[HEX_SIZE];
    text[HEX_SIZE] = '\0';
    bool good = hex_decode(text, digest->bytes, DIGEST_SIZE) == TALLY_OK;
    text[HEX_SIZE] = after;
    return good;
}

static bool file_take(char *line, struct backup_file *file)
{
    if (!digest_take(line, &file->digest) || strncmp(line + HEX_SIZE, "  ", 2) != 0) return false;
    char *size = line + HEX_SIZE + 2, *name = strstr(size, "  ");
    if (name == NULL || strlen(name + 2) == 0 || strlen(name + 2) >= sizeof file->name) return false;
    *name = '\0';
    strcpy(file->name, name + 2);
    return number_from_text(size, 0, UINT64_MAX, &file->size) == TALLY_OK;
}

static int head_take(struct span *left, struct backup_manifest *manifest)
{
    char line[LINE_SIZE_MAX];
    if (!line_take(left, line) || strncmp(line, "tallystick backup ", 18) != 0) return TALLY_EFORM;
    if (strcmp(line, FIRST_LINE) != 0) return TALLY_EVERSION;
    if (!line_take(left, line) || strncmp(line, "chain ", 6) != 0 || strlen(line) != 6 + HEX_SIZE ||
        !digest_take(line + 6, &manifest->chain_id))
        return TALLY_EFORM;
    if (!line_take(left, line) || strncmp(line, "height ", 7) != 0 ||
        number_from_text(line + 7, 0, UINT64_MAX, &manifest->height) != TALLY_OK)
        return TALLY_EFORM;
    return TALLY_OK;
}

int backup_manifest_decode(struct span bytes, struct backup_manifest *manifest)
{
    struct span left = bytes;
    char line[LINE_SIZE_MAX];
    int error = head_take(&left, manifest);
    while (error == TALLY_OK) {
        struct backup_file file;
        struct digest said;
        size_t before = bytes.size - left.size;
        if (!line_take(&left, line)) return TALLY_EFORM;
        if (strncmp(line, "end ", 4) == 0) {
            if (strlen(line) != 4 + HEX_SIZE || !digest_take(line + 4, &said) || left.size > 0)
                return TALLY_EFORM;
            struct digest digest = digest_of(span_of(bytes.data, before));
            return digest_equal(&said, &digest) ? TALLY_OK : TALLY_EDAMAGED;
        }
        error = file_take(line, &file) ? backup_manifest_add(manifest, &file) : TALLY_EFORM;
    }
    return error;
}
