#include <stdio.h>

#include "node/rpc/services_internal.h"
#include "proto/base/check.h"

void services_tick_all(struct services *services)
{
    struct services_tick *next;
    for (struct services_tick *tick = services->ticks; tick != NULL; tick = next) {
        next = tick->next;
        tick->run(tick);
    }
}

static void on_timer(uv_timer_t *timer)
{
    services_tick_all(timer->data);
}

void services_tick_init(struct services *services, uv_loop_t *loop)
{
    CHECK(uv_timer_init(loop, &services->timer) == 0);
    services->timer.data = services;
    services->timer_is_open = true;
}

void services_tick_add(struct services *services, struct services_tick *tick, const struct rpc_call *call)
{
    snprintf(tick->caller, sizeof tick->caller, "%s", rpc_call_caller(call)->name);
    if (services->ticks == NULL)
        CHECK(uv_timer_start(&services->timer, on_timer, SERVICES_TICK_MS, SERVICES_TICK_MS) == 0);
    tick->next = services->ticks;
    services->ticks = tick;
}

size_t services_tick_count(const struct services *services, const struct rpc_call *call)
{
    const char *caller = rpc_call_caller(call)->name;
    size_t count = 0;
    for (const struct services_tick *tick = services->ticks; tick != NULL; tick = tick->next)
        if (strcmp(tick->caller, caller) == 0) count++;
    return count;
}

void services_tick_remove(struct services *services, struct services_tick *tick)
{
    struct services_tick **at = &services->ticks;
    while (*at != tick) {
        CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = tick->next;
    if (services->ticks == NULL) CHECK(uv_timer_stop(&services->timer) == 0);
}
