#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 240
# Job scripts for Slurm, Torque and PBS are valid shell with the directives of their scheduler; jobs that meet their limit come
# again until every point was launched exactly once; nothing is submitted twice. Schedulers are stubs here.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
tiny=point,channels=8,times=1,image=0.2
sweep() {
    timeout -k 5 "$limit" "$IMGBENCH" sweep $tiny "$@" 2>err.txt || fail "$* ended with $?: $(cat err.txt)"
}
echo '#SBATCH --account=sky' >header
for scheduler in slurm torque pbs; do
    for array in '' --array; do
        folder=$scheduler$array
        sweep --ranks 1,2,4,8 --threads 1,2 --cores 4 --launches 3 --submit $scheduler $array --dry-run --folder "$folder" \
            --header header --time 2:00:00 --campaign "o-k" >jobs.txt
        [ "$(ls "$folder")" = "$(printf 'o-k-n1.sh\no-k-n2.sh\no-k-n4.sh')" ] || fail "$folder: $(ls "$folder")"
        for script in "$folder"/*.sh; do
            sh -n "$script"
            bash -n "$script"
            ! command -v shellcheck >/dev/null || shellcheck "$script" || fail "shellcheck of $script"
            grep -q '^#SBATCH --account=sky$' "$script" || fail "$script lacks the header"
        done
    done
done
has() { # FILE LINE...
    file=$1
    shift
    for line; do
        grep -qxF -e "$line" "$file" || fail "$file lacks $line: $(cat "$file")"
    done
}
has slurm/o-k-n2.sh '#SBATCH --nodes=2' '#SBATCH --ntasks-per-node=4' '#SBATCH --time=02:00:00' '#SBATCH --signal=B:USR1@120' \
    '#SBATCH --requeue' '#SBATCH --exclusive' '#SBATCH --open-mode=append' '    --on-nodes=2 \' '    --time=7050 &'
has slurm--array/o-k-n1.sh '#SBATCH --array=1-3%1' '    --on-block="$task" &'
has torque/o-k-n4.sh '#PBS -N o-k-n4' '#PBS -l nodes=4:ppn=4' '#PBS -l walltime=02:00:00' '#PBS -r y'
has torque--array/o-k-n4.sh '#PBS -t 1-3%1'
has pbs/o-k-n2.sh '#PBS -l select=2:ncpus=4:mpiprocs=4' '#PBS -l place=scatter:excl'
has pbs--array/o-k-n2.sh '#PBS -J 1-3'
command -v mpirun >/dev/null || skip "no mpirun; scripts are good"

# ---- stubs that run the job at once, at first with a limit that some launches fit in, on any machine not all ------------------
mkdir bin
export PATH="$PWD/bin:$PATH"
cat >bin/sbatch <<'S'
#!/bin/sh
echo "sbatch $2" >>calls
sed -e "s/--time=[0-9]*/--time=$([ -e codes ] && echo 20 || echo 2)/" "$2" >run.sh
export SLURM_JOB_ID=17 SLURM_RESTART_COUNT=0
while rm -f again && sh run.sh >>job.log 2>&1; echo $? >>codes; [ -e again ]; do
    SLURM_RESTART_COUNT=$((SLURM_RESTART_COUNT + 1))
done
echo 17
S
cat >bin/scontrol <<'S'
#!/bin/sh
[ "$1 $2" = "requeue 17" ] && touch again
S
cat >bin/squeue <<'S'
#!/bin/sh
[ -e queued ] && echo "17 test running"
exit 0
S
chmod +x bin/*
run() {
    sweep --ranks 1,2 --oversubscribe --cores 1 --nodes 1 --launches 8 --warmup 0 --submit slurm --campaign again
}
run >jobs.txt
[ "$(head -n 1 codes)" = 75 ] || fail "the limit was not met: $(cat codes job.log)"
for attempt in 1 2 3; do # a slow machine needs more than the script's own three
    [ "$(tail -n 1 codes)" = 0 ] && break
    run >jobs.txt
done
[ "$(tail -n 1 codes)" = 0 ] || fail "it did not end: $(cat codes job.log)"
"$PYTHON" - <<'P'
import collections, glob, json
made = collections.Counter()
for name in glob.glob("results/*/*/*.jsonl"):
    lines = [json.loads(line) for line in open(name)]
    if lines[-1]["status"] == "ok":
        made[lines[0]["point"], lines[0]["launch"]] += 1
assert len(made) == 16 and set(made.values()) == {1}, made
P
run >jobs.txt
! grep -q again-n1 jobs.txt || fail "a job without work: $(cat jobs.txt)"

# What is still queued is not submitted again; a scheduler's complaint is told.
touch queued
sweep --submit slurm --campaign waits --launches 9 --dry-run >jobs.txt
echo 17 >jobs/waits-n1.job
before=$(wc -l <calls)
sweep --submit slurm --campaign waits --launches 9 | grep -q 'already queued' || fail "not seen in the queue"
[ "$(wc -l <calls)" = "$before" ] || fail "submitted twice"
printf '#!/bin/sh\necho "sbatch: error: no such partition" >&2\nexit 1\n' >bin/sbatch
rc=0
"$IMGBENCH" sweep $tiny --submit slurm --campaign refused >/dev/null 2>err.txt || rc=$?
[ "$rc" = 8 ] && grep -q 'no such partition' err.txt || fail "a refused job: $rc, $(cat err.txt)"
