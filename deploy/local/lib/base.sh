# Sourced by local: processes, ports and installing.

fail() {
  echo "local: $*" >&2
  exit 1
}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/gochat

# need COMMAND PACKAGE: a program, installed from Debian's packages by root.
need() {
  PATH=$PATH:/usr/sbin:/sbin
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $2"
    mkdir -p "$dir/log"
    exec 9>"/tmp/gochat-apt.lock"
    flock 9
    { [ -n "${apt_updated:-}" ] || apt-get update -qq; } >"$dir/log/apt.log" 2>&1 &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >>"$dir/log/apt.log" 2>&1 ||
      fail "apt-get could not install $2; it said: $(tail -n 3 "$dir/log/apt.log")"
    apt_updated=1
    exec 9>&-
    command -v "$1" >/dev/null && return
  fi
  fail "$1 is missing; install it, on Debian: apt-get install $2"
}

# A pid file holds the pid and the time at which the process began, so that a
# number that was given to another process meanwhile is not taken for ours.
began() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  set -- ${stat##*) }
  echo "${20}"
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
  # A process that nobody has buried is dead once its other threads are gone.
  [ "$(process_state "$1")" != Z ] || [ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -gt 1 ]
}

# launch NAME COMMAND…: in a session of its own, so that it outlives this script
# and its terminal.
launch() {
  local name=$1
  shift
  mkdir -p "$dir/log" "$dir/run"
  setsid nohup "$@" >>"$dir/log/$name.log" 2>&1 </dev/null &
  echo "$! $(began $!)" >"$dir/run/$name.pid"
}

signal_process() {
  alive "$1" || { echo "local: $1 does not run" >&2 && return 1; }
  kill "-$2" "$(process_pid "$1")"
}

wait_dead() { # NAME SECONDS
  local i
  for ((i = 0; i < $2 * 20; i++)); do
    alive "$1" || return 0
    sleep 0.05
  done
  return 1
}

# wait_for NAME COMMAND…: until the command succeeds; a process that has died, or a
# minute, ends the wait with the end of its log.
wait_for() {
  local name=$1 i
  shift
  for ((i = 0; i < 600; i++)); do
    "$@" >/dev/null 2>&1 && return 0
    if ! alive "$name"; then
      echo "local: $name has ended; its log says:" >&2
      tail -n 15 "$dir/log/$name.log" >&2
      return 1
    fi
    sleep 0.1
  done
  echo "local: $name does not answer after a minute; its log says:" >&2
  tail -n 15 "$dir/log/$name.log" >&2
  return 1
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port NAME PORT: nobody else may have it.
free_port() {
  ! port_open "$2" || fail "port $2 for $1 is taken by another program; stop it, or choose other ports by --base-port"
}
