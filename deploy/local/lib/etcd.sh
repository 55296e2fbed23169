# Sourced by local: etcd, alone or three of them. Debian's is old: it is built
# from the module in deploy/local/etcd, which pins its version.

etcd_binary=$cache/etcd-$(sed -n 's#.*go.etcd.io/etcd/server/v3 v##p' "$here/etcd/go.mod" | head -n 1 | cut -d' ' -f1)

etcd_install() {
  need curl curl
  alone etcd_build || exit 1
}
etcd3_install() { etcd_install; }

etcd_build() {
  [ -x "$etcd_binary" ] && return
  command -v go >/dev/null || fail "go is missing, which builds etcd; see https://go.dev/dl"
  echo "building etcd"
  (cd "$here/etcd" && GOFLAGS=-buildvcs=false go build -o "$etcd_binary.$$" go.etcd.io/etcd/server/v3) >"$dir/log/etcd-build.log" 2>&1 ||
    fail "etcd could not be built: $(tail -n 3 "$dir/log/etcd-build.log")"
  mv "$etcd_binary.$$" "$etcd_binary"
}

etcd_processes() { echo etcd; }
etcd3_processes() { echo etcd-1 etcd-2 etcd-3; }

etcd_port() {
  case $1 in
  etcd) echo $((base + 50)) ;;
  etcd-*) echo $((base + 58 + 2 * ${1##*-})) ;;
  esac
}

etcd_start() { etcd_server "$1" "$1=http://127.0.0.1:$(($(etcd_port "$1") + 1))"; }

etcd3_start() {
  local p members=()
  for p in $(etcd3_processes); do members+=("$p=http://127.0.0.1:$(($(etcd_port "$p") + 1))"); done
  etcd_server "$1" "$(IFS=, && echo "${members[*]}")"
}

etcd_server() { # NAME MEMBERS
  local name=$1 port
  alive "$name" && return
  port=$(etcd_port "$name")
  free_port "$name" "$port"
  free_port "$name" $((port + 1))
  launch "$name" "$etcd_binary" --name "$name" --data-dir "$dir/$name" --log-level warn \
    --listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
    --listen-peer-urls "http://127.0.0.1:$((port + 1))" --initial-advertise-peer-urls "http://127.0.0.1:$((port + 1))" \
    --initial-cluster "$2" --heartbeat-interval 50 --election-timeout 500
}

etcd_healthy() { [[ $(curl -fsS -m 2 "http://127.0.0.1:$(etcd_port "$1")/health") == *'"health":"true"'* ]]; }
etcd_ready() { wait_for "$1" etcd_healthy "$1"; }
etcd3_ready() { etcd_ready "$1"; }

etcd_up() { etcd_start etcd && etcd_ready etcd; }
etcd3_up() {
  local p
  for p in $(etcd3_processes); do etcd3_start "$p" || return 1; done
  for p in $(etcd3_processes); do etcd_ready "$p" || return 1; done
}

# GOCHAT_TEST_ETCD_BIN is for tests that start their own etcd, in order to kill or pause it.
etcd_env() {
  export_line GOCHAT_TEST_ETCD_ENDPOINTS "127.0.0.1:$(etcd_port etcd)"
  export_line GOCHAT_TEST_ETCD_BIN "$etcd_binary"
}
etcd3_env() { export_line GOCHAT_TEST_ETCD3_ENDPOINTS "127.0.0.1:$(etcd_port etcd-1),127.0.0.1:$(etcd_port etcd-2),127.0.0.1:$(etcd_port etcd-3)"; }
