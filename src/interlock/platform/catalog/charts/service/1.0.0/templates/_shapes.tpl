{{/* What differs by shape: container ports and probes, as YAML with the keys `ports` and `probes`. */}}
{{- define "service.shape" -}}
{{- if eq .Values.shape "ace-flow" -}}
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
