/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/trial.h"
#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

ib_status ib_trial_folder(const char *parent, char *path, size_t size, ib_error *err)
{
    const char *chosen = *parent ? parent : getenv("TMPDIR");

    snprintf(path, size, "%s/imgbench-bench-XXXXXX", chosen && *chosen ? chosen : "/tmp");
    return mkdtemp(path) ? IB_OK
                         : ib_fail(err, IB_EIO, "make folder %s: %s; %s", path, strerror(errno),
                                   *parent ? "choose another one" : "set TMPDIR");
}

ib_status ib_trial_begin(ib_command_line *line, int n_rank, ib_error *err)
{
    char program[1024];

    if (!ib_process_self(program, sizeof program))
        return ib_fail(err, IB_EIO, "start this program again: %s", strerror(errno));
    line->n = line->used = 0;
    line->full = false;
    if (n_rank > 1) {
        ib_command_add(line, "mpirun");
        ib_command_add(line, "-n");
        ib_command_add(line, "%d", n_rank);
    }
    ib_command_add(line, "%s", program);
    return IB_OK;
}

ib_status ib_trial_run(ib_command_line *line, json_t **summary, ib_error *err)
{
    FILE     *out = tmpfile(), *complaint = tmpfile();
    char      words[200] = "";
    ib_status rc = IB_OK;

    if (!out || !complaint || line->full) {
        rc = ib_fail(err, IB_EIO, "start this program again: %s", line->full ? "too many words" : strerror(errno));
        goto done;
    }
    const int code = ib_process_run(line->argv, NULL, out, complaint);
    if (code == -1)
        snprintf(words, sizeof words, "%s", strerror(errno));
    rewind(out);
    if (summary)
        *summary = json_loadf(out, JSON_DISABLE_EOF_CHECK, NULL);
    if (code || (summary && !*summary)) {
        if (!*words)
            ib_process_words(complaint, words, sizeof words);
        rc = ib_fail(err, IB_EUNSUPPORTED, "%.100s: %s", line->argv[0], *words ? words : "it told no result");
        if (summary) {
            json_decref(*summary);
            *summary = NULL;
        }
    }
done:
    if (out)
        fclose(out);
    if (complaint)
        fclose(complaint);
    return rc;
}
