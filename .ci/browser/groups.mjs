// Groups: members, their rights, and what their pages show.
import assert from "node:assert/strict";
import { ApiUser } from "./api.mjs";
import { eventually } from "./person.mjs";

/** Opens the page of the group that is shown. */
async function about(person) {
  await person.page.getByRole("button", { name: "About this group" }).first().click();
  const dialog = person.page.getByRole("dialog");
  await dialog.waitFor();
  return dialog;
}

function member(dialog, name) {
  return dialog.locator(".person", { hasText: name });
}

/** Chooses what is to be done with a member, and says yes when asked. */
async function manage(person, dialog, name, choice, yes) {
  await dialog.getByRole("button", { name: `What to do with ${name}` }).click();
  await person.page.getByRole("menuitem", { name: choice }).click();
  if (yes) await person.page.getByRole("dialog").last().getByRole("button", { name: yes }).click();
}

async function seesNotes(person, want) {
  await eventually(async () => {
    const notes = await person.notes();
    for (const text of want) assert.ok(notes.includes(text), `${text} in ${JSON.stringify(notes)}`);
  }, `${person.nickname} sees ${want.join("; ")}`);
}

async function three(scene) {
  const [ada, bob, cy] = await Promise.all(["Ada", "Bob", "Cy"].map((name) => scene.person(name)));
  await ada.group("Engine", [bob, cy]);
  return [ada, bob, cy];
}

async function talk(scene) {
  const people = await three(scene);
  const [ada, bob, cy] = people;
  for (const p of [bob, cy]) await p.openChat("Engine");
  await ada.page.locator(".subtitle", { hasText: "3 members" }).waitFor();
  await ada.say("hello engine");
  for (const p of people) await p.sees(["hello engine"]);
  assert.equal(await bob.page.locator(".sender").last().textContent(), "Ada");
  await cy.say("here");
  for (const p of people) await p.sees(["hello engine", "here"]);
}

async function unknownPerson(scene) {
  const ada = await scene.person("Ada");
  await ada.page.getByRole("button", { name: "New group" }).click();
  const dialog = ada.page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Nobody");
  await dialog.getByLabel("Add people").fill("nobody.at.all");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText("There is no user called").waitFor();
  await ada.page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
}

async function comeAndGo(scene) {
  const [ada, bob] = await Promise.all([scene.person("Ada"), scene.person("Bob")]);
  const dora = await scene.person("Dora");
  await ada.group("Engine", [bob]);
  await bob.openChat("Engine");
  const dialog = await about(ada);
  await dialog.getByLabel("Add people").fill(dora.username);
  await dialog.getByRole("button", { name: "Add to the group" }).click();
  await member(dialog, "Dora").waitFor();
  await dora.openChat("Engine");
  await seesNotes(bob, ["Ada added Dora"]);
  await seesNotes(dora, ["Ada added you"]);
  dora.expectsTrouble = true; // the browser notes that the conversation is gone
  await manage(ada, dialog, "Dora", "Remove from the group", "Remove");
  await member(dialog, "Dora").waitFor({ state: "detached" });
  await dora.page.getByText("Ada removed you from Engine.").waitFor();
  assert.equal(await dora.conversation("Engine").count(), 0);
  await seesNotes(bob, ["Ada removed Dora"]);
  const bobs = await about(bob);
  await bobs.getByRole("button", { name: "Leave the group" }).click();
  await bob.page.getByRole("dialog").last().getByRole("button", { name: "Leave", exact: true }).click();
  await bob.conversation("Engine").waitFor({ state: "detached" });
  await ada.page.keyboard.press("Escape");
  await seesNotes(ada, ["Bob left"]);
}

/** Each sees only what their role may do, and that follows the role at once. */
async function roles(scene) {
  const [ada, bob, cy] = await three(scene);
  for (const p of [bob, cy]) await p.openChat("Engine");
  const bobs = await about(bob);
  await member(bobs, "Cy").waitFor();
  assert.equal(await bobs.getByRole("button", { name: /^What to do/ }).count(), 0);
  assert.equal(await bobs.getByRole("button", { name: "Edit" }).isVisible(), false);
  const adas = await about(ada);
  await manage(ada, adas, "Bob", "Make admin");
  await member(bobs, "Bob").locator(".role-admin").waitFor();
  await bobs.getByRole("button", { name: "What to do with Cy" }).waitFor();
  await seesNotes(cy, ["Ada changed the role of Bob"]);
  await manage(ada, adas, "Bob", "Make owner", "Make owner");
  await member(adas, "Bob").locator(".role-owner").waitFor();
  await member(adas, "Ada").locator(".role-admin").waitFor();
  await bobs.getByRole("button", { name: "Dissolve the group" }).waitFor();
  assert.equal(await adas.getByRole("button", { name: "Dissolve the group" }).isVisible(), false);
}

async function details(scene) {
  const [ada, bob] = await three(scene);
  await bob.openChat("Engine");
  const dialog = await about(ada);
  await dialog.getByRole("button", { name: "Edit" }).click();
  await dialog.getByLabel("Name").fill("Difference Engine");
  await dialog.getByLabel("Announcement").fill("Meet at noon.\n<b>Bring brass.</b>");
  await dialog.getByLabel("Who adds people").selectOption("open");
  await dialog.getByRole("button", { name: "Save" }).click();
  await bob.page.locator(".chat-header h2", { hasText: "Difference Engine" }).waitFor();
  await bob.page.locator(".announcement", { hasText: "<b>Bring brass.</b>" }).waitFor();
  await seesNotes(bob, ["Ada changed the group's details"]);
  const bobs = await about(bob);
  await bobs.getByLabel("Add people").waitFor(); // an open group: members add people, too
}

async function joinByLink(scene) {
  const [ada, bob] = await three(scene);
  const eve = await scene.person("Eve");
  const id = await ada.page.evaluate(() => location.hash.replace("#/c/group_", ""));
  eve.expectsTrouble = true;
  const join = async () => {
    await eve.page.evaluate((id) => (location.hash = `#/join/${id}`), id);
    await eve.page.getByRole("dialog").getByRole("button", { name: "Join" }).click();
  };
  await join();
  await eve.page.locator(".notice:not([hidden])").waitFor(); // by invitation only: like one that does not exist
  assert.equal(await eve.conversation("Engine").count(), 0);
  const dialog = await about(ada);
  await dialog.getByRole("button", { name: "Edit" }).click();
  await dialog.getByLabel("Who adds people").selectOption("open");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByRole("button", { name: "Edit" }).waitFor();
  await join();
  await eve.page.locator(".chat-header h2", { hasText: "Engine" }).waitFor();
  await bob.openChat("Engine");
  await seesNotes(bob, ["Eve joined"]);
}

async function dissolve(scene) {
  const [ada, bob] = await three(scene);
  await bob.openChat("Engine");
  await ada.say("last words");
  await bob.sees(["last words"]);
  const dialog = await about(ada);
  await dialog.getByRole("button", { name: "Dissolve the group" }).click();
  await ada.page.getByRole("dialog").last().getByRole("button", { name: "Dissolve", exact: true }).click();
  for (const p of [ada, bob]) await p.page.getByText("This group was dissolved.").waitFor();
  assert.equal(await bob.input.isVisible(), false);
  await bob.sees(["last words"]);
}

async function mentions(scene) {
  const [ada, bob, cy] = await three(scene);
  await cy.openChat("World");
  await bob.openChat("Engine");
  await ada.input.pressSequentially("hey @C");
  await ada.page.getByRole("option", { name: "@Cy" }).waitFor();
  await ada.input.press("Enter");
  await ada.input.pressSequentially("look");
  await ada.input.press("Enter");
  await bob.sees(["hey @Cy look"]);
  assert.equal(await bob.page.locator(".mention").textContent(), "@Cy");
  assert.equal(await bob.page.locator(".message.to-me").count(), 0);
  await cy.conversation("Engine").locator(".at").waitFor();
  await cy.openChat("Engine");
  await cy.page.locator(".message.to-me", { hasText: "hey @Cy look" }).waitFor();
  await ada.input.pressSequentially("@al");
  await ada.input.press("Tab");
  await ada.input.pressSequentially("up!");
  await ada.input.press("Enter");
  for (const p of [bob, cy]) await p.page.locator(".message.to-me", { hasText: "@all up!" }).waitFor();
}

async function readBy(scene) {
  const [ada, bob] = await three(scene);
  await ada.say("who reads this?");
  await ada.states("stored");
  await bob.openChat("Engine");
  await bob.sees(["who reads this?"]);
  await eventually(async () => {
    await ada.act("who reads this?", "Read by…");
    const dialog = ada.page.getByRole("dialog");
    try {
      await dialog.getByText("Read by 1 of 2").waitFor({ timeout: 2000 });
      await dialog.locator(".person", { hasText: "Bob" }).waitFor({ timeout: 2000 });
    } finally {
      await dialog.getByRole("button", { name: "Close" }).click();
    }
  }, "Bob has read it");
}

/** An admin recalls what others said, at any time. */
async function recallOthers(scene) {
  const [ada, bob, cy] = await three(scene);
  for (const p of [bob, cy]) await p.openChat("Engine");
  await bob.say("rude words");
  for (const p of [ada, cy]) await p.sees(["rude words"]);
  assert.ok(!(await cy.choices("rude words")).includes("Recall for everyone"));
  await ada.act("rude words", "Recall for everyone");
  for (const p of [bob, cy]) await p.page.locator(".message", { hasText: "Ada recalled this message" }).waitFor();
}

/** A long list of members comes a page at a time. */
async function manyMembers(scene) {
  const ada = await scene.person("Ada");
  const others = [];
  for (let i = 0; i < 110; i++) others.push(await ApiUser.register(scene.url, "extra", `Extra ${i + 1}`));
  const owner = others[0];
  await owner.group("Crowd", [ada, ...others.slice(1)]);
  await ada.openChat("Crowd");
  const dialog = await about(ada);
  await eventually(async () => assert.equal(await dialog.locator(".person").count(), 100), "the first page");
  await dialog.getByRole("button", { name: "Show more members" }).click();
  await eventually(async () => assert.equal(await dialog.locator(".person").count(), 111), "all of them");
}

export const tests = {
  "a group is made, and all talk in it": talk,
  "a group needs people who exist": unknownPerson,
  "people are added, removed, and leave": comeAndGo,
  "roles decide who may do what": roles,
  "a new name, announcement and rule": details,
  "an open group is joined by its link": joinByLink,
  "a dissolved group can be read": dissolve,
  "a mention is offered, marked and counted": mentions,
  "a group's message says who has read it": readBy,
  "the owner recalls what others said": recallOthers,
  "members come a page at a time": manyMembers,
};
