# Sourced by local: processes, ports and installing.

fail() {
  echo "local: $*" >&2
  exit 1
}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/gochat

# alone COMMAND…: runs it under a lock, so that only one of these scripts installs into the cache.
alone() {
  mkdir -p "$cache"
  (
    flock 7
    "$@"
  ) 7>"$cache/lock"
}

apt_install() {
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"
}

# need COMMAND PACKAGE: makes sure that a program exists; root installs its Debian package.
need() {
  PATH=$PATH:/usr/sbin:/sbin
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $2"
    mkdir -p "$dir/log"
    exec 9>"/tmp/gochat-apt.lock"
    flock 9
    apt_install "$2" >"$dir/log/apt.log" 2>&1 || fail "apt-get could not install $2; it said: $(tail -n 3 "$dir/log/apt.log")"
    exec 9>&-
    command -v "$1" >/dev/null && return
  fi
  fail "$1 is missing; install it, on Debian: apt-get install $2"
}

# A pid file holds the PID and the start time of the process, so that another
# process that got the same PID later is not taken for ours.
began() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # shellcheck disable=SC2086 # its fields
  set -- ${stat##*) }
  echo "${20}" # in clock ticks since the machine started
}

process_pid() { cut -d' ' -f1 "$dir/run/$1.pid" 2>/dev/null; }

process_state() {
  local stat
  stat=$(cat "/proc/$(process_pid "$1")/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  echo "${stat:0:1}"
}

alive() {
  local pid since
  [ -f "$dir/run/$1.pid" ] || return 1
  read -r pid since <"$dir/run/$1.pid" || return 1
  [ "$(began "$pid")" = "$since" ] || return 1
  # A zombie, which its parent has not waited for, counts as dead once its other threads are gone.
  [ "$(process_state "$1")" != Z ] || [ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -gt 1 ]
}

# launch NAME COMMAND…: starts it in its own session, so that it outlives this script
# and its terminal, and without the lock's file descriptor.
launch() {
  local name=$1
  shift
  mkdir -p "$dir/log" "$dir/run"
  setsid nohup "$@" >>"$dir/log/$name.log" 2>&1 </dev/null 8>&- &
  echo "$! $(began $!)" >"$dir/run/$name.pid"
}

signal_process() {
  if ! alive "$1"; then
    echo "local: $1 does not run" >&2
    return 1
  fi
  kill "-$2" "$(process_pid "$1")"
}

wait_dead() { # NAME SECONDS
  local i
  for ((i = 0; i < $2 * 20; i++)); do
    alive "$1" || return 0
    sleep 0.05
  done
  echo "local: $1 (process $(process_pid "$1")) has not ended after $2 s" >&2
  return 1
}

# wait_for NAME COMMAND…: repeats the command, which must end by itself, until it succeeds.
# When process NAME is dead or paused, or after a minute ($patience seconds), it fails and
# prints the end of the process's log.
wait_for() {
  local name=$1 until=$((SECONDS + ${patience:-60})) why="does not answer after ${patience:-60} seconds"
  shift
  while ((SECONDS < until)); do
    if ! alive "$name"; then
      why="has ended"
      break
    fi
    if [ "$(process_state "$name")" = T ]; then
      why="is paused (wake it by: resume $name)"
      break
    fi
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  echo "local: $name $why; the end of $dir/log/$name.log:" >&2
  tail -n 15 "$dir/log/$name.log" >&2
  return 1
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port NAME PORT: fails when another process listens on the port.
free_port() {
  ! port_open "$2" || fail "port $2 for $1 is taken by another program; stop it, or choose other ports by --base-port"
}

# export_line NAME VALUE: prints an export for a shell that evaluates the output of env.
export_line() { printf 'export %s=%s\n' "$1" "${2@Q}"; }
