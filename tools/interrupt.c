#include "tools/interrupt.h"

#include <signal.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void interrupt_catch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaction(numbers[i], &action, NULL);
}

bool interrupt_came(void)
{
    return interrupted != 0;
}

enum tool_exit interrupt_fail(struct context *context)
{
    return context_fail(context, TOOL_REFUSED, "INTERRUPTED", "interrupted before it had ended");
}
