# Sourced by local: Redis, alone, with sentinels, as a cluster.

redis_install() { need redis-server redis-server && need redis-cli redis-server; }
stream_install() { redis_install; }
sentinel_install() { redis_install; }
cluster_install() {
  redis_install
  redis_new_enough || fail "a cluster needs Redis 7 or newer, and redis-server here is: $(redis-server --version)"
}
redis_new_enough() { [[ $(redis-server --version) =~ v=([0-9]+) ]] && ((BASH_REMATCH[1] >= 7)); }

redis_processes() { echo redis; }
stream_processes() { echo stream; }
sentinel_processes() { echo sentinel-redis-1 sentinel-redis-2 sentinel-redis-3 sentinel-1 sentinel-2 sentinel-3; }
cluster_processes() { echo cluster-1 cluster-2 cluster-3 cluster-4 cluster-5 cluster-6; }

redis_port() {
  case $1 in
  redis) echo $((base + 20)) ;;
  stream) echo $((base + 21)) ;;
  sentinel-redis-*) echo $((base + 29 + ${1##*-})) ;;
  sentinel-*) echo $((base + 34 + ${1##*-})) ;;
  cluster-*) echo $((base + 39 + ${1##*-})) ;;
  esac
}

redis_server() { # NAME OPTIONS…
  local name=$1 port
  shift
  alive "$name" && return
  port=$(redis_port "$name")
  free_port "$name" "$port"
  mkdir -p "$dir/$name"
  launch "$name" redis-server "$@" --bind 127.0.0.1 --port "$port" --dir "$dir/$name" --daemonize no
}

redis_cli() { timeout 3 redis-cli -p "$(redis_port "$1")" "${@:2}"; }
redis_pong() { [ "$(redis_cli "$1" ping)" = PONG ]; }

redis_start() { redis_server "$1" --save '' --appendonly no; }
stream_start() { redis_server "$1" --save '' --appendonly yes --appendfsync always --maxmemory-policy noeviction; }

sentinel_start() {
  local name=$1 conf=$dir/$1/sentinel.conf
  case $name in
  sentinel-redis-*)
    # shellcheck disable=SC2046 # the option and its two values, or nothing
    redis_server "$name" --save '' --appendonly no --repl-diskless-sync-delay 0 $(sentinel_follow "${name##*-}")
    ;;
  *)
    mkdir -p "$dir/$name"
    [ -f "$conf" ] || cat >"$conf" <<TXT
sentinel monitor gochat 127.0.0.1 $(redis_port sentinel-redis-1) 2
sentinel down-after-milliseconds gochat 1000
sentinel failover-timeout gochat 3000
sentinel parallel-syncs gochat 1
TXT
    alive "$name" && return
    free_port "$name" "$(redis_port "$name")"
    launch "$name" redis-server "$conf" --sentinel --bind 127.0.0.1 --port "$(redis_port "$name")" --dir "$dir/$name"
    ;;
  esac
}

# sentinel_follow NUMBER: makes a server follow the master that the sentinels, or
# their files, name; before there are sentinels that is the first server.
sentinel_follow() {
  local i master
  for i in 1 2 3; do
    master=$(redis_cli "sentinel-$i" sentinel get-master-addr-by-name gochat 2>/dev/null | tail -n 1) && [ -n "$master" ] && break
    master=$(sed -n 's/^sentinel monitor gochat 127.0.0.1 \([0-9]*\) .*/\1/p' "$dir/sentinel-$i/sentinel.conf" 2>/dev/null || true)
    [ -n "$master" ] && break
  done
  master=${master:-$(redis_port sentinel-redis-1)}
  [ "$master" = "$(redis_port "sentinel-redis-$1")" ] || echo "--replicaof 127.0.0.1 $master"
}

# The port that the nodes talk over would be 10,000 above, among those that the
# system hands out to connections.
cluster_start() {
  redis_server "$1" --save '' --appendonly no --cluster-enabled yes --cluster-config-file nodes.conf --cluster-node-timeout 1000 \
    --cluster-port $(($(redis_port "$1") + 30)) --repl-diskless-sync-delay 0
}

redis_ready() { wait_for "$1" redis_pong "$1"; }
stream_ready() { redis_ready "$1"; }
sentinel_ready() { redis_ready "$1"; }
cluster_ready() { redis_ready "$1"; }

redis_up() { redis_start redis && redis_ready redis; }
stream_up() { stream_start stream && redis_ready stream; }

sentinel_up() {
  local p
  for p in $(sentinel_processes); do sentinel_start "$p" && redis_ready "$p" || return 1; done
  wait_for sentinel-1 sentinel_whole
}

sentinel_whole() {
  local i
  for i in 1 2 3; do
    [[ $(redis_cli "sentinel-$i" sentinel ckquorum gochat) == OK* ]] || return 1
    [ "$(redis_cli "sentinel-$i" sentinel replicas gochat | grep -c '^master-link-status$')" -ge 2 ] || return 1
    ! redis_cli "sentinel-$i" sentinel replicas gochat | grep -A1 '^master-link-status$' | grep -q '^err$' || return 1
  done
}

cluster_up() {
  local p addrs=()
  for p in $(cluster_processes); do cluster_start "$p" && redis_ready "$p" && addrs+=("127.0.0.1:$(redis_port "$p")") || return 1; done
  if ! redis_cli cluster-1 cluster info | grep -q 'cluster_known_nodes:6'; then
    timeout 60 redis-cli --cluster create "${addrs[@]}" --cluster-replicas 1 --cluster-yes >>"$dir/log/cluster-1.log" 2>&1 || {
      tail -n 15 "$dir/log/cluster-1.log" >&2
      return 1
    }
  fi
  for p in $(cluster_processes); do wait_for "$p" cluster_whole "$p" || return 1; done
}

cluster_whole() {
  redis_cli "$1" cluster info | grep -q cluster_state:ok || return 1
  ! redis_cli "$1" info replication | grep -q '^role:slave' || redis_cli "$1" info replication | grep -q master_link_status:up
}

redis_list() {
  local p out=()
  for p in "$@"; do out+=("127.0.0.1:$(redis_port "$p")"); done
  (IFS=, && echo "${out[*]}")
}

redis_env() { export_line GOCHAT_TEST_REDIS_ADDR "$(redis_list redis)"; }
stream_env() { export_line GOCHAT_TEST_REDIS_STREAM_ADDR "$(redis_list stream)"; }
sentinel_env() { export_line GOCHAT_TEST_REDIS_SENTINEL_ADDRS "$(redis_list sentinel-1 sentinel-2 sentinel-3)"; }
cluster_env() { export_line GOCHAT_TEST_REDIS_CLUSTER_ADDRS "$(redis_list cluster-1 cluster-2 cluster-3)"; }
