{{/* The selector never changes in the life of a release: helm could not change it in the DaemonSet. */}}
{{- define "egress.selector" -}}
app.kubernetes.io/name: egress
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "egress.labels" -}}
{{ include "egress.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "egress.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* JSON's texts, numbers and lists are TOML's. */}}
{{- define "egress.keys" -}}
{{- range $key, $value := . }}
{{ $key }} = {{ toJson $value }}
{{- end }}
{{- end }}

{{- define "egress.config" -}}
[gateway]
mode = {{ .Values.mode | toJson }}
internal = {{ .Values.cluster.internal | toJson }}
drain = "{{ int .Values.drain }}s"
{{- include "egress.keys" .Values.gateway }}

[[scope]]
cgroups = {{ .Values.cluster.cgroups | toJson }}

[dns]
resolvers = {{ .Values.cluster.resolvers | toJson }}
{{- include "egress.keys" (merge (dict) .Values.dns (dict "internal_domains" (list .Values.cluster.domain))) }}

[kubernetes]
{{- include "egress.keys" (merge (dict) .Values.kubernetes (dict "watch" "node")) }}

[admin]
metrics = "{{ .Values.metrics.address }}:15020"

{{ .Values.policy }}
{{- end }}
