{{- /* Up at once, down one by one: a gateway that goes sends its clients elsewhere, and a worker that
comes or goes makes the others divide the queue anew. */ -}}
{{- define "gochat.behavior" -}}
scaleUp:
  stabilizationWindowSeconds: 30
  policies: [{type: Percent, value: 100, periodSeconds: 60}]
scaleDown:
  stabilizationWindowSeconds: 300
  policies: [{type: Pods, value: 1, periodSeconds: 120}]
{{- end }}
