import { Configuration, RegistrationApi, ResponseError, type DiscoveryError } from "./discovery-client";

async function main(): Promise<void> {
  const api = new RegistrationApi(new Configuration({ basePath: process.env.DISCOVERY_URL }));
  const tags = { az: "us-east-1a", region: "us-east-1", instanceId: "i-0a1b2c3d" };
  const host = { ip: "10.0.0.1", port: 8080, revision: "4f1c2d9", tags };
  try {
    await api.registerHost({ service: "web", hostRegistration: host });
    console.log((await api.listHosts({ service: "web" })).hosts);
  } catch (refused) {
    if (!(refused instanceof ResponseError)) throw refused;
    const { error, fields } = (await refused.response.json()) as DiscoveryError;
    console.error(refused.response.status, error, fields);
  }
}
void main();
