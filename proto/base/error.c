#include "proto/base/error.h"

const char *tally_error_text(int error)
{
    switch ((enum tally_error)error) {
    case TALLY_OK:
        return "ok";
    case TALLY_ENOMEM:
        return "out of memory";
    case TALLY_EFORM:
        return "malformed";
    case TALLY_ELIMIT:
        return "over a limit";
    case TALLY_ECHAIN:
        return "another chain";
    case TALLY_ESIGNATURE:
        return "bad signature";
    case TALLY_ENOTFOUND:
        return "not found";
    case TALLY_EEXISTS:
        return "exists already";
    case TALLY_EIO:
        return "input/output error";
    case TALLY_EFULL:
        return "no space is left";
    case TALLY_EDAMAGED:
        return "damaged";
    case TALLY_EBUSY:
        return "busy";
    case TALLY_EDENIED:
        return "denied";
    case TALLY_ECLOSED:
        return "closed";
    case TALLY_ETIMEOUT:
        return "timed out";
    case TALLY_EINVALID:
        return "not allowed";
    case TALLY_EVERSION:
        return "unknown version";
    case TALLY_EPENDING:
        return "not here yet: older blocks are still being fetched";
    }
    return "unknown error";
}
