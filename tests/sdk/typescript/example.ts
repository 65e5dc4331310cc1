import createClient from "openapi-fetch";
import type { paths } from "./discovery.js";

const api = createClient<paths>({ baseUrl: process.env.DISCOVERY_URL });
const path = { service: "web" };
const tags = { az: "us-east-1a", region: "us-east-1", instance_id: "i-0a1b2c3d" };
const body = { ip: "10.0.0.1", port: 8080, revision: "4f1c2d9", tags };
const { error: refused } = await api.POST("/v1/registration/{service}", { params: { path }, body });
if (refused) console.error(refused.error, refused.fields);
const { data: list } = await api.GET("/v1/registration/{service}", { params: { path } });
console.log(list?.hosts.map((host) => `${host.ip_address}:${host.port}`));
