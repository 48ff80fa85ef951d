/* SPDX-License-Identifier: BSD-3-Clause */
/** Job scripts for clusters: written for people to read, and handed to the scheduler. */
#ifndef IB_BENCH_JOBS_H
#define IB_BENCH_JOBS_H

#include "imgbench.h"

#include <stdbool.h>
#include <stdio.h>

typedef enum ib_scheduler { IB_SLURM, IB_TORQUE, IB_PBS } ib_scheduler;

/** Seconds that a job keeps for its end: launches are stopped so long before its limit. */
double ib_job_margin(double limit_s);

/** One job: whole nodes for a while, and a command that goes on where it was stopped. Borrowed for the calls. */
typedef struct ib_job {
    ib_scheduler scheduler;
    char         name[100];
    const char  *folder;       /* of scripts and logs */
    int          nodes, cores; /* of a node */
    double       limit_s;
    const int   *task; /* [n_task] numbers of an array's tasks, ascending; n_task 0: no array */
    size_t       n_task;
    int          at_once; /* tasks that may run beside each other */
    const char  *header;  /* lines of the site: directives, modules; "" none */
    const char  *what;    /* one line for readers */
    char *const *command; /* ends with NULL; a task gets --on-block=ITS NUMBER in addition */
} ib_job;

/** "slurm", "torque", "pbs". @return IB_EUSAGE naming them. */
ib_status ib_scheduler_parse(const char *name, ib_scheduler *scheduler, ib_error *err);

/** The script. Pure. */
void ib_job_write(FILE *out, const ib_job *job);

/** Its file: FOLDER/NAME.sh. */
void ib_job_path(const ib_job *job, char *path, size_t size);

/** Write it into its file; make the folder.
 *  @return IB_EIO */
ib_status ib_job_save(const ib_job *job, ib_error *err);

/** Hand the file to the scheduler, unless the job that was made of it last is still queued or running. FOLDER/NAME.job keeps
 *  its number.
 *  @param queued  it was there already
 *  @return IB_ELAUNCH with the scheduler's complaint. */
ib_status ib_job_submit(const ib_job *job, char id[64], bool *queued, ib_error *err);

#endif
