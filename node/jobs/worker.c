#include "node/jobs/worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "proto/base/check.h"

#define THREADS_MAX 8

struct job_list {
    struct job *first, *last;
};

struct worker {
    uv_async_t wake;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct job_list urgent, waiting, finished;
    bool closing;
    size_t backlog; /* the loop's own count */
    unsigned thread_count;
    pthread_t threads[THREADS_MAX];
    char name[16];
};

static void list_append(struct job_list *list, struct job *job)
{
    job->next = NULL;
    if (list->last == NULL)
        list->first = job;
    else
        list->last->next = job;
    list->last = job;
}

static void list_prepend(struct job_list *list, struct job *job)
{
    job->next = list->first;
    list->first = job;
    if (list->last == NULL) list->last = job;
}

static struct job *list_take(struct job_list *list)
{
    struct job *job = list->first;
    if (job == NULL) return NULL;
    list->first = job->next;
    if (list->first == NULL) list->last = NULL;
    return job;
}

static void *run_jobs(void *context)
{
    struct worker *worker = context;
    pthread_setname_np(pthread_self(), worker->name);
    CHECK(pthread_mutex_lock(&worker->lock) == 0);
    for (;;) {
        struct job *job = list_take(&worker->urgent);
        if (job == NULL) job = list_take(&worker->waiting);
        if (job == NULL) {
            if (worker->closing) break;
            CHECK(pthread_cond_wait(&worker->ready, &worker->lock) == 0);
            continue;
        }
        CHECK(pthread_mutex_unlock(&worker->lock) == 0);
        job->run(job);
        CHECK(pthread_mutex_lock(&worker->lock) == 0);
        bool first = worker->finished.first == NULL;
        list_append(&worker->finished, job);
        if (first) CHECK(uv_async_send(&worker->wake) == 0);
    }
    CHECK(pthread_mutex_unlock(&worker->lock) == 0);
    return NULL;
}

static void finish_jobs(struct worker *worker)
{
    CHECK(pthread_mutex_lock(&worker->lock) == 0);
    struct job_list finished = worker->finished;
    worker->finished = (struct job_list){0};
    CHECK(pthread_mutex_unlock(&worker->lock) == 0);
    struct job *job;
    while ((job = list_take(&finished)) != NULL) {
        CHECK(worker->backlog > 0);
        worker->backlog--;
        job->done(job);
    }
}

static void on_wake(uv_async_t *wake)
{
    finish_jobs(wake->data);
}

int worker_open(uv_loop_t *loop, const char *name, unsigned threads, struct worker **out)
{
    CHECK(threads >= 1 && threads <= THREADS_MAX);
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i + 1 < sizeof worker->name && name[i] != '\0'; i++)
        worker->name[i] = name[i];
    CHECK(pthread_mutex_init(&worker->lock, NULL) == 0);
    CHECK(pthread_cond_init(&worker->ready, NULL) == 0);
    CHECK(uv_async_init(loop, &worker->wake, on_wake) == 0);
    worker->wake.data = worker;
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&worker->threads[worker->thread_count], NULL, run_jobs, worker) == 0)
            worker->thread_count++;
    if (worker->thread_count == 0) {
        worker_close(worker);
        return TALLY_ENOMEM;
    }
    *out = worker;
    return TALLY_OK;
}

static void submit(struct worker *worker, struct job_list *list,
    void (*add)(struct job_list *list, struct job *job), struct job *job)
{
    CHECK(!worker->closing);
    worker->backlog++;
    CHECK(pthread_mutex_lock(&worker->lock) == 0);
    add(list, job);
    CHECK(pthread_cond_signal(&worker->ready) == 0);
    CHECK(pthread_mutex_unlock(&worker->lock) == 0);
}

void worker_submit(struct worker *worker, struct job *job)
{
    submit(worker, &worker->waiting, list_append, job);
}

void worker_submit_urgent(struct worker *worker, struct job *job)
{
    submit(worker, &worker->urgent, list_append, job);
}

void worker_submit_next(struct worker *worker, struct job *job)
{
    submit(worker, &worker->urgent, list_prepend, job);
}

size_t worker_backlog(const struct worker *worker)
{
    return worker->backlog;
}

static void free_worker(uv_handle_t *handle)
{
    free(handle->data);
}

void worker_close(struct worker *worker)
{
    if (worker == NULL) return;
    CHECK(pthread_mutex_lock(&worker->lock) == 0);
    worker->closing = true;
    CHECK(pthread_cond_broadcast(&worker->ready) == 0);
    CHECK(pthread_mutex_unlock(&worker->lock) == 0);
    for (unsigned i = 0; i < worker->thread_count; i++)
        CHECK(pthread_join(worker->threads[i], NULL) == 0);
    finish_jobs(worker);
    CHECK(worker->backlog == 0);
    CHECK(pthread_cond_destroy(&worker->ready) == 0);
    CHECK(pthread_mutex_destroy(&worker->lock) == 0);
    uv_close((uv_handle_t *)&worker->wake, free_worker);
}
