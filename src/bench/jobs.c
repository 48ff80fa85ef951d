/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/jobs.h"
#include "base/error.h"
#include "bench/process.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ib_status ib_scheduler_parse(const char *name, ib_scheduler *scheduler, ib_error *err)
{
    static const char *const names[] = {"slurm", "torque", "pbs"};

    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) {
            *scheduler = (ib_scheduler)i;
            return IB_OK;
        }
    return ib_fail(err, IB_EUSAGE, "sweep --submit: \"%s\" is none of slurm|torque|pbs", name);
}

double ib_job_margin(double limit_s)
{
    return limit_s < 600 ? 0.2 * limit_s : 120;
}

/* A word for sh: between single quotes unless it is plain. */
static void put_word(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%";

    if (*word && strspn(word, plain) == strlen(word)) {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

static void put_limit(FILE *out, double seconds)
{
    const long s = (long)(seconds + 0.5);

    fprintf(out, "%02ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

/* "1-5" or "2,4" */
static void put_tasks(FILE *out, const ib_job *job, bool gaps)
{
    const int first = job->task[0], last = job->task[job->n_task - 1];

    if (!gaps || (size_t)(last - first) + 1 == job->n_task)
        fprintf(out, "%d-%d", first, last);
    else
        for (size_t i = 0; i < job->n_task; i++)
            fprintf(out, "%s%d", i ? "," : "", job->task[i]);
}

static void put_slurm(FILE *out, const ib_job *job)
{
    fprintf(out, "#SBATCH --job-name=%s\n#SBATCH --nodes=%d\n#SBATCH --ntasks-per-node=%d\n#SBATCH --exclusive\n",
            job->name, job->nodes, job->cores);
    fprintf(out, "#SBATCH --time=");
    put_limit(out, job->limit_s);
    fprintf(out, "\n#SBATCH --signal=B:USR1@%.0f\n#SBATCH --requeue\n#SBATCH --open-mode=append\n",
            ib_job_margin(job->limit_s));
    fprintf(out, "#SBATCH --output=%s/%%x-%s.log\n", job->folder, job->n_task ? "%A_%a" : "%j");
    if (job->n_task) {
        fprintf(out, "#SBATCH --array=");
        put_tasks(out, job, true);
        fprintf(out, "%%%d\n", job->at_once);
    }
}

/* A name for PBS: 15 characters at most, a letter first. */
static void put_short_name(FILE *out, const char *name)
{
    const size_t n = strlen(name), tail = strlen(strrchr(name, '-'));
    const bool   letter = isalpha((unsigned char)*name);
    const size_t head = n - tail < (letter ? 15 : 14) - tail ? n - tail : (letter ? 15 : 14) - tail;

    fprintf(out, "%s%.*s%s", letter ? "" : "i", (int)head, name, name + n - tail);
}

static void put_pbs(FILE *out, const ib_job *job)
{
    fprintf(out, "#PBS -N ");
    put_short_name(out, job->name);
    if (job->scheduler == IB_TORQUE)
        fprintf(out, "\n#PBS -l nodes=%d:ppn=%d\n", job->nodes, job->cores);
    else
        fprintf(out, "\n#PBS -l select=%d:ncpus=%d:mpiprocs=%d\n#PBS -l place=scatter:excl\n", job->nodes, job->cores,
                job->cores);
    fprintf(out, "#PBS -l walltime=");
    put_limit(out, job->limit_s);
    fprintf(out, "\n#PBS -r y\n#PBS -j oe\n#PBS -o %s\n", job->folder);
    if (job->n_task && job->scheduler == IB_TORQUE) {
        fprintf(out, "#PBS -t ");
        put_tasks(out, job, true);
        fprintf(out, "%%%d\n", job->at_once);
    } else if (job->n_task > 1) { /* PBS knows no gaps: a task without work ends at once */
        fprintf(out, "#PBS -J ");
        put_tasks(out, job, false);
        fputc('\n', out);
    }
}

/* How a job that was stopped comes again. The records know what is left. */
static void put_again(FILE *out, const ib_job *job)
{
    char path[1024];

    ib_job_path(job, path, sizeof path);
    fprintf(out, "\n# 75: stopped before all was done. The records know what is left; three times are enough.\n");
    if (job->scheduler == IB_SLURM)
        fprintf(out, "if [ \"$rc\" = 75 ] && [ \"${SLURM_RESTART_COUNT:-0}\" -lt 3 ]; then\n"
                     "    scontrol requeue \"$SLURM_JOB_ID\"\nfi\n");
    else if (job->scheduler == IB_TORQUE || !job->n_task) {
        fprintf(
            out,
            "if [ \"$rc\" = 75 ] && [ \"${ATTEMPT:-1}\" -lt 4 ]; then\n    qsub -v \"ATTEMPT=$((${ATTEMPT:-1} + 1))\" ");
        if (job->n_task)
            fprintf(out, "-t \"$task\" ");
        put_word(out, path);
        fprintf(out, "\nfi\n");
    } else
        fprintf(out,
                "# An array of PBS does not come again by itself: the command that made it submits what is left.\n");
}

void ib_job_write(FILE *out, const ib_job *job)
{
    fprintf(out, "#!/bin/sh\n");
    if (job->scheduler == IB_SLURM)
        put_slurm(out, job);
    else
        put_pbs(out, job);
    fprintf(
        out,
        "#\n# %s\n# Written by imgbench sweep --submit; it may be submitted again by hand: what is recorded is not measured again.\n",
        job->what);
    if (*job->header)
        fprintf(out, "\n%s%s", job->header, job->header[strlen(job->header) - 1] == '\n' ? "" : "\n");
    fputc('\n', out);
    if (job->scheduler != IB_SLURM)
        fprintf(out, "cd \"${PBS_O_WORKDIR:-$PWD}\" || exit 1 # an empty PBS_O_WORKDIR would mean the home folder\n");
    if (job->n_task && job->scheduler == IB_SLURM)
        fprintf(out, "task=${SLURM_ARRAY_TASK_ID:?}\n");
    else if (job->n_task)
        fprintf(out, "task=${PBS_ARRAYID:-${PBS_ARRAY_INDEX:-${SLURM_ARRAY_TASK_ID:-%d}}}\n", job->task[0]);
    fprintf(out,
            "\n# A signal is handed on, and the wait that it ended waited again: the launch under way ends cleanly.\n"
            "trap '[ -n \"${pid-}\" ] && kill -USR1 \"$pid\"' USR1 TERM\n");
    for (size_t i = 0; job->command[i]; i++) {
        fprintf(out, i < 3 ? i ? " " : "" : " \\\n    ");
        put_word(out, job->command[i]);
    }
    fprintf(out, "%s &\npid=$!\nuntil wait \"$pid\"; rc=$?; ! kill -0 \"$pid\" 2>/dev/null; do :; done\n",
            job->n_task ? " \\\n    --on-block=\"$task\"" : "");
    put_again(out, job);
    fprintf(out, "exit \"$rc\"\n");
}

void ib_job_path(const ib_job *job, char *path, size_t size)
{
    snprintf(path, size, "%s/%s.sh", job->folder, job->name);
}

ib_status ib_job_save(const ib_job *job, ib_error *err)
{
    char path[1024];

    ib_job_path(job, path, sizeof path);
    if (mkdir(job->folder, 0777) && errno != EEXIST)
        return ib_fail(err, IB_EIO, "sweep --folder: make %s: %s", job->folder, strerror(errno));
    FILE *file = fopen(path, "w");
    if (!file)
        return ib_fail(err, IB_EIO, "sweep: create %s: %s", path, strerror(errno));
    ib_job_write(file, job);
    const bool lost = ferror(file);
    if (fclose(file) || lost)
        return ib_fail(err, IB_EIO, "sweep: write %s: %s", path, strerror(errno));
    return IB_OK;
}

/* Does the scheduler still know the job? */
static bool is_queued(const ib_job *job, const char *id)
{
    char        line[200], number[64];
    char *const squeue[] = {"squeue", "--noheader", "--jobs", number, NULL}, *const qstat[] = {"qstat", number, NULL};

    snprintf(number, sizeof number, "%s", id);
    return !ib_process_line(job->scheduler == IB_SLURM ? squeue : qstat, line, sizeof line) && *line;
}

ib_status ib_job_submit(const ib_job *job, char id[64], bool *queued, ib_error *err)
{
    char        path[1024], keep[1024], complaint[300] = "";
    char *const sbatch[] = {"sbatch", "--parsable", path, NULL}, *const qsub[] = {"qsub", path, NULL};
    FILE *file, *out = tmpfile(), *said = tmpfile();
    int   code = -1;

    ib_job_path(job, path, sizeof path);
    snprintf(keep, sizeof keep, "%s/%s.job", job->folder, job->name);
    *id = 0;
    if ((file = fopen(keep, "r"))) {
        if (fgets(id, 64, file))
            id[strcspn(id, "\n")] = 0;
        fclose(file);
    }
    *queued = *id && is_queued(job, id);
    if (!*queued && out && said) {
        code = ib_process_run(job->scheduler == IB_SLURM ? sbatch : qsub, NULL, out, said);
        if (code < 0)
            snprintf(complaint, sizeof complaint, "%s", strerror(errno));
        else
            ib_process_words(said, complaint, sizeof complaint);
        ib_process_words(out, id, 64);
    }
    if (out)
        fclose(out);
    if (said)
        fclose(said);
    if (*queued)
        return IB_OK;
    if (code || !*id)
        return ib_fail(err, IB_ELAUNCH, "%s %s: %s", job->scheduler == IB_SLURM ? "sbatch" : "qsub", path,
                       *complaint ? complaint : "it told no job");
    if ((file = fopen(keep, "w"))) { /* without it the job might be submitted twice, no more */
        fprintf(file, "%s\n", id);
        fclose(file);
    }
    return IB_OK;
}
