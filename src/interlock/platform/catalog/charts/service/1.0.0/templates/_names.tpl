{{/* Labels of every object. `managed-by` is Helm, as the chart convention has it. */}}
{{- define "service.labels" -}}
{{ include "service.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
interlock.dev/owner: {{ .Values.owner }}
interlock.dev/shape: {{ .Values.shape }}
{{- end }}

{{/* Labels by which the Service finds the pods: they never change, a Deployment's selector is immutable. */}}
{{- define "service.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
interlock.dev/service: {{ .Chart.Name }}
{{- end }}

{{- define "service.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}@{{ .Values.image.digest }}
{{- end }}

{{/* Refuses what cannot be right, by name, before anything is rendered. */}}
{{- define "service.check" -}}
{{- $known := list "owner" "shape" "image" "replicas" "config" "resources" "probes" "podDisruptionBudget" "revisionHistoryLimit" "progressDeadlineSeconds" "terminationGracePeriodSeconds" "service" "global" }}
{{- range $key, $value := .Values }}
{{- if not (has $key $known) }}
{{- fail (printf "values: %s is not a value of the chart service" $key) }}
{{- end }}
{{- end }}
{{- $owner := required "values: owner is required" .Values.owner }}
{{- $shape := required "values: shape is required" .Values.shape }}
{{- if not (has $shape (list "ace-flow")) }}
{{- fail (printf "values: shape %v is not supported" $shape) }}
{{- end }}
{{- $image := default dict .Values.image }}
{{- range $key, $value := $image }}
{{- if not (has $key (list "repository" "tag" "digest")) }}
{{- fail (printf "values: image.%s is not a value of the chart service" $key) }}
{{- end }}
{{- end }}
{{- with $image.digest }}
{{- if not (and (hasPrefix "sha256:" .) (eq (len .) 71)) }}
{{- fail (printf "values: image.digest %s is not sha256: and 64 hexadecimal digits" .) }}
{{- end }}
{{- $repository := required "values: image.repository is required with a digest" $image.repository }}
{{- $tag := required "values: image.tag is required with a digest" $image.tag }}
{{- end }}
{{- end }}
