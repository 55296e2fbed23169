// Changes of messages (edits, recalls, reactions), and the delivered and read marks.
import assert from "node:assert/strict";
import { ApiUser } from "./api.mjs";
import { eventually } from "./person.mjs";

async function edit(scene) {
  const [ada, bob] = await scene.pair();
  await ada.say("teh first");
  await bob.sees(["teh first"]);
  await ada.act("teh first", "Edit");
  assert.equal(await ada.input.inputValue(), "teh first");
  await ada.say("the first");
  for (const p of [ada, bob]) {
    await p.sees(["the first"]);
    await p.message("the first").locator(".edited").waitFor();
  }
  await bob.page.reload();
  await bob.sees(["the first"]);
  assert.ok(!(await bob.choices("the first")).includes("Edit"), "somebody else's message is not to be edited");
}

async function escapeLeavesAnEdit(scene) {
  const [ada] = await scene.pair();
  await ada.say("as it was");
  await ada.states("stored", "read");
  await ada.input.fill("a draft");
  await ada.act("as it was", "Edit");
  await ada.input.press("Escape");
  assert.equal(await ada.input.inputValue(), "a draft");
  await ada.sees(["as it was"]);
}

/** The text of a recalled message is gone: from the page, and from what the browser keeps. */
async function recall(scene) {
  const [ada, bob] = await scene.pair();
  const secret = `secret-${ada.username}`;
  await ada.say(secret);
  await bob.sees([secret]);
  await bob.act(secret, "Reply");
  await bob.say("what was that?");
  await ada.page.locator(".quote", { hasText: secret }).waitFor();
  await ada.act(secret, "Recall for everyone");
  await ada.page.getByText("You recalled this message").first().waitFor();
  await bob.page.getByText("This message was recalled").first().waitFor();
  for (const p of [ada, bob]) {
    await eventually(async () => {
      const kept = await p.page.evaluate(() => document.documentElement.outerHTML + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }));
      assert.ok(!kept.includes(secret));
    }, "the text is gone");
    await p.sees(["what was that?"]);
  }
  await bob.page.reload();
  await bob.sees(["what was that?"]);
}

async function reactions(scene) {
  const [ada, bob] = await scene.pair();
  await ada.say("look at this");
  await bob.sees(["look at this"]);
  await bob.act("look at this", "React with 👍");
  const chip = (p) => p.message("look at this").locator(".reaction");
  for (const p of [ada, bob]) await eventually(async () => assert.deepEqual(await chip(p).allTextContents(), ["👍1"]), "one 👍");
  await chip(ada).click();
  for (const p of [ada, bob]) await eventually(async () => assert.deepEqual(await chip(p).allTextContents(), ["👍2"]), "two 👍");
  await bob.act("look at this", "Take back 👍");
  for (const p of [ada, bob]) await eventually(async () => assert.deepEqual(await chip(p).allTextContents(), ["👍1"]), "one 👍 again");
  await ada.page.reload();
  await eventually(async () => assert.equal(await chip(ada).getAttribute("aria-pressed"), "true"), "Ada's own is still there");
}

/** A quote leads to what it quotes, however far back that is. */
async function reply(scene) {
  const bob = await scene.person("Bob");
  const ada = await ApiUser.register(scene.url, "ada", "Ada");
  const chat = await ada.chatWith(bob.username);
  await ada.send(chat, "the very first");
  for (let i = 1; i <= 130; i++) await ada.send(chat, `filler ${i}`);
  await ada.reply(chat, 1, "as I said");
  await bob.openChat("Ada");
  const quote = bob.message("as I said").locator(".quote");
  await eventually(async () => assert.match((await quote.textContent()) ?? "", /the very first/), "the quote is loaded");
  await quote.click();
  await bob.page.locator('.message[data-seq="1"]', { hasText: "the very first" }).waitFor();
  await eventually(async () => assert.ok(await bob.page.locator('.message[data-seq="1"]').evaluate((li) => {
    const { top, bottom } = li.closest(".scroll").getBoundingClientRect();
    return li.getBoundingClientRect().top >= top && li.getBoundingClientRect().bottom <= bottom;
  })), "the quoted message is in sight");
  await bob.page.getByLabel("Jump to the newest message").click();
  await bob.message("as I said").waitFor();
}

async function ticks(scene) {
  const bob = await scene.person("Bob");
  const ada = await scene.person("Ada");
  await ada.find(bob.username);
  await ada.say("are you there?");
  await ada.states("delivered"); // Bob has the message and has another conversation open
  await bob.openChat("Ada");
  await ada.states("read");
  await ada.page.reload();
  await ada.states("read"); // also from the server, after the reload
}

async function presence(scene) {
  const [ada, bob] = await scene.pair();
  await bob.say("here I am"); // presence is shown only of users who have written
  await ada.page.locator(".subtitle", { hasText: "online" }).waitFor();
  await ada.conversation("Bob").locator(".face[data-online]").waitFor();
  await bob.page.close();
  await ada.page.locator(".subtitle", { hasText: "last seen" }).waitFor();
  await ada.conversation("Bob").locator(".face:not([data-online])").waitFor();
}

/** What others changed while one was away is there after, once. */
async function changedWhileAway(scene) {
  const bob = await scene.person("Bob");
  const ada = await ApiUser.register(scene.url, "ada", "Ada");
  const chat = await ada.chatWith(bob.username);
  for (const text of ["one", "two", "three"]) await ada.send(chat, text);
  await bob.openChat("Ada");
  await bob.sees(["one", "two", "three"]);
  bob.expectsTrouble = true;
  await bob.context.setOffline(true);
  await bob.offline();
  await ada.change(chat, 1, { change: "edit", content: "ONE" });
  await ada.change(chat, 2, { change: "recall" });
  await ada.change(chat, 3, { change: "react", reaction: "👍" });
  await bob.act("three", "React with 👍"); // kept until there is a connection
  await bob.context.setOffline(false);
  await bob.online();
  await bob.sees(["ONE", "three"]);
  await eventually(async () => assert.deepEqual(await bob.message("three").locator(".reaction").allTextContents(), ["👍2"]), "both reactions");
  const history = await ada.history(chat);
  assert.deepEqual(history[2].reactions.map((r) => [r.reaction, r.userIds.length]), [["👍", 2]]);
}

async function byKeyboard(scene) {
  const [ada, bob] = await scene.pair();
  await ada.say("by hand");
  await bob.sees(["by hand"]);
  await bob.input.press("Shift+Tab"); // the newest message
  await bob.page.keyboard.press("Enter");
  await bob.page.getByRole("menu").waitFor();
  await bob.page.keyboard.press("Enter"); // the first face
  await ada.message("by hand").locator(".reaction").waitFor();
  const focused = await bob.page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
  assert.equal(focused, "What to do with this message");
  await bob.page.keyboard.press("Enter");
  await bob.page.keyboard.press("Escape");
  await bob.page.getByRole("menu").waitFor({ state: "detached" });
  await bob.page.locator(".chat-header").waitFor(); // Escape has closed the menu alone
}

export const tests = {
  "an edit is seen by both, and after a reload": edit,
  "Escape leaves an edit, and the draft is back": escapeLeavesAnEdit,
  "a recalled text is gone everywhere": recall,
  "reactions are counted and taken back": reactions,
  "a quote leads far back": reply,
  "ticks say delivered, then read": ticks,
  "who is online": presence,
  "what was changed while away": changedWhileAway,
  "react by keyboard alone": byKeyboard,
};
