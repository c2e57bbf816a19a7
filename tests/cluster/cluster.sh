# A one-node SLURM cluster on this machine, for the scripts beside this file, which source it.
# Needs .venv (`make setup`); installs Debian's SLURM where it is missing. Everything that it makes
# lies in a temporary folder and goes again, also after a failure.
set -euo pipefail

step() { echo "$test: $*"; }
fail() { reason=$*; exit 1; }  # clean_up tells it
reason=
scratch=
daemons=()

stop_daemons() {
    local pid
    # Jobs first: once the daemons are gone, nothing would end them.
    if [[ -e $scratch/up ]]; then
        scancel --user="$(id -un)" || true
        for _ in {1..50}; do
            [[ $(squeue --noheader --states=running,completing) ]] || break
            sleep 0.2
        done
    fi
    for pid in "${daemons[@]}"; do
        kill "$pid" 2>/dev/null || continue
        for _ in {1..50}; do
            kill -0 "$pid" 2>/dev/null || continue 2
            sleep 0.2
        done
        kill -KILL "$pid" 2>/dev/null || true
    done
}

tell_logs() {
    tail -n 20 "$scratch"/*.log >&2
    # Snakemake keeps those of failed jobs only.
    find "$scratch"/*/.snakemake/slurm_logs -name "*.log" -exec tail -n 40 {} + >&2 2>/dev/null
}

clean_up() {
    local status=$?
    trap '' EXIT INT TERM HUP
    if [[ $scratch ]]; then
        stop_daemons || true
        ((status == 0)) || tell_logs || true
        cd / && rm -rf "$scratch"
    fi
    ((status == 0)) || echo "$test failed: ${reason:-exit status $status}" >&2
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ -x $root/.venv/bin/snakemake ]] || fail "no .venv in $root: run 'make setup' first"
[[ -z ${SLURM_CONF:-} && ! -e /etc/slurm/slurm.conf && ! -e /etc/slurm-llnl/slurm.conf ]] ||
    fail "this machine belongs to a SLURM cluster; the test wants to make its own"

export PATH=$root/.venv/bin:$PATH:/usr/sbin:/sbin  # Debian keeps daemons in sbin
unset SNAKEMAKE_PROFILE

have_slurm() {
    local name
    for name in munged slurmctld slurmd sbatch; do command -v "$name" >/dev/null || return; done
}
if ! have_slurm; then
    step "installing SLURM"
    as_root=(env)
    ((EUID == 0)) || as_root=(sudo)
    { "${as_root[@]}" apt-get update -qq &&
        "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends slurm-wlm munge; } </dev/null >/dev/null ||
        fail "could not install slurm-wlm and munge"
    have_slurm || fail "SLURM's programs are not on the PATH"
fi

scratch=$(mktemp -d "${TMPDIR:-/tmp}/cluster-test.XXXXXX")
# munged wants every user to reach its socket; the key is private.
chmod 711 "$scratch"
(umask 077 && head -c 128 /dev/urandom >"$scratch/munge.key")

read -r control_port node_port < <(python - <<'PYTHON'
import socket

free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in free))
PYTHON
)

# No cgroups, no database, and all under one user. The job's memory limit counts nevertheless.
mkdir "$scratch/control" "$scratch/node"
export SLURM_CONF=$scratch/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$scratch/munge.socket
CredType=cred/munge
SlurmctldPort=$control_port
SlurmdPort=$node_port
StateSaveLocation=$scratch/control
SlurmdSpoolDir=$scratch/node
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2
SlurmdParameters=config_overrides
MpiDefault=none
MinJobAge=3600
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000
PartitionName=test Nodes=localhost Default=YES MaxTime=1-0
CONF

# Snakemake starts srun without any SLURM_ variable, so srun needs another way to the configuration.
mkdir "$scratch/bin"
cat >"$scratch/bin/srun" <<SRUN
#!/bin/sh
SLURM_CONF=$SLURM_CONF exec $(command -v srun) "\$@"
SRUN
chmod +x "$scratch/bin/srun"
export PATH=$scratch/bin:$PATH

start() {
    local name=$1
    "$@" </dev/null >"$scratch/$name.log" 2>&1 &
    daemons=($! "${daemons[@]}")  # the last one started is stopped first
}
wait_for() {
    local what=$1
    shift
    for _ in {1..150}; do
        "$@" && return
        for pid in "${daemons[@]}"; do kill -0 "$pid" || fail "a daemon ended by itself"; done
        sleep 0.2
    done
    fail "waited 30 s for $what"
}
munge_works() { munge --no-input --socket="$scratch/munge.socket" >/dev/null 2>&1; }
node_idle() { [[ $(sinfo --noheader --format=%T 2>/dev/null) == idle ]]; }

step "starting a cluster"
start munged --foreground --socket="$scratch/munge.socket" --key-file="$scratch/munge.key" \
    --seed-file="$scratch/munge.seed" --pid-file="$scratch/munged.pid"
wait_for "munge" munge_works
start slurmctld -D
start slurmd -D -N localhost
wait_for "the node" node_idle
touch "$scratch/up"

# A study in a folder of its own, with its overlay on config/config.yaml; then Snakemake's options.
# Snakemake can wait for ever on a broken cluster: hence the time limit.
overlay=config/quick.yaml
make_folder() {
    mkdir "$scratch/$1"
    cp -R "$root"/{Snakefile,workflow,profiles,config,resources} "$scratch/$1"
}
study() {
    local where=$1 started=$SECONDS
    shift
    (cd "$scratch/$where" && exec timeout --foreground --kill-after=10 900 \
        snakemake "$@" --configfile config/config.yaml "$overlay") \
        </dev/null >>"$scratch/$where.log" 2>&1 || return
    step "the study in $where took $((SECONDS - started)) s"
}
on_slurm=(--profile workflow/profiles/slurm --slurm-status-command squeue
    --slurm-init-seconds-before-status-checks 2 --seconds-between-status-checks 2 --latency-wait 5)
