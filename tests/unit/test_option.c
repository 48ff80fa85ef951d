/* SPDX-License-Identifier: BSD-3-Clause */
#include "ib_test.h"

#include "base/error.h"
#include "base/option.h"

#include <ctype.h>
#include <float.h>
#include <stdlib.h>

enum { MAX_ARGS = 20 };

/* Parse a line of words separated by spaces. */
static ib_status parse(ib_command *command, const char *line, const char *only, ib_error *err)
{
    static char words[400];
    char       *argv[MAX_ARGS];
    int         argc = 0;

    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word && argc < MAX_ARGS; word = strtok(NULL, " "))
        argv[argc++] = word;
    return ib_command_parse(command, argc, argv, only, err);
}

static void parses(ib_test *t, ib_command *command, const char *line)
{
    ib_error        err = {0};
    const ib_status rc = parse(command, line, NULL, &err);

    ib_test_check(t, !rc, __FILE__, __LINE__, rc ? err.text : line);
}

static void refuses(ib_test *t, const char *line, const char *sentence)
{
    ib_command command;
    ib_error   err = {0};

    IB_CHECK(t, parse(&command, line, NULL, &err) == IB_EUSAGE);
    IB_TEXT(t, err.text, sentence);
    ib_command_clear(&command);
}

static size_t option(const char *key)
{
    for (size_t i = 0; i < ib_option_count(); i++)
        if (!strcmp(ib_option_name(i), key))
            return i;
    printf("# no option %s\n", key);
    exit(1);
}

/* The header is written by hand and the table too: each declared field, the input apart, has one row. */
static void every_field_of_the_configuration_has_an_option(ib_test *t)
{
    const char *tests = getenv("IMGBENCH_TESTS");
    char        path[600], line[300];
    bool        inside = false;
    size_t      n_field = 0;

    snprintf(path, sizeof path, "%s/../include/imgbench.h", tests ? tests : "tests");
    FILE *file = fopen(path, "r");
    IB_CHECK(t, file);
    while (file && fgets(line, sizeof line, file)) {
        char *end = strchr(line, ';');
        if (strstr(line, "typedef struct ib_config"))
            inside = true;
        else if (strstr(line, "} ib_config;"))
            break;
        else if (inside && end) {
            *end = 0;
            line[strcspn(line, "[")] = 0;
            char *name = line + strlen(line);
            while (name > line && (isalnum((unsigned char)name[-1]) || name[-1] == '_'))
                name--;
            size_t rows = 0;
            for (size_t i = 0; i < ib_option_count(); i++)
                rows += !strcmp(ib_option_at(i)->field, name);
            if (rows != !!strcmp(name, "input"))
                printf("# field %s has %zu rows\n", name, rows);
            IB_CHECK(t, rows == !!strcmp(name, "input"));
            n_field++;
        }
    }
    if (file)
        fclose(file);
    IB_CHECK(t, n_field == ib_option_count() + 1);
}

static void defaults_are_those_of_the_table(ib_test *t)
{
    ib_config cfg;
    char      text[200];

    ib_config_default(&cfg);
    for (size_t i = 0; i < ib_option_count(); i++) {
        IB_CHECK(t, ib_option_render(&cfg, i, text, sizeof text));
        IB_TEXT(t, text, ib_option_at(i)->initial);
    }
    IB_TEXT(t, cfg.input, "");
    IB_CHECK(t, cfg.support == 7 && cfg.memory == INT64_C(2) << 30 && cfg.stokes == IB_PLANES_AUTO && cfg.psf == 1);
}

static void the_command_line_has_one_grammar(ib_test *t)
{
    ib_command c;

    parses(t, &c,
           "--support 51 a.ms --robust -2 --no-psf --fits --check=no --imsize 512,1024 --cell=0.4arcsec -o x.h5");
    IB_CHECK(t, c.cfg.support == 51 && c.cfg.robust == -2 && !c.cfg.psf && c.cfg.fits && !c.cfg.check);
    IB_CHECK(t, c.cfg.imsize[0] == 512 && c.cfg.imsize[1] == 1024 && c.cfg.cell[0] == c.cfg.cell[1]);
    IB_NEAR(t, c.cfg.cell[0], 0.4 * acos(-1.0) / 180 / 3600, 4 * DBL_EPSILON * c.cfg.cell[0]); /* four roundings */
    IB_TEXT(t, c.cfg.input, "a.ms");
    IB_TEXT(t, c.cfg.output, "x.h5");
    IB_CHECK(t, c.origin[option("support")] == IB_BY_COMMAND_LINE && c.origin[option("padding")] == IB_BY_DEFAULT);

    parses(t, &c, "--imsize 300 --stokes iquv --kernel pswf --support 3 --support 9 -- --odd-name");
    IB_CHECK(t, c.cfg.imsize[0] == 300 && c.cfg.imsize[1] == 300 && c.cfg.support == 9);
    IB_CHECK(t, c.cfg.stokes == IB_PLANES_IQUV && c.cfg.kernel == IB_KERNEL_PSWF);
    IB_TEXT(t, c.cfg.input, "--odd-name");

    parses(t, &c, "--taper 2arcsec,1arcsec,-30deg --record=");
    IB_CHECK(t, c.cfg.taper[0] == 2 * c.cfg.taper[1] && c.cfg.taper[2] < 0 && !*c.cfg.record);
    parses(t, &c, "--taper 2arcsec");
    IB_CHECK(t, c.cfg.taper[0] == c.cfg.taper[1] && c.cfg.taper[2] == 0);

    parses(t, &c, "--help --nonsense");
    IB_CHECK(t, c.help && !c.version);
}

static void a_refusal_names_option_value_and_remedy(ib_test *t)
{
    refuses(t, "--support 2", "--support: 2 is outside 3..129");
    refuses(t, "--support 130", "--support: 130 is outside 3..129");
    refuses(t, "--support 7.5", "--support: \"7.5\" is not a whole number");
    refuses(t, "--support 7,9", "--support: \"7,9\" is not a single number");
    refuses(t, "--support", "--support needs a value: N");
    refuses(t, "--output --fits", "--output needs a value: FILE");
    refuses(t, "--padding nan", "--padding: \"nan\" is not a number");
    refuses(t, "--cell 1", "--cell: \"1\" has no unit; add one of deg, arcmin, arcsec, mas, uas or rad");
    refuses(t, "--cell 1arcsec,2arcsec,3arcsec", "--cell: \"1arcsec,2arcsec,3arcsec\" is not ANGLE");
    refuses(t, "--cell -1arcsec", "--cell: -1arcsec is outside 0..0.2rad");
    refuses(t, "--taper 2arcsec,-1arcsec", "--taper: -1arcsec is outside 0..");
    refuses(t, "--memory 1MiB", "--memory: 1MiB is outside 64MiB..1PiB");
    refuses(t, "--imsize 512,", "--imsize: \"\" is not a whole number");
    refuses(t, "--kernel gauss", "--kernel: \"gauss\" is none of kb|pswf");
    refuses(t, "--psf=maybe", "--psf: \"maybe\" is neither yes nor no");
    refuses(t, "--no-support", "--no-support: only a flag can be switched off like this, and takes no value then");
    refuses(t, "--suport 7", "there is no option \"suport\"; did you mean \"support\"?");
    refuses(t, "--zzzzzzzz", "there is no option \"zzzzzzzz\"; imgbench --help lists them");
    refuses(t, "-x", "there is no option -x; options are written --key value");
    refuses(t, "a.ms b.ms", "two inputs, a.ms and b.ms; give one");
}

static void a_command_takes_only_its_own_options(ib_test *t)
{
    ib_command c;
    ib_error   err = {0};

    IB_CHECK(t, !parse(&c, "x --output y", "output overwrite", &err));
    IB_CHECK(t, parse(&c, "x --put y", "output overwrite", &err) == IB_EUSAGE);
    IB_CHECK(t, parse(&c, "x --support 7", "output overwrite", &err) == IB_EUSAGE);
    IB_TEXT(t, err.text, "support has no meaning here; this command takes output overwrite");
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    if (!file || fputs(text, file) < 0 || fclose(file))
        exit(1);
}

static void the_command_line_wins_over_environment_file_and_defaults(ib_test *t)
{
    static const char path[] = "test_option.conf";
    ib_command        c;

    write_file(path,
               "# a comment\n\n support = 11 # taps\noversampling=50\r\nrobust = 1\ninput = a#b.ms\npsf = no\n");
    setenv("IMGBENCH_SUPPORT", "13", 1);
    setenv("IMGBENCH_ROBUST", "-1", 1);
    setenv("IMGBENCH_DENSITY_RULE", "floor", 1);
    setenv("IMGBENCH_PADDING", "", 1); /* as good as not set */
    parses(t, &c, "--config test_option.conf --support 15");
    IB_CHECK(t, c.cfg.support == 15 && c.cfg.robust == -1 && c.cfg.oversampling == 50 && !c.cfg.psf);
    IB_CHECK(t, c.cfg.density_rule == IB_RULE_FLOOR && c.cfg.padding == 1.2);
    IB_TEXT(t, c.cfg.input, "a#b.ms");
    IB_CHECK(t, c.origin[option("robust")] == IB_BY_ENVIRONMENT && c.origin[option("oversampling")] == IB_BY_FILE);
    ib_command_clear(&c);
    parses(t, &c, "--config test_option.conf other.ms");
    IB_TEXT(t, c.cfg.input, "other.ms");
    ib_command_clear(&c);

    setenv("IMGBENCH_ROBUST", "3", 1);
    refuses(t, "--robust 0", "environment: IMGBENCH_ROBUST: 3 is outside -2..2");
    unsetenv("IMGBENCH_ROBUST");
    unsetenv("IMGBENCH_SUPPORT");
    unsetenv("IMGBENCH_DENSITY_RULE");

    write_file(path, "support = 7\nsupprt = 9\n");
    refuses(t, "--config test_option.conf",
            "--config: test_option.conf line 2: there is no option \"supprt\"; did you mean \"support\"?");
    write_file(path, "support\n");
    refuses(t, "--config test_option.conf", "--config: test_option.conf line 1: \"support\" is not key = value");
    write_file(path, "support = 7\nsupport = 9\n");
    refuses(t, "--config test_option.conf", "--config: test_option.conf line 2: support is given twice");
    remove(path);

    ib_error err = {0};
    IB_CHECK(t, parse(&c, "--config test_option.conf", NULL, &err) == IB_EIO);
    ib_command_clear(&c);
}

/* Rendered parameters are the provenance of a cube: parsed again, they give the same configuration. */
static void rendered_options_read_back(ib_test *t)
{
    ib_command a, b;
    char       text[200], argument[300];

    parses(t, &a,
           "--cell 0.1arcsec,0.3mas --taper 1deg,2arcmin,17deg --imsize 7,9 --memory 1234567890 --padding 1.3 "
           "--no-psf");
    for (size_t i = 0; i < ib_option_count(); i++) {
        ib_error err = {0};
        IB_CHECK(t, ib_option_render(&a.cfg, i, text, sizeof text));
        snprintf(argument, sizeof argument, "--%s=%s", ib_option_name(i), text);
        char *argv[] = {argument};
        IB_CHECK(t, !ib_command_parse(&b, 1, argv, NULL, &err));
        char again[200];
        ib_option_render(&b.cfg, i, again, sizeof again);
        IB_TEXT(t, again, text);
    }
    IB_CHECK(t, !ib_option_render(&a.cfg, option("memory"), text, 4));
}

IB_TEST_MAIN({IB_TEST(every_field_of_the_configuration_has_an_option), IB_TEST(defaults_are_those_of_the_table),
              IB_TEST(the_command_line_has_one_grammar), IB_TEST(a_refusal_names_option_value_and_remedy),
              IB_TEST(a_command_takes_only_its_own_options),
              IB_TEST(the_command_line_wins_over_environment_file_and_defaults), IB_TEST(rendered_options_read_back)})
