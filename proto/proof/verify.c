#include "proto/proof/verify.h"

#include "proto/base/check.h"
#include "proto/proof/verdict.h"

const char *proof_reason_name(enum proof_reason reason)
{
    switch (reason) {
    case PROOF_OK:
        return "OK";
    case PROOF_CHAIN:
        return "CHAIN";
    case PROOF_SIGNATURE:
        return "SIGNATURE";
    case PROOF_ROOT:
        return "ROOT";
    case PROOF_COUNT:
        return "COUNT";
    case PROOF_FOLD:
        return "FOLD";
    case PROOF_BODY:
        return "BODY";
    case PROOF_FORM:
        return "FORM";
    case PROOF_STALE:
        return "STALE";
    }
    CHECK_UNREACHABLE();
}

int verdict_refuse(struct proof_verdict *verdict, enum proof_reason reason, const char *detail)
{
    CHECK(reason != PROOF_OK);
    *verdict = (struct proof_verdict){.reason = reason, .detail = detail};
    return TALLY_EINVALID;
}

int verdict_refuse_form(struct proof_verdict *verdict, int error)
{
    const char *detail = error == TALLY_EVERSION ? "It is of a version that this release does not know."
                         : error == TALLY_ENOMEM ? "It asks for more memory than the verifier allows."
                                                 : "It is not a proof in its one canonical form.";
    (void)verdict_refuse(verdict, PROOF_FORM, detail);
    return error == TALLY_ENOMEM ? TALLY_ENOMEM : TALLY_EINVALID;
}

int verdict_stale(struct proof_verdict *verdict, const char *detail)
{
    verdict->reason = PROOF_STALE;
    verdict->detail = detail;
    return TALLY_EINVALID;
}

int verdict_conclude(
    const struct proof_trust *trust, const struct checkpoint *checkpoint, struct proof_verdict *verdict)
{
    verdict->reason = PROOF_OK;
    verdict->detail = "";
    verdict->authentic = true;
    verdict->epoch = checkpoint->epoch;
    verdict->as_of_height = checkpoint->height;
    verdict->as_of_time_ms = checkpoint->time_ms;
    if (checkpoint->height < trust->height_min || checkpoint->time_ms < trust->time_ms_min)
        return verdict_stale(verdict, "It is authentic, but older than was asked for.");
    if (trust->known != NULL && checkpoint->height < trust->known->certified.checkpoint.height)
        return verdict_stale(verdict, "It is authentic, but older than the known checkpoint.");
    return TALLY_OK;
}
