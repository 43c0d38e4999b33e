{{/* What the names of all objects begin with. */}}
{{- define "fairlead.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" (.Release.Name | trunc 41 | trimSuffix "-") .Chart.Name -}}
{{- end -}}
{{- end }}

{{/* The name of the operator's Deployment, ServiceAccount and roles. */}}
{{- define "fairlead.operator" -}}
{{- include "fairlead.fullname" . }}-operator
{{- end }}

{{/* The labels that select the operator's pods. They never change: a Deployment's selector cannot. */}}
{{- define "fairlead.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end }}

{{/* The labels of every object, but for the component: (dict "root" $ "component" "operator"). */}}
{{- define "fairlead.labels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: fairlead
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Where ModelGateways are honoured, comma-separated. */}}
{{- define "fairlead.gatewayNamespaces" -}}
{{- .Values.gatewayNamespaces | default (list .Release.Namespace) | join "," -}}
{{- end }}

{{/* Where the chart's own ModelGateway and the quickstart are. */}}
{{- define "fairlead.gatewayNamespace" -}}
{{- first (splitList "," (include "fairlead.gatewayNamespaces" .)) -}}
{{- end }}

{{/* The port of the chart's own ModelGateway that the notes tell. */}}
{{- define "fairlead.gatewayPort" -}}
{{- $listeners := .Values.gateway.spec.listeners | default (list (dict "port" 8080)) -}}
{{- (first $listeners).port -}}
{{- end }}

{{/* An image's reference: (dict "root" $ "image" .Values.operator.image). */}}
{{- define "fairlead.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}
