#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 400
# A real Slurm of four nodes on the loopback of this machine runs what --submit writes: jobs for one and two nodes, an array
# with a task that is killed and made up for; and #PBS scripts, through its qsub.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
PATH=$PATH:/usr/sbin:/sbin
for program in slurmctld slurmd munged sbatch qsub; do
    command -v $program >/dev/null || skip "no $program (apt-get install slurm-wlm slurm-wlm-torque munge)"
done
[ "$(id -u)" = 0 ] || skip "a private Slurm needs root"

# ---- up ---------------------------------------------------------------------------------------------------------------
D=$PWD/slurm
H=$(hostname -s)
port=$((20000 + $$ % 10000))
plugins=$(dirname "$(find /usr/lib -name spank_pbs.so -print -quit)")
mkdir -p "$D/state" "$D/log" "$D/run" "$D/tmp"
head -c 1024 /dev/urandom >"$D/munge.key"
chmod 600 "$D/munge.key"
cat >"$D/slurm.conf" <<C
ClusterName=test
SlurmctldHost=$H(127.0.0.1)
SlurmctldPort=$port
AuthType=auth/munge
AuthInfo=socket=$D/run/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmctldPidFile=$D/run/slurmctld.pid
SlurmdPidFile=$D/run/slurmd-%n.pid
SlurmdSpoolDir=$D/state/spool-%n
StateSaveLocation=$D/state
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd-%n.log
PlugStackConfig=$D/plugstack.conf
SlurmdTimeout=30
KillWait=5
MinJobAge=2
SchedulerParameters=sched_interval=1,bf_interval=1
JobSubmitPlugins=pbs
C
for i in 1 2 3 4; do
    mkdir -p "$D/state/spool-n$i"
    echo "NodeName=n$i NodeHostname=$H NodeAddr=127.0.0.1 Port=$((port + i)) CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN" >>"$D/slurm.conf"
done
echo "PartitionName=test Nodes=n[1-4] Default=YES MaxTime=INFINITE OverTimeLimit=0 State=UP" >>"$D/slurm.conf"
echo "required $plugins/spank_pbs.so" >"$D/plugstack.conf"
export SLURM_CONF="$D/slurm.conf"

down() {
    scancel --user=root >/dev/null 2>&1 || :
    sleep 1
    for file in "$D"/run/slurmd-n*.pid "$D/run/slurmctld.pid" "$D/run/munged.pid"; do
        [ -s "$file" ] && kill "$(cat "$file")" 2>/dev/null
    done
    sleep 2
    cd /
    rm -rf "$IMGBENCH_SCRATCH"
}
trap down EXIT
munged --key-file="$D/munge.key" --socket="$D/run/munge.socket" --pid-file="$D/run/munged.pid" \
    --log-file="$D/log/munged.log" --seed-file="$D/state/munged.seed" --force >/dev/null 2>&1 || skip "munged does not start here"
slurmctld -f "$SLURM_CONF" || skip "slurmctld does not start here"
for i in 1 2 3 4; do
    slurmd -f "$SLURM_CONF" -N n$i || skip "slurmd does not start here"
done
for i in $(seq 60); do
    [ "$(sinfo --noheader --Node --format=%T 2>/dev/null | grep -c idle)" = 4 ] && break
    sleep 0.5
done
[ "$(sinfo --noheader --Node --format=%T | grep -c idle)" = 4 ] || skip "nodes do not come up: $(sinfo 2>&1)"

# The nodes are one machine: shared memory would take them for one, and other jobs' files for its own.
cat >header <<C
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 PATH=$PATH
OMPI_MCA_orte_tmpdir_base=\$(mktemp -d $D/tmp/XXXXXX) && export OMPI_MCA_orte_tmpdir_base # jobs beside each other on one machine
C
finished() { # SECONDS: all jobs have left the queue
    for i in $(seq "$(($1 * 2))"); do
        [ -z "$(squeue --noheader)" ] && return
        sleep 0.5
    done
    fail "jobs did not end: $(squeue; tail -n 20 jobs/*.log)"
}
sweep() {
    "$IMGBENCH" sweep "${input-point,channels=8,times=1,image=0.2}" --cores 2 --header header --mpirun "--bind-to none" "$@" 2>err.txt ||
        fail "$* ended with $?: $(cat err.txt)"
}
recorded() { # CAMPAIGN: counted launches; each of them once
    "$PYTHON" - "$1" <<'P'
import collections, glob, json, sys
made = collections.Counter()
for name in glob.glob("results/*/*/*.jsonl"):
    lines = [json.loads(line) for line in open(name)]
    if lines[0].get("campaign_id") == sys.argv[1] and lines[0]["launch"] > 0 and lines[-1].get("status") == "ok":
        assert lines[0]["job"]["scheduler"] == "slurm" and lines[0]["job"]["job_id"], lines[0]["job"]
        made[lines[0]["point"], lines[0]["launch"]] += 1
assert not made or max(made.values()) == 1, made
print(sum(made.values()))
P
}

# ---- one job per number of nodes ---------------------------------------------------------------------------------------
sweep --ranks 1,2,4 --launches 2 --submit slurm --campaign plain --time 5:00 >jobs.txt
grep -q ' 2 .*plain-n2.sh' jobs.txt || fail "$(cat jobs.txt)"
sweep --ranks 1,2,4 --launches 2 --submit slurm --campaign plain --time 5:00 | grep -q 'already queued' || fail "submitted twice"
finished 90
[ "$(recorded plain)" = 6 ] || fail "plain: $(recorded plain) of 6 launches; $(tail -n 30 jobs/*.log)"
sweep --ranks 1,2,4 --launches 2 --submit slurm --campaign plain --time 5:00 >jobs.txt
! grep -q plain-n jobs.txt || fail "jobs without work: $(cat jobs.txt)"

# ---- an array, a task of which is killed -------------------------------------------------------------------------------
input=point,channels=256,times=50 # seconds
sweep --launches 4 --submit slurm --array --tasks 2 --campaign array --time 5:00 >jobs.txt
job=$(cat jobs/array-n1.job)
for i in $(seq 200); do
    [ -e "jobs/array-n1-${job}_3.log" ] && break
    sleep 0.1
done
scancel --signal=KILL --full "${job}_3" || fail "no task 3: $(squeue)"
finished 90
[ "$(recorded array)" -lt 4 ] || fail "the killed task left a launch"
sweep --launches 4 --submit slurm --array --tasks 2 --campaign array --time 5:00 >jobs.txt
grep -q '^#SBATCH --array=.*3' jobs/array-n1.sh || fail "$(recorded array) recorded; $(cat err.txt jobs.txt; tail -n 30 jobs/array*.log)"
finished 90
[ "$(recorded array)" = 4 ] || fail "array: $(recorded array) of 4 launches; $(tail -n 30 jobs/array*.log)"

unset input

# ---- Torque's way ------------------------------------------------------------------------------------------------------
sweep --ranks 2,4 --launches 1 --warmup 0 --submit torque --campaign torque --time 5:00 >jobs.txt
finished 90
[ "$(recorded torque)" = 2 ] || fail "torque: $(recorded torque) of 2 launches; $(cat jobs/torque* ./*.o* ./*.e* 2>/dev/null)"
sweep --launches 2 --warmup 0 --submit torque --array --campaign tasks --time 5:00 >jobs.txt
finished 90
[ "$(recorded tasks)" = 2 ] || fail "tasks: $(recorded tasks) of 2 launches; $(cat jobs/tasks* ./*.o* ./*.e* 2>/dev/null)"

# ---- scripts/slurm, with the numbers of this cluster --------------------------------------------------------------------
. ./header
export IMGBENCH OMP_PROC_BIND=false
sbatch --wait --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 "$IMGBENCH_SOURCE/scripts/slurm/imgbench.sbatch" \
    sim:point,channels=8,times=1,image=0.2 --output sbatch.hdf5 >/dev/null || fail "imgbench.sbatch: $? $(cat imgbench-*.log)"
[ -e sbatch.hdf5 ] || fail "imgbench.sbatch left no image: $(cat imgbench-*.log)"
sed -e 's/ppn=16/ppn=1/; s/^ranks_per_node=2/ranks_per_node=1/; s/^threads=8/threads=1/' "$IMGBENCH_SOURCE/scripts/slurm/imgbench.pbs" >mine.pbs
INPUT=sim:point,channels=8,times=1,image=0.2 OPTIONS="--output qsub.hdf5 --quiet" qsub -V mine.pbs >/dev/null
finished 60
[ -e qsub.hdf5 ] || fail "imgbench.pbs left no image: $(cat mine.pbs.*)"
