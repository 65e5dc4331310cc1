// Every operation that a client team uses, through openapi-fetch with the types that openapi-typescript makes.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./discovery.js";

const api = createClient<paths>({ baseUrl: process.env.DISCOVERY_URL });

const [service, service_repo_name, ip_address] = ["sdk-ts", "sdk-ts-repo", "10.0.0.1"];
const registration = "/v1/registration/{service}";
const path = { service };
const hostPath = { service, ip_address };
const tags = { az: "us-east-1a", region: "us-east-1", instance_id: "i-1", rack: "r7" };

function host(ip?: string): components["schemas"]["HostRegistration"] {
  return { ip, port: 8080, revision: "4f1c2d9", service_repo_name, tags };
}

async function hosts(): Promise<components["schemas"]["Host"][]> {
  const { data, error } = await api.GET(registration, { params: { path } });
  assert.equal(error, undefined);
  assert(data);
  return data.hosts;
}

for (let i = 0; i < 2; i++) {
  const { response } = await api.POST(registration, { params: { path }, body: host(ip_address) });
  assert.equal(response.status, 200);
}
assert.deepEqual((await hosts()).map((h) => [h.ip_address, h.port, h.tags.az]), [[ip_address, 8080, "us-east-1a"]]);
assert.equal((await hosts())[0]?.tags["rack"], "r7");
const repo = await api.GET("/v1/registration/repo/{service_repo_name}", { params: { path: { service_repo_name } } });
assert.deepEqual(repo.data?.hosts.map((h) => h.service), [service]);

const one = await api.POST("/v1/loadbalancing/{service}/{ip_address}", {
  params: { path: hostPath },
  body: { load_balancing_weight: 20 },
});
assert.equal(one.response.status, 204);
assert.equal((await hosts())[0]?.tags.load_balancing_weight, 20);
const all = await api.POST("/v1/loadbalancing/{service}", { params: { path }, body: { load_balancing_weight: 30 } });
assert.equal(all.response.status, 204);
assert.equal((await hosts())[0]?.tags.load_balancing_weight, 30);

const invalid = await api.POST(registration, { params: { path }, body: host() });
assert.equal(invalid.response.status, 400);
assert(invalid.error?.fields?.["ip"]);
const missing = await api.POST("/v1/loadbalancing/{service}/{ip_address}", {
  params: { path: { service, ip_address: "10.0.0.9" } },
  body: { load_balancing_weight: 20 },
});
assert.equal(missing.response.status, 404);
assert.equal(missing.error?.error, "host not found");

const etag = (await api.GET(registration, { params: { path } })).response.headers.get("ETag");
assert(etag);
const header = { "If-None-Match": etag };
const unchanged = await api.GET(registration, { params: { path, header } });
assert.equal(unchanged.response.status, 304);
assert.equal(unchanged.data, undefined);

const removed = await api.DELETE("/v1/registration/{service}/{ip_address}", { params: { path: hostPath } });
assert.equal(removed.response.status, 200);
assert.deepEqual(await hosts(), []);
const gone = await api.DELETE("/v1/registration/{service}/{ip_address}", { params: { path: hostPath } });
assert.equal(gone.response.status, 400);
assert.equal(gone.error?.fields, undefined);

const { data: history } = await api.GET("/v1/history/{service}/{ip_address}", {
  params: { path: hostPath, query: { limit: 1 } },
});
assert.deepEqual(history?.events.map((event) => event.event), ["deregistered"]);
