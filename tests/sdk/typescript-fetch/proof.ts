// Every operation that a client team uses, through the client that openapi-generator makes for fetch.
import assert from "node:assert/strict";
import {
  DiscoveryErrorFromJSON,
  HostEventFromJSON,
  Configuration,
  HistoryApi,
  LoadBalancingApi,
  RegistrationApi,
  ResponseError,
  type DiscoveryError,
  type HostRegistration,
} from "./discovery-client";

const configuration = new Configuration({ basePath: process.env.DISCOVERY_URL });
const registration = new RegistrationApi(configuration);
const balancing = new LoadBalancingApi(configuration);
const history = new HistoryApi(configuration);

const [service, serviceRepoName, ipAddress] = ["sdk-ts-fetch", "sdk-ts-fetch-repo", "10.0.0.1"];
const tags = { az: "us-east-1a", region: "us-east-1", instanceId: "i-1", rack: "r7" };

function host(ip?: string): HostRegistration {
  return { ip, port: 8080, revision: "4f1c2d9", serviceRepoName, tags };
}

async function refused(call: Promise<unknown>): Promise<[number, DiscoveryError]> {
  try {
    await call;
  } catch (error) {
    assert(error instanceof ResponseError);
    return [error.response.status, DiscoveryErrorFromJSON(await error.response.json())];
  }
  throw new assert.AssertionError({ message: "the call was not refused" });
}

async function weight(): Promise<number | undefined> {
  return (await registration.listHosts({ service })).hosts[0]?.tags.loadBalancingWeight;
}

async function prove(): Promise<void> {
  await registration.registerHost({ service, hostRegistration: host(ipAddress) });
  await registration.registerHost({ service, hostRegistration: host(ipAddress) });
  const { hosts } = await registration.listHosts({ service });
  assert.deepEqual(hosts.map((h) => [h.ipAddress, h.port, h.tags.az]), [[ipAddress, 8080, "us-east-1a"]]);
  assert.equal(hosts[0]?.tags["rack"], "r7");
  const byRepo = await registration.listHostsByRepo({ serviceRepoName });
  assert.deepEqual(byRepo.hosts.map((h) => h.service), [service]);

  await balancing.setHostWeight({ service, ipAddress, weight: { loadBalancingWeight: 20 } });
  assert.equal(await weight(), 20);
  await balancing.setServiceWeight({ service, weight: { loadBalancingWeight: 30 } });
  assert.equal(await weight(), 30);

  const [badRequest, invalid] = await refused(registration.registerHost({ service, hostRegistration: host() }));
  assert.equal(badRequest, 400);
  assert(invalid.fields?.["ip"]);
  const elsewhere = { service, ipAddress: "10.0.0.9", weight: { loadBalancingWeight: 20 } };
  const [notFound, missing] = await refused(balancing.setHostWeight(elsewhere));
  assert.equal(notFound, 404);
  assert.equal(missing.error, "host not found");

  const etag = (await registration.listHostsRaw({ service })).raw.headers.get("ETag");
  assert(etag);
  // This generator throws on a 304, as on every status that is not 2xx.
  const conditional = registration.listHosts({ service, ifNoneMatch: etag });
  await assert.rejects(conditional, (error) => error instanceof ResponseError && error.response.status === 304);

  const later = HostEventFromJSON({"at": "2026-11-22T12:56:52.129669Z", "ip_address": "10.0.0.1", "event": "later", "added": 1});
  assert.equal(later.event, "later");

  await registration.deregisterHost({ service, ipAddress });
  assert.deepEqual((await registration.listHosts({ service })).hosts, []);
  const [again, gone] = await refused(registration.deregisterHost({ service, ipAddress }));
  assert.equal(again, 400);
  assert.equal(gone.fields, undefined);

  const { events } = await history.listHostHistory({ service, ipAddress, limit: 1 });
  assert.deepEqual(events.map((event) => event.event), ["deregistered"]);
  assert(events[0]?.at instanceof Date);
}

void prove();
