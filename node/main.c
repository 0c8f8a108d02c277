/* tallyd: one node of a network. */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "node/clock.h"
#include "node/metrics/meters.h"
#include "node/net/log.h"
#include "node/node.h"
#include "node/reload.h"
#include "node/rpc/services.h"
#include "proto/base/check.h"

static const char usage[] =
    "usage: tallyd --home DIR [--passphrase-file FILE] [--trust FILE] [--init] [--verbose]\n"
    "\n"
    "Runs the node whose home is DIR: node.yaml, node.key and genesis.json are read "
    "there, and data/ is written.\n"
    "\n"
    "  --home DIR   the node's home\n"
    "  --init       make data/ and, for a validator, its vote record, and end. Once "
    "ever for a validator's key:\n"
    "               a validator that lost its record follows and does not vote.\n"
    "  --passphrase-file FILE   its first line opens node.key, where that is sealed; or\n"
    "               TALLY_PASSPHRASE_FILE\n"
    "  --trust FILE a checkpoint beside the genesis, as tally checkpoint --out saved it: "
    "the node answers\n"
    "               nobody before it has come there, takes no snapshot below it, and stops "
    "where its ledger\n"
    "               contradicts it\n"
    "  --verbose    log what only a developer wants to know\n"
    "  --version    print the version\n"
    "  --help       print this\n"
    "\n"
    "The log goes to stderr. SIGTERM and SIGINT stop the node cleanly. SIGHUP has it "
    "read\n"
    "again, without dropping a call, rpc.crt and rpc.key, and of node.yaml the clients "
    "and log_level.\n"
    "Exit: 0 stopped, 1 the node cannot start or had to stop, 2 usage.\n";

#define SIGNALS 3
/* One sentence, and paths in it. */
#define WHY_SIZE 2048

struct daemon {
    uv_loop_t loop;
    struct config config;
    struct node *node;
    struct services *services;
    uv_signal_t signals[SIGNALS];
    bool verbose;
    bool closing; /* the node, if only to be opened again; the rest is for good: */
    bool stopping, failed;
};

static void begin(struct daemon *daemon);

static void let_signals_go(struct daemon *daemon)
{
    for (size_t i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
}

static void on_closed(void *context)
{
    struct daemon *daemon = context;
    if (daemon->stopping || daemon->failed)
        let_signals_go(daemon);
    else
        begin(daemon);
}

static void on_services_closed(void *context)
{
    struct daemon *daemon = context;
    node_close(daemon->node, on_closed, daemon);
}

static void close_node(struct daemon *daemon)
{
    if (daemon->closing) return;
    daemon->closing = true;
    node_retire(daemon->node);
    services_close(daemon->services, on_services_closed, daemon);
}

static void on_failed(void *context)
{
    struct daemon *daemon = context;
    daemon->failed = true;
    close_node(daemon);
}

static void close_now(void *context)
{
    close_node(context);
}

static void take_log_level(const struct daemon *daemon)
{
    log_set_level(daemon->verbose ? LOG_LEVEL_DEBUG : daemon->config.log_level);
}

/* A node that closes, if only to be opened again, begins with what was read. */
static void reload(struct daemon *daemon)
{
    bool listed = config_reload(&daemon->config);
    take_log_level(daemon);
    if (daemon->closing) return;
    if (listed) services_list_clients(daemon->services);
    int error = services_renew_certificate(daemon->services);
    if (error != TALLY_OK)
        LOG_UNUSUAL("rpc.crt and rpc.key are refused, and the old ones stay", LOG_E("why", error));
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;
    if (number == SIGHUP) {
        reload(daemon);
        return;
    }
    bool again = daemon->stopping;
    daemon->stopping = true;
    /* Asked once, it lets open calls end; asked again, it does not wait. */
    if (again || daemon->closing)
        close_node(daemon);
    else
        services_drain(daemon->services, close_now, daemon);
}

static void watch_signals(struct daemon *daemon)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < SIGNALS; i++) {
        CHECK(uv_signal_init(&daemon->loop, &daemon->signals[i]) == 0);
        daemon->signals[i].data = daemon;
        CHECK(uv_signal_start(&daemon->signals[i], on_signal, numbers[i]) == 0);
    }
}

/* Opens the node and its services; also when it has joined, and is opened again with what it fetched. */
static void begin(struct daemon *daemon)
{
    static const struct node_callbacks callbacks = {on_failed, close_now};
    char why[WHY_SIZE];
    daemon->closing = false;
    int error = node_open(&daemon->loop, &daemon->config, &callbacks, daemon, &daemon->node, why, sizeof why);
    if (error == TALLY_OK) {
        error = services_open(&daemon->loop, daemon->node, &daemon->services, why, sizeof why);
        if (error == TALLY_OK) return;
        daemon->failed = daemon->closing = true;
        node_retire(daemon->node);
        node_close(daemon->node, on_closed, daemon);
    } else {
        daemon->failed = true;
        let_signals_go(daemon);
    }
    fprintf(stderr, "tallyd: %s\n", why);
}

static int run(struct daemon *daemon)
{
    CHECK(uv_loop_init(&daemon->loop) == 0);
    watch_signals(daemon);
    begin(daemon);
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&daemon->loop) == 0);
    return daemon->failed ? 1 : 0;
}

static int init(const struct config *config)
{
    char why[WHY_SIZE];
    if (node_init(config, why, sizeof why) == TALLY_OK) return 0;
    fprintf(stderr, "tallyd: %s\n", why);
    return 1;
}

/* Larger pieces of memory are taken from the system and given back to it. Left alone, malloc learns from what
 * is freed to keep up to 32 MiB for itself, for each thread apart: where large tables come and go in threads
 * of their own, as much lay idle as was in use. */
#define PIECE_SIZE_MAX (1 << 20)
#define SPARE_SIZE_MAX (8 << 20)

static void bound_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, PIECE_SIZE_MAX);
    (void)mallopt(M_TRIM_THRESHOLD, SPARE_SIZE_MAX);
}

/* The keys keep what opens them: a next one may come while the node runs. */
static int load(const char *home, const char *passphrase_file, const char *trusted, struct config *config,
    char *why, size_t why_size)
{
    struct passphrase passphrase = {.size = 0};
    int error = TALLY_OK;
    if (passphrase_file != NULL) error = passphrase_read(passphrase_file, &passphrase, why, why_size);
    if (error == TALLY_OK) error = config_load(home, &passphrase, config, why, why_size);
    passphrase_wipe(&passphrase);
    if (error == TALLY_OK && trusted != NULL) error = config_trust(trusted, config, why, why_size);
    return error;
}

int main(int argc, char **argv)
{
    bound_memory();
    static const struct option options[] = {
        {"home", required_argument, NULL, 'H'},
        {"init", no_argument, NULL, 'i'},
        {"passphrase-file", required_argument, NULL, 'p'},
        {"trust", required_argument, NULL, 't'},
        {"verbose", no_argument, NULL, 'v'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *home = NULL, *trusted = NULL, *passphrase_file = getenv("TALLY_PASSPHRASE_FILE");
    bool only_init = false, verbose = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'H':
            home = optarg;
            break;
        case 'p':
            passphrase_file = optarg;
            break;
        case 't':
            trusted = optarg;
            break;
        case 'i':
            only_init = true;
            break;
        case 'v':
            verbose = true;
            break;
        case 'V':
            puts("tallyd " TALLY_VERSION);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (home == NULL || optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    meter_set(&meters.started_ms, clock_wall_ms());
    umask(077); /* what it writes is its own, LevelDB's files too */
    /* The keys are in memory: no core file, no debugger of another user's. */
    prctl(PR_SET_DUMPABLE, 0);
    struct daemon *daemon = calloc(1, sizeof *daemon);
    CHECK(daemon != NULL);
    char why[WHY_SIZE];
    if (load(home, passphrase_file, trusted, &daemon->config, why, sizeof why) != TALLY_OK) {
        fprintf(stderr, "tallyd: %s\n", why);
        free(daemon);
        return 1;
    }
    daemon->verbose = verbose;
    take_log_level(daemon);
    int status = only_init ? init(&daemon->config) : run(daemon);
    config_close(&daemon->config);
    free(daemon);
    return status;
}
