// The status page: figures change under load, and a dependency goes down and comes back.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { ApiUser } from "./api.mjs";

/** What a card of the page says. */
const figure = (page, name) => page.locator(`[data-figure="${name}"] b`);

async function grows(page, name) {
  await page.waitForFunction((name) => parseFloat(document.querySelector(`[data-figure="${name}"] b`)?.textContent ?? "0") > 0, name);
}

/** Sends until it is told to stop. */
function load(user, conversationId) {
  let on = true;
  const done = (async () => {
    for (let i = 0; on; i++) await user.send(conversationId, `line ${i}`);
  })();
  return () => { on = false; return done; };
}

async function watcher(scene, options) {
  const someone = await scene.stranger("Operator", options);
  await someone.page.goto(`${scene.url}/status`);
  await someone.page.locator("#state .ok").waitFor();
  return someone;
}

async function moves(scene) {
  const [ada, bob] = await Promise.all([ApiUser.register(scene.url, "ada", "Ada"), scene.person("Bob")]);
  const stop = load(ada, await ada.chatWith(bob.username));
  for (const [name, options] of Object.entries({
    light: { colorScheme: "light" }, dark: { colorScheme: "dark" }, phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  })) {
    const { page } = await watcher(scene, options);
    for (const rate of ["accepted a second", "stored a second", "delivered a second", "sockets"]) await grows(page, rate);
    await page.locator("#latencies", { hasText: "accepted → stored" }).waitFor();
    await page.locator("#dependencies tr", { hasText: "database-write" }).locator(".ok").waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, `${name}: nothing sticks out to the side`);
    await page.screenshot({ path: scene.shot(`status-${name}`), fullPage: true, animations: "disabled" });
  }
  await stop();
}

/** Another program holds the database's lock. */
function lock(file) {
  const code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30); c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()";
  const child = spawn("python3", ["-c", code, file], { stdio: ["pipe", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.stdout.once("data", () => resolve(() => child.stdin.end()));
  });
}

async function turns(scene) {
  const { page } = await watcher(scene);
  const unlock = await lock(scene.server.database);
  const row = page.locator("#dependencies tr", { hasText: "database-write" });
  await row.locator(".down").waitFor();
  await page.locator("#state .down").waitFor();
  await page.screenshot({ path: scene.shot("status-down"), fullPage: true, animations: "disabled" });
  unlock();
  await row.locator(".ok").waitFor();
  await page.locator("#state .ok").waitFor();
}

/** Where a token is needed the page asks for it, keeps it, and forgets one that is wrong. */
async function asks(scene) {
  const operator = await scene.stranger("Operator");
  operator.expectsTrouble = true; // 401 is an error on the console
  const { page } = operator;
  await page.route("**/status.json", (route) =>
    route.request().headers().authorization === "Bearer the right token" ? route.continue({ headers: { ...route.request().headers(), authorization: "" } }) : route.fulfill({ status: 401 }));
  await page.goto(`${scene.url}/status`);
  await page.getByLabel("Token").fill("a wrong token");
  await page.getByRole("button", { name: "Show the status" }).click();
  await page.getByText("That is not the token.").waitFor();
  await page.getByLabel("Token").fill("the right token");
  await page.keyboard.press("Enter");
  await figure(page, "memory").waitFor();
  assert.equal(await page.getByLabel("Token").isVisible(), false);
  await page.reload();
  await figure(page, "memory").waitFor();
}

export const tests = {
  "the status page moves under load": moves,
  "the status page shows a dependency that turns": { run: turns, ownServer: true },
  "the status page asks for a token": asks,
};
