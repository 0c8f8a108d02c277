#include "proto/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void tally_check_failed(const char *condition, const char *file, int line)
{
    fprintf(
        stderr, "broken: check failed: %s (%s:%d); this is a bug, please report it\n", condition, file, line);
    abort();
}
