openapi-typescript openapi.yaml --output discovery.d.ts
