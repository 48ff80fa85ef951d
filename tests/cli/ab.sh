#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Commits, programs and settings are launched in turns and judged: commits are built once each, blocks hold every variant once,
# looks end when it is decided, and the verdict settles what the gate suspects. The programs here are stubs with known times.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
export STUB_FOLDER="$PWD" PYTHON IMGBENCH_SOURCE
mkdir bin
cat >bin/mpirun <<'X'
#!/bin/sh
# mpirun -n N --bind-to none PROGRAM ...
shift 4
exec "$@"
X
chmod +x bin/mpirun
PATH=$PWD/bin:$PATH
git init -q repository
git -C repository config user.name nobody
git -C repository config user.email nobody@nowhere
cat >repository/CMakeLists.txt <<'X'
cmake_minimum_required(VERSION 3.25)
project(stub NONE)
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse HEAD OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE)
configure_file(stub.in ${CMAKE_BINARY_DIR}/imgbench @ONLY FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
file(APPEND $ENV{STUB_FOLDER}/built "${COMMIT}\n")
add_custom_target(imgbench)
X
cat >repository/stub.in <<'X'
#!/bin/sh
# Leaves a record of a launch that never was: its time is the commit's factor with noise of 1 %.
factor=1 error=5e-5 support=7
for word; do
    case $word in
    --record=*) record=${word#--record=} ;;
    --support=*) support=${word#--support=} ;;
    --output=*) output=${word#--output=} ;;
    esac
done
[ "$support" = 7 ] || factor=1.3
cd "$STUB_FOLDER"
n=$(($(cat count 2>/dev/null || echo 0) + 1))
echo $n >count
echo "@COMMIT@ $support $IMGBENCH_CAMPAIGN" >>launched
noise=$(echo "0.992 1.004 0.997 1.009 1.001 0.995 1.003" | cut -d' ' -f$((n % 7 + 1)))
T=$(echo "$factor * $noise * 100" | bc -l 2>/dev/null || "$PYTHON" -c "print($factor * $noise * 100)")
intent=$(echo "$IMGBENCH_CAMPAIGN" | sed -n 's/.*launch=\([0-9]*\).*/\1/p')
name=$(echo "{\"commit\": \"@COMMIT@\", \"T\": $T, \"phases\": {\"grid\": $T}, \"error\": $error, \"launch\": ${intent:-1}, \"started\": $((10000 + 60 * n)), \"params\": {\"support\": \"$support\"}}" |
    "$PYTHON" "$IMGBENCH_SOURCE/tests/make_records.py" "$record")
: >"$output"
echo "{\"record\": \"$record/quiet/2026-01/$name.jsonl\", \"output\": [\"$output\"], \"error\": null}"
X
commit() { git -C repository add -A; git -C repository commit -q --allow-empty -m "$1"; git -C repository tag "$1"; }
commit base
for i in 1 2 3 4 5 6 7 8 9; do commit step$i; done
sed -i 's/^factor=1 /factor=1.08 /' repository/stub.in
commit slow
git -C repository checkout -q -b even base
commit even
git -C repository checkout -q -b broken base
echo 'message(FATAL_ERROR "cannot be built")' >>repository/CMakeLists.txt
commit broken-one
git -C repository checkout -q -b wrong base
sed -i 's/error=5e-5/error=1/' repository/stub.in
commit wrong-one
git -C repository checkout -q master 2>/dev/null || git -C repository checkout -q main

# told CODE PATTERN ARGUMENTS...
told() {
    code=$1 pattern=$2
    shift 2
    rc=0
    : >launched
    "$IMGBENCH" ab --repository repository --cache cache --quiet "$@" >out.txt 2>err.txt || rc=$?
    [ "$rc" = "$code" ] || fail "ab $*: $rc, not $code: $(cat out.txt err.txt)"
    cat out.txt err.txt | grep -Eq -e "$pattern" || fail "ab $*: no $pattern in: $(cat out.txt err.txt)"
}
told 3 'slow is slower than base: T \+[678]\.' base slow -- sim:chiles
[ "$(sort built | uniq -c | awk '{ print $1 }' | tr '\n' ' ')" = "1 1 " ] || fail "built: $(cat built)"
# One warm-up and six launches of either; every block has both.
[ "$(wc -l <launched)" = 14 ] || fail "$(wc -l <launched) launches, not 14"
for block in 0 1 2 3 4 5 6; do
    [ "$(grep ";block=$block;" launched | cut -c1-40 | sort -u | wc -l)" = 2 ] || fail "block $block: $(cat launched)"
done
grep ';order=0;' launched | cut -c1-40 | sort -u | wc -l | grep -qx 2 || fail "the order is no random one: $(cat launched)"
"$IMGBENCH" ls --allow valid --format json | grep -c '"run_id"' | grep -qx 12 || fail "warm-ups count"
! ls | grep -q 'hdf5' || fail "cubes were left: $(ls)"
! ls cache | grep -q '\.[0-9]*$' && ! git -C repository worktree list | grep -q cache || fail "builds were left: $(ls cache)"

told 0 '^verdict: same' base even --launches 6
[ "$(wc -l <built)" = 3 ] || fail "base was built again"
told 3 'support=51 is slower than base' base base,support=51 --launches 6 --warmup 0
[ "$(wc -l <launched)" = 12 ] || fail "$(wc -l <launched) launches, not 12"
told 3 'slower' "$(ls -d "$PWD"/cache/*/ | head -1)imgbench,support=7" "$(ls -d "$PWD"/cache/*/ | head -1)imgbench,support=9" --launches 6
told 8 'cmake of .* failed .*build\.log' base broken-one
log=$(sed -n 's/.*its log is //p' err.txt)
grep -q 'cannot be built' "$log" || fail "no log: $(cat err.txt)"
told 5 'disagrees with the direct Fourier sum' base wrong-one
told 2 'no commit that git knows' base nonsense
told 2 'needs a second variant' base
told 0 'base again' base --null --launches 6

# What the gate suspects is settled by the verdict of ab.
"$PYTHON" - <<'P' | "$PYTHON" "$IMGBENCH_SOURCE/tests/make_records.py" results >/dev/null
import json, subprocess
git = lambda *a: subprocess.run(["git", "-C", "repository", *a], check=True, capture_output=True, text=True).stdout.split()
noise = [0.992, 1.004, 0.997, 1.009, 1.001, 0.995, 1.003]
for i, commit in enumerate(git("rev-list", "--reverse", "slow")):
    for k in range(5):
        T = 100 * noise[(i + k) % 7] * (1.08 if i == 10 else 1)
        print(json.dumps(dict(commit=commit, T=T, phases=dict(grid=T))))
P
gate() {
    rc=0
    "$IMGBENCH" gate --repository repository --branch "$1" --where support=7 >out.txt 2>err.txt || rc=$?
    [ "$rc" = "$2" ] || fail "gate of $1: $rc, not $2: $(cat out.txt err.txt)"
}
gate slow 3
grep -q 'slower than .* says imgbench ab' out.txt || fail "$(cat out.txt)"
mkdir aside
for f in results/*/*/*.jsonl; do
    grep -q '"t":"verdict"' "$f" && mv "$f" aside
done
gate slow 11
