# Sourced by local: MySQL itself, of Debian's development release (sid), since stable
# has MariaDB alone. The release is unpacked into a folder of the cache by root, once; the
# server then runs from there on the release's own libraries, as any user.

mysql_root=$cache/mysql-sid

mysql_install() {
  [ -f "$mysql_root/complete" ] && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail "MySQL has to be fetched once by root on Debian, into $mysql_root: run this once as root with XDG_CACHE_HOME=${cache%/*}"
  fi
  need debootstrap debootstrap
  alone mysql_fetch || exit 1
}

# mysql_mirror: where apt has its packages from.
# shellcheck disable=SC2016 # the words of apt-get
mysql_mirror() { apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | awk '!/security/ && !seen++'; }

mysql_fetch() {
  local mirror
  [ -f "$mysql_root/complete" ] && return
  mirror=$(mysql_mirror)
  [ -n "$mirror" ] || fail "MySQL could not be fetched: apt-get knows no mirror; see /etc/apt/sources.list.d"
  echo "fetching MySQL from $mirror, about 650 MB on the disk"
  rm -rf --one-file-system "$mysql_root" "$mysql_root.new"
  debootstrap --variant=minbase --include=mysql-server-core,mysql-client-core sid "$mysql_root.new" "$mirror" >"$dir/log/mysql-fetch.log" 2>&1 ||
    fail "MySQL could not be fetched: $(tail -n 3 "$dir/log/mysql-fetch.log")"
  rm -rf "$mysql_root.new/var/cache/apt/archives" "$mysql_root.new/var/lib/apt/lists"
  touch "$mysql_root.new/complete"
  mv "$mysql_root.new" "$mysql_root"
}

mysql_processes() { echo mysql; }
mysql_port() { echo $((base + 12)); }

# mysql_program: the words that run a program of the release, which wants newer libraries
# than this machine has.
mysql_program() { # PATH OPTIONS…
  local libs=("$mysql_root"/usr/lib/*-linux-gnu)
  local loader=("${libs[0]}"/ld-linux-*.so.*)
  mysql_words=("${loader[0]}" --library-path "${libs[0]}" "$mysql_root/$1" --no-defaults "${@:2}")
}

mysql_start() {
  local data=$dir/mysql port options
  alive mysql && return
  port=$(mysql_port)
  free_port mysql "$port"
  mkdir -p "$data-tmp"
  # Without secure-file-priv it wants a folder that only the package makes.
  options=(--basedir="$mysql_root/usr" --tmpdir="$data-tmp" --secure-file-priv=)
  [ "$(id -u)" = 0 ] && options+=(--user=root)
  if [ ! -d "$data" ]; then
    rm -rf "$data.new"
    mysql_program usr/sbin/mysqld --initialize-insecure --datadir="$data.new" "${options[@]}"
    "${mysql_words[@]}" >"$dir/log/mysql-install.log" 2>&1 || fail "MySQL could not be set up: $(tail -n 3 "$dir/log/mysql-install.log")"
    mv "$data.new" "$data"
  fi
  # The socket's path must be short: the system takes 107 characters.
  mysql_program usr/sbin/mysqld --datadir="$data" "${options[@]}" --socket="/tmp/gochat-$(id -u)-$port.sock" --pid-file="$dir/run/mysql.mysql-pid" \
    --port="$port" --bind-address=127.0.0.1 --mysqlx=OFF --max-connections=500 \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_bin --innodb-buffer-pool-size=512M
  launch mysql "${mysql_words[@]}"
}

mysql_sql() { # NAME SQL
  mysql_program usr/bin/mysql -uroot -h127.0.0.1 -P"$(mysql_port)" -BN -e "$2"
  timeout 10 "${mysql_words[@]}"
}

mysql_ready() { wait_for "$1" mysql_sql "$1" 'SELECT 1'; }

# The version in sid changes, so it is printed.
mysql_up() {
  mysql_start mysql && mysql_ready mysql || return 1
  mysql_sql mysql 'CREATE DATABASE IF NOT EXISTS gochat' || return 1
  echo "mysql is version $(mysql_sql mysql 'SELECT VERSION()')"
}

mysql_env() { export_line GOCHAT_TEST_MYSQL_DSN "root@tcp(127.0.0.1:$(mysql_port))/gochat"; }
