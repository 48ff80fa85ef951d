/* SPDX-License-Identifier: BSD-3-Clause */
/* replay FOLDER: a harness with every input that is kept, so that what was mended stays so. */
#include "fuzz.h"

#include <dirent.h>

static void replay(const char *path)
{
    FILE  *file = fopen(path, "rb");
    char  *bytes = NULL;
    size_t n = 0, room = 0;

    fuzz_expect(file != NULL, path);
    do {
        room = 2 * room + 4096;
        bytes = realloc(bytes, room);
        fuzz_expect(bytes != NULL, "there is memory for an input");
        n += fread(bytes + n, 1, room - n, file);
    } while (n == room);
    fclose(file);
    uint8_t *exact = malloc(n + !n); /* a byte too far is another's */
    fuzz_expect(exact != NULL, "there is memory for an input");
    memcpy(exact, bytes, n);
    free(bytes);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

int main(int argc, char **argv)
{
    struct dirent **entry;
    char            path[1024];
    int             n_input = 0;
    const int       n = argc == 2 ? scandir(argv[1], &entry, NULL, alphasort) : -1;

    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", argv[1], entry[i]->d_name);
        if (entry[i]->d_name[0] != '.') {
            printf("%s\n", entry[i]->d_name);
            fflush(stdout);
            replay(path);
            n_input++;
        }
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
    printf("%d inputs\n", n_input);
    return n_input == 0;
}
