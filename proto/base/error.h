/* Error codes: what a fallible function returns. */
#ifndef TALLY_BASE_ERROR_H
#define TALLY_BASE_ERROR_H

#define TALLY_MUST_CHECK __attribute__((warn_unused_result))

enum tally_error {
    TALLY_OK = 0,
    TALLY_ENOMEM = -1,     /* memory, or a budget that stands for it, ran out */
    TALLY_EFORM = -2,      /* bytes from outside are malformed or not canonical */
    TALLY_ELIMIT = -3,     /* a bound in limits.h was exceeded */
    TALLY_ECHAIN = -4,     /* it belongs to another chain */
    TALLY_ESIGNATURE = -5, /* a signature, or the number of signers, does not hold */
    TALLY_ENOTFOUND = -6,  /* no such thing here */
    TALLY_EEXISTS = -7,    /* it is there already */
    TALLY_EIO = -8,        /* the disk or the network failed */
    TALLY_EFULL = -9,      /* no space left: on disk, or in a bounded queue */
    TALLY_EDAMAGED = -10,  /* stored bytes are not what was stored */
    TALLY_EBUSY = -11,     /* held by another process, or not now: try again */
    TALLY_EDENIED = -12,   /* the caller may not do this */
    TALLY_ECLOSED = -13,   /* the other side, or this object, has closed */
    TALLY_ETIMEOUT = -14,  /* it took longer than was allowed */
    TALLY_EINVALID = -15,  /* well-formed, but not a value that is allowed */
    TALLY_EVERSION = -16,  /* a format or protocol version this build does not know */
    TALLY_EPENDING = -17,  /* it comes later: older blocks are still being fetched */
};

/* A constant, human-readable name for an error code; "unknown error" for any other number. */
const char *tally_error_text(int error);

#endif
