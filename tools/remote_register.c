#include "tools/remote_register.h"

#include "proto/codec/convert.h"
#include "rpc.pb-c.h"

enum tool_exit remote_register(
    struct context *context, struct remote *remote, struct member_register *to, uint64_t *height)
{
    Tallystick__V1__GetRegisterRequest request = TALLYSTICK__V1__GET_REGISTER_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    struct arena arena;
    request.exact = true;
    arena_init(&arena, REMOTE_ARENA_BUDGET);
    enum tool_exit code = remote_call(context, remote, "/tallystick.v1.Member/GetRegister", &request.base,
        &tallystick__v1__get_register_reply__descriptor, &arena, &reply);
    if (code == TOOL_DONE) {
        const Tallystick__V1__GetRegisterReply *told = (const Tallystick__V1__GetRegisterReply *)reply;
        *height = told->height;
        if (register_decode(span_of_bytes(told->exact), to) != TALLY_OK)
            code = context_fail(context, TOOL_REFUSED, "FORM",
                "%s answers with what is no register; is it of this release?", remote->node);
    }
    arena_close(&arena);
    return code;
}
