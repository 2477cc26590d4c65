"""The behavioural audit: the submission run small, in a sandbox, on streams that differ from some position on."""
