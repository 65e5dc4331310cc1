import os

from discovery_client import Client
from discovery_client.api.registration import list_hosts, register_host
from discovery_client.models import DiscoveryError, HostList, HostRegistration, RegistrationTags

client = Client(base_url=os.environ["DISCOVERY_URL"])
tags = RegistrationTags(az="us-east-1a", region="us-east-1", instance_id="i-0a1b2c3d")
host = HostRegistration(ip="10.0.0.1", port=8080, revision="4f1c2d9", tags=tags)
done = register_host.sync("web", client=client, body=host)
if isinstance(done, DiscoveryError):
    print(done.error, done.fields)
elif isinstance(listed := list_hosts.sync("web", client=client), HostList):
    print([f"{host.ip_address}:{host.port}" for host in listed.hosts])
