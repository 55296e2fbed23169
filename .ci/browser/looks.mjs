// Screenshots for people to look at, and checks of the layout that a program can make.
import assert from "node:assert/strict";
import { ApiUser } from "./api.mjs";

const dialogue = [
  ["ada", "Hi Bob! Does this thing work?"],
  ["ada", "It says that it never loses a message."],
  ["bob", "Loud and clear. In the right order, too."],
  ["ada", "I have pulled the plug in the middle of a sentence, and the sentence went on as if nothing had happened. See the notes: https://notes.example/engine"],
  ["bob", "Then I believe it.\nAlmost."],
  ["ada", "Good enough for a first program."],
];

/** A conversation with some life in it, as Bob sees it. */
async function scenery(scene, options) {
  const bob = await scene.person("Bob", options);
  const ada = await ApiUser.register(scene.url, "ada", "Ada Lovelace");
  const grace = await ApiUser.register(scene.url, "grace", "Grace Hopper");
  const [withAda, withGrace] = await Promise.all([ada.chatWith(bob.username), grace.chatWith(bob.username)]);
  await grace.send(withGrace, "Found a moth in the relay.");
  await grace.send(withGrace, "Pinned it into the log book.");
  await ada.send(withAda, "Good morning.");
  await bob.openChat("Ada");
  for (const [who, text] of dialogue) {
    if (who === "ada") await ada.send(withAda, text);
    else await bob.say(text);
    const shown = bob.page.locator(".message", { hasText: text.split("\n")[0] });
    await shown.and(bob.page.locator(":not([data-state=queued], [data-state=sending], [data-state=accepted])")).waitFor();
  }
  await bob.states("stored", "read");
  return bob;
}

/** Takes a picture of a page that has come to rest. */
function picture(scene, person, name) {
  return person.page.screenshot({ path: scene.shot(name), animations: "disabled" });
}

/** Nothing sticks out to the side. */
async function fits(person) {
  const wide = await person.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0);
}

async function desktop(scene) {
  for (const colorScheme of ["light", "dark"]) {
    const stranger = await scene.stranger("Nobody", { colorScheme });
    await picture(scene, stranger, `login-${colorScheme}`);
    const newcomer = await scene.person("Newcomer", { colorScheme });
    await picture(scene, newcomer, `empty-${colorScheme}`);
    const bob = await scenery(scene, { colorScheme });
    await picture(scene, bob, `chat-${colorScheme}`);
    await fits(bob);
  }
}

async function phone(scene) {
  const bob = await scenery(scene, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  assert.equal(await bob.page.locator(".sidebar").isVisible(), false);
  await fits(bob);
  await picture(scene, bob, "phone-chat");
  await bob.page.getByLabel("Back to the conversations").click();
  await bob.page.locator(".sidebar").waitFor();
  assert.equal(await bob.page.locator(".pane").isVisible(), false);
  await fits(bob);
  await picture(scene, bob, "phone-list");
  await bob.openChat("Grace");
  await bob.page.goBack(); // the phone's own way back
  await bob.page.locator(".sidebar").waitFor();
}

/** Everything can be reached and named without a mouse or eyes. */
async function keyboard(scene) {
  const [ada] = await scene.pair();
  await ada.page.locator(".find-input").focus();
  await ada.page.keyboard.press("Tab");
  await ada.page.keyboard.press("Tab");
  await ada.page.keyboard.press("Enter");
  await ada.page.locator(".chat-header h2").waitFor();
  const nameless = await ada.page.locator("button, input, textarea").evaluateAll((nodes) =>
    nodes.filter((n) => n.checkVisibility() && !(n.getAttribute("aria-label") || n.textContent.trim() || n.labels?.length)).map((n) => n.outerHTML));
  assert.deepEqual(nameless, []);
  await ada.page.keyboard.press("Escape");
  await ada.page.getByText("It is quiet here.").waitFor();
}

export const tests = {
  "pictures at 1280×800, light and dark": desktop,
  "a phone shows the list or the chat": phone,
  "by keyboard alone": keyboard,
};
