openapi-generator-cli generate -g python -i openapi.yaml -o . --package-name discovery_client
