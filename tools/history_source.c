#include "tools/history_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/proof/history_pieces.h"
#include "rpc.pb-c.h"
#include "tools/own_events.h"
#include "tools/proof_view.h"
#include "tools/remote.h"
#include "tools/trust.h"

struct history_source *history_source_open(void)
{
    struct history_source *source = calloc(1, sizeof *source);
    if (source == NULL) return NULL;
    arena_init(&source->reply_arena, HISTORY_ARENA_BUDGET);
    arena_init(&source->proof_arena, HISTORY_ARENA_BUDGET);
    buffer_init(&source->file, PROOF_FILE_SIZE_MAX);
    return source;
}

void history_source_close(struct history_source *source)
{
    if (source == NULL) return;
    arena_close(&source->proof_arena);
    arena_close(&source->reply_arena);
    buffer_close(&source->file);
    free(source);
}

enum tool_exit history_source_subject(
    struct context *context, const char *text, struct history_source *source)
{
    if (hex_decode(text, source->subject.bytes, DIGEST_SIZE) == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_USAGE, "USAGE",
        "a subject is 64 hexadecimal digits; tally subject-id makes one from a document");
}

enum tool_exit history_source_since(struct context *context, const char *path, struct history_source *source)
{
    struct digest position = subject_position(&source->trust.chain_id, &source->subject);
    enum tool_exit code = history_base_open(context, path, &source->trust, &source->base);
    if (code != TOOL_DONE) return code;
    source->has_base = true;
    if (digest_equal(&position, &source->base.position)) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "SUBJECT", "%s is about another subject", path);
}

/* The file without an inquiry. */
static enum tool_exit open_ask(struct context *context, struct remote *remote, struct history_source *source,
    uint64_t since, struct span *proof, bool *more)
{
    Tallystick__V1__GetHistoryRequest request = TALLYSTICK__V1__GET_HISTORY_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    request.subject_id = message_bytes(span_of(source->subject.bytes, DIGEST_SIZE));
    request.since_count = since;
    enum tool_exit code = remote_call(context, remote, "/tallystick.v1.Credit/GetHistory", &request.base,
        &tallystick__v1__get_history_reply__descriptor, &source->reply_arena, &reply);
    if (code != TOOL_DONE) return code;
    const Tallystick__V1__GetHistoryReply *history = (const void *)reply;
    *proof = span_of(history->proof.data, history->proof.len);
    *more = history->more;
    return TOOL_DONE;
}

static enum tool_exit reads_are_open(struct context *context, const struct home *home, bool *open)
{
    struct genesis *genesis = NULL;
    enum tool_exit code = home_genesis(context, home, &genesis);
    if (code == TOOL_DONE) *open = genesis->open_reads;
    free(genesis);
    return code;
}

/* The file from event `since` on, or a piece of it. */
static enum tool_exit file_ask(struct context *context, const struct home *home, struct remote *remote,
    struct history_source *source, uint64_t since, struct span *proof, bool *more)
{
    if (!source->inquiry.is_asked) return open_ask(context, remote, source, since, proof, more);
    return inquiry_ask(context, home, remote, &source->trust, &source->subject, since, &source->inquiry,
        &source->reply_arena, proof, more);
}

static enum tool_exit pieces_fail(struct context *context, const struct home *home, int error)
{
    if (error == TALLY_ENOMEM) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    if (error == TALLY_ELIMIT)
        return context_fail(
            context, TOOL_REFUSED, "TOO_LARGE", "the history is larger than %u MiB", HISTORY_SIZE_MAX / MIB);
    return context_fail(context, TOOL_REFUSED, "PROOF",
        "the pieces that %s answers with do not make one history", home->name);
}

/* The pieces after the first, and all of them together. */
static enum tool_exit pieces_ask(struct context *context, const struct home *home, struct remote *remote,
    struct history_source *source, struct history_pieces *pieces)
{
    bool more = true;
    for (;;) {
        int error = history_pieces_add(pieces, source->bytes, &source->reply_arena);
        if (error != TALLY_OK) return pieces_fail(context, home, error);
        if (!more) break;
        progress_show("%" PRIu64 " events", history_pieces_next(pieces));
        enum tool_exit code =
            file_ask(context, home, remote, source, history_pieces_next(pieces), &source->bytes, &more);
        if (code != TOOL_DONE) return code;
    }
    history_pieces_join(pieces, &source->file);
    if (source->file.failed) return pieces_fail(context, home, TALLY_ENOMEM);
    source->bytes = buffer_span(&source->file);
    return TOOL_DONE;
}

static enum tool_exit whole_ask(
    struct context *context, const struct home *home, struct remote *remote, struct history_source *source)
{
    struct history_pieces pieces = {.since = 0};
    bool more = false;
    enum tool_exit code = file_ask(context, home, remote, source, source->base.count, &source->bytes, &more);
    if (code != TOOL_DONE || !more) return code;
    code = pieces_ask(context, home, remote, source, &pieces);
    progress_end();
    history_pieces_close(&pieces);
    return code;
}

static enum tool_exit answer_ask(
    struct context *context, const struct home *home, struct remote *remote, struct history_source *source)
{
    bool whole = source->inquiry.is_asked;
    enum tool_exit code = whole ? TOOL_DONE : reads_are_open(context, home, &whole);
    if (code != TOOL_DONE) return code;
    if (whole) return whole_ask(context, home, remote, source);
    source->is_own = true;
    if (source->has_base)
        return context_fail(context, TOOL_USAGE, "USAGE",
            "a history goes on from another with an inquiry; one's own events are asked for whole");
    return own_events_ask(context, remote, &source->trust, &source->subject, &source->reply_arena,
        &source->proof, &source->verdict);
}

static enum tool_exit answer_verify(
    struct context *context, const struct home *home, struct history_source *source)
{
    char what[NAME_SIZE_MAX + 32];
    snprintf(what, sizeof what, "the answer of %s", home->name);
    source->trust.inquiry = source->inquiry.is_asked ? &source->inquiry.id : NULL;
    int error = history_verify_since(&source->trust, source->has_base ? &source->base : NULL, source->bytes,
        &source->proof_arena, &source->proof, &source->verdict);
    if (error != TALLY_OK) return verdict_fail(context, what, error, &source->verdict);
    if (digest_equal(&source->proof.subject_id, &source->subject)) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "SUBJECT", "%s is about another subject", what);
}

enum tool_exit history_source_ask(
    struct context *context, const struct home *home, struct history_source *source)
{
    struct remote remote;
    enum tool_exit code = remote_open(context, home, &remote);
    if (code != TOOL_DONE) return code;
    code = answer_ask(context, home, &remote, source);
    remote_close(&remote);
    if (code != TOOL_DONE || source->is_own) return code;
    return answer_verify(context, home, source);
}

enum tool_exit history_source_read(struct context *context, const char *path, struct history_source *source)
{
    enum tool_exit code = proof_file_read(context, path, &source->file);
    if (code != TOOL_DONE) return code;
    source->bytes = buffer_span(&source->file);
    int error =
        history_verify(&source->trust, source->bytes, &source->proof_arena, &source->proof, &source->verdict);
    if (error != TALLY_OK) return verdict_fail(context, path, error, &source->verdict);
    source->subject = source->proof.subject_id;
    return TOOL_DONE;
}
