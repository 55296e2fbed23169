{{- /* A pod of GoChat; of dict "root", "component", "args" (list), "serves" (it answers clients), "cfg" (values of the role). */ -}}
{{- define "gochat.pod" -}}
{{- $root := .root -}}{{- $v := .root.Values -}}{{- $cluster := eq $v.mode "cluster" -}}{{- $component := .component -}}
metadata:
  labels:
    {{- include "gochat.labels" . | nindent 4 }}
  annotations:
    {{- /* Most settings are read at the start only. */}}
    checksum/config: {{ include "gochat.config" $root | sha256sum }}
    {{- with .cfg.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "gochat.serviceAccount" $root }}
  automountServiceAccountToken: false
  # Variables that Kubernetes makes of Services' names would look like settings.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "gochat.grace" . }}
  {{- with .cfg.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $v.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- toYaml $v.podSecurityContext | nindent 4 }}
  {{- with .cfg.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .cfg.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .cfg.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .cfg.spread }}
  topologySpreadConstraints:
    {{- range . }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      # Of the same version alone: otherwise the old pods of a rollout push all new ones to one side.
      matchLabelKeys: [pod-template-hash]
      labelSelector:
        matchLabels:
          {{- include "gochat.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  containers:
    - name: gochat
      image: {{ include "gochat.image" (dict "root" $root "tag" .cfg.tag) }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: {{ append .args "--config=/etc/gochat/config/gochat.yaml" | toJson }}
      env:
        - {name: GOMEMLIMIT, value: {{ include "gochat.memory" .cfg.resources.limits.memory }}}
        {{- if ne $component "embedded" }}
        - {name: GOCHAT_RPC_ADVERTISE, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
        {{- end }}
        {{- if .serves }}
        - {name: GOCHAT_OPS_DRAIN_DELAY, value: {{ $v.drain.delay }}s}
        {{- end }}
        {{- range $v.secretEnv }}
        {{- if has $component .roles }}
        - {name: {{ .name }}, valueFrom: {secretKeyRef: {name: {{ $v.secret.name }}, key: {{ .key }}{{ if .optional }}, optional: true{{ end }}}}}
        {{- end }}
        {{- end }}
        {{- with .cfg.env }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- with .ports }}
      ports:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .probes }}
      startupProbe:
        httpGet: {path: {{ $v.probes.startup.path }}, port: {{ $v.probes.startup.port }}}
        periodSeconds: 2
        failureThreshold: {{ div (add $v.probes.startup.seconds 1) 2 }}
      livenessProbe:
        httpGet: {path: {{ $v.probes.liveness.path }}, port: {{ $v.probes.liveness.port }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: {{ .path }}, port: {{ .port }}}
        periodSeconds: 5
        timeoutSeconds: 4
        failureThreshold: 2
      {{- end }}
      resources:
        {{- toYaml .cfg.resources | nindent 8 }}
      securityContext:
        {{- toYaml $v.securityContext | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/gochat/config, readOnly: true}
        {{- if not $cluster }}
        - {name: data, mountPath: /var/lib/gochat}
        - {name: tmp, mountPath: /tmp}
        {{- else if not $v.rpc.insecure }}
        - {name: rpc, mountPath: /etc/gochat/rpc, readOnly: true}
        {{- end }}
        {{- with $v.volumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    - name: config
      configMap: {name: {{ include "gochat.fullname" $root }}}
    {{- if not $cluster }}
    - name: tmp
      emptyDir: {sizeLimit: 128Mi}
    {{- else if not $v.rpc.insecure }}
    - name: rpc
      # Read by the group that fsGroup names. A renewed certificate is taken up without a restart.
      secret: {secretName: {{ $v.rpc.secretName }}, defaultMode: 0440}
    {{- end }}
    {{- with $v.volumes }}{{ toYaml . | nindent 4 }}{{ end }}
{{- end }}
