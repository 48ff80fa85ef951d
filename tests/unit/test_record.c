/* SPDX-License-Identifier: BSD-3-Clause */
#include "ib_test.h"

#include "base/error.h"
#include "bench/record.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "records_of_a_test" /* beside the test's program, whose name is taken */

static const ib_place places[] = {{"alpha", "0-1", 2}, {"beta", "0", 1}, {"alpha", "0-1", 2}};

/* A launch as main.c describes it. */
static ib_launch launch_of(ib_command *command)
{
    static char *argv[] = {"/opt/bin/imgbench", "--support", "51", "/home/me/a.ms", "--output=/data/x.hdf5"};
    ib_error     err;

    if (ib_command_parse(command, 4, argv + 1, NULL, &err)) {
        printf("# %s\n", err.text);
        exit(1);
    }
    return (ib_launch){5, argv, command, 3, 1, places, "MPI 1"};
}

/* The lines of a record, each parsed with duplicate keys refused; an array. */
static json_t *lines_of(ib_test *t, const char *path)
{
    char    line[20000];
    json_t *lines = json_array();
    FILE   *file = fopen(path, "r");

    IB_CHECK(t, file);
    while (file && fgets(line, sizeof line, file)) {
        json_error_t where;
        json_t      *object = json_loads(line, JSON_REJECT_DUPLICATES, &where);
        IB_CHECK(t, object && json_integer_value(json_object_get(object, "v")) == 1);
        json_array_append_new(lines, object);
    }
    if (file)
        fclose(file);
    return lines;
}

static const char *text_at(const json_t *lines, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(lines, i), key));
}

static void leave(ib_test *t, const ib_error *failure, double measured, char *path, size_t size)
{
    ib_command   command;
    ib_result    result = {.ranks = 3, .threads = 1, .wall_s = 1.0 / 3, .promised = 1e-5, .measured = measured};
    ib_record   *record = NULL;
    ib_judgement verdict;
    ib_error     err = {0};

    const ib_steadiness steady = {.threads = 3, .bound = 2, .neighbours = 0.25, .steal = NAN, .clock = 0.5};
    const ib_around     around = {.steady = &steady};
    const ib_launch     launch = launch_of(&command);
    setenv("IMGBENCH_MACHINE", "Test Machine", 1);
    IB_CHECK(t, !ib_record_begin(&record, FOLDER, &launch, &err));
    if (!record) {
        printf("# %s\n", err.text);
        exit(1);
    }
    ib_judge(&verdict, &result, failure, ib_build_facts(), 0, &around);
    IB_CHECK(t, !ib_record_end(record, &result, &around, failure, &verdict, 2.5, path, size, &err));
    ib_command_clear(&command);
}

static void a_launch_leaves_four_lines_that_read_back(ib_test *t)
{
    const ib_error none = {0};
    char           path[1024];

    leave(t, &none, 3e-6, path, sizeof path);
    json_t *lines = lines_of(t, path);
    IB_CHECK(t, json_array_size(lines) == 4);
    IB_TEXT(t, text_at(lines, 0, "t"), "run");
    IB_TEXT(t, text_at(lines, 1, "t"), "rep");
    IB_TEXT(t, text_at(lines, 2, "t"), "check");
    IB_TEXT(t, text_at(lines, 3, "t"), "end");
    /* 17 digits: the number itself */
    IB_CHECK(t, json_real_value(json_object_get(json_array_get(lines, 1), "wall_s")) == 1.0 / 3);
    IB_CHECK(t, json_is_true(json_object_get(json_array_get(lines, 2), "pass")));
    IB_TEXT(t, text_at(lines, 3, "status"), "ok");
    IB_CHECK(t, json_integer_value(json_object_get(json_array_get(lines, 3), "lines")) == 4);

    const json_t *steady = json_object_get(json_array_get(lines, 1), "steady");
    IB_CHECK(t, json_integer_value(json_object_get(steady, "bound")) == 2);
    IB_CHECK(t, json_real_value(json_object_get(steady, "neighbours")) == 0.25);
    IB_CHECK(t, json_is_null(json_object_get(steady, "steal"))); /* not told is not nothing */

    const json_t *run = json_array_get(lines, 0), *shape = json_object_get(run, "shape");
    const json_t *workload = json_object_get(run, "workload");
    IB_TEXT(t, json_string_value(json_object_get(json_object_get(workload, "params"), "support")), "51");
    IB_TEXT(t, json_string_value(json_object_get(json_object_get(workload, "given"), "support")), "command line");
    IB_CHECK(t, !json_object_get(json_object_get(workload, "given"), "padding"));
    IB_CHECK(t, json_integer_value(json_object_get(shape, "nodes")) == 2);
    const json_t *third = json_array_get(json_object_get(shape, "places"), 2);
    const json_t *second = json_array_get(json_object_get(shape, "places"), 1);
    IB_CHECK(t, json_integer_value(json_object_get(third, "node")) == 0);
    IB_CHECK(t, json_integer_value(json_object_get(second, "node")) == 1);
    IB_CHECK(t, strstr(path, "/test-machine/"));
    json_decref(lines);
    remove(path);
}

/* An image that is not finite has been checked, and has failed: that must not look like a check that was left out. */
static void a_check_that_is_not_a_number_has_failed(ib_test *t)
{
    const ib_error none = {0};
    char           path[1024];

    leave(t, &none, NAN, path, sizeof path);
    json_t *lines = lines_of(t, path);
    IB_CHECK(t, json_is_false(json_object_get(json_array_get(lines, 2), "pass")));
    IB_TEXT(t, text_at(lines, 2, "value_why"), "not a number");
    json_decref(lines);
    remove(path);
}

static void private_things_stay_out(ib_test *t)
{
    const ib_error none = {0};
    char           path[1024], text[20000];

    setenv("OMPI_MCA_orte_hnp_uri", "tcp://secret", 1);
    setenv("OMP_DISPLAY_AFFINITY", "shown", 1);
    setenv("SOME_TOKEN", "secret", 1);
    leave(t, &none, 3e-6, path, sizeof path);
    FILE *file = fopen(path, "r");
    IB_CHECK(t, file);
    const size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[n] = 0;
    if (file)
        fclose(file);
    IB_CHECK(t, strstr(text, "\"argv\":[\"imgbench\",\"--support\",\"51\",\"a.ms\",\"--output=x.hdf5\"]"));
    IB_CHECK(t, strstr(text, "shown"));
    IB_CHECK(t,
             !strstr(text, "/home") && !strstr(text, "/data") && !strstr(text, "secret") && !strstr(text, "alpha"));
    remove(path);
}

/* RFC 9562: 48 bits of milliseconds, version 7, variant 10; later launches sort behind earlier ones. */
static void run_ids_are_version_7_and_sort_by_time(ib_test *t)
{
    const ib_error none = {0};
    char           path[2][1024], id[2][40];
    unsigned int   ms_high, ms_low;

    const time_t before = time(NULL);
    for (int i = 0; i < 2; i++) {
        leave(t, &none, 3e-6, path[i], sizeof path[i]);
        json_t *lines = lines_of(t, path[i]);
        snprintf(id[i], sizeof id[i], "%s", text_at(lines, 0, "run_id"));
        IB_CHECK(t, strstr(path[i], id[i]));
        json_decref(lines);
        remove(path[i]);
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    IB_CHECK(t, strlen(id[0]) == 36 && id[0][14] == '7' && strchr("89ab", id[0][19]));
    IB_CHECK(t, strcmp(id[0], id[1]) < 0);
    IB_CHECK(t, sscanf(id[0], "%8x-%4x", &ms_high, &ms_low) == 2);
    const uint64_t ms = (uint64_t)ms_high << 16 | ms_low;
    IB_CHECK(t, ms / 1000 >= (uint64_t)before && ms / 1000 <= (uint64_t)time(NULL));
}

static void a_failed_or_interrupted_launch_has_its_end_line(ib_test *t)
{
    static const struct {
        ib_status   status;
        const char *word;
    } cases[] = {{IB_EDATA, "failed"}, {IB_EINTERRUPTED, "interrupted"}};

    for (size_t i = 0; i < 2; i++) {
        ib_error failure = {0};
        char     path[1024];
        ib_fail(&failure, cases[i].status, "row 17: uvw is \xff");
        leave(t, &failure, 0, path, sizeof path);
        json_t *lines = lines_of(t, path);
        IB_CHECK(t, json_array_size(lines) == 2);
        IB_TEXT(t, text_at(lines, 1, "t"), "end");
        IB_TEXT(t, text_at(lines, 1, "status"), cases[i].word);
        IB_TEXT(t, text_at(lines, 1, "error"), "row 17: uvw is ?");
        IB_TEXT(t, text_at(lines, 1, "validity"), "invalid");
        json_decref(lines);
        remove(path);
    }
}

static void an_unchecked_launch_has_no_pass(ib_test *t)
{
    const ib_error none = {0};
    char           path[1024];

    leave(t, &none, -1, path, sizeof path);
    json_t *lines = lines_of(t, path);
    IB_CHECK(t, json_is_null(json_object_get(json_array_get(lines, 2), "value")));
    IB_CHECK(t, json_is_null(json_object_get(json_array_get(lines, 2), "pass")));
    IB_CHECK(t, json_is_string(json_object_get(json_array_get(lines, 2), "value_why")));
    json_decref(lines);
    remove(path);
}

static void before_its_end_a_record_is_a_part(ib_test *t)
{
    ib_command   command;
    ib_record   *record = NULL;
    ib_error     err = {0};
    ib_judgement verdict = {0};
    char         path[1024], partial[1100];
    struct stat  st;

    const ib_launch launch = launch_of(&command);
    IB_CHECK(t, !ib_record_begin(&record, FOLDER, &launch, &err));
    IB_CHECK(t, !ib_record_end(record, &(ib_result){0}, &(ib_around){0}, &(ib_error){0}, &verdict, 0, path,
                               sizeof path, &err));
    snprintf(partial, sizeof partial, "%s.part", path);
    IB_CHECK(t, stat(partial, &st) != 0 && stat(path, &st) == 0);
    remove(path);

    FILE *file = fopen("test_record_file", "w"); /* a file where the folder should be */
    IB_CHECK(t, file && !fclose(file));
    IB_CHECK(t, ib_record_begin(&record, "test_record_file", &launch, &err) == IB_EIO);
    IB_CHECK(t, strstr(err.text, "--record"));
    remove("test_record_file");
    ib_command_clear(&command);
}

IB_TEST_MAIN({IB_TEST(a_launch_leaves_four_lines_that_read_back), IB_TEST(a_check_that_is_not_a_number_has_failed),
              IB_TEST(private_things_stay_out), IB_TEST(run_ids_are_version_7_and_sort_by_time),
              IB_TEST(a_failed_or_interrupted_launch_has_its_end_line), IB_TEST(an_unchecked_launch_has_no_pass),
              IB_TEST(before_its_end_a_record_is_a_part)})
