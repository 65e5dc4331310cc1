openapi-generator-cli generate -g go -i openapi.yaml -o discovery --package-name discovery --git-host example.com --git-user-id team --git-repo-id discovery
