#!/usr/bin/env bash
# A throw-away SLURM of one node on this machine, for tests. Needs root and Debian's slurmctld, slurmd, slurm-client and
# munge; no systemd. Two pretend GPUs stand beside CPUs and memory that need not exist: SLURM counts, and limits nothing.
#
#   node.sh start     munge, controller and node daemon; ready when the node is idle (about a second)
#   node.sh stop      cancels all jobs and takes everything away
#   node.sh running   says whether this SLURM runs
#   node.sh crash     the node dies: its daemon and every process of its jobs are killed; the controller notices
#   node.sh boot      the node comes back; what waits starts at once and not after the usual two minutes
#
# Everything lies in $SLURM_NODE_DIR (else /run/slurm-node), but for a link /etc/slurm/slurm.conf that points there: job
# steps drop SLURM_CONF, so only the usual place is found. A machine with a slurm.conf of its own is left alone.
set -euo pipefail

DIR=${SLURM_NODE_DIR:-/run/slurm-node}
LINK=/etc/slurm/slurm.conf
CLUSTER=throw-away
CPUS=4 MEMORY=64000 GPUS=2
PROGRAMS=(munged slurmctld slurmd)
export SLURM_CONF=$DIR/slurm.conf

fail() {
  echo "node.sh: $*" >&2
  exit 1
}

pid_of() { # the process that is this program of ours, if it lives; a zombie does not
  local pid
  pid=$(cat "$DIR/$1.pid" 2>/dev/null) || return 1
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$1" ]] || return 1
  ! grep -q "^State:.Z" "/proc/$pid/status" || return 1
  echo "$pid"
}

until_true() { # until_true SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "$what took too long"
    sleep 0.1
  done
}

gone() { ! pid_of "$1"; }
empty_queue() { [[ -z $(squeue --noheader) ]]; }
node_state() { [[ $(sinfo --noheader --partition batch --format %T) == "$1" ]]; }
ours() { [[ -L $LINK && $(readlink "$LINK") == "$SLURM_CONF" ]]; }

end_program() { # end_program NAME SIGNAL
  local pid
  pid=$(pid_of "$1") || return 0
  kill "-$2" "$pid" || true
  until_true 10 "the end of $1" gone "$1"
}

kill_jobs() { # what jobs of this SLURM left on the machine; their keepers first, who would tell the controller
  local environment pid
  for environment in /proc/[0-9]*/environ; do
    pid=${environment//[!0-9]/}
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == slurmstepd ]] &&
      grep -qzx "SLURM_CONF=$SLURM_CONF" "$environment" 2>/dev/null; then
      kill -KILL "$pid" 2>/dev/null || true
    fi
  done
  for environment in /proc/[0-9]*/environ; do
    pid=${environment//[!0-9]/}
    if grep -qzx "SLURM_CLUSTER_NAME=$CLUSTER" "$environment" 2>/dev/null; then
      kill -KILL "$pid" 2>/dev/null || true
    fi
  done
}

write_config() {
  local host number
  host=$(hostname -s)
  for ((number = 0; number < GPUS; number++)); do # slurmd takes nothing but devices for GPUs: clones of /dev/null
    mknod "$DIR/gpu$number" c 1 3
  done
  echo "NodeName=$host Name=gpu Type=pretend File=$DIR/gpu[0-$((GPUS - 1))]" >"$DIR/gres.conf"
  if slurmd -V | grep -qE " (23\.11|2[4-9]\.|[3-9][0-9]\.)"; then # older ones do not know the word
    echo "CgroupPlugin=disabled" >"$DIR/cgroup.conf"
  fi
  cat >"$SLURM_CONF" <<CONF
ClusterName=$CLUSTER
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$DIR/munge.socket
CredType=cred/munge
SlurmctldPidFile=$DIR/slurmctld.pid
SlurmdPidFile=$DIR/slurmd.pid
SlurmctldLogFile=$DIR/slurmctld.log
SlurmdLogFile=$DIR/slurmd.log
StateSaveLocation=$DIR/controller
SlurmdSpoolDir=$DIR/node
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=2
MinJobAge=7200
InactiveLimit=0
SlurmctldTimeout=30
SlurmdTimeout=10
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEMORY Gres=gpu:pretend:$GPUS State=UNKNOWN
PartitionName=batch Nodes=$host Default=YES MaxTime=2-0 State=UP
PartitionName=accelerated Nodes=$host Default=NO MaxTime=2-0 State=UP
CONF
}

start() {
  local program
  [[ $EUID -eq 0 ]] || fail "only root can start a SLURM"
  for program in "${PROGRAMS[@]}" sbatch; do
    command -v "$program" >/dev/null || fail "$program is not installed"
  done
  [[ ! -e $LINK ]] || ours || fail "$LINK exists: this machine has a SLURM of its own"
  stop
  trap 'tail -n 5 "$DIR"/*.log >&2; stop' ERR EXIT
  install -d -m 755 "$DIR" "$DIR/controller" "$DIR/node" "${LINK%/*}"
  install -d -m 700 "$DIR/munge"
  write_config
  (umask 077 && head -c 1024 /dev/urandom >"$DIR/munge/key")
  ln -sfn "$SLURM_CONF" "$LINK"
  munged --key-file="$DIR/munge/key" --socket="$DIR/munge.socket" --pid-file="$DIR/munged.pid" \
    --log-file="$DIR/munge/log" --seed-file="$DIR/munge/seed"
  until_true 10 "munge" munge --socket="$DIR/munge.socket" --no-input
  slurmctld -c
  until_true 30 "the controller" scontrol ping
  slurmd
  until_true 30 "the node" node_state idle
  trap - ERR EXIT
  echo "SLURM runs: $(sinfo --noheader --partition batch --format '%c CPUs, %m MB, %G')"
}

stop() {
  if pid_of slurmctld >/dev/null; then
    scancel --user root || true
    until_true 10 "the end of all jobs" empty_queue || true
  fi
  local program
  for program in slurmd slurmctld munged; do end_program "$program" TERM; done
  kill_jobs
  if ours; then rm "$LINK"; fi
  rm -rf "$DIR"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  running) for program in "${PROGRAMS[@]}"; do pid_of "$program" >/dev/null || fail "$program does not run"; done ;;
  crash)
    end_program slurmd KILL
    kill_jobs
    until_true 90 "the loss of the node" node_state "down*"
    ;;
  boot)
    slurmd
    until_true 60 "the node" node_state idle
    sleep 2 # slurmctld 22.05 was seen to crash when a job with a GPU starts while the node still registers
    for job in $(squeue --noheader --states=PENDING --format=%A); do scontrol update JobId="$job" StartTime=now; done
    ;;
  *)
    sed -n "2,12s/^# \{0,1\}//p" "$0"
    exit 2
    ;;
esac
