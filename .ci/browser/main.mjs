// Runs the browser tests one after the other and says how many passed.
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Person } from "./person.mjs";
import { Server } from "./server.mjs";
import * as changes from "./changes.mjs";
import * as groups from "./groups.mjs";
import * as search from "./search.mjs";
import * as talking from "./talking.mjs";
import * as trouble from "./trouble.mjs";
import * as looks from "./looks.mjs";
import * as status from "./status.mjs";

const testTimeout = 120_000;
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** What a test gets: a browser, a server, and people who are gone when it ends. */
class Scene {
  people = [];

  constructor(browser, url, server) {
    Object.assign(this, { browser, url, server });
  }

  async person(nickname, options) {
    return this.add(await Person.register(this.browser, this.url, nickname, options));
  }

  async stranger(nickname, options) {
    return this.add(await Person.open(this.browser, this.url, nickname, options));
  }

  add(person) {
    this.people.push(person);
    return person;
  }

  /** Two people with their chat open. */
  async pair(first = "Ada", second = "Bob") {
    const [a, b] = await Promise.all([this.person(first), this.person(second)]);
    await a.find(b.username);
    await b.find(a.username);
    return [a, b];
  }

  shot(name) {
    return join(process.env.GOCHAT_SHOTS ?? ".", `${name}.png`);
  }

  problems() {
    return this.people.flatMap((p) => p.problems.map((text) => `${p.nickname}: ${text}`));
  }
}

async function runOne(scene, name, run) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${testTimeout / 1000} s`)), testTimeout);
  });
  const started = Date.now();
  try {
    await Promise.race([run(scene), late]);
    const problems = scene.problems();
    if (problems.length > 0) throw new Error(`the browser complains:\n  ${problems.join("\n  ")}`);
    console.log(`ok - ${name} (${Date.now() - started} ms)`);
    return true;
  } catch (err) {
    console.log(`not ok - ${name} (${Date.now() - started} ms)\n${String(err.stack ?? err).replace(/^/gm, "    ")}`);
    for (const [i, p] of scene.people.entries()) {
      await p.page.screenshot({ path: scene.shot(`failed-${name.replace(/\W+/g, "-")}-${i}`) }).catch((e) => console.log(`    no screenshot: ${e.message}`));
    }
    for (const text of scene.problems()) console.log(`    ${text}`);
    return false;
  } finally {
    clearTimeout(timer);
    await Promise.all(scene.people.map((p) => p.close()));
  }
}

async function main() {
  const suites = { talking, changes, groups, search, trouble, looks, status };
  const only = process.env.GOCHAT_ONLY ?? "";
  const wanted = Object.entries(suites).flatMap(([suite, { tests }]) => Object.entries(tests).filter(([name]) => suite === only || name.includes(only)));
  const server = process.env.GOCHAT_URL ? undefined : await Server.start(process.env.GOCHAT_BIN);
  const url = process.env.GOCHAT_URL ?? server.url;
  const executablePath = process.env.GOCHAT_CHROMIUM ?? "/usr/bin/chromium";
  const counts = { passed: 0, failed: 0, skipped: 0 };
  let browser;
  try {
    browser = await chromium.launch({ executablePath, headless: true, args: flags });
    for (const [name, test] of wanted) {
      if (test.ownServer && !server) {
        counts.skipped++;
        console.log(`skip - ${name}: it does harm to the server, so it needs one of its own (GOCHAT_URL is set)`);
        continue;
      }
      const passed = await runOne(new Scene(browser, url, server), name, test.run ?? test);
      counts[passed ? "passed" : "failed"]++;
    }
  } finally {
    await browser?.close();
    if (counts.failed > 0 && server) console.log(`the server's last words:\n${server.output}`);
    await server?.close();
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
}

await main();
