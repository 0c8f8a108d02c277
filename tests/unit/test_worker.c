// links: jobs base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/jobs/worker.h"
#include "proto/base/check.h"

#define JOBS 200

struct counted_job {
    struct job job;
    uint32_t number;
    uint32_t *ran, *done; /* shared counters */
    uint32_t ran_as, done_as;
};

static void run_counted(struct job *job)
{
    struct counted_job *counted = (struct counted_job *)(void *)job;
    counted->ran_as = (*counted->ran)++;
}

static void count_done(struct job *job)
{
    struct counted_job *counted = (struct counted_job *)(void *)job;
    counted->done_as = (*counted->done)++;
}

static void submit_all(struct worker *worker, struct counted_job *jobs, uint32_t *ran, uint32_t *done)
{
    for (uint32_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct counted_job){{.run = run_counted, .done = count_done}, i, ran, done, 0, 0};
        worker_submit(worker, &jobs[i].job);
    }
}

static void one_thread_runs_and_finishes_jobs_in_the_order_submitted(void **state)
{
    (void)state;
    static struct counted_job jobs[JOBS];
    uint32_t ran = 0, done = 0;
    uv_loop_t loop;
    struct worker *worker;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(worker_open(&loop, "test", 1, &worker), TALLY_OK);
    submit_all(worker, jobs, &ran, &done);
    assert_int_equal(worker_backlog(worker), JOBS);
    while (done < JOBS)
        uv_run(&loop, UV_RUN_ONCE);
    for (uint32_t i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i].ran_as, i);
        assert_int_equal(jobs[i].done_as, i);
    }
    assert_int_equal(worker_backlog(worker), 0);
    worker_close(worker);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void closing_runs_what_was_submitted_and_finishes_it(void **state)
{
    (void)state;
    static struct counted_job jobs[JOBS];
    uint32_t ran = 0, done = 0;
    uv_loop_t loop;
    struct worker *worker;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(worker_open(&loop, "test", 1, &worker), TALLY_OK);
    submit_all(worker, jobs, &ran, &done);
    worker_close(worker);
    assert_int_equal(ran, JOBS);
    assert_int_equal(done, JOBS);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

struct gate_job {
    struct job job;
    uv_sem_t open;
};

static void wait_at_gate(struct job *job)
{
    uv_sem_wait(&((struct gate_job *)(void *)job)->open);
}

static void gate_done(struct job *job)
{
    (void)job;
}

static void an_urgent_job_runs_before_those_that_have_not_begun(void **state)
{
    (void)state;
    struct gate_job gate = {.job = {.run = wait_at_gate, .done = gate_done}};
    struct counted_job jobs[5];
    uint32_t ran = 0, done = 0;
    uv_loop_t loop;
    struct worker *worker;
    assert_int_equal(uv_sem_init(&gate.open, 0), 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(worker_open(&loop, "test", 1, &worker), TALLY_OK);
    worker_submit(worker, &gate.job);
    for (uint32_t i = 0; i < 5; i++) {
        jobs[i] = (struct counted_job){{.run = run_counted, .done = count_done}, i, &ran, &done, 0, 0};
        if (i < 2)
            worker_submit(worker, &jobs[i].job);
        else if (i < 4)
            worker_submit_urgent(worker, &jobs[i].job);
        else
            worker_submit_next(worker, &jobs[i].job);
    }
    uv_sem_post(&gate.open);
    while (done < 5)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(jobs[4].ran_as, 0);
    assert_int_equal(jobs[2].ran_as, 1);
    assert_int_equal(jobs[3].ran_as, 2);
    assert_int_equal(jobs[0].ran_as, 3);
    assert_int_equal(jobs[1].ran_as, 4);
    worker_close(worker);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    uv_sem_destroy(&gate.open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_runs_and_finishes_jobs_in_the_order_submitted),
        cmocka_unit_test(an_urgent_job_runs_before_those_that_have_not_begun),
        cmocka_unit_test(closing_runs_what_was_submitted_and_finishes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
