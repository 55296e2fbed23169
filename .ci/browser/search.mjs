// The search for messages, and the list of a user's devices.
import assert from "node:assert/strict";
import { ApiUser } from "./api.mjs";
import { eventually } from "./person.mjs";

async function look(person, text) {
  await person.page.getByLabel("Search messages").fill(text);
}

async function finds(person, want) {
  await eventually(async () => assert.deepEqual(await person.page.locator(".result .found").allTextContents(), want), `${person.nickname} finds ${want.length}`);
}

/** From the result to the message, with what is around it, and back to the newest. */
async function jump(scene) {
  const bob = await scene.person("Bob");
  const ada = await ApiUser.register(scene.url, "ada", "Ada");
  const chat = await ada.chatWith(bob.username);
  await ada.send(chat, "before it");
  await ada.send(chat, "a Needle in the hay");
  await ada.send(chat, "after it");
  for (let i = 1; i <= 150; i++) await ada.send(chat, `hay ${i}`);
  await bob.page.getByRole("button", { name: "Search", exact: true }).click();
  await look(bob, "needle");
  await finds(bob, ["Ada: a Needle in the hay"]);
  assert.equal(await bob.page.locator(".result mark").textContent(), "Needle");
  await bob.page.locator(".result").click();
  const found = bob.page.locator('.message[data-seq="2"]', { hasText: "a Needle in the hay" });
  await found.waitFor();
  for (const text of ["before it", "after it"]) await bob.message(text).waitFor();
  await eventually(async () => assert.ok(await found.evaluate((li) => {
    const { top, bottom } = li.closest(".scroll").getBoundingClientRect();
    return li.getBoundingClientRect().top >= top && li.getBoundingClientRect().bottom <= bottom;
  })), "the message is in sight");
  await ada.send(chat, "news from the end");
  await bob.conversation("Ada").count(); // while the search is open, new messages still arrive
  await bob.page.getByLabel("Jump to the newest message").click();
  await bob.message("news from the end").waitFor();
}

async function withinOne(scene) {
  const bob = await scene.person("Bob");
  const [ada, eve] = await Promise.all([ApiUser.register(scene.url, "ada", "Ada"), ApiUser.register(scene.url, "eve", "Eve")]);
  await ada.send(await ada.chatWith(bob.username), "shared word from Ada");
  await eve.send(await eve.chatWith(bob.username), "shared word from Eve");
  await bob.openChat("Ada");
  await bob.page.getByRole("button", { name: "Search in this conversation" }).click();
  await look(bob, "shared word");
  await finds(bob, ["Ada: shared word from Ada"]);
  await bob.page.getByRole("button", { name: "Search everywhere" }).click();
  await finds(bob, ["Eve: shared word from Eve", "Ada: shared word from Ada"]);
  await bob.page.keyboard.press("Escape");
  await bob.page.locator(".result").first().waitFor({ state: "hidden" });
  await bob.page.locator(".chat-header").waitFor(); // Escape has closed the search alone
}

/** What is recalled is not found, and vanishes where it was found already. */
async function recalledIsNotFound(scene) {
  const bob = await scene.person("Bob");
  const ada = await ApiUser.register(scene.url, "ada", "Ada");
  const chat = await ada.chatWith(bob.username);
  await ada.send(chat, "regretted words");
  await bob.openChat("Ada");
  await bob.page.getByRole("button", { name: "Search", exact: true }).click();
  await look(bob, "regretted");
  await finds(bob, ["Ada: regretted words"]);
  await ada.change(chat, 1, { change: "recall" });
  await finds(bob, []);
  await look(bob, "regretted words");
  await bob.page.getByText("Nothing found.").waitFor();
}

async function nothingToOutsiders(scene) {
  const [ada, bob] = await scene.pair();
  const eve = await scene.person("Eve");
  const text = `between-us-${ada.username}`;
  await ada.say(text);
  await bob.sees([text]);
  await bob.page.getByRole("button", { name: "Search", exact: true }).click();
  await look(bob, text);
  await finds(bob, [`Ada: ${text}`]);
  await eve.page.getByRole("button", { name: "Search", exact: true }).click();
  await look(eve, text);
  await eve.page.getByText("Nothing found.").waitFor();
}

/** On a phone the results stand in place of the list, and the message in place of the results. */
async function phone(scene) {
  const bob = await scene.person("Bob", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const ada = await ApiUser.register(scene.url, "ada", "Ada");
  await ada.send(await ada.chatWith(bob.username), "a pocket needle");
  await bob.page.getByRole("button", { name: "Search", exact: true }).click();
  await look(bob, "pocket");
  await bob.page.locator(".result").click();
  await bob.message("a pocket needle").waitFor();
  assert.equal(await bob.page.locator(".sidebar").isVisible(), false);
  const wide = await bob.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0);
}

async function devices(scene) {
  const ada = await scene.person("Ada");
  const elsewhere = await scene.stranger("Ada again");
  await elsewhere.login(ada.username);
  const device = await elsewhere.page.evaluate(() => sessionStorage.getItem("gochat.device"));
  await ada.page.getByRole("button", { name: "Your devices" }).click();
  const dialog = ada.page.getByRole("dialog");
  await dialog.locator(".person", { hasText: "this device" }).waitFor();
  elsewhere.expectsTrouble = true;
  await dialog.getByRole("button", { name: `Sign out ${device}` }).click();
  await ada.page.getByRole("dialog").last().getByRole("button", { name: "Sign out", exact: true }).click();
  await elsewhere.page.getByText("You were logged out").waitFor();
  await dialog.locator(`[data-device="${device}"]`).waitFor({ state: "detached" });
  await ada.online(); // it goes on
  await elsewhere.login(ada.username); // and a new login is a new device
}

export const tests = {
  "a search leads to the message": jump,
  "a search in one conversation": withinOne,
  "what was recalled is not found": recalledIsNotFound,
  "a search finds nothing of others": nothingToOutsiders,
  "a search on a phone": phone,
  "a device is signed out": devices,
};
