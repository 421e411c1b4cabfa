{{/* What differs by shape: container ports and probes, as YAML with the keys `ports` and `probes`. A service's values may
state them; `ace-flow` has them here as well, for the values of its first services do not. */}}
{{- define "service.shape" -}}
{{- if hasKey .Values "ports" -}}
ports: {{- toYaml .Values.ports | nindent 2 }}
probes: {}
{{- else if eq .Values.shape "ace-flow" -}}
ports:
  - { name: admin, containerPort: 7600 }
  - { name: http, containerPort: 7800 }
probes:
  startup:
    tcpSocket: { port: admin }
    periodSeconds: 5
    failureThreshold: 60
  liveness:
    tcpSocket: { port: admin }
    periodSeconds: 10
    failureThreshold: 3
  readiness:
    tcpSocket: { port: http }
    periodSeconds: 5
    failureThreshold: 3
{{- end -}}
{{- end }}
