#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 1
# timeout: 300
# The leaf loops need no more instructions than tests/bench/instructions.txt says, within 2 %: a count that no neighbour,
# clock or cache can move. It belongs to one compiler; IMGBENCH_REFRESH=yes make test-bench writes the file anew.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
stored=$IMGBENCH_SOURCE/tests/bench/instructions.txt
refresh=${IMGBENCH_REFRESH:-}

command -v valgrind >/dev/null || skip "valgrind is not installed"
[ -z "$IMGBENCH_SANITIZED" ] || skip "sanitizers add instructions of their own"
build=$("$IMGBENCH" --version | sed -n 's/^compiler  *//p')
[ -n "$refresh" ] || grep -qxF "# $build" "$stored" ||
    skip "the stored counts are not of $build; IMGBENCH_REFRESH=yes make test-bench counts anew"

# count PRECISION SUPPORT: lines "PRECISION SUPPORT FUNCTION INSTRUCTIONS" of the three leaf loops on a fixed small case.
# AVX2 is the widest set that valgrind 3.19 knows.
count() {
    rc=0
    valgrind -q --tool=callgrind --callgrind-out-file=calls "$IMGBENCH" bench kernel --isas v3 --precisions "$1" \
        --supports "$2" --threads 1 --rows 702 --repetitions 1 --record "" >out.txt 2>err.txt || rc=$?
    [ "$rc" != 69 ] || skip "$(cat err.txt)"
    [ "$rc" = 0 ] || fail "valgrind ended with $rc: $(cat err.txt)"
    callgrind_annotate --inclusive=yes --threshold=100 --auto=no calls |
        sed -n 's/^ *\([0-9,]*\) .*:ib_\(grid\|weigh\|locate\)_v3[a-z0-9_]* .*/\2 \1/p' | tr -d , | sort |
        sed "s/^/$1 $2 /"
}

for support in 7 17 51; do
    count single "$support"
done >counts
count double 17 >>counts
[ "$(wc -l <counts)" = 12 ] || fail "expected three loops in each of four cases: $(cat counts)"

if [ -n "$refresh" ]; then
    { echo "# $build"; cat counts; } >"$stored"
    cat "$stored"
    exit 0
fi
grep -v '^#' "$stored" >want
awk 'NR == FNR { want[$1 " " $2 " " $3] = $4; next }
    {
        key = $1 " " $2 " " $3
        change = want[key] ? 100 * ($4 / want[key] - 1) : 100
        printf "%-22s %12d instructions, stored %12d, %+.2f %%\n", key, $4, want[key], change
        if (change > 2 || change < -2)
            bad = 1
    }
    END { exit bad }' want counts ||
    fail "a leaf loop changed by more than 2 %; if that is meant, IMGBENCH_REFRESH=yes make test-bench stores the new counts"
