/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/process.h"
#include "base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static volatile sig_atomic_t running; /* process that is waited for, and its group; 0 none */
static volatile sig_atomic_t stopped; /* requests */
static volatile double       last_stop;

/* What comes within a second is one request: timeout, terminals and schedulers send it to a process and to its group. The
   first one ends a launch cleanly; TERM makes mpirun end its ranks; KILL leaves it no choice. */
static void pass_on(int number)
{
    static const int harder[] = {SIGUSR1, SIGTERM, SIGKILL};

    if (stopped && ib_now() - last_stop < 1)
        return;
    last_stop = ib_now();
    if (running > 0) {
        kill(-(pid_t)running, harder[stopped < 2 ? stopped : 2]);
    } else if (stopped) {
        signal(number, SIG_DFL);
        raise(number);
    }
    stopped++;
}

void ib_process_catch(void)
{
    static const int       stop[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM};
    const struct sigaction action = {.sa_handler = pass_on};
    struct sigaction       before;

    for (size_t i = 0; i < sizeof stop / sizeof *stop; i++)
        if (!sigaction(stop[i], NULL, &before) && before.sa_handler != SIG_IGN)
            sigaction(stop[i], &action, NULL);
}

bool ib_process_stopped(void)
{
    return stopped;
}

/* Start it with the streams in a group of its own. @return 0 or an errno */
static int start(char *const *argv, FILE *in, FILE *out, FILE *complaint, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t          attributes;
    int                        failed;

    if ((failed = posix_spawn_file_actions_init(&actions)))
        return failed;
    if (!(failed = posix_spawnattr_init(&attributes))) {
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        if (in)
            posix_spawn_file_actions_adddup2(&actions, fileno(in), STDIN_FILENO);
        else
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, fileno(complaint), STDERR_FILENO);
        failed = posix_spawnp(child, argv[0], &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

int ib_process_run(char *const *argv, FILE *in, FILE *out, FILE *complaint)
{
    const int already = stopped;
    pid_t     child;
    int       status;

    errno = start(argv, in, out, complaint, &child);
    if (errno)
        return -1;
    running = (sig_atomic_t)child;
    if (stopped > already) /* the request came before the name of whom to pass it on to */
        kill(-child, SIGUSR1);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) {
            running = 0;
            return -1;
        }
    running = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void ib_process_words(FILE *complaint, char *line, int size)
{
    rewind(complaint);
    *line = 0;
    while (fgets(line, size, complaint) && strspn(line, " -\t\n") == strlen(line))
        ;
    line[strcspn(line, "\n")] = 0;
}

int ib_process_line(char *const *argv, char *line, int size)
{
    FILE *out = tmpfile(), *complaint = tmpfile();
    int   code = out && complaint ? ib_process_run(argv, NULL, out, complaint) : -1;

    *line = 0;
    if (!code)
        ib_process_words(out, line, size);
    if (out)
        fclose(out);
    if (complaint)
        fclose(complaint);
    return code;
}

bool ib_process_self(char *path, size_t size)
{
    const long n = readlink("/proc/self/exe", path, size - 1);

    if (n < 0)
        return false;
    path[n] = 0;
    return true;
}

void ib_command_add(ib_command_line *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const int n = vsnprintf(line->text + line->used, sizeof line->text - line->used, format, args);
    va_end(args);
    if (line->n + 1 == sizeof line->argv / sizeof *line->argv || n < 0 ||
        line->used + (size_t)n + 1 >= sizeof line->text) {
        line->full = true;
        return;
    }
    line->argv[line->n++] = line->text + line->used;
    line->argv[line->n] = NULL;
    line->used += (size_t)n + 1;
}

void ib_command_add_words(ib_command_line *line, const char *text)
{
    while (*(text += strspn(text, " "))) {
        const int n = (int)strcspn(text, " ");
        ib_command_add(line, "%.*s", n, text);
        text += n;
    }
}
