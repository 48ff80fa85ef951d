# SPDX-License-Identifier: BSD-3-Clause
# Sourced by every script test: a scratch folder of its own that goes away with it, and a few words.
set -eu
export LC_ALL=C
rm -rf "$IMGBENCH_SCRATCH"
mkdir -p "$IMGBENCH_SCRATCH"
cd "$IMGBENCH_SCRATCH"
trap 'cd /; rm -rf "$IMGBENCH_SCRATCH"' EXIT
trap 'exit 129' HUP INT TERM

fail() {
    echo "not ok: $*" >&2
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

# on N ARGUMENTS...: the program on N ranks, never longer than $limit seconds (124: it hung).
limit=100
on() {
    ranks=$1
    shift
    timeout -k 5 "$limit" "$MPIEXEC" -n "$ranks" "$IMGBENCH" "$@"
}

# same A B: byte for byte.
same() {
    cmp "$1" "$2" || fail "$1 and $2 differ"
}

# image N NAME ARGUMENTS...: a small run that must succeed; leaves NAME.hdf5 (and NAME.psf.hdf5), no record.
image() {
    ranks=$1 name=$2
    shift 2
    on "$ranks" --output "$name.hdf5" --record "" --quiet "$@" >"$name.log" 2>&1 || {
        cat "$name.log"
        fail "imgbench $* on $ranks ranks ended with $?"
    }
}
