#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# A conversion that was killed at any of its file operations goes on with another number of ranks and leaves the bytes of one
# that nobody disturbed; what it must not do it refuses with a sentence; memory is what was promised.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
strike=$IMGBENCH_BUILD/tests/libstrike.so
export IMGBENCH_FLUSH_S=0 OMPI_MCA_odls_base_sigkill_timeout=0
on 2 simulate sim:point,times=20,baselines=45,channels=16,imsize=64,noise=0.5,flagged=0.2 in.h5 --quiet

# refuses CODE PATTERN ARGUMENTS...: as refused, of convert.
refuses() {
    code=$1 pattern=$2
    shift 2
    rm -f code.* out.[0-9] err.*
    before=$(ls -A)
    on_each 2 convert --quiet "$@"
    for rank in 0 1; do
        [ "$(cat "code.$rank")" = "$code" ] || fail "convert $*: rank $rank ended with $(cat "code.$rank"): $(cat err.*)"
    done
    [ "$(cat err.* | grep -c '^imgbench: ')" = 1 ] || fail "convert $* said: $(cat err.*)"
    grep -Eqi "^imgbench: .*($pattern)" err.0 || fail "convert $*: '$pattern' is not in: $(cat err.0)"
    cat err.0
    rm -f code.* out.[0-9] err.*
    [ "$(ls -A)" = "$before" ] || fail "convert $* left $(ls -A)"
}

# Requests that cannot be served.
refuses 2 'is the input' in.h5 in.h5 --overwrite
refuses 2 'needs the file to write' in.h5
refuses 2 'support has no meaning here' in.h5 made.h5 --support 7
refuses 2 'two inputs' in.h5 made.h5 more.h5
refused 2 'average-time is for imgbench convert' in.h5 --average-time 10
refuses 65 'no such file' nowhere.ms made.h5
refuses 74 'nowhere' in.h5 nowhere/made.h5
refuses 2 'channel.*99' in.h5 made.h5 --channels 99
head -c 100000 in.h5 >cut.h5
refuses 65 'cut short' cut.h5 made.h5
"$PYTHON" - <<'P'
import h5py, shutil
shutil.copy("in.h5", "timeless.h5")
shutil.copy("in.h5", "nan.h5")
del h5py.File("timeless.h5", "r+")["spw0/time"]
h5py.File("nan.h5", "r+")["spw0/time"][17] = float("nan")
P
refuses 65 'do not tell their time' timeless.h5 made.h5 --average-time 10
refuses 65 'row 17 .*no time' nan.h5 made.h5 --average-time 10
on 1 convert timeless.h5 made.h5 --quiet --average-channels 2
refuses 2 'output made.h5 exists' in.h5 made.h5

# Little memory: no more than was promised, and the same bytes.
on 2 simulate sim:point,times=60,baselines=300,channels=160,imsize=64 large.h5 --quiet
"$PYTHON" - <<'P' || fail "memory"
import os, resource, subprocess
command = [os.environ["IMGBENCH"], "convert", "large.h5", "large2.h5", "--memory", "64MiB", "--quiet"]
for extra in [], ["--overwrite", "--average-channels", "4", "--average-time", "60"]:
    subprocess.run(command + extra, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print("%.1f MiB of 64 for a file of %.1f MiB" % (peak, os.path.getsize("large.h5") / 2**20))
    assert peak < 64
P
rm large.h5 large2.h5

[ -e "$strike" ] || fail "no $strike"
[ -z "$IMGBENCH_SANITIZED" ] || exit 0 # they do not like to be preloaded after

# struck NTH HOW RANK: a conversion by two ranks that is struck; its end does not matter.
average="--average-channels 3 --average-time 60"
struck() {
    # shellcheck disable=SC2086
    timeout -k 5 60 "$MPIEXEC" -n 2 -x LD_PRELOAD="$strike" -x STRIKE_AT=made -x STRIKE_NTH="$1" -x STRIKE_HOW="$2" \
        -x STRIKE_RANK="$3" -x STRIKE_COUNT="$PWD/count" "$IMGBENCH" convert in.h5 made.h5 --quiet $average >struck.log 2>&1 && return
    rc=$?
    let_go made.h5
    return $rc
}

# resumed N: goes on, leaves the whole file and nothing else.
resumed() {
    # shellcheck disable=SC2086
    on "$1" convert in.h5 made.h5 $average --quiet --resume >again.log 2>&1 ||
        grep -q 'is whole: there is nothing to resume' again.log || fail "resumed with $1 ranks: $(cat struck.log again.log)"
    same whole.h5 made.h5
    [ ! -e made.h5.run ] && [ ! -e made.h5.partial ] || fail "left behind: $(ls -A)"
}

rm -f made.h5
struck 0 kill 0 || fail "undisturbed: $(cat struck.log)"
operations=$(cat count)
mv made.h5 whole.h5
echo "$operations operations of rank 0"
[ "$operations" -gt 60 ] || fail "that is too few: does the preloaded library see them?"
every=${IMGBENCH_EVERY:-$((operations / 4))}
went_on=0
for how in kill half full; do
    for nth in $(seq $((every - 7)) "$every" "$operations"); do
        rm -rf made.h5* ./.made*
        struck "$nth" $how $((nth % 2)) && [ -e made.h5 ] && continue
        [ ! -e made.h5 ] || same whole.h5 made.h5
        resumed $((nth % 3 + 1))
        grep -q 'damaged\|not what was written' again.log && fail "$how at $nth: $(cat again.log)"
        grep -q 'resumes: [1-9]' again.log && went_on=$((went_on + 1))
    done
done
echo "$went_on conversions went on with finished pieces"
[ "$went_on" -gt 2 ] || fail "hardly any had finished pieces to go on with"

# A finished piece is compared with its digest; it is not read again, and another conversion is not taken for the same. How many
# operations there are before the first record depends on how busy the machine is.
for back in 12 15 18 22 26 30 40 60 100; do
    rm -rf made.h5*
    struck $((operations - back)) kill 0 || [ ! -s made.h5.run/journal.1.0 ] || [ -e made.h5.run/complete ] || break
done
[ -s made.h5.run/journal.1.0 ] && [ ! -e made.h5.run/complete ] || fail "no moment between the first record and the end"
refuses 2 'average-channels was 3 and is 2' in.h5 made.h5 --average-channels 2 --average-time 60 --resume
refuses 2 'resume.*overwrite' in.h5 made.h5
"$PYTHON" -c '
import h5py
f = h5py.File("made.h5.partial", "r+")
f["spw0/visibility"][2, 0, 0] += 1
'
resumed 2
grep -q '1 pieces on the disk are not what was written' again.log || fail "damage was not seen: $(cat again.log)"
