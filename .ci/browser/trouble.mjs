// Failures of networks and servers, and attacks by users.
import assert from "node:assert/strict";
import { ApiUser } from "./api.mjs";
import { eventually } from "./person.mjs";

const probes = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>",
  "</p></li><iframe srcdoc='<script>parent.alert(1)</script>'>",
  "javascript:alert(1)",
  "&lt;b&gt;not bold&lt;/b&gt;",
  "{{constructor.constructor('alert(1)')()}}",
  "https://a.example/\"onmouseover=\"alert(1)",
];

async function literalText(scene) {
  const [ada, bob] = await scene.pair("<b>Ada</b>", "Bob");
  for (const text of probes) await ada.say(text);
  for (const p of [ada, bob]) {
    await p.sees(probes);
    assert.equal(await p.page.locator(".messages :is(script, img, svg, iframe, b)").count(), 0);
    for (const href of await p.page.locator(".messages a").evaluateAll((links) => links.map((a) => a.href))) assert.match(href, /^https:/);
  }
  assert.equal(await bob.page.locator(".chat-header h2").textContent(), "<b>Ada</b>");
  assert.equal(await bob.conversation("Ada").locator(".preview").textContent(), probes.at(-1));
}

async function networkAway(scene) {
  const [ada, bob] = await scene.pair();
  await ada.say("before");
  await bob.sees(["before"]);
  ada.expectsTrouble = true;
  await ada.context.setOffline(true);
  await ada.offline(); // noticed by a missing pong, since the connection was not closed
  for (const text of ["away 1", "away 2"]) await ada.say(text);
  await ada.sees(["before", "away 1", "away 2"]);
  await bob.say("are you there?");
  await bob.sees(["before", "are you there?"]);
  await ada.context.setOffline(false);
  const all = ["are you there?", "away 1", "away 2", "before"];
  for (const p of [ada, bob]) await eventually(async () => assert.deepEqual((await p.texts()).sort(), all), `${p.nickname} has everything once`);
  await ada.states("stored", "read");
  await bob.sees(await ada.texts());
}

/** Gone and back before anybody notices: what was written in between arrives all the same. */
async function networkBlip(scene) {
  const [ada, bob] = await scene.pair();
  ada.expectsTrouble = true;
  const texts = Array.from({ length: 5 }, (_, i) => `blip ${i + 1}`);
  for (const text of texts) {
    await ada.context.setOffline(true);
    await ada.say(text);
    await ada.context.setOffline(false);
  }
  await bob.sees(texts);
  await ada.sees(texts);
  await ada.states("stored", "read");
}

/** Returns when the person's page has noticed that its server is gone. */
async function killServer(scene, people) {
  for (const p of people) p.expectsTrouble = true;
  await scene.server.kill();
  await Promise.all(people.map((p) => p.offline()));
}

async function serverKilled(scene) {
  const [ada, bob] = await scene.pair();
  const texts = Array.from({ length: 30 }, (_, i) => `survivor ${i + 1}`);
  for (const text of texts.slice(0, 10)) await ada.say(text);
  await killServer(scene, [ada, bob]); // while some of the ten messages are in flight
  for (const text of texts.slice(10, 20)) await ada.say(text);
  await ada.page.getByText("You are offline.").waitFor();
  await scene.server.restart();
  for (const text of texts.slice(20)) await ada.say(text);
  await Promise.all([ada.online(), bob.online()]);
  await ada.states("stored", "read");
  await ada.sees(texts);
  await bob.sees(texts);
}

/** Written while the server is down, and the browser is closed and opened before it is back. */
async function outboxOutlivesReload(scene) {
  const [ada, bob] = await scene.pair();
  await killServer(scene, [ada, bob]);
  for (const text of ["note 1", "note 2"]) await ada.say(text);
  await scene.server.restart();
  await ada.page.reload();
  await ada.sees(["note 1", "note 2"]);
  await bob.sees(["note 1", "note 2"]);
  await ada.states("stored", "read");
}

/** Again and again under load: the server's own history is the judge. */
async function killedAgainAndAgain(scene) {
  const [ada, bob] = await scene.pair();
  const texts = [];
  for (let round = 1; round <= 3; round++) {
    for (let i = 1; i <= 10; i++) {
      texts.push(`round ${round}.${i}`);
      await ada.say(texts.at(-1));
    }
    await killServer(scene, [ada, bob]);
    await scene.server.restart();
  }
  await ada.sees(texts);
  await bob.sees(texts);
  await ada.states("stored", "read");
  const numbers = await bob.page.locator(".message").evaluateAll((items) => items.map((li) => Number(li.dataset.seq)));
  assert.deepEqual(numbers, texts.map((_, i) => i + 1));
}

async function expiredLogin(scene) {
  const ada = await scene.person("Ada");
  ada.expectsTrouble = true;
  await ada.page.evaluate(() => {
    const grant = JSON.parse(localStorage.getItem("gochat.auth"));
    localStorage.setItem("gochat.auth", JSON.stringify({ ...grant, token: "x.y.z" }));
  });
  await ada.page.reload();
  await ada.page.getByText("Your login has expired.").waitFor();
}

/** Logging out in one tab ends the others, which say why. */
async function loggedOutElsewhere(scene) {
  const ada = await scene.person("Ada");
  const second = await ada.anotherTab(scene.url);
  await ada.page.getByRole("button", { name: "Log out" }).click();
  await second.page.getByRole("heading", { name: "Log in" }).waitFor();
}

/** The same device id twice: the first stays away until it is clicked. */
async function openedElsewhere(scene) {
  const ada = await scene.person("Ada");
  const device = await ada.page.evaluate(() => sessionStorage.getItem("gochat.device"));
  const token = await ada.page.evaluate(() => JSON.parse(localStorage.getItem("gochat.auth")).token);
  await ada.page.evaluate(({ device, token }) => {
    window.rival = new WebSocket(`ws://${location.host}/ws?deviceId=${device}`, ["gochat.v1", token]);
  }, { device, token });
  await ada.page.getByText("GoChat was opened elsewhere").waitFor();
  await ada.page.getByRole("button", { name: "Use it here" }).click();
  await ada.online();
}

/** Who is not in a chat neither reads it nor sees that there is one. */
async function nobodyElse(scene) {
  const [ada, bob] = await scene.pair();
  const eve = await scene.person("Eve");
  const witness = await ApiUser.register(scene.url, "witness", "Witness");
  await ada.say("between us");
  await bob.sees(["between us"]);
  const chat = await ada.page.evaluate(() => location.hash.slice(4));
  await assert.rejects(witness.history(chat), /404/);
  eve.expectsTrouble = true;
  await eve.page.evaluate((id) => (location.hash = `#/c/${id}`), chat);
  await eve.page.getByText("It is quiet here.").waitFor();
  assert.equal(await eve.page.locator(".conversation").count(), 1); // World alone
}

export const tests = {
  "text stays text": literalText,
  "the network goes away and comes back": networkAway,
  "the network blinks": networkBlip,
  "the server is killed and comes back": { run: serverKilled, ownServer: true },
  "what was written offline outlives a reload": { run: outboxOutlivesReload, ownServer: true },
  "the server is killed again and again": { run: killedAgainAndAgain, ownServer: true },
  "an expired login asks for a new one": expiredLogin,
  "logging out ends the other tabs": loggedOutElsewhere,
  "opened elsewhere stays away until asked": openedElsewhere,
  "nobody else gets it": nobodyElse,
};
