// A user at a browser: actions on the page, and checks of what the page shows.
import assert from "node:assert/strict";
import { freshName, password } from "./api.mjs";

/** How long anything may take to show; a limit, not a measurement. */
export const patience = 20_000;

/** What a browser says on the console when a server is away, or refuses what a test tries on purpose. */
const outage = /net::ERR_|WebSocket connection to|Failed to load resource/;

export class Person {
  page;
  context;
  username;
  nickname;
  /** True while a server that is away or says no is part of the test. */
  expectsTrouble = false;
  /** Errors on the console, uncaught ones, violations of the security policy, dialogs. */
  problems = [];

  /** Opens the web client in a browser profile of its own, and registers there. */
  static async register(browser, url, nickname, options = {}) {
    const person = await Person.open(browser, url, nickname, options);
    const { page } = person;
    await page.getByRole("button", { name: "Create an account" }).click();
    await page.getByLabel("User name").fill(person.username);
    await page.getByLabel("Shown name").fill(nickname);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Register" }).click();
    await person.online();
    return person;
  }

  /** Logs in as a user who exists. */
  async login(username) {
    await this.page.getByLabel("User name").fill(username);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Log in" }).click();
    await this.online();
  }

  /** Opens the web client without logging in. */
  static async open(browser, url, nickname, options = {}) {
    const person = new Person();
    person.nickname = nickname;
    person.username = freshName(nickname.toLowerCase().replace(/[^a-z]/g, "") || "user");
    person.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light", locale: "en-GB", ...options });
    person.context.setDefaultTimeout(patience);
    person.page = await person.context.newPage();
    person.#watch(person.page);
    await person.page.goto(url);
    return person;
  }

  /** Another tab of the same browser profile, or the same person at another device. */
  async anotherTab(url) {
    const tab = new Person();
    Object.assign(tab, { nickname: this.nickname, username: this.username, context: this.context, problems: this.problems });
    tab.page = await this.context.newPage();
    tab.#watch(tab.page);
    await tab.page.goto(url);
    await tab.online();
    return tab;
  }

  async online() {
    await this.page.locator('.presence[data-kind="online"]').waitFor({ state: "attached" });
  }

  async offline() {
    await this.page.locator('.presence[data-kind="offline"], .presence[data-kind="connecting"]').waitFor({ state: "attached" });
  }

  /** Finds a user by name, which opens the chat. */
  async find(username) {
    await this.page.getByLabel("Find a user by exact name").fill(username);
    await this.page.keyboard.press("Enter");
    await this.page.locator(".chat-header", { hasText: `@${username}` }).waitFor();
  }

  conversation(name) {
    return this.page.locator(".conversation").filter({ has: this.page.locator(".name", { hasText: name }) });
  }

  async openChat(name) {
    await this.conversation(name).click();
    await this.page.locator(".chat-header h2", { hasText: name }).waitFor();
  }

  get input() {
    return this.page.getByLabel("Message", { exact: true });
  }

  async say(text) {
    await this.input.fill(text);
    await this.input.press("Enter");
  }

  /** The texts of all shown messages, from top to bottom. */
  texts() {
    return this.page.locator(".message .content").allTextContents();
  }

  /** Waits until exactly these texts are shown, in this order. */
  async sees(want, what) {
    await eventually(async () => assert.deepEqual(await this.texts(), want), what ?? `${this.nickname} sees ${want.length} messages`);
  }

  /** The message with that text. */
  message(text) {
    return this.page.locator(".message").filter({ has: this.page.locator(".content", { hasText: text }) });
  }

  /** Opens what can be done with a message, and chooses. */
  async act(text, choice) {
    const message = this.message(text);
    await message.hover();
    await message.getByLabel("What to do with this message").click();
    await this.page.getByRole("menu").getByRole(/^(React|Take back)/.test(choice) ? "menuitemcheckbox" : "menuitem", { name: choice }).click();
  }

  /** What can be done with a message. */
  async choices(text) {
    const message = this.message(text);
    await message.hover();
    await message.getByLabel("What to do with this message").click();
    const names = await this.page.getByRole("menu").getByRole("menuitem").allTextContents();
    await this.page.keyboard.press("Escape");
    return names;
  }

  /** Makes a group of these people, which opens it. */
  async group(name, people) {
    await this.page.getByRole("button", { name: "New group" }).click();
    const dialog = this.page.getByRole("dialog");
    await dialog.getByLabel("Name").fill(name);
    for (const p of people) {
      await dialog.getByLabel("Add people").fill(p.username);
      await dialog.getByLabel("Add people").press("Enter");
      await dialog.locator(".chip", { hasText: p.nickname }).waitFor();
    }
    await dialog.getByRole("button", { name: "Create" }).click();
    await this.page.locator(".chat-header h2", { hasText: name }).waitFor();
  }

  /** The lines between the messages, without the days. */
  notes() {
    return this.page.locator(".note-system").allTextContents();
  }

  /** Waits until every own message has one of the states; what is delivered is stored, too. */
  async states(...states) {
    const allowed = states.includes("stored") ? [...states, "delivered"] : states;
    await eventually(async () => {
      const states = await this.page.locator(".message.own").evaluateAll((nodes) => nodes.map((n) => n.dataset.state));
      assert.deepEqual(states.filter((s) => !allowed.includes(s)), []);
    }, `${this.nickname}'s messages are ${allowed.join(" or ")}`);
  }

  async close() {
    await this.context.close();
  }

  #watch(page) {
    page.on("console", (m) => {
      if (m.type() !== "error" && !/Content.Security.Policy/i.test(m.text())) return;
      if (this.expectsTrouble && outage.test(m.text())) return;
      this.problems.push(`console: ${m.text()}`);
    });
    page.on("pageerror", (err) => this.problems.push(`uncaught: ${err.stack ?? err}`));
    page.on("dialog", (dialog) => {
      this.problems.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }
}

/** Repeats check until it holds; when it never does, its last failure is thrown. */
export async function eventually(check, what) {
  const deadline = Date.now() + patience;
  for (;;) {
    try {
      return await check();
    } catch (err) {
      if (Date.now() > deadline) {
        err.message = `${what}: ${err.message}`;
        throw err;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
