#include <stdio.h>
#include <stdlib.h>

#include "tests/scope/schedule.h"

#include "proto/base/check.h"
#include "tests/scope/disk.h"
#include "tests/scope/tell.h"

static const char kind_letters[] = {0, 'n', 'f', 'x'};

static void act_write(uint32_t act, FILE *out)
{
    char name[NAME_SIZE];
    uint16_t of = act_object(act_alone(act));
    fprintf(out, " %u%s", world_replica(act_place(act)), act & ACT_STALLS ? "s" : "");
    switch (act_kind(act)) {
    case ACT_LEARN:
        if (claim_kind(of) == VOTE_NULLIFY)
            snprintf(name, sizeof name, "%u", (unsigned)of);
        else
            block_name(claim_block(of), name);
        fprintf(out, "%c:%s", kind_letters[claim_kind(of)], name);
        return;
    case ACT_OFFER:
        block_name(of, name);
        fprintf(out, "p:%s", name);
        return;
    case ACT_TIMER:
        fprintf(out, "t");
        return;
    case ACT_SYNC:
        fprintf(out, "y");
        return;
    case ACT_CRASH:
        fprintf(out, "c:%u+%u", of & 0xffu, (unsigned)of >> 8);
        return;
    }
}

char *schedule_text(const struct schedule *schedule)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out);
    fprintf(out, "liar:%u views:%u", terms_liar(), (unsigned)schedule->views);
    for (uint32_t i = 0; i < schedule->count; i++)
        act_write(schedule->acts[i], out);
    fclose(out);
    return text;
}

static bool learn_parse(char kind, const char *name, uint32_t *act)
{
    uint16_t block = kind == 'x' ? NO_BLOCK : block_named(name);
    if (kind != 'x' && block == NO_BLOCK) return false;
    int view = atoi(name);
    if (view < 1 || view >= (int)CLAIM_VIEWS) return false;
    enum vote_kind vote = kind == 'n' ? VOTE_NOTARIZE : kind == 'f' ? VOTE_FINALIZE : VOTE_NULLIFY;
    *act = act_of(ACT_LEARN, claim_of(vote, (uint64_t)view, block));
    return true;
}

static bool act_parse(const char *word, uint32_t *placed_act)
{
    uint32_t place = 0, act = 0, stalls = 0, records, appends;
    while (place < HONEST && (char)('0' + world_replica(place)) != word[0])
        place++;
    if (place == HONEST) return false;
    if (*++word == 's') {
        stalls = ACT_STALLS;
        word++;
    }
    const char *name = word[0] && word[1] == ':' ? word + 2 : "";
    switch (*word) {
    case 't':
        act = act_of(ACT_TIMER, 0);
        break;
    case 'y':
        act = act_of(ACT_SYNC, 0);
        break;
    case 'c':
        if (sscanf(name, "%u+%u", &records, &appends) != 2 || records > 255 || appends > 255) return false;
        act = crash_of(records, appends);
        break;
    case 'p':
        if (block_named(name) == NO_BLOCK) return false;
        act = act_of(ACT_OFFER, block_named(name));
        break;
    case 'n':
    case 'f':
    case 'x':
        if (!learn_parse(*word, name, &act)) return false;
        break;
    default:
        return false;
    }
    *placed_act = placed(place, act | stalls);
    return true;
}

bool schedule_parse(const char *text, struct schedule *schedule)
{
    unsigned liar, views;
    int at = 0;
    memset(schedule, 0, sizeof *schedule);
    if (sscanf(text, " liar:%u views:%u%n", &liar, &views, &at) != 2) return false;
    if (liar >= SCOPE_NODES || views < 1 || views > SCOPE_VIEWS_MAX - 2) return false;
    schedule->views = (uint8_t)views;
    world_begin(liar, schedule->views);
    char word[NAME_SIZE + 8];
    for (int size = 0; sscanf(text + at, " %71s%n", word, &size) == 1; at += size) {
        if (schedule->count == SCHEDULE_ACTS_MAX) return false;
        if (!act_parse(word, &schedule->acts[schedule->count++])) return false;
    }
    return true;
}

/* ---- Playing ---- */

static bool possible(const struct world *world, uint8_t views, uint32_t act)
{
    struct prospect prospect;
    const struct life *life = &world_local(world, act_place(act))->life;
    uint16_t of = act_object(act_alone(act));
    world_prospect(world, views, &prospect);
    switch (act_kind(act)) {
    case ACT_LEARN:
        return claims_have(&prospect.possible, of);
    case ACT_OFFER:
        return bits_have(&prospect.offered, of);
    case ACT_TIMER:
        return true;
    case ACT_SYNC:
        return life->stalled;
    case ACT_CRASH:
        return (uint32_t)of >> 8 <= disk_appends_waiting(life) &&
               (of & 0xffu) <= life_unsynced(life) - disk_appends_waiting(life);
    }
    return false;
}

static void act_tell(uint32_t act, const struct world *world, FILE *out)
{
    static struct actor actor;
    char name[NAME_SIZE + 16];
    uint16_t of = act_object(act_alone(act));
    uint32_t place = act_place(act), replica = world_replica(place);
    fprintf(out, "%s", act & ACT_STALLS ? "while its disk acknowledges nothing, " : "");
    if (act_kind(act) == ACT_LEARN) {
        claim_name(of, name);
        fprintf(out, "to %u comes a certificate: %s\n", replica, name);
    } else if (act_kind(act) == ACT_OFFER) {
        block_name(of, name);
        fprintf(out, "to %u comes %s proposal of %s\n", replica,
            is_honest(leader_of(term_at(of)->view, SCOPE_NODES)) ? "the" : "the liar's", name);
    } else if (act_kind(act) == ACT_TIMER) {
        fprintf(out, "the timers of %u fire\n", replica);
    } else if (act_kind(act) == ACT_SYNC) {
        fprintf(out, "the disk of %u acknowledges all\n", replica);
    } else {
        fprintf(out,
            "%u crashes, having stored %u records and %u ends of the ledger of %u unacknowledged, and starts "
            "again\n",
            replica, of & 0xffu, (unsigned)of >> 8, life_unsynced(&world_local(world, place)->life));
    }
    tell_to(out, false);
    local_load(replica, world->local[place], &actor);
    actor.tell = tell_output;
    local_act(&actor, act_alone(act));
    tell_to(NULL, false);
}

/* Plays all acts, told where out is not NULL. */
static const char *play(const struct schedule *schedule, struct world *world, FILE *out)
{
    memset(world, 0, sizeof *world);
    for (uint32_t i = 0; i < schedule->count; i++) {
        uint32_t act = schedule->acts[i], place = act_place(act);
        if (!possible(world, schedule->views, act)) return "not possible";
        if (out) act_tell(act, world, out);
        world->local[place] = local_after(world_replica(place), world->local[place], act_alone(act));
        if (world->local[place] == UINT32_MAX) return "not possible";
        terms_lie(schedule->views);
        const char *trouble = world_trouble(world);
        if (trouble) return trouble;
    }
    return NULL;
}

const char *schedule_tell(const struct schedule *schedule, FILE *out)
{
    static char trouble[TROUBLE_SIZE];
    struct world world;
    uint64_t took_ms;
    const char *violated = play(schedule, &world, out);
    for (int links_return = 0; !violated && links_return < 2; links_return++) {
        if (out) fprintf(out, "all faults stop%s\n", links_return ? ", and links return" : "");
        tell_to(out, true);
        if (!world_heals(&world, links_return, &took_ms, trouble)) violated = trouble;
        tell_to(NULL, false);
    }
    if (out) fprintf(out, "%s\n", violated ? violated : "nothing was violated");
    return violated;
}

/* Whether the schedule, without the act at `index`, is possible and still violates something. */
static bool dispensable(const struct schedule *schedule, uint32_t index, struct schedule *without)
{
    *without = *schedule;
    without->count--;
    memmove(
        without->acts + index, without->acts + index + 1, (without->count - index) * sizeof *without->acts);
    const char *violated = schedule_tell(without, NULL);
    return violated && strcmp(violated, "not possible") != 0;
}

void schedule_shrink(struct schedule *schedule)
{
    static struct schedule without;
    bool shrunk = true;
    while (shrunk) {
        shrunk = false;
        for (uint32_t i = schedule->count; i > 0; i--) {
            if (!dispensable(schedule, i - 1, &without)) continue;
            *schedule = without;
            shrunk = true;
        }
    }
}
