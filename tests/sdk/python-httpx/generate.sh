openapi-python-client generate --path openapi.yaml --meta none --output-path discovery_client --overwrite --fail-on-warning
