/* What one simulated run will be like, drawn from its seed: how many replicas, which faults, how hard. */
#ifndef TALLY_SIM_PLAN_H
#define TALLY_SIM_PLAN_H

#include <stddef.h>

#include "proto/base/limits.h"
#include "tests/sim/dice.h"

enum fault {
    FAULT_LOSS = 1 << 0,      /* messages vanish */
    FAULT_DELAY = 1 << 1,     /* some take very long */
    FAULT_REORDER = 1 << 2,   /* links are not first in, first out */
    FAULT_DUPLICATE = 1 << 3, /* messages arrive twice */
    FAULT_PARTITION = 1 << 4, /* groups are cut off, both ways or one way */
    FAULT_SCRIPT =
        1 << 5, /* everything of one kind and view on one link vanishes: reaches states chance does not */
    FAULT_CRASH = 1 << 6,      /* replicas crash, at any output, and restart */
    FAULT_BLACKOUT = 1 << 7,   /* all crash at once, at the end of the faults */
    FAULT_DISK = 1 << 8,       /* syncs are slow; disks fail, or are full */
    FAULT_CLOCK = 1 << 9,      /* clocks run at other rates, and wall clocks jump */
    FAULT_BYZANTINE = 1 << 10, /* up to f validators lie */
    FAULT_LOST_DISK = 1 << 11, /* a validator loses its disk, and follows from then on */
    FAULT_SLOW = 1 << 12,      /* the network is slower than D, for good: timers must grow to meet it */
    FAULT_EPOCHS = 1 << 13, /* no fault, but seldom without one: the validator set changes, several times */
    FAULT_JOINS = 1 << 14,  /* with epochs: who lost its disk starts from its peers' newest seal, and so do
                               some  that never voted */
};
#define FAULTS_ALL ((1u << 15) - 1)
/* Sets that change have at most this many. */
#define PLAN_EPOCH_VALIDATORS_MAX 16u
/* And networks that are slow for good. */
#define PLAN_SLOW_VALIDATORS_MAX 7u
#define OBSERVERS_SIMULATED_MAX 4u

enum plan_shape {
    SHAPE_FREE = 0, /* faults as drawn, then calm */
    SHAPE_FORK,     /* more liars than are tolerated keep the honest in two camps, and lead each on its own */
    SHAPE_TWINS,    /* one validator runs twice; who hears of a view is drawn for each view; a few views */
};

struct plan {
    uint64_t seed;
    enum plan_shape shape;
    uint32_t validators, observers; /* validators of epoch 1 */
    uint32_t epochs;                /* at most; with one, the set never changes */
    uint32_t spares;                /* who can become a validator besides those */
    uint32_t liars;                 /* Byzantine validators */
    bool only_doubled;              /* liars lie by running twice, and in no other way */
    uint32_t joiners;               /* of the spares: they begin anew, from an empty disk */
    uint32_t lost_disks;            /* liars + lost_disks <= f, but in SHAPE_FORK */
    uint32_t faults;                /* which are on in this run */
    uint32_t blocks; /* new batches that must be committed one after another once faults have stopped */
    uint32_t base_timeout_ms, heartbeat_ms;
    uint64_t fault_us; /* how long faults last */
    uint32_t loss_per_mille, duplicate_per_mille, script_per_mille, tail_per_mille;
    uint64_t delay_us_max, tail_us_max; /* delay_us_max stays when faults stop */
    uint32_t script_seal_views;         /* for so many views from a seal on nobody hears of a finalization */
    bool script_deaf; /* the script is about who hears of which view, not about single links */
    uint64_t sync_us_max, check_us_max;
    uint64_t record_file_size;  /* of the vote record's files */
    uint32_t trouble_per_mille; /* the chance of a failing disk at each commit and start */
    bool full;                  /* with the shipped ledger, credit rules and state, and real batches */
    bool planted_early_ack;     /* the driver acknowledges what it did not sync: for a test of the checker */
    uint64_t crash_gap_us, down_us_max;
    uint32_t crash_per_million; /* the chance of a crash at each output */
    uint64_t partition_gap_us;
    uint64_t submit_gap_us;
    uint64_t decide_gap_us; /* until the application wants an epoch sealed */
    uint64_t skew_ms_max;
    uint32_t rate_ppm_max;
};

/* As many as a fork takes, or a few more. */
#define LIARS_FORKING (UINT32_MAX - 1)
/* What the command line fixes; 0 (or UINT32_MAX for observers and liars) leaves it to the seed. */
struct plan_wish {
    uint32_t validators, observers, blocks, faults;
    uint32_t liars; /* as many as this, if two honest validators are left; more than f make SHAPE_FORK */
    bool twins;
    bool full;
};

void plan_draw(uint64_t seed, const struct plan_wish *wish, struct plan *plan);
/* Reads "loss,crash,.." or "all" or "none". False on an unknown name. */
bool plan_faults_parse(const char *list, uint32_t *faults);
/* Those names into `text`, separated by commas; "nothing" where there are none. */
void plan_faults_say(uint32_t faults, char *text, size_t size);
/* The names of all faults, separated by commas; a constant. */
const char *plan_faults_text(void);

#endif
