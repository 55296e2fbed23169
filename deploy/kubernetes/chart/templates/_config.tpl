{{- /* GoChat's configuration file: what the user says, and over it what the rest of the chart stands on. */ -}}
{{- define "gochat.config" -}}
{{- $v := .Values -}}
{{- $own := dict
  "ops" (dict "listen" ":9090")
  "gateway" (dict "listen" ":8080" "drain_timeout" (printf "%vs" $v.drain.gateway))
  "router" (dict "drain_timeout" (printf "%vs" $v.drain.router))
  "rpc" (dict "drain_timeout" (printf "%vs" $v.drain.rpc)) -}}
{{- /* Where the image has them as well, whose environment would win. */ -}}
{{- $_ := set $own "data_dir" "/var/lib/gochat/data" -}}
{{- $_ := set $own "log" (dict "format" "json") -}}
{{- if eq $v.mode "cluster" -}}
{{- $_ := set $own.rpc "listen" ":9091" -}}
{{- $_ := set $own "db" (dict "driver" "mysql") -}}
{{- if $v.migrate.job }}{{ $_ := set $own.db "auto_migrate" false }}{{ end -}}
{{- if $v.rpc.insecure -}}
{{- $_ := set $own.rpc "insecure" true -}}
{{- else -}}
{{- $_ := set $own.rpc "tls" (dict "ca" "/etc/gochat/rpc/ca.crt" "cert" "/etc/gochat/rpc/tls.crt" "key" "/etc/gochat/rpc/tls.key") -}}
{{- end -}}
{{- end -}}
{{- $all := mustMergeOverwrite (deepCopy $v.config) $own -}}
{{- include "gochat.check" (dict "values" $v "config" $all) -}}
{{- toYaml $all -}}
{{- end }}

{{- /* What would make every pod end at its start, said before there is any. */ -}}
{{- define "gochat.check" -}}
{{- $c := .config -}}
{{- if eq .values.mode "cluster" -}}
{{- if not (dig "registry" "endpoints" "" $c) }}{{ fail "config.registry.endpoints: name etcd, host:port with commas; without it the roles do not find each other" }}{{ end -}}
{{- if not (dig "kv" "addrs" "" $c) }}{{ fail "config.kv.addrs: name Redis, host:port with commas" }}{{ end -}}
{{- $driver := dig "mq" "driver" "" $c -}}
{{- if not (has $driver (list "kafka" "redisstream")) }}{{ fail "config.mq.driver: must be kafka or redisstream in mode cluster" }}{{ end -}}
{{- if and (eq $driver "kafka") (not (dig "mq" "kafka" "brokers" "" $c)) }}{{ fail "config.mq.kafka.brokers: name the brokers, host:port with commas" }}{{ end -}}
{{- if and (eq $driver "redisstream") (not (dig "mq" "redisstream" "addrs" "" $c)) }}{{ fail "config.mq.redisstream.addrs: name the server, host:port" }}{{ end -}}
{{- if not (dig "auth" "active_key" "" $c) }}{{ fail "config.auth.active_key: name the key of GOCHAT_AUTH_KEYS that signs new tokens (k1)" }}{{ end -}}
{{- end -}}
{{- if and .values.ingress.enabled (not (dig "gateway" "trusted_proxies" "" $c)) }}{{ fail "config.gateway.trusted_proxies: name the addresses or networks of the Ingress controller's pods; otherwise all clients count as one address, and its limits are for all of them together" }}{{ end -}}
{{- end }}
