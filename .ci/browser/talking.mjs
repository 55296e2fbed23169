// Two users chat: what each of them sees, and when.
import assert from "node:assert/strict";
import { ApiUser, password } from "./api.mjs";
import { eventually } from "./person.mjs";

const numbered = (stem, count) => Array.from({ length: count }, (_, i) => `${stem} ${i + 1}`);

async function talkBothWays(scene) {
  const [ada, bob] = await scene.pair();
  const said = [];
  for (let i = 1; i <= 6; i++) {
    const [speaker, listener] = i % 2 ? [ada, bob] : [bob, ada];
    said.push(`line ${i}`);
    await speaker.say(`line ${i}`);
    await listener.sees(said);
  }
  await ada.sees(said);
  await bob.sees(said);
  await ada.states("read");
  await bob.states("read");
}

/** Both at once: the server decides on one order, and both see that one. */
async function oneOrder(scene) {
  const [ada, bob] = await scene.pair();
  await Promise.all([ada, bob].map(async (p) => {
    for (const text of numbered(p.nickname, 15)) await p.say(text);
  }));
  await eventually(async () => assert.equal((await ada.texts()).length, 30), "Ada sees 30 messages");
  await ada.states("stored", "read");
  const order = await ada.texts();
  await bob.sees(order);
  for (const p of [ada, bob]) assert.deepEqual(order.filter((t) => t.startsWith(p.nickname)), numbered(p.nickname, 15));
}

async function reloadInTheMiddle(scene) {
  const [ada, bob] = await scene.pair();
  const texts = numbered("message", 40);
  const reloads = new Map([[10, bob], [20, ada], [30, bob]]);
  for (const [i, text] of texts.entries()) {
    await ada.say(text);
    const who = reloads.get(i);
    if (who === ada) await ada.page.reload(); // while messages are still in flight
    else if (who) await Promise.all([bob.page.reload(), ada.page.waitForTimeout(50)]);
  }
  await ada.sees(texts);
  await bob.sees(texts);
  await ada.states("stored", "read");
}

async function unreadBadge(scene) {
  const [ada, bob] = await scene.pair();
  await bob.openChat("World");
  const second = await bob.anotherTab(scene.url);
  for (const text of numbered("psst", 3)) await ada.say(text);
  for (const p of [bob, second]) {
    await eventually(async () => assert.equal(await p.conversation("Ada").locator(".badge").textContent(), "3"), "the badge says 3");
    await eventually(async () => assert.match(await p.page.title(), /^\(\d+\) GoChat$/), "the title counts");
  }
  assert.equal(await bob.conversation("Ada").locator(".preview").textContent(), "psst 3");
  await bob.page.bringToFront();
  await bob.openChat("Ada");
  await bob.sees(numbered("psst", 3));
  for (const p of [bob, second]) await p.conversation("Ada").locator(".badge").waitFor({ state: "hidden" });
  await ada.states("read");
}

async function newMessagesLine(scene) {
  const [ada, bob] = await scene.pair();
  await ada.say("old");
  await bob.sees(["old"]);
  await bob.openChat("World");
  await ada.say("new");
  await bob.conversation("Ada").locator(".badge").waitFor();
  await bob.openChat("Ada");
  await bob.page.locator(".note-new").waitFor();
  const order = await bob.page.locator(".messages > li").evaluateAll((items) => items.map((li) => li.querySelector(".content")?.textContent ?? li.className.split("-")[1]));
  assert.deepEqual(order, ["day", "old", "new", "new"]); // the third is the line "new", the fourth the new message
}

/** More news than fit on the screen: read from their beginning, and unread until their end was seen. */
async function screenfulOfNews(scene) {
  const bob = await scene.person("Bob");
  const ada = await ApiUser.register(scene.url, "ada", "Ada");
  const chat = await ada.chatWith(bob.username);
  await ada.send(chat, "old");
  await bob.openChat("Ada");
  await bob.sees(["old"]);
  await bob.openChat("World");
  const news = numbered("news", 40);
  for (const text of news) await ada.send(chat, text);
  await bob.openChat("Ada");
  await bob.sees(["old", ...news]);
  const line = bob.page.locator(".note-new");
  await eventually(async () => assert.ok(await line.evaluate((li) => {
    const { top, bottom } = li.closest(".scroll").getBoundingClientRect();
    return li.getBoundingClientRect().top > top && li.getBoundingClientRect().bottom < bottom;
  })), "the line before the news is in sight");
  const badge = bob.conversation("Ada").locator(".badge");
  assert.equal(await badge.textContent(), "40");
  await ada.send(chat, "one more");
  await eventually(async () => assert.equal(await badge.textContent(), "41"), "the badge counts on");
  await bob.page.getByLabel("Jump to the newest message").click();
  await badge.waitFor({ state: "hidden" });
}

async function longHistory(scene) {
  const bob = await scene.person("Bob");
  const ada = await ApiUser.register(scene.url, "ada", "Ada");
  const chat = await ada.chatWith(bob.username);
  const texts = numbered("entry", 180);
  for (const text of texts) await ada.send(chat, text);
  await bob.page.reload(); // so that the page has nothing in memory
  await bob.online();
  await bob.openChat("Ada");
  const view = bob.page.locator(".scroll");
  await eventually(async () => assert.ok((await bob.texts()).length >= 50), "the newest page is there");
  for (let loaded = 0; loaded < texts.length; ) {
    const before = await bob.texts();
    loaded = before.length;
    if (loaded === texts.length) break;
    await scrollUpOnce(bob, view, loaded);
  }
  await bob.sees(texts);
  await bob.page.getByText("This is the beginning of the conversation.").waitFor();
  await bob.page.getByLabel("Jump to the newest message").click();
  await eventually(async () => assert.ok(await view.evaluate((v) => v.scrollHeight - v.scrollTop - v.clientHeight < 5)), "the end is shown");
  await bob.conversation("Ada").locator(".badge").waitFor({ state: "hidden" });
}

/** Goes to the top; what is seen there is to stay at its place when older messages come in above it. */
async function scrollUpOnce(person, view, loaded) {
  const place = await view.evaluate((v) => {
    v.scrollTop = 0;
    const item = v.querySelector(".message");
    return { key: item.dataset.key, top: item.getBoundingClientRect().top };
  });
  await eventually(async () => assert.ok((await person.texts()).length > loaded), "older messages come");
  const now = await view.evaluate((v, key) => [...v.querySelectorAll(".message")].find((m) => m.dataset.key === key).getBoundingClientRect().top, place.key);
  assert.ok(Math.abs(now - place.top) <= 45, `the message seen before moved by ${now - place.top} px`);
}

async function world(scene) {
  const [ada, bob] = await Promise.all([scene.person("Ada Lovelace"), scene.person("Bob")]);
  const text = `hello from ${ada.username}`;
  await ada.openChat("World");
  await bob.openChat("World");
  await ada.say(text);
  const message = bob.page.locator(".message", { hasText: text });
  await message.waitFor();
  await eventually(async () => assert.equal(await bob.page.locator(".sender").last().textContent(), "Ada Lovelace"), "the sender is named");
}

async function typing(scene) {
  const [ada, bob] = await scene.pair();
  await ada.input.pressSequentially("hm");
  await bob.page.locator(".subtitle.typing", { hasText: "typing…" }).waitFor();
  await bob.page.locator(".subtitle", { hasText: `@${ada.username}` }).waitFor(); // typing ends by itself
}

async function enterAndNewline(scene) {
  const [ada, bob] = await scene.pair();
  await ada.input.pressSequentially("first");
  await ada.input.press("Shift+Enter");
  await ada.input.pressSequentially("second");
  await ada.input.press("Enter");
  await bob.sees(["first\nsecond"]);
  assert.equal(await ada.input.inputValue(), "");
}

async function lengthLimit(scene) {
  const [ada, bob] = await scene.pair();
  const most = "ü".repeat(4096); // 8,192 bytes
  await ada.input.fill(`${most}!`);
  await ada.page.getByText("1 bytes too long").waitFor();
  assert.equal(await ada.page.getByRole("button", { name: "Send" }).isDisabled(), true);
  await ada.input.press("Enter");
  assert.equal((await ada.texts()).length, 0);
  await ada.say(most);
  await bob.sees([most]);
}

async function otherTypes(scene) {
  const bob = await scene.person("Bob");
  const ada = await ApiUser.register(scene.url, "ada", "Ada");
  const chat = await ada.chatWith(bob.username);
  await ada.send(chat, "https://pictures.example/cat.png", "image");
  await ada.send(chat, "52.5,13.4", "location");
  await bob.openChat("Ada");
  await bob.sees(["Image https://pictures.example/cat.png", "Location 52.5,13.4"]);
  assert.equal(await bob.page.locator(".message a").getAttribute("href"), "https://pictures.example/cat.png");
  assert.equal(await bob.page.locator(".message img").count(), 0);
}

async function accounts(scene) {
  const ada = await scene.person("Ada");
  await ada.page.reload();
  await ada.online(); // still logged in
  await ada.page.getByRole("button", { name: "Log out" }).click();
  await ada.page.getByRole("heading", { name: "Log in" }).waitFor();
  ada.expectsTrouble = true; // the browser itself notes each 401 on the console
  await ada.page.getByLabel("User name").fill(ada.username);
  await ada.page.getByLabel("Password").fill("not the password");
  await ada.page.getByRole("button", { name: "Log in" }).click();
  await ada.page.getByText("The name or the password is wrong.").waitFor();
  await ada.page.getByLabel("Password").fill(password);
  await ada.page.getByRole("button", { name: "Log in" }).click();
  await ada.online();
  await ada.page.getByLabel("Find a user by exact name").fill("nobody.at.all");
  await ada.page.keyboard.press("Enter");
  await ada.page.getByText("There is no user called").waitFor();
}

export const tests = {
  "two people find each other and talk both ways": talkBothWays,
  "both at once: one order for both": oneOrder,
  "reloads in the middle lose and repeat nothing": reloadInTheMiddle,
  "the unread badge appears and clears, in every tab": unreadBadge,
  "a line stands before the new messages": newMessagesLine,
  "more news than fit on the screen": screenfulOfNews,
  "180 messages of history by scrolling up": longHistory,
  "World shows who speaks": world,
  "typing is shown and ends": typing,
  "Enter sends, Shift+Enter breaks the line": enterAndNewline,
  "8,192 bytes and not one more": lengthLimit,
  "images and the like are labelled links": otherTypes,
  "log in, stay, log out": accounts,
};
