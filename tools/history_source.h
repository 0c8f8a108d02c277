/* A subject's history as a command gets it: asked of the home's node, or read from a file where it was saved,
 * and verified before anything of it is used. Whoever shows a history takes it from here. */
#ifndef TALLY_TOOLS_HISTORY_SOURCE_H
#define TALLY_TOOLS_HISTORY_SOURCE_H

#include "proto/proof/verify.h"
#include "tools/home.h"
#include "tools/inquiry.h"

/* Everything of one history; bytes and proof borrow from it. Large (some 10 KiB): on the heap. */
struct history_source {
    struct digest subject;
    struct inquiry inquiry; /* how it is asked for; zeros: without one */
    struct proof_trust trust;
    bool has_base; /* it goes on from a history that was verified before */
    struct history_base base;
    struct arena reply_arena, proof_arena;
    struct buffer file; /* where it was read from one, or put together of pieces */
    struct span bytes;  /* as they were answered, or put together; none of the member's own */
    /* The events are the member's own alone, each proven by its receipt: nothing is said of others', and the
     * proof has a subject and events and no more. */
    bool is_own;
    struct history_proof proof;
    struct proof_verdict verdict;
};

/* Nothing is asked yet; `trust` is empty. NULL when memory runs out. */
struct history_source *history_source_open(void);
void history_source_close(struct history_source *source);

/* Reads the subject as people write it: 64 hexadecimal digits. */
enum tool_exit history_source_subject(
    struct context *context, const char *text, struct history_source *source) TALLY_MUST_CHECK;
/* With the subject and the trust set: takes a whole history of the subject that was saved to `path` before,
 * so that only what came after it is asked for. */
enum tool_exit history_source_since(
    struct context *context, const char *path, struct history_source *source) TALLY_MUST_CHECK;
/* With the subject and the trust set: asks the home's node, and verifies the answer into proof and verdict.
 * With an inquiry that is the whole file, in which the inquiry stands; without one, the member's own events,
 * or in a network of open reads the whole file too. */
enum tool_exit history_source_ask(
    struct context *context, const struct home *home, struct history_source *source) TALLY_MUST_CHECK;
/* With the trust set: reads a whole history that was saved to `path`, and verifies it; the subject is then
 * its own. */
enum tool_exit history_source_read(
    struct context *context, const char *path, struct history_source *source) TALLY_MUST_CHECK;

#endif
