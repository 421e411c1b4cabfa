{{- define "service.deployment" -}}
{{- $shape := include "service.shape" . | fromYaml -}}
{{- $probes := default dict .Values.probes -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Chart.Name }}
  labels:
    {{- include "service.labels" . | nindent 4 }}
    app.kubernetes.io/version: {{ .Values.image.tag | trunc 63 | quote }}
spec:
  replicas: {{ if hasKey .Values "replicas" }}{{ .Values.replicas | int }}{{ else }}1{{ end }}
  revisionHistoryLimit: {{ .Values.revisionHistoryLimit | default 10 | int }}
  progressDeadlineSeconds: {{ .Values.progressDeadlineSeconds | default 600 | int }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels: {{- include "service.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "service.labels" . | nindent 8 }}
        app.kubernetes.io/version: {{ .Values.image.tag | trunc 63 | quote }}
      {{- with .Values.config }}
      annotations:
        checksum/config: {{ toYaml . | sha256sum }}
      {{- end }}
    spec:
      serviceAccountName: {{ .Chart.Name }}
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds | default 60 | int }}
      securityContext:
        runAsNonRoot: true
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: {{ .Chart.Name }}
          image: {{ include "service.image" . | quote }}
          imagePullPolicy: IfNotPresent
          {{- with $shape.ports }}
          ports:
            {{- range . }}
            - name: {{ .name }}
              containerPort: {{ .containerPort }}
              protocol: TCP
            {{- end }}
          {{- end }}
          {{- if .Values.config }}
          envFrom:
            - configMapRef:
                name: {{ .Chart.Name }}
          {{- end }}
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop:
                - ALL
          resources:
            {{- if .Values.resources }}
            {{- toYaml .Values.resources | nindent 12 }}
            {{- else }}
            requests:
              cpu: 100m
              memory: 256Mi
            limits:
              memory: 512Mi
            {{- end }}
          {{- range $name := list "startup" "liveness" "readiness" }}
          {{- with get $probes $name | default (get $shape.probes $name) }}
          {{ $name }}Probe: {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- end }}
{{- end }}
