{{- define "gochat.fullname" -}}
{{- if contains "gochat" .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-gochat" .Release.Name }}{{ end }}
{{- end }}

{{- define "gochat.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "gochat.fullname" .) }}
{{- else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "gochat.release" -}}
app.kubernetes.io/name: gochat
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* What selects the pods of a role; of dict "root" and "component". */ -}}
{{- define "gochat.selector" -}}
{{ include "gochat.release" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "gochat.labels" -}}
{{ include "gochat.selector" . }}
app.kubernetes.io/part-of: gochat
{{- end }}

{{- define "gochat.image" -}}
{{- $tag := .tag | default .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- if and .root.Values.image.digest (not .tag) }}{{ printf "%s@%s" .root.Values.image.repository .root.Values.image.digest }}
{{- else }}{{ printf "%s:%s" .root.Values.image.repository $tag }}{{ end }}
{{- end }}

{{- /* The values of a role over the defaults, as YAML; of dict "root" and "role". */ -}}
{{- define "gochat.role" -}}
{{- $role := mustMergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (index .root.Values.roles .role | default dict)) -}}
{{- if and (eq $role.autoscaling.by "keda") (not (has .role (list "message" "fanout"))) -}}
{{- fail (printf "roles.%s.autoscaling.by: keda scales by the queue's lag, which only message and fanout have; use hpa or none" .role) -}}
{{- end -}}
{{- if gt (int $role.autoscaling.min) (int $role.autoscaling.max) -}}
{{- fail (printf "roles.%s.autoscaling: min %v is more than max %v" .role $role.autoscaling.min $role.autoscaling.max) -}}
{{- end -}}
{{- toYaml $role -}}
{{- end }}

{{- /* Go's collector works harder before the kernel ends the process: nine tenths of the limit. */ -}}
{{- define "gochat.memory" -}}
{{- $mib := 0 -}}
{{- if hasSuffix "Gi" . }}{{ $mib = mul 1024 (trimSuffix "Gi" . | int) }}{{ else }}{{ $mib = trimSuffix "Mi" . | int }}{{ end -}}
{{- printf "%dMiB" (div (mul $mib 9) 10) -}}
{{- end }}

{{- /* The stop of a process, as stopTimeout in the program adds it up, with a margin. */ -}}
{{- define "gochat.grace" -}}
{{- $d := .root.Values.drain -}}
{{- $program := add $d.gateway $d.router $d.rpc 5 -}}
{{- $margin := 5 -}}
{{- add $program $margin (ternary $d.delay 0 .serves) -}}
{{- end }}
