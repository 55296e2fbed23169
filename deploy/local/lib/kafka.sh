# Sourced by local: Apache Kafka in KRaft mode, broker and controller in one, from
# the jars of Maven Central.

kafka_jars=$cache/kafka-$(sed -n '/kafka_2.13/,/version/s#.*<version>\(.*\)</version>.*#\1#p' "$here/kafka/pom.xml")
# Whom the secure port lets in. Everything here listens on loopback only.
kafka_user=gochat
kafka_password=gochat-secret

kafka_install() {
  need java openjdk-17-jre-headless
  need openssl openssl
  kafka_java_new_enough || fail "Kafka needs Java 17 or newer, and java here is: $(java -version 2>&1 | head -n 1); install it, on Debian: apt-get install openjdk-17-jre-headless"
  [ -f "$kafka_jars/complete" ] && return
  need mvn maven
  alone kafka_fetch || exit 1
}

# Java 8 called itself 1.8.
kafka_java_new_enough() { [[ $(java -version 2>&1) =~ version\ \"([0-9]+) ]] && ((BASH_REMATCH[1] >= 17)); }

kafka_fetch() {
  [ -f "$kafka_jars/complete" ] && return
  echo "fetching Kafka"
  mkdir -p "$kafka_jars"
  mvn -B -q -f "$here/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$kafka_jars" >"$dir/log/kafka-fetch.log" 2>&1 ||
    fail "Kafka's jars could not be fetched from Maven Central: $(tail -n 3 "$dir/log/kafka-fetch.log")"
  touch "$kafka_jars/complete"
}

kafka_processes() { echo kafka; }

kafka_java=(java -Xms512m -Xmx512m -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -Djava.awt.headless=true
  "-Dlog4j2.configurationFile=$here/kafka/log4j2.properties" -cp "$kafka_jars/*")

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

kafka_config() {
  local module=org.apache.kafka.common.security
  cat <<TXT
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((base + 1))
listeners=PLAINTEXT://127.0.0.1:$base,SECURE://127.0.0.1:$((base + 2)),CONTROLLER://127.0.0.1:$((base + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$base,SECURE://127.0.0.1:$((base + 2))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/kafka/data
# Topics are made by those who need them.
auto.create.topics.enable=false
num.partitions=12
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A broker that was killed is let in again soon.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
# What a dead producer leaves open holds up readers: look for it often.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
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
  free_port kafka "$base"
  free_port kafka $((base + 1))
  free_port kafka $((base + 2))
  mkdir -p "$dir/kafka" "$dir/log"
  kafka_certificates
  kafka_config >"$dir/kafka/server.properties"
  if [ ! -f "$dir/kafka/data/meta.properties" ]; then
    "${kafka_java[@]}" kafka.tools.StorageTool format -c "$dir/kafka/server.properties" -t AAAAAAAAAAAAAAAAAAAAAQ \
      --add-scram "SCRAM-SHA-256=[name=$kafka_user,password=$kafka_password]" \
      --add-scram "SCRAM-SHA-512=[name=$kafka_user,password=$kafka_password]" >"$dir/log/kafka-format.log" 2>&1 ||
      fail "Kafka's data could not be set up: $(tail -n 3 "$dir/log/kafka-format.log")"
  fi
  launch kafka "${kafka_java[@]}" kafka.Kafka "$dir/kafka/server.properties"
}

# Kafka opens its ports when it is ready to serve.
kafka_ready() { wait_for kafka port_open "$base" && wait_for kafka port_open $((base + 2)); }
kafka_up() { kafka_start && kafka_ready; }

kafka_env() {
  export_line GOCHAT_TEST_KAFKA_BROKERS "127.0.0.1:$base"
  export_line GOCHAT_TEST_KAFKA_SASL_BROKER "127.0.0.1:$((base + 2))"
  export_line GOCHAT_TEST_KAFKA_SASL_CA "$dir/kafka/tls/ca.crt"
}
