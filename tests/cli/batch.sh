#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The job scripts hand their arguments and their signal to the program and end with its exit code; only mpirun and the
# scheduler are played here.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
mkdir bin
cat >bin/mpirun <<'S'
#!/bin/sh
# Says how it was called; waits for USR1 if told to, as ranks that stop cleanly do.
echo "$OMP_NUM_THREADS $OMP_PLACES $*" >called
[ -e wait ] || exit 5
trap 'exit 75' USR1
echo ready >ready
for i in $(seq 100); do sleep 0.1; done
S
chmod +x bin/mpirun
PATH=$PWD/bin:$PATH
unset OMP_NUM_THREADS IMGBENCH
yes node1 | head -16 >nodes
yes node2 | head -16 >>nodes
slurm="env SLURM_NTASKS=4 SLURM_NTASKS_PER_NODE=2 SLURM_CPUS_PER_TASK=8 bash $IMGBENCH_SOURCE/scripts/slurm/imgbench.sbatch a.ms --psf"
pbs="env PBS_NODEFILE=nodes INPUT=a.ms OPTIONS=--psf bash $IMGBENCH_SOURCE/scripts/slurm/imgbench.pbs"

for job in "$slurm" "$pbs"; do
    rm -f wait
    status=0
    $job || status=$?
    [ $status = 5 ] || fail "ended with $status, not with the program's 5: $job"
    grep -q '^8 cores -n 4 .*--map-by ppr:2:node:PE=8 --bind-to core imgbench a.ms --psf$' called ||
        fail "mpirun was called with: $(cat called)"

    : >wait
    rm -f ready
    $job &
    pid=$!
    until [ -e ready ]; do sleep 0.1; done
    kill -USR1 $pid
    status=0
    wait $pid || status=$?
    [ $status = 75 ] || fail "ended with $status after USR1, not with 75: $job"
done
bash -n "$IMGBENCH_SOURCE/scripts/slurm/imgbench.sbatch" && bash -n "$IMGBENCH_SOURCE/scripts/slurm/imgbench.pbs"
