openapi-generator-cli generate -g typescript-fetch -i openapi.yaml -o discovery-client
