# Sourced by local: a MariaDB primary, durable, and a replica that follows by GTID.

mariadb_install() { need mariadbd mariadb-server && need mariadb mariadb-client; }
mariadb_processes() { echo mariadb-primary mariadb-replica; }

mariadb_port() {
  case $1 in
  mariadb-primary) echo $((base + 10)) ;;
  mariadb-replica) echo $((base + 11)) ;;
  esac
}

# The socket's path must be short: the system takes 107 characters.
mariadb_socket() { echo "/tmp/gochat-$(id -u)-$(mariadb_port "$1").sock"; }

mariadb_start() {
  local name=$1 data=$dir/$1 port user=() options=()
  alive "$name" && return
  port=$(mariadb_port "$name")
  free_port "$name" "$port"
  [ "$(id -u)" = 0 ] && user=(--user=root)
  # Each server has its own temporary folder: a starting server removes all files there.
  mkdir -p "$data-tmp"
  if [ ! -d "$data/mysql" ]; then
    rm -rf "$data.new" && mkdir -p "$data.new"
    mariadb-install-db --no-defaults "${user[@]}" --datadir="$data.new" --tmpdir="$data-tmp" --auth-root-authentication-method=normal --skip-test-db \
      >"$dir/log/$name-install.log" 2>&1 || fail "MariaDB could not be set up: $(tail -n 3 "$dir/log/$name-install.log")"
    mv "$data.new" "$data"
  fi
  options=(--server-id=1)
  [ "$name" = mariadb-replica ] && options=(--server-id=2 --read-only=ON)
  launch "$name" mariadbd --no-defaults "${user[@]}" --datadir="$data" --tmpdir="$data-tmp" --socket="$(mariadb_socket "$name")" --pid-file="$dir/run/$name.mysql-pid" \
    --port="$port" --bind-address=127.0.0.1 --skip-name-resolve --max-connections=500 \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_bin \
    --log-bin="$data/bin" --binlog-format=ROW --log-slave-updates=ON --gtid-strict-mode=ON --relay-log="$data/relay" --expire-logs-days=1 \
    --innodb-flush-log-at-trx-commit=1 --sync-binlog=1 --innodb-buffer-pool-size=512M --innodb-log-file-size=256M "${options[@]}"
}

mariadb_sql() { # NAME SQL
  timeout 10 mariadb --no-defaults -uroot -h127.0.0.1 -P"$(mariadb_port "$1")" -BN -e "$2"
}

mariadb_ready() { wait_for "$1" mariadb_sql "$1" 'SELECT 1'; }

mariadb_up() {
  mariadb_start mariadb-primary && mariadb_start mariadb-replica || return 1
  mariadb_ready mariadb-primary && mariadb_ready mariadb-replica || return 1
  mariadb_sql mariadb-primary "CREATE DATABASE IF NOT EXISTS gochat;
    CREATE USER IF NOT EXISTS repl@'127.0.0.1' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'" || return 1
  # Set up once only: a replica that was promoted since must not follow again.
  if [ ! -f "$dir/mariadb-replica/told" ] && [ -z "$(mariadb_sql mariadb-replica 'SHOW SLAVE STATUS')" ]; then
    mariadb_sql mariadb-replica "SET GLOBAL gtid_slave_pos=''; CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=$(mariadb_port mariadb-primary),
      MASTER_USER='repl', MASTER_PASSWORD='repl', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1; START SLAVE" || return 1
  fi
  touch "$dir/mariadb-replica/told"
  wait_for mariadb-replica mariadb_follows
}

mariadb_follows() { mariadb_sql mariadb-replica 'USE gochat'; }

mariadb_dsn() { echo "root@tcp(127.0.0.1:$(mariadb_port "$1"))/gochat"; }

mariadb_env() {
  export_line GOCHAT_TEST_MYSQL_DSN "$(mariadb_dsn mariadb-primary)"
  export_line GOCHAT_TEST_MYSQL_REPLICA_DSN "$(mariadb_dsn mariadb-replica)"
}
