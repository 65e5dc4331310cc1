"""Every operation that a client team uses, through the client that openapi-python-client makes."""

import json
import os

from discovery_client import Client
from discovery_client.api.history import list_host_history
from discovery_client.api.load_balancing import set_host_weight, set_service_weight
from discovery_client.api.registration import (
    deregister_host,
    list_hosts,
    list_hosts_by_repo,
    register_host,
)
from discovery_client.models import (
    Acknowledgement,
    DiscoveryError,
    DiscoveryErrorFields,
    HostEvent,
    HostHistory,
    HostList,
    HostRegistration,
    RegistrationTags,
    RepoHostList,
    Weight,
)
from discovery_client.types import UNSET, Unset

client = Client(base_url=os.environ["DISCOVERY_URL"], raise_on_unexpected_status=True)

SERVICE, REPO, ADDRESS = "sdk-python-httpx", "sdk-python-httpx-repo", "10.0.0.1"
TAGS = RegistrationTags(az="us-east-1a", region="us-east-1", instance_id="i-1")
TAGS["rack"] = "r7"


def host(ip: str | Unset = ADDRESS) -> HostRegistration:
    return HostRegistration(ip=ip, port=8080, revision="4f1c2d9", service_repo_name=REPO, tags=TAGS)


def hosts() -> HostList:
    listed = list_hosts.sync(SERVICE, client=client)
    assert isinstance(listed, HostList), listed
    return listed


for _ in range(2):
    assert isinstance(register_host.sync(SERVICE, client=client, body=host()), Acknowledgement)
assert [(h.ip_address, h.port, h.tags.az) for h in hosts().hosts] == [(ADDRESS, 8080, "us-east-1a")]
assert hosts().hosts[0].tags["rack"] == "r7"
by_repo = list_hosts_by_repo.sync(REPO, client=client)
assert isinstance(by_repo, RepoHostList) and by_repo.hosts[0].service == SERVICE, by_repo

answer = set_host_weight.sync_detailed(SERVICE, ADDRESS, client=client, body=Weight(20))
assert answer.status_code == 204 and hosts().hosts[0].tags.load_balancing_weight == 20, answer
answer = set_service_weight.sync_detailed(SERVICE, client=client, body=Weight(30))
assert answer.status_code == 204 and hosts().hosts[0].tags.load_balancing_weight == 30, answer

refused = register_host.sync_detailed(SERVICE, client=client, body=host(ip=UNSET))
assert refused.status_code == 400 and isinstance(refused.parsed, DiscoveryError), refused
assert isinstance(refused.parsed.fields, DiscoveryErrorFields) and "ip" in refused.parsed.fields, refused
missing = set_host_weight.sync_detailed(SERVICE, "10.0.0.9", client=client, body=Weight(20))
assert missing.status_code == 404 and isinstance(missing.parsed, DiscoveryError), missing
assert missing.parsed.error == "host not found", missing

etag = list_hosts.sync_detailed(SERVICE, client=client).headers["ETag"]
unchanged = list_hosts.sync_detailed(SERVICE, client=client, if_none_match=etag)
assert unchanged.status_code == 304 and unchanged.parsed is None, unchanged

later = HostEvent.from_dict(json.loads('{"at": "2026-11-22T12:56:52.129669Z", "ip_address": "10.0.0.1", "event": "later", "added": 1}'))
assert later.event == "later", later

assert isinstance(deregister_host.sync(SERVICE, ADDRESS, client=client), Acknowledgement)
assert hosts().hosts == []
gone = deregister_host.sync_detailed(SERVICE, ADDRESS, client=client)
assert gone.status_code == 400 and isinstance(gone.parsed, DiscoveryError) and not gone.parsed.fields, gone

history = list_host_history.sync(SERVICE, ADDRESS, client=client, limit=1)
assert isinstance(history, HostHistory) and len(history.events) == 1, history
assert history.events[0].event == "deregistered" and history.events[0].at.tzinfo, history
