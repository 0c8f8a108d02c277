#include "tests/sim/checker_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/agreement.h"

struct checker *checker_open(
    const struct vault *vault, const bool *honest, uint32_t identity_count, uint32_t base_timeout_ms)
{
    struct checker *checker = calloc(1, sizeof *checker);
    CHECK(checker != NULL && identity_count <= PEERS_MAX);
    checker->vault = vault;
    checker->identity_count = identity_count;
    checker->base_timeout_ms = base_timeout_ms;
    for (uint32_t i = 0; i < identity_count; i++)
        checker->identities[i] = (struct identity){.honest = honest[i], .epoch = 1, .expected_view = 1};
    checker->epoch = 1;
    uint32_t liars = 0;
    const struct seats *seats = vault_seats(vault, 1);
    for (uint32_t i = 0; i < seats->set.count; i++)
        liars += !honest[seats->identity_of[i]];
    checker->may_fork = liars > faults_of(seats->set.count);
    fact_add(checker, (struct fact){.hash = vault->chain_id, .epoch = 1});
    return checker;
}

void checker_close(struct checker *checker)
{
    if (checker == NULL) return;
    for (uint32_t i = 0; i < checker->identity_count; i++)
        for (uint32_t epoch = 0; epoch <= EPOCHS_MAX; epoch++)
            free(checker->identities[i].epochs[epoch].casts);
    free(checker->facts);
    free(checker);
}

void checker_fail(struct checker *checker, const char *format, ...)
{
    if (checker->violated) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(checker->violation, sizeof checker->violation, format, arguments);
    va_end(arguments);
    checker->violated = true;
}

const char *checker_violation(const struct checker *checker)
{
    return checker->violated ? checker->violation : NULL;
}

struct cast *cast_in(struct checker *checker, uint32_t identity, uint64_t epoch, uint64_t view)
{
    struct identity *who = &checker->identities[identity];
    static struct cast nowhere;
    if (view == 0 || view >= CAST_VIEWS_MAX || epoch == 0 || epoch > EPOCHS_MAX) {
        checker_fail(checker, "replica %u speaks of view %llu of epoch %llu", identity,
            (unsigned long long)view, (unsigned long long)epoch);
        nowhere = (struct cast){0};
        return &nowhere;
    }
    struct cast **casts = &who->epochs[epoch].casts;
    if (view >= who->epochs[epoch].count) {
        size_t before = who->epochs[epoch].count, count = (size_t)view + 64;
        *casts = realloc(*casts, count * sizeof(struct cast));
        CHECK(*casts != NULL);
        memset(*casts + before, 0, (count - before) * sizeof(struct cast));
        who->epochs[epoch].count = count;
    }
    return &(*casts)[view];
}

struct cast *cast_at(struct checker *checker, uint32_t identity, uint64_t view)
{
    return cast_in(checker, identity, checker->identities[identity].epoch, view);
}

void checker_promised(struct checker *checker, uint32_t identity, uint64_t height)
{
    struct identity *who = &checker->identities[identity];
    if (!who->honest) return;
    if (height <= who->promised_height)
        checker_fail(checker, "replica %u promises the checkpoint of height %llu after that of %llu",
            identity, (unsigned long long)height, (unsigned long long)who->promised_height);
    who->promised_height = height;
}

void checker_promise_found(struct checker *checker, uint32_t identity, uint64_t height)
{
    struct identity *who = &checker->identities[identity];
    if (!who->honest || who->epoch <= who->forgotten_epoch) return;
    if (height < who->promised_height)
        checker_fail(checker, "replica %u forgot that it promised the checkpoint of height %llu", identity,
            (unsigned long long)who->promised_height);
    who->promised_height = height;
}

void checker_checkpoint_sent(struct checker *checker, uint32_t identity, const struct checkpoint *checkpoint)
{
    struct identity *who = &checker->identities[identity];
    if (!who->honest) return;
    if (checkpoint->height > who->promised_height)
        checker_fail(checker, "replica %u signed the checkpoint of height %llu, which is not on its disk",
            identity, (unsigned long long)checkpoint->height);
    if (checkpoint->height <= who->signed_height)
        checker_fail(checker, "replica %u signed a checkpoint of height %llu after one of %llu", identity,
            (unsigned long long)checkpoint->height, (unsigned long long)who->signed_height);
    who->signed_height = checkpoint->height;
    checker_applied(checker, identity, checkpoint);
}

static void check_forward(struct checker *checker, uint32_t identity, const struct consensus_status *status)
{
    const struct identity *who = &checker->identities[identity];
    uint64_t height = checker->facts[who->tip].height;
    if (status->floor_height != height)
        checker_fail(checker, "replica %u says its floor is %llu, having committed %llu", identity,
            (unsigned long long)status->floor_height, (unsigned long long)height);
    if (status->floor_height < who->floor_height || status->floor_view < who->floor_view)
        checker_fail(checker, "replica %u moved its floor back", identity);
    if (who->alive && status->view < who->view)
        checker_fail(checker, "replica %u moved its view back", identity);
    if (!who->alive && status->view != who->expected_view)
        checker_fail(checker, "replica %u begins in view %llu, not in %llu as its disk says", identity,
            (unsigned long long)status->view, (unsigned long long)who->expected_view);
    if (status->view <= status->floor_view)
        checker_fail(checker, "replica %u is in a view of its past", identity);
    if (status->durable_height > status->floor_height || status->durable_height < who->durable_height)
        checker_fail(checker, "replica %u misjudges what is durable", identity);
}

void checker_turn(struct checker *checker, uint32_t identity, const struct checker_moment *moment)
{
    struct identity *who = &checker->identities[identity];
    const struct consensus_status *status = &moment->status;
    if (!who->honest) return;
    if (who->open_commit) checker_fail(checker, "replica %u ended a commit without a finalization", identity);
    check_forward(checker, identity, status);
    check_timer(checker, identity, moment);
    check_caused(checker, identity, moment);
    if (!who->alive || who->view != status->view) who->entered_ms = moment->now_ms;
    if (!who->alive || !who->working) who->work_ms = moment->now_ms;
    who->working = status->working;
    who->alive = true;
    who->view = status->view;
    who->floor_view = status->floor_view;
    who->floor_height = status->floor_height;
    who->durable_height = status->durable_height;
}

static void expect_beyond(struct identity *who, const struct certificate *certificate)
{
    if (certificate->view >= who->expected_view) who->expected_view = certificate->view + 1;
}

void checker_begins(
    struct checker *checker, uint32_t identity, uint64_t epoch, uint64_t floor_view, uint64_t view)
{
    struct identity *who = &checker->identities[identity];
    if (epoch != who->epoch) {
        /* A new core, in views of its own. */
        const struct fact *tip = &checker->facts[who->tip];
        if (who->honest && epoch > who->epoch && (!tip->seals || tip->epoch + 1 != epoch))
            checker_fail(
                checker, "replica %u begins epoch %llu on no seal", identity, (unsigned long long)epoch);
        who->alive = false;
        who->view = 0;
    }
    who->epoch = epoch;
    if (who->honest && epoch > checker->epoch) checker->epoch = epoch;
    who->expected_view = view;
    who->skip_view = 0;
    who->floor_view = floor_view;
}

void checker_restored(struct checker *checker, uint32_t identity, const struct consensus_record *record,
    const struct proposal *proposal)
{
    struct identity *who = &checker->identities[identity];
    uint64_t view = record->kind == RECORD_PROPOSAL ? record->header.view : record->vote.view;
    if (view <= who->floor_view) return;
    struct cast *cast = cast_at(checker, identity, view);
    uint32_t kind = record->kind == RECORD_PROPOSAL ? 0 : (uint32_t)record->vote.kind;
    cast->found |= (uint8_t)(1 << kind);
    if (who->honest && cast->marks[kind] != record_mark(record))
        checker_fail(checker, "replica %u finds another record than it stored, view %llu", identity,
            (unsigned long long)view);
    if (record->has_admission) expect_beyond(who, &record->admission);
    if (record->has_notarization) expect_beyond(who, &record->notarization);
    if (proposal == NULL) return;
    const struct justification *because = &proposal->justification;
    bool inside = !because->parent_is_genesis && because->parent.epoch == who->epoch;
    if (inside) expect_beyond(who, &because->parent_certificate);
    if (because->nullification_count > 0)
        expect_beyond(who, &because->nullifications[because->nullification_count - 1]);
}

void checker_remembers(struct checker *checker, uint32_t identity)
{
    const struct identity *who = &checker->identities[identity];
    if (!who->honest || who->epoch <= who->forgotten_epoch) return;
    const struct cast *casts = who->epochs[who->epoch].casts;
    for (size_t view = (size_t)who->floor_view + 1; view < who->epochs[who->epoch].count; view++)
        if ((casts[view].durable & ~casts[view].found) != 0)
            checker_fail(checker, "replica %u forgot what was on its disk, view %zu", identity, view);
}

void checker_restarted(struct checker *checker, uint32_t identity, uint64_t height, bool forgotten)
{
    struct identity *who = &checker->identities[identity];
    if (!who->honest) return;
    if (!forgotten && height < who->durable_height)
        checker_fail(checker, "replica %u lost blocks that were durable", identity);
    if (forgotten && who->epoch > who->forgotten_epoch) who->forgotten_epoch = who->epoch;
    while (checker->facts[who->tip].height > height)
        who->tip = checker->facts[who->tip].parent;
    who->open_commit = false;
    who->alive = false;
    who->view = who->floor_view = 0;
    who->floor_height = who->durable_height = height;
    /* A vote being stored when it crashed may be gone, and its view's first vote is then still to come. */
    struct cast *casts = who->epochs[who->epoch].casts;
    for (size_t i = 0; i < who->epochs[who->epoch].count; i++) {
        casts[i].sent &= 0x7f;
        casts[i].nullify_asked = casts[i].nullify_caused = false;
        casts[i].notarize_asked = false;
    }
}

void checker_charge(struct checker *checker, uint32_t identity, uint32_t peer, const char *reason)
{
    if (!checker->identities[identity].honest) return;
    if (peer >= checker->identity_count || checker->identities[peer].honest)
        checker_fail(checker, "replica %u charged %u, which is honest: %s", identity, peer, reason);
}
