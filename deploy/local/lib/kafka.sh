# Sourced by local: Apache Kafka in KRaft mode, broker and controller in one, alone or
# three of them, from the jars of Maven Central.

kafka_jars=$cache/kafka-$(sed -n '/kafka_2.13/,/version/s#.*<version>\(.*\)</version>.*#\1#p' "$here/kafka/pom.xml")
# The user of the secure port. Everything here listens on loopback only.
kafka_user=gochat
kafka_password=gochat-secret

kafka_install() {
  need java openjdk-17-jre-headless
  need openssl openssl
  kafka_java_new_enough || fail "Kafka needs Java 17 or newer, and java here is: $(java -version 2>&1 | head -n 1); install it, on Debian: apt-get install openjdk-17-jre-headless"
  kafka_fetched && return
  need mvn maven
  alone kafka_fetch || exit 1
}

# Java 8 called itself 1.8.
kafka_java_new_enough() { [[ $(java -version 2>&1) =~ version\ \"([0-9]+) ]] && ((BASH_REMATCH[1] >= 17)); }

# kafka_fetched: every jar of pom.xml is there. The jars may be of an earlier pom.xml that named fewer.
kafka_fetched() { cmp -s "$here/kafka/pom.xml" "$kafka_jars/complete"; }

kafka_fetch() {
  kafka_fetched && return
  echo "fetching Kafka"
  mkdir -p "$kafka_jars"
  mvn -B -q -f "$here/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$kafka_jars" >"$dir/log/kafka-fetch.log" 2>&1 ||
    fail "Kafka's jars could not be fetched from Maven Central: $(tail -n 3 "$dir/log/kafka-fetch.log")"
  cp "$here/kafka/pom.xml" "$kafka_jars/complete"
}

# kafka_tool NAME OPTION…: a program that Kafka's own releases have as a script.
kafka_tool() {
  local name=${1:-} class
  case $name in
  kafka-consumer-groups.sh) class=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
  kafka-topics.sh) class=org.apache.kafka.tools.TopicCommand ;;
  *) fail "there is no tool $name; there are: kafka-consumer-groups.sh kafka-topics.sh" ;;
  esac
  kafka_install
  java -Xmx256m -XX:TieredStopAtLevel=1 "${kafka_options[@]}" "$class" "${@:2}"
}

kafka3_install() { kafka_install; }

kafka_processes() { echo kafka; }
kafka3_processes() { echo kafka-1 kafka-2 kafka-3; }

# kafka_port NAME: the port for clients; the controller uses the next one.
kafka_port() {
  case $1 in
  kafka) echo "$base" ;;
  kafka-*) echo $((base + 78 + 2 * ${1##*-})) ;;
  esac
}

kafka_options=(-Djava.awt.headless=true "-Dlog4j2.configurationFile=$here/kafka/log4j2.properties" -cp "$kafka_jars/*")
kafka_java=(java -Xms512m -Xmx512m -XX:+UseG1GC -XX:MaxGCPauseMillis=20 "${kafka_options[@]}")
# Three of them start at once: less memory each, and less compiling.
kafka3_java=(java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "${kafka_options[@]}")

# kafka_certificates makes a CA and the broker's certificate for the secure port.
kafka_certificates() {
  local d=$dir/kafka/tls
  [ -f "$d/complete" ] && return
  mkdir -p "$d"
  {
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=gochat-local-ca -keyout "$d/ca.key" -out "$d/ca.crt" &&
      openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$d/broker.key" -out "$d/broker.csr" &&
      printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$d/ext" &&
      openssl x509 -req -in "$d/broker.csr" -CA "$d/ca.crt" -CAkey "$d/ca.key" -CAcreateserial -days 3650 -extfile "$d/ext" -out "$d/broker.crt" &&
      cat "$d/broker.key" "$d/broker.crt" "$d/ca.crt" >"$d/broker.pem" && touch "$d/complete"
  } >"$dir/log/kafka-tls.log" 2>&1 || fail "Kafka's certificates could not be made: $(tail -n 3 "$dir/log/kafka-tls.log")"
}

# kafka_config NAME ID VOTERS REPLICAS: each partition has REPLICAS replicas, of which one may be away.
kafka_config() {
  local port
  port=$(kafka_port "$1")
  cat <<TXT
process.roles=broker,controller
node.id=$2
controller.quorum.voters=$3
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/$1/data
# Topics are made by GoChat, never by publishing.
auto.create.topics.enable=false
num.partitions=12
default.replication.factor=$4
min.insync.replicas=$((($4 + 1) / 2))
offsets.topic.replication.factor=$4
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=$4
transaction.state.log.min.isr=$((($4 + 1) / 2))
transaction.state.log.num.partitions=8
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# Short sessions, so that a killed broker may soon register again and a silent one is
# fenced soon; not too short, since three brokers on a busy machine send late heartbeats.
broker.session.timeout.ms=$((1000 + 1000 * $4))
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=5000
# The open transaction of a dead producer blocks readers, so the broker looks for such often.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
TXT
}

# kafka_secure_config: the single node has another port, with TLS and SASL.
kafka_secure_config() {
  local module=org.apache.kafka.common.security
  cat <<TXT
listeners=PLAINTEXT://127.0.0.1:$base,SECURE://127.0.0.1:$((base + 2)),CONTROLLER://127.0.0.1:$((base + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$base,SECURE://127.0.0.1:$((base + 2))
ssl.keystore.type=PEM
ssl.keystore.location=$dir/kafka/tls/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/kafka/tls/ca.crt
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secure.plain.sasl.jaas.config=$module.plain.PlainLoginModule required user_$kafka_user="$kafka_password";
listener.name.secure.scram-sha-256.sasl.jaas.config=$module.scram.ScramLoginModule required;
listener.name.secure.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
TXT
}

kafka_start() {
  alive kafka && return
  free_port kafka $((base + 2))
  mkdir -p "$dir/kafka" "$dir/log"
  kafka_certificates
  {
    kafka_config kafka 1 "1@127.0.0.1:$((base + 1))" 1 | grep -v 'listeners='
    kafka_secure_config
  } >"$dir/kafka/server.properties"
  kafka_server kafka --add-scram "SCRAM-SHA-256=[name=$kafka_user,password=$kafka_password]" \
    --add-scram "SCRAM-SHA-512=[name=$kafka_user,password=$kafka_password]"
}

kafka3_start() {
  local p voters=()
  local kafka_java=("${kafka3_java[@]}")
  alive "$1" && return
  for p in $(kafka3_processes); do voters+=("${p##*-}@127.0.0.1:$(($(kafka_port "$p") + 1))"); done
  mkdir -p "$dir/$1" "$dir/log"
  kafka_config "$1" "${1##*-}" "$(IFS=, && echo "${voters[*]}")" 3 >"$dir/$1/server.properties"
  kafka_server "$1"
}

# kafka_server NAME OPTION…: starts a broker; OPTIONs are for formatting its data directory.
kafka_server() {
  local name=$1 port
  shift
  port=$(kafka_port "$name")
  free_port "$name" "$port"
  free_port "$name" $((port + 1))
  if [ ! -f "$dir/$name/data/meta.properties" ]; then
    "${kafka_java[@]}" kafka.tools.StorageTool format -c "$dir/$name/server.properties" -t AAAAAAAAAAAAAAAAAAAAAQ "$@" \
      >"$dir/log/$name-format.log" 2>&1 || fail "the data of $name could not be set up: $(tail -n 3 "$dir/log/$name-format.log")"
  fi
  launch "$name" "${kafka_java[@]}" kafka.Kafka "$dir/$name/server.properties"
}

# Kafka opens its ports when it is ready to serve.
kafka_ready() { wait_for kafka port_open "$base" && wait_for kafka port_open $((base + 2)); }
kafka3_ready() {
  local patience=180 # a broker has to catch up, and to be unfenced
  wait_for "$1" port_open "$(kafka_port "$1")"
}

kafka_up() { kafka_start && kafka_ready; }
kafka3_up() {
  local p
  for p in $(kafka3_processes); do kafka3_start "$p" || return 1; done
  for p in $(kafka3_processes); do kafka3_ready "$p" || return 1; done
}

kafka_env() {
  export_line GOCHAT_TEST_KAFKA_BROKERS "127.0.0.1:$base"
  export_line GOCHAT_TEST_KAFKA_SASL_BROKER "127.0.0.1:$((base + 2))"
  export_line GOCHAT_TEST_KAFKA_SASL_CA "$dir/kafka/tls/ca.crt"
}
# The same tests can be run on three nodes.
kafka3_env() { export_line GOCHAT_TEST_KAFKA_BROKERS "127.0.0.1:$(kafka_port kafka-1),127.0.0.1:$(kafka_port kafka-2),127.0.0.1:$(kafka_port kafka-3)"; }
