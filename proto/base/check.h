/* Assertions that stay on in release: a failed one is a bug here, never bad input. */
#ifndef TALLY_BASE_CHECK_H
#define TALLY_BASE_CHECK_H

/* Ends the process after one line on stderr. Never returns. */
_Noreturn void tally_check_failed(const char *condition, const char *file, int line);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (__builtin_expect(!(condition), 0)) tally_check_failed(#condition, __FILE__, __LINE__);           \
    } while (0)

#define CHECK_UNREACHABLE() tally_check_failed("unreachable", __FILE__, __LINE__)

#endif
