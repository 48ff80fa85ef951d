#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 180
# What `make install` leaves is enough to use imgbench: the program, its man page, and a library that a program of
# twenty lines finds by pkg-config, links and runs.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
[ -z "${IMGBENCH_SANITIZED-}" ] || skip "a sanitized library is not for installation"
cmake --install "$IMGBENCH_BUILD" --prefix "$PWD/usr" >install.log || fail "$(cat install.log)"
for file in bin/imgbench include/imgbench.h include/imgbench_trace.h share/man/man1/imgbench.1; do
    [ -s "usr/$file" ] || fail "$file was not installed"
done
usr/bin/imgbench --version | grep -q imgbench || fail "the installed program does not tell its version"

pc=$(find usr -name imgbench.pc)
PKG_CONFIG_PATH=$PWD/$(dirname "$pc")
export PKG_CONFIG_PATH
nm "$(find usr -name libimgbench.a)" | grep -E ' [TW] (MPI_|GOMP_)' && fail "the library takes calls that are its users' own"
echo '#include <imgbench_trace.h>
int main(void) { IB_TRACE_FUNCTION; return 0; }' >region.c
# shellcheck disable=SC2046 # flags are words
cc -std=c11 -Wall -Werror region.c -o region $(pkg-config --cflags --libs imgbench_trace) && IMGBENCH_TRACE=region.json ./region ||
    fail "imgbench_trace: does not link or run"
grep -q '"name":"main","cat":"user"' region.json || fail "no region in $(cat region.json)"

cat >use.c <<'C'
#include <imgbench.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    ib_config cfg;
    ib_result result;
    ib_error  err;

    MPI_Init(&argc, &argv);
    ib_config_default(&cfg);
    cfg.input = "sim:chiles,time=0.002,channel=0.0002,image=0.1";
    cfg.output = "mine.hdf5";
    cfg.record = "";
    cfg.quiet = 1;
    ib_status rc = ib_run(&cfg, MPI_COMM_WORLD, &result, &err);
    if (rc)
        fprintf(stderr, "%s\n", err.text);
    else
        printf("%zu planes in %s\n", result.n_plane, result.output[0]);
    MPI_Finalize();
    return ib_exit_code(rc);
}
C
# shellcheck disable=SC2046 # flags are words
cc -std=c11 -Wall -Werror use.c -o use $(pkg-config --cflags --libs imgbench) || fail "does not link"
timeout 60 "$MPIEXEC" -n 2 ./use >use.log || fail "the linked program ended with $?"
cat use.log
grep -q 'planes in mine.hdf5' use.log || fail "no cube"
[ -s mine.hdf5 ] || fail "mine.hdf5 does not exist"
