progenitor::generate_api!(spec = "openapi.yaml", interface = Builder);
