// A person finds the documentation, sees every operation in it, registers a host with it and lists the host.
//
// usage: swagger-ui.js SCREENSHOT, with the server's address in DISCOVERY_URL and Chromium's path in CHROMIUM
const assert = require("node:assert/strict");
const { chromium } = require("playwright-core");

const server = process.env.DISCOVERY_URL;
const screenshot = process.argv[2];
const service = "browser";

// What must not happen while the page is used.
function watch(page) {
  const wrong = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`uncaught: ${error}`));
  page.on("requestfailed", (request) => wrong.push(`failed: ${request.url()}`));
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== "data:" && origin !== server) wrong.push(`another origin: ${request.url()}`);
  });
  return wrong;
}

// How the parts of the page are sent, by path.
function headers(page) {
  const sent = new Map();
  page.on("response", (response) => sent.set(new URL(response.url()).pathname, response.headers()));
  return sent;
}

async function operations() {
  const contract = await (await fetch(`${server}/openapi.json`)).json();
  return Object.values(contract.paths).flatMap((item) => Object.values(item));
}

function block(page, { tags: [tag], operationId }) {
  return page.locator(`[id="operations-${tag.replaceAll(" ", "_")}-${operationId}"]`);
}

// Sends an operation from the page, for `service`, and reads the answer.
async function tryOut(page, operation) {
  const shown = block(page, operation);
  await shown.locator(".opblock-summary-control").click();
  await shown.locator('tr[data-param-name="service"] input').fill(service);
  await shown.getByRole("button", { name: "Execute" }).click();
  const answer = shown.locator(".live-responses-table");
  return {
    status: (await answer.locator(".response-col_status").last().innerText()).trim(),
    body: await answer.locator(".response-col_description .highlight-code code").first().innerText(),
  };
}

async function use(page) {
  const [wrong, sent] = [watch(page), headers(page)];
  await page.goto(server);
  await page.getByRole("link", { name: "Docs", exact: true }).click();
  await page.waitForURL(`${server}/docs`);

  const all = await operations();
  for (const operation of all) await block(page, operation).waitFor();
  assert.equal(await page.locator(".opblock").count(), all.length);
  await page.screenshot({ path: screenshot });

  const byId = Object.fromEntries(all.map((operation) => [operation.operationId, operation]));
  const registered = await tryOut(page, byId.registerHost);
  assert.equal(registered.status, "200", registered.body);
  await block(page, byId.registerHost).locator(".opblock-summary-control").click();
  const listed = await tryOut(page, byId.listHosts);
  assert.equal(listed.status, "200", listed.body);
  assert.equal(JSON.parse(listed.body).hosts[0].ip_address, "10.0.0.1");

  const policy = sent.get("/docs")["content-security-policy"];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  for (const path of ["/docs/swagger-ui.js", "/docs/swagger-ui.css"]) {
    assert.equal(sent.get(path)["content-encoding"], "gzip", path);
    assert.match(sent.get(path)["cache-control"], /immutable/, path);
  }
  assert.deepEqual(wrong, []);
}

async function main() {
  // Chromium's own sandbox needs rights that a container seldom gives; the page is ours.
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1000, height: 1080 } });
    page.setDefaultTimeout(20_000);
    await use(page);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
