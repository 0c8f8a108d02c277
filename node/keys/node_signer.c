#include "node/keys/node_signer.h"

#include <stdlib.h>

#include "proto/base/check.h"

static int secret_sign(
    void *context, const struct signing *what, const struct digest *digest, struct signature *signature)
{
    (void)what;
    signature_make(context, digest, signature);
    return TALLY_OK;
}

static void secret_close(void *context)
{
    secret_key_close(context);
    free(context);
}

int node_signer_open(const struct secret_key *secret, struct node_signer *signer)
{
    struct node_signer made = {.sign = secret_sign, .close = secret_close};
    if (secret_key_public(secret, &made.key) != TALLY_OK) return TALLY_EFORM;
    struct secret_key *copy = malloc(sizeof *copy);
    if (copy == NULL) return TALLY_ENOMEM;
    *copy = *secret;
    made.context = copy;
    *signer = made;
    return TALLY_OK;
}

struct node_signer node_signer_of(struct secret_key *secret)
{
    struct node_signer made = {.sign = secret_sign, .context = secret};
    CHECK(secret_key_public(secret, &made.key) == TALLY_OK);
    return made;
}

void node_signer_close(struct node_signer *signer)
{
    if (signer->close != NULL) signer->close(signer->context);
    *signer = (struct node_signer){0};
}

int node_signer_sign(const struct node_signer *signer, const struct signing *what,
    const struct digest *digest, struct signature *signature)
{
    CHECK(signer->sign != NULL);
    CHECK((what->view != 0) == (what->kind == SIGNING_VOTE || what->kind == SIGNING_PROPOSAL));
    return signer->sign(signer->context, what, digest, signature);
}
