{{/* Every object of a service. */}}
{{- define "service.all" -}}
{{- include "service.check" . -}}
{{ include "service.account" . }}
{{- if .Values.config }}
---
{{ include "service.config" . }}
{{- end }}
{{- if (default dict .Values.image).digest }}
{{- if (include "service.shape" . | fromYaml).ports }}
---
{{ include "service.service" . }}
{{- end }}
---
{{ include "service.deployment" . }}
{{- if .Values.podDisruptionBudget }}
---
{{ include "service.budget" . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "service.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Chart.Name }}
  labels: {{- include "service.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{- define "service.config" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Chart.Name }}
  labels: {{- include "service.labels" . | nindent 4 }}
data:
  {{- range $key, $value := .Values.config }}
  {{ $key }}: {{ $value | quote }}
  {{- end }}
{{- end }}

{{- define "service.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .Chart.Name }}
  labels: {{- include "service.labels" . | nindent 4 }}
spec:
  type: ClusterIP
  selector: {{- include "service.selector" . | nindent 4 }}
  ports:
    {{- range (include "service.shape" . | fromYaml).ports }}
    - name: {{ .name }}
      port: {{ .containerPort }}
      targetPort: {{ .name }}
      protocol: TCP
    {{- end }}
{{- end }}

{{- define "service.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .Chart.Name }}
  labels: {{- include "service.labels" . | nindent 4 }}
spec:
  selector:
    matchLabels: {{- include "service.selector" . | nindent 6 }}
  {{- toYaml .Values.podDisruptionBudget | nindent 2 }}
{{- end }}
