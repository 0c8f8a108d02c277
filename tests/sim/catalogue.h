/* The batches of a run, by number. In a plain run a batch is a name and nothing else. In a full run it is a
 * real one: encoded events of a small network's members, made from the run's seed when it is first named. */
#ifndef TALLY_SIM_CATALOGUE_H
#define TALLY_SIM_CATALOGUE_H

#include "proto/base/bytes.h"

struct batch;
struct genesis;
struct vault;
struct catalogue;

#define BATCHES_MAX 4096u

/* `vault` is borrowed. Never NULL. */
struct catalogue *catalogue_open(const struct vault *vault, uint64_t seed, bool real);
void catalogue_close(struct catalogue *catalogue);
bool catalogue_is_real(const struct catalogue *catalogue);
/* The network that the batches are of, whose validators are the vault's. Of a real one alone. */
const struct genesis *catalogue_genesis(const struct catalogue *catalogue);

/* Names a batch (below BATCHES_MAX); a real one is made here the first time, to expire some minutes after
 * wall_ms. */
struct digest catalogue_name(struct catalogue *catalogue, uint32_t number, uint64_t wall_ms);
/* The number of a batch that was named before (CHECKed). */
uint32_t catalogue_number(const struct catalogue *catalogue, const struct digest *name);
/* A batch's bytes as they travel and are stored: of a plain one, its name. Borrowed. */
struct span catalogue_bytes(const struct catalogue *catalogue, const struct digest *name);
/* The batch itself. Borrowed. Of a real catalogue alone. */
const struct batch *catalogue_batch(const struct catalogue *catalogue, const struct digest *name);
/* What a header says of a payload. */
void catalogue_measure(const struct catalogue *catalogue, const struct digest *names, uint32_t count,
    uint32_t *size, uint32_t *events);

#endif
