{{/* What the pods of `helm test` share, as restricted pod security wants it: (dict "pullSecrets" list). */}}
{{- define "fairlead.testPod" -}}
{{- with .pullSecrets -}}
imagePullSecrets:
{{- range . }}
- name: {{ . | quote }}
{{- end }}
{{ end -}}
securityContext:
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* What their containers share. */}}
{{- define "fairlead.testContainer" -}}
resources:
  requests:
    cpu: 50m
    memory: 64Mi
  limits:
    memory: 256Mi
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}
