/* SPDX-License-Identifier: BSD-3-Clause */
#include "ib_test.h"

#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

static const char path[] = "test_log.txt";
static char       text[800];

/* Send standard error to a file; results go to standard output, so nothing of the test itself is lost. */
static void listen(void)
{
    if (!freopen(path, "w", stderr))
        exit(1);
}

/* What was said since, and how many lines of it. */
static size_t heard(void)
{
    size_t lines = 0;

    fflush(stderr);
    FILE *file = fopen(path, "r");
    if (!file)
        exit(1);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    remove(path);
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    return lines;
}

static void a_file_gets_ten_lines_of_progress(ib_test *t)
{
    listen();
    ib_progress_start("imaging", 1000, 0);
    for (uint64_t done = 0; done <= 1000; done++)
        ib_progress_update(done, "5 Mvis/s");
    ib_progress_update(2000, NULL); /* more than all is all, and was said */
    ib_progress_end();
    IB_CHECK(t, heard() == 10);
    IB_CHECK(t, !strncmp(text, "imgbench: imaging  10 %", 23));
    IB_CHECK(t, strstr(text, "imgbench: imaging 100 %"));
    IB_CHECK(t, strstr(text, "5 Mvis/s") && !strchr(text, '\r'));
}

static void quiet_empty_and_unstarted_work_shows_nothing(ib_test *t)
{
    listen();
    ib_progress_start("imaging", 10, 1);
    ib_progress_update(5, NULL);
    ib_progress_end();
    ib_progress_start("imaging", 0, 0);
    ib_progress_update(5, NULL);
    ib_progress_end();
    ib_progress_update(5, NULL);
    IB_CHECK(t, heard() == 0);
}

static void rank_0_speaks_and_the_others_only_warn(ib_test *t)
{
    listen();
    ib_say("reads %s", "DATA");
    ib_warn("row %d", 17);
    ib_log_rank(3);
    ib_say("reads %s", "DATA");
    ib_warn("row %d", 18);
    ib_progress_start("imaging", 10, 0);
    ib_progress_update(10, NULL);
    ib_progress_end();
    ib_log_rank(0);
    heard();
    IB_TEXT(t, text, "imgbench: reads DATA\nimgbench: warning: row 17\nimgbench: rank 3: warning: row 18\n");
}

IB_TEST_MAIN({IB_TEST(a_file_gets_ten_lines_of_progress), IB_TEST(quiet_empty_and_unstarted_work_shows_nothing),
              IB_TEST(rank_0_speaks_and_the_others_only_warn)})
