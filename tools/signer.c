#include "tools/signer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec/convert.h"
#include "tools/output.h"
#include "tools/trust.h"

enum tool_exit signer_open(struct context *context, struct signer **out)
{
    struct signer *signer = *out = calloc(1, sizeof *signer);
    if (signer == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = home_open_given(context, &signer->home);
    if (code == TOOL_DONE) code = trust_from_home(context, &signer->home, &signer->trust);
    if (code == TOOL_DONE) code = member_keys_load(context, &signer->home, &signer->keys);
    if (code == TOOL_DONE) code = remote_open(context, &signer->home, &signer->remote);
    if (code == TOOL_DONE) return TOOL_DONE;
    signer_close(signer);
    *out = NULL;
    return code;
}

void signer_close(struct signer *signer)
{
    if (signer == NULL) return;
    remote_close(&signer->remote);
    explicit_bzero(signer, sizeof *signer);
    free(signer);
}

enum tool_exit signer_subject(
    struct context *context, struct signer *signer, const struct digest *id, struct digest *subject)
{
    Tallystick__V1__GetEventRequest request = TALLYSTICK__V1__GET_EVENT_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    struct arena arena;
    struct event_header header;
    request.event_id = digest_bytes(id);
    arena_init(&arena, REMOTE_ARENA_BUDGET);
    enum tool_exit code = remote_call(context, &signer->remote, "/tallystick.v1.Ledger/GetEvent",
        &request.base, &tallystick__v1__get_event_reply__descriptor, &arena, &reply);
    if (code == TOOL_DONE) {
        const Tallystick__V1__BlockEvent *event = ((const Tallystick__V1__GetEventReply *)reply)->event;
        struct span bytes = event == NULL ? span_of(NULL, 0) : span_of_bytes(event->header);
        struct digest told = event_id(&signer->trust.chain_id, bytes);
        if (bytes.size == 0)
            code = context_fail(context, TOOL_REFUSED, "NOT_OWN", "the event is another member's");
        else if (!digest_equal(&told, id) || event_header_decode(bytes, &header) != TALLY_OK)
            code = context_fail(
                context, TOOL_REFUSED, "FORM", "%s answers with another event", signer->remote.node);
        else
            *subject = header.subject_id;
    }
    arena_close(&arena);
    return code;
}

enum tool_exit signer_submit(
    struct context *context, struct signer *signer, const struct member_event *event, struct receipt *receipt)
{
    enum tool_exit code = member_event_submit(context, &signer->remote, &signer->trust, event, receipt);
    if (code != TOOL_DONE || receipt->result.code == RESULT_OK) return code;
    return member_event_refused(context, receipt);
}

enum tool_exit signer_show(
    struct context *context, const char *name, const char *what, const struct receipt *receipt)
{
    char id[2 * DIGEST_SIZE + 1];
    if (context->json)
        return output_json_take(context, json_pack("{s:o, s:I}", name, json_digest(&receipt->event_id),
                                             "height", (json_int_t)receipt->height));
    hex_encode(span_of(receipt->event_id.bytes, DIGEST_SIZE), id);
    printf("%s %s, at height %llu\n", what, id, (unsigned long long)receipt->height);
    return TOOL_DONE;
}
