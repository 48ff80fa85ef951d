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
    ranks=$1 image_name=$2 # a caller's name is another one
    shift 2
    on "$ranks" --output "$image_name.hdf5" --record "" --quiet "$@" >"$image_name.log" 2>&1 || {
        status=$?
        cat "$image_name.log"
        fail "imgbench $* on $ranks ranks ended with $status"
    }
}

# Every rank's exit code, standard output and standard error apart, in code.R, out.R and err.R. IMGBENCH_FAIL_ALLOC=n
# makes the n-th allocation fail, on rank $FAIL_ON only; files can grow to $FILE_LIMIT blocks.
on_each() {
    ranks=$1
    shift
    rm -f code.* out.* err.*
    # shellcheck disable=SC2016 # expanded by each rank's shell, which ends with 0: mpirun stays silent and patient
    timeout -k 5 "$limit" "$MPIEXEC" -n "$ranks" sh -c '
        r=$OMPI_COMM_WORLD_RANK
        [ "${FAIL_ON-$r}" = "$r" ] || unset IMGBENCH_FAIL_ALLOC
        [ -z "${FILE_LIMIT-}" ] || { ulimit -f "$FILE_LIMIT" && trap "" XFSZ; }
        "$0" "$@" >out.$r 2>err.$r
        echo $? >code.$r' "$IMGBENCH" "$@" || fail "imgbench $* on $ranks ranks: no end within $limit s ($?)"
}

# let_go OUTPUT: the process that wrote it is gone; mpirun may be gone before its last rank.
let_go() {
    [ -e "$1.run/lock" ] || return 0
    read -r _ pid _ <"$1.run/lock" || :
    for _ in $(seq 100); do
        kill -0 "${pid:-0}" 2>/dev/null || return 0
        sleep 0.1
    done
}

# refused CODE PATTERN ARGUMENTS...: on one and on two ranks the program ends with CODE on every rank, in good time,
# says one sentence that matches PATTERN (beside the column it reads), and leaves no file that was not there.
refused() {
    code=$1 pattern=$2
    shift 2
    for n in 1 2; do
        find . ! -name 'code.*' ! -name 'out.*' ! -name 'err.*' | sort >../before.$$
        on_each "$n" --record "" --quiet "$@"
        find . ! -name 'code.*' ! -name 'out.*' ! -name 'err.*' | sort >../after.$$
        left=$(comm -13 ../before.$$ ../after.$$)
        rm ../before.$$ ../after.$$
        [ -z "$left" ] || fail "imgbench $* on $n ranks left $left"
        for rank in $(seq 0 $((n - 1))); do
            [ "$(cat "code.$rank")" = "$code" ] ||
                fail "imgbench $* on $n ranks: rank $rank ended with $(cat "code.$rank"), not $code: $(cat err.*)"
        done
        sentences=$(cat err.* | grep '^imgbench: ' | grep -cv '^imgbench: reads column' || :)
        [ "$sentences" = 1 ] || fail "imgbench $* on $n ranks said $sentences sentences: $(cat err.*)"
        grep -Eqi "^imgbench: .*($pattern)" err.0 || fail "imgbench $*: '$pattern' is not in: $(cat err.*)"
        grep -Eq 'RESULT (reportable|valid|provisional)' out.* && fail "imgbench $*: a result although it failed: $(cat out.*)"
    done
    cat err.0
}
