#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "tools/args.h"
#include "tools/devnet.h"
#include "tools/output.h"

#define COMMAND_LINE_SIZE_MAX (2 * HOME_PATH_MAX)
#define PID_FILE_SIZE_MAX 32
#define LOG_TAIL_SIZE 4096
#define POLL_MS 20
#define TERMINATE_MS 10000 /* a node takes at most half of that */
#define KILL_MS 2000
#define FIRST_START_MS 30000

static bool process_is_node(pid_t pid, const char *home);
static enum tool_exit daemon_find(struct context *context, char path[HOME_PATH_MAX]);
static enum tool_exit daemon_spawn(
    struct context *context, const struct devnet_node *node, bool first, pid_t *pid);
static enum tool_exit first_start(struct context *context, const struct devnet_node *node);
static void pause_ms(unsigned ms);

pid_t devnet_node_pid(const struct devnet_node *node)
{
    char path[HOME_PATH_MAX + 16], why[MESSAGE_SIZE_MAX];
    snprintf(path, sizeof path, "%s/node.pid", node->home);
    struct buffer text;
    uint64_t number = 0;
    buffer_init(&text, PID_FILE_SIZE_MAX);
    if (file_read(path, &text, why, sizeof why) == TALLY_OK && text.size > 0) {
        if (text.data[text.size - 1] == '\n') text.size--;
        buffer_u8(&text, '\0');
        if (text.failed || number_from_text((const char *)text.data, 1, INT32_MAX, &number) != TALLY_OK)
            number = 0;
    }
    buffer_close(&text);
    return number != 0 && process_is_node((pid_t)number, node->home) ? (pid_t)number : 0;
}

enum tool_exit devnet_node_start(struct context *context, const struct devnet_node *node)
{
    pid_t pid;
    char path[HOME_PATH_MAX], text[PID_FILE_SIZE_MAX], why[MESSAGE_SIZE_MAX];
    enum tool_exit code = first_start(context, node);
    if (code == TOOL_DONE) code = path_join(context, node->home, "node.pid", path);
    if (code == TOOL_DONE) code = daemon_spawn(context, node, false, &pid);
    if (code != TOOL_DONE) return code;
    int size = snprintf(text, sizeof text, "%ld\n", (long)pid);
    if (file_replace(path, 0644, span_of(text, (size_t)size), why, sizeof why) != TALLY_OK) {
        /* A node that nobody could stop again is worse than one that did not start. */
        kill(pid, SIGTERM);
        return context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    }
    return TOOL_DONE;
}

enum tool_exit devnet_nodes_stop(struct context *context, const struct devnet_node *nodes, uint32_t count)
{
    pid_t pids[DEVNET_NODES_MAX];
    CHECK(count <= DEVNET_NODES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        pids[i] = devnet_node_pid(&nodes[i]);
        if (pids[i] != 0) kill(pids[i], SIGTERM);
    }
    uint64_t start_ms = clock_steady_ms();
    bool killed = false;
    for (;;) {
        uint32_t running = 0, last = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (pids[i] == 0 || process_is_node(pids[i], nodes[i].home)) {
                last = pids[i] != 0 ? i : last;
                running += pids[i] != 0;
                continue;
            }
            char path[HOME_PATH_MAX + 16];
            snprintf(path, sizeof path, "%s/node.pid", nodes[i].home);
            unlink(path);
            pids[i] = 0;
        }
        if (running == 0) return TOOL_DONE;
        uint64_t waited_ms = clock_steady_ms() - start_ms;
        if (waited_ms > TERMINATE_MS + KILL_MS) {
            return context_fail(context, TOOL_REFUSED, "PROCESS",
                "%s, process %ld, does not end even when killed", nodes[last].name, (long)pids[last]);
        }
        if (waited_ms > TERMINATE_MS && !killed) {
            for (uint32_t i = 0; i < count; i++) {
                if (pids[i] != 0) kill(pids[i], SIGKILL);
            }
            killed = true;
        }
        pause_ms(POLL_MS);
    }
}

void devnet_log_last(const struct devnet_node *node, char *line, size_t line_size)
{
    char path[HOME_PATH_MAX + 16], tail[LOG_TAIL_SIZE + 1];
    snprintf(path, sizeof path, "%s/node.log", node->home);
    line[0] = '\0';
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    off_t end = lseek(descriptor, 0, SEEK_END);
    off_t from = end > LOG_TAIL_SIZE ? end - LOG_TAIL_SIZE : 0;
    ssize_t got = pread(descriptor, tail, LOG_TAIL_SIZE, from);
    close(descriptor);
    if (got <= 0) return;
    while (got > 0 && tail[got - 1] == '\n')
        got--;
    tail[got] = '\0';
    const char *start = strrchr(tail, '\n');
    snprintf(line, line_size, "%s", start == NULL ? tail : start + 1);
}

/* A pid file outlives its process, and pids come round again: the process must be our daemon on this very
 * home. The command line of one that has ended but was not waited for is empty. */
static bool process_is_node(pid_t pid, const char *home)
{
    char path[64], line[COMMAND_LINE_SIZE_MAX];
    snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return false;
    ssize_t got = read(descriptor, line, sizeof line - 1);
    close(descriptor);
    if (got <= 0) return false;
    line[got] = '\0';
    bool daemon = strstr(line, "tallyd") != NULL, same_home = false;
    for (const char *at = line; at < line + got; at += strlen(at) + 1) {
        if (strcmp(at, home) == 0) same_home = true;
    }
    return daemon && same_home;
}

/* `tallyd` stands beside `tally`. */
static enum tool_exit daemon_find(struct context *context, char path[HOME_PATH_MAX])
{
    char own[HOME_PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", own, sizeof own - 1);
    if (size <= 0) return context_fail(context, TOOL_REFUSED, "FILE", "cannot find where this program is");
    own[size] = '\0';
    char *slash = strrchr(own, '/');
    CHECK(slash != NULL);
    *slash = '\0';
    enum tool_exit code = path_join(context, own, "tallyd", path);
    if (code == TOOL_DONE && access(path, X_OK) != 0) {
        return context_fail(context, TOOL_REFUSED, "FILE",
            "there is no daemon at %s; build it, or install both together", path);
    }
    return code;
}

/* In the child, between fork and exec: only calls that are safe there. Reports errno through `report` and
 * ends. */
_Noreturn static void child_run(char *const arguments[], int log, int report)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0 &&
        dup2(log, STDERR_FILENO) >= 0) {
        execv(arguments[0], arguments);
    }
    int number = errno;
    ssize_t ignored = write(report, &number, sizeof number);
    (void)ignored;
    _exit(127);
}

static enum tool_exit daemon_spawn(
    struct context *context, const struct devnet_node *node, bool first, pid_t *pid)
{
    char daemon[HOME_PATH_MAX], log_path[HOME_PATH_MAX], home_option[] = "--home", init_option[] = "--init";
    char home[HOME_PATH_MAX];
    enum tool_exit code = daemon_find(context, daemon);
    if (code == TOOL_DONE) code = path_join(context, node->home, "node.log", log_path);
    if (code != TOOL_DONE) return code;
    snprintf(home, sizeof home, "%s", node->home);
    char *arguments[] = {daemon, home_option, home, first ? init_option : NULL, NULL};

    int report[2], number = 0;
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log < 0 || pipe2(report, O_CLOEXEC) != 0) {
        number = errno;
        if (log >= 0) close(log);
        return context_fail(context, TOOL_REFUSED, "FILE", "cannot open %s: %s", log_path, strerror(number));
    }
    *pid = fork();
    if (*pid == 0) child_run(arguments, log, report[1]);
    number = errno;
    close(log);
    close(report[1]);
    ssize_t got = 0;
    if (*pid > 0) {
        /* The pipe closes when exec succeeds; bytes in it are why it did not. */
        do {
            got = read(report[0], &number, sizeof number);
        } while (got < 0 && errno == EINTR);
    }
    close(report[0]);
    if (*pid > 0 && got == 0) return TOOL_DONE;
    if (*pid > 0) waitpid(*pid, NULL, 0);
    return context_fail(context, TOOL_REFUSED, "PROCESS", "cannot start %s: %s", daemon, strerror(number));
}

static enum tool_exit first_start(struct context *context, const struct devnet_node *node)
{
    char marker[HOME_PATH_MAX], line[512];
    pid_t pid;
    enum tool_exit code = path_join(context, node->home, "first-start", marker);
    if (code != TOOL_DONE || access(marker, F_OK) != 0) return code;
    code = daemon_spawn(context, node, true, &pid);
    if (code != TOOL_DONE) return code;
    uint64_t start_ms = clock_steady_ms();
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && clock_steady_ms() - start_ms < FIRST_START_MS)
        pause_ms(2);
    if (ended == 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (ended != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        devnet_log_last(node, line, sizeof line);
        return context_fail(context, TOOL_REFUSED, "PROCESS",
            "the first start of %s failed; its log ends: %s", node->name,
            line[0] == '\0' ? "(nothing)" : line);
    }
    if (unlink(marker) != 0) {
        return context_fail(context, TOOL_REFUSED, "FILE", "cannot remove %s: %s", marker, strerror(errno));
    }
    return TOOL_DONE;
}

static void pause_ms(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}
