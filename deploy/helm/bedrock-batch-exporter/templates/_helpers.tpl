{{- define "exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "exporter.fullname" -}}
{{- $name := include "exporter.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "exporter.image" -}}
{{- $repository := .Values.image.repository }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (.Values.image.tag | default (printf "%s%s" .Chart.AppVersion (ternary "-demo" "" .Values.demo))) }}
{{- end }}
{{- end }}

{{- define "exporter.webSecretName" -}}
{{- .Values.webConfig.existingSecret | default (printf "%s-web" (include "exporter.fullname" .)) }}
{{- end }}

{{/* "true" or nothing, as all that follow: whether there is a web config, whether it has TLS, whether it asks who is there. */}}
{{- define "exporter.webConfigured" -}}
{{- if or .Values.webConfig.content .Values.webConfig.existingSecret }}true{{ end }}
{{- end }}

{{- define "exporter.tls" -}}
{{- if .Values.webConfig.existingSecret }}{{ if .Values.webConfig.tls }}true{{ end }}
{{- else if .Values.webConfig.content.tls_server_config }}true{{ end }}
{{- end }}

{{- define "exporter.authentication" -}}
{{- if .Values.webConfig.existingSecret }}{{ if .Values.webConfig.authentication }}true{{ end }}
{{- else }}
{{- $tls := default (dict) .Values.webConfig.content.tls_server_config }}
{{- if or .Values.webConfig.content.basic_auth_users $tls.client_auth_type $tls.client_ca_file }}true{{ end }}
{{- end }}
{{- end }}

{{- define "exporter.probe" -}}
{{- if include "exporter.authentication" .root -}}
tcpSocket:
  port: http
{{- else -}}
httpGet:
  path: {{ .path }}
  port: http
  scheme: {{ ternary "HTTPS" "HTTP" (eq "true" (include "exporter.tls" .root)) }}
{{- end }}
{{- end }}

{{/* How Prometheus scrapes, the same for both monitors. */}}
{{- define "exporter.endpoint" -}}
port: http
path: /metrics
scheme: {{ ternary "https" "http" (eq "true" (include "exporter.tls" .)) }}
{{- with .Values.serviceMonitor }}
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "exporter.pod" -}}
metadata:
  labels:
    {{- include "exporter.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: exporter
    checksum/config: {{ include (print .Template.BasePath "/configmap.yaml") . | sha256sum }}
    checksum/web-config: {{ include (print .Template.BasePath "/secret.yaml") . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "exporter.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  containers:
    - name: exporter
      image: {{ include "exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - --log.level={{ .Values.log.level }}
        - --log.format={{ .Values.log.format }}
        - --web.listen-address=:{{ .Values.service.port }}
        {{- if and .Values.config (not .Values.demo) }}
        - --config.file=/etc/bedrock-batch-exporter/config.yaml
        {{- end }}
        {{- if include "exporter.webConfigured" . }}
        - --web.config.file=/etc/bedrock-batch-exporter-web/web.yml
        {{- end }}
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- if .Values.demo }}
        - demo
        {{- end }}
      env:
        {{- with .Values.aws.region }}
        - name: AWS_REGION
          value: {{ . | quote }}
        {{- end }}
        {{- if gt (int .Values.shards) 1 }}
        - name: BEDROCK_BATCH_EXPORTER_SHARD
          valueFrom:
            fieldRef:
              fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
        - name: BEDROCK_BATCH_EXPORTER_TOTAL_SHARDS
          value: {{ .Values.shards | quote }}
        {{- end }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ .Values.service.port }}
          protocol: TCP
      livenessProbe:
        {{- include "exporter.probe" (dict "root" . "path" "/-/healthy") | nindent 8 }}
        {{- toYaml .Values.livenessProbe | nindent 8 }}
      readinessProbe:
        {{- include "exporter.probe" (dict "root" . "path" "/-/ready") | nindent 8 }}
        {{- toYaml .Values.readinessProbe | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      {{- if or .Values.config (include "exporter.webConfigured" .) .Values.extraVolumeMounts }}
      volumeMounts:
        {{- if and .Values.config (not .Values.demo) }}
        - name: config
          mountPath: /etc/bedrock-batch-exporter
          readOnly: true
        {{- end }}
        {{- if include "exporter.webConfigured" . }}
        - name: web-config
          mountPath: /etc/bedrock-batch-exporter-web
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
  {{- if or .Values.config (include "exporter.webConfigured" .) .Values.extraVolumes }}
  volumes:
    {{- if .Values.config }}
    - name: config
      configMap:
        name: {{ include "exporter.fullname" . }}
    {{- end }}
    {{- if include "exporter.webConfigured" . }}
    - name: web-config
      secret:
        secretName: {{ include "exporter.webSecretName" . }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
