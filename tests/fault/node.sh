#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 200
# The link to a node is cut without a word: the run ends, within the time that mpirun was given or that --hang-timeout
# gives, and goes on on what is left. Two network namespaces are the nodes; as root, where the system allows them.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
[ -z "$IMGBENCH_SANITIZED" ] || skip "two seconds are little under sanitizers"
command -v ip >/dev/null && command -v nsenter >/dev/null || skip "no ip (iproute2) or nsenter (util-linux)"
[ "$(id -u)" = 0 ] || skip "network namespaces are for root"
id=ib$$
net=10.$((64 + $$ % 64)).$(($$ / 64 % 256))
clear() {
    for k in 1 2; do
        for pid in $(ip netns pids $id-$k 2>/dev/null); do
            kill -KILL "$pid" 2>/dev/null || :
        done
        ip netns del $id-$k 2>/dev/null || :
    done
    ip link del $id-b 2>/dev/null || :
}
trap 'clear; cd /; rm -rf "$IMGBENCH_SCRATCH"' EXIT

nodes() {
    ip link add $id-b type bridge && ip addr add $net.254/24 dev $id-b && ip link set $id-b up || return 1
    for k in 1 2; do
        ip netns add $id-$k && ip link add $id-$k type veth peer name eth0 netns $id-$k &&
            ip link set $id-$k master $id-b up && ip -n $id-$k addr add $net.$k/24 dev eth0 &&
            ip -n $id-$k link set eth0 up && ip -n $id-$k link set lo up || return 1
    done
}
nodes 2>nodes.err || skip "no network namespaces: $(cat nodes.err)"

# What mpirun takes for ssh.
cat >agent <<A
#!/bin/sh
while [ "\${1#-}" != "\$1" ]; do shift; done
k=\${1##*.}
shift
exec nsenter --net=/run/netns/$id-\$k unshare --uts sh -c "hostname node\$k; \$*"
A
chmod +x agent

# cut TIMEOUT: a run of one rank on node1 and two on node2, whose link is cut while it works; mpirun's pid in $job.
cut() {
    rm -rf cube* cut.log
    nsenter --net=/run/netns/$id-1 unshare --uts sh -c 'hostname node1; exec "$@"' sh "$MPIEXEC" --mca plm_rsh_agent "$PWD/agent" \
        --host $net.1:1,$net.2:2 --mca btl self,vader,tcp --mca btl_tcp_if_include $net.0/24 --mca oob_tcp_if_include $net.0/24 -n 3 \
        -x XDG_CACHE_HOME -x IMGBENCH_FLUSH_S=0 "$IMGBENCH" $sim --output "$PWD/cube.hdf5" --record "" --quiet --hang-timeout "$1" >cut.log 2>&1 &
    job=$!
    for _ in $(seq 600); do
        sleep 0.1
        [ ! -s cube.hdf5.run/journal.1.0 ] || break
    done
    [ -s cube.hdf5.run/journal.1.0 ] || fail "the run did not start: $(cat cut.log)"
    ip link set $id-2 down
}

# over SECONDS: node1 has no imgbench left.
over() {
    for _ in $(seq "$1"0); do
        sleep 0.1
        # shellcheck disable=SC2046 # words
        ps -o args= $(ip netns pids $id-1 | sed 's/^/-p /') 2>/dev/null | grep -q "^$IMGBENCH" || return 0
    done
    fail "ranks are left after $1 s: $(cat cut.log)"
}
sim=sim:chiles,times=800,channels=60,imsize=128

# mpirun, told to look after its nodes, ends with a code of its own.
export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
cut 60
over 20
status=0
wait $job || status=$?
[ $status != 0 ] && [ $status != 70 ] || fail "mpirun ended with $status: $(cat cut.log)"
echo "mpirun ended with $status"
unset OMPI_MCA_oob_tcp_keepalive_time OMPI_MCA_oob_tcp_keepalive_intvl OMPI_MCA_oob_tcp_keepalive_probes
for pid in $(ip netns pids $id-2); do
    kill -KILL "$pid" || :
done
ip link set $id-2 up
for _ in $(seq 100); do # until both nodes have found each other again
    for k in 1 2; do
        ip -n $id-$k neigh flush all
    done
    sleep 0.1
    ! ip link show $id-2 | grep -q 'state UP' || break
done
sleep 1

# mpirun not told: the ranks that are left end by themselves and say why. Mpirun waits for its daemon on the lost node.
cut 2
over 20
grep -E '^imgbench: rank [12] on node2 has given no sign of life for 2 s' cut.log || fail "nothing was said: $(cat cut.log)"
kill -KILL $job
clear
let_go cube.hdf5
touch -d '10 minutes ago' cube.hdf5.run/lock # of another host: believed for two minutes
[ ! -e cube.hdf5 ] || fail "a cube under its final name although a node was lost"
on 2 $sim --output cube.hdf5 --record "" --quiet --resume >again.log 2>&1 || fail "does not go on: $(cat again.log)"
grep 'resumes: [1-9][0-9]* of 60' again.log || fail "nothing was finished: $(cat again.log)"
"$IMGBENCH" verify cube.hdf5
