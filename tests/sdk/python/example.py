import os

from discovery_client import ApiClient, DiscoveryError, ApiException, Configuration
from discovery_client import HostRegistration, RegistrationApi, RegistrationTags

api = RegistrationApi(ApiClient(Configuration(host=os.environ["DISCOVERY_URL"])))
tags = RegistrationTags(az="us-east-1a", region="us-east-1", instance_id="i-0a1b2c3d")
try:
    api.register_host("web", HostRegistration(ip="10.0.0.1", port=8080, revision="4f1c2d9", tags=tags))
    print([f"{host.ip_address}:{host.port}" for host in api.list_hosts("web").hosts])
except ApiException as refused:
    if isinstance(refused.data, DiscoveryError):
        print(refused.status, refused.data.error, refused.data.fields)
