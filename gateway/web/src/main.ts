// Decides who is logged in, and shows the screen for it.

import { Api } from "./core/api";
import { Session } from "./core/session";
import type { Clock, Wire } from "./core/socket";
import type { Grant } from "./core/types";
import { App, go } from "./ui/app";
import { showAuth } from "./ui/auth";
import { h } from "./ui/dom";

const authKey = "gochat.auth";
const deviceKey = "gochat.device";
/** Holds the device id that the server has seen. */
const deviceKnownKey = "gochat.device.known";
const subprotocol = "gochat.v1";

const clock: Clock = {
  now: () => Date.now(),
  set: (run, ms) => window.setTimeout(run, ms),
  clear: (id) => window.clearTimeout(id),
};

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Reads who was logged in last time; undefined when nobody was. */
function savedGrant(): Grant | undefined {
  try {
    const grant = JSON.parse(localStorage.getItem(authKey) ?? "") as Grant;
    return typeof grant.token === "string" && typeof grant.user?.userId === "string" ? grant : undefined;
  } catch {
    return undefined;
  }
}

/**
 * One id for this tab, the same after a reload. A duplicated tab has a copy of its original's; the lock
 * tells, where the browser has locks (it does on https and on localhost).
 */
async function deviceId(): Promise<string> {
  const saved = sessionStorage.getItem(deviceKey);
  for (const id of saved ? [saved, randomId()] : [randomId()]) {
    sessionStorage.setItem(deviceKey, id);
    if (!navigator.locks || (await holdsLock(`${deviceKey}.${id}`))) return id;
  }
  return sessionStorage.getItem(deviceKey) ?? randomId();
}

/** Takes a lock for as long as the page lives; false when another page has it. */
function holdsLock(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    void navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock ? new Promise(() => {}) : undefined;
    });
  });
}

/** The token goes as a subprotocol, not in the address, which ends up in logs. */
function open(device: string, token: string): Wire {
  const url = new URL("/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("deviceId", device);
  return new WebSocket(url, [subprotocol, token]) as Wire;
}

const endedWords: Record<string, string> = {
  expired: "Your login has expired. Please log in again.",
  revoked: "You were logged out, here or on another device. Please log in again.",
};

class Client {
  private readonly root: HTMLElement;
  private device: string;
  private running: { session: Session; app: App; api: Api } | undefined;

  constructor(root: HTMLElement, device: string) {
    this.root = root;
    this.device = device;
    window.addEventListener("storage", (e) => this.otherTab(e));
  }

  start(): void {
    const grant = savedGrant();
    if (!grant) this.welcome("");
    else if (grant.expiresAt <= Date.now()) this.ended("expired");
    else this.enter(grant);
  }

  private welcome(notice: string): void {
    showAuth(this.root, newApi(), notice, (grant) => {
      localStorage.setItem(authKey, JSON.stringify(grant));
      this.enter(grant);
    });
  }

  private enter(grant: Grant): void {
    const api = newApi();
    api.token = grant.token;
    const session = new Session({
      api,
      me: grant.user,
      items: localStorage,
      clock,
      random: Math.random,
      deviceId: this.device,
      deviceKnown: sessionStorage.getItem(deviceKnownKey) === this.device,
      open: () => open(this.device, grant.token),
      newId: randomId,
      onChange: () => this.running?.app.changed(),
      onStatus: (status) => {
        if (status.kind === "online") sessionStorage.setItem(deviceKnownKey, this.device);
        this.running?.app.setStatus(status);
      },
      onEnded: (reason) => this.ended(reason),
      onNotice: (text) => this.running?.app.setNotice(text),
    });
    const app = new App(this.root, { api, session, device: this.device, drafts: sessionStorage, onLogout: () => void this.logout() });
    this.running = { session, app, api };
    session.start();
  }

  /** Logs out at the server too; when it cannot be reached, the token is forgotten all the same. */
  private async logout(): Promise<void> {
    const api = this.running?.api;
    this.leave();
    go(undefined);
    this.welcome("");
    await api?.logout().catch(() => this.welcome("You are logged out here. The server could not be told, so your login there lasts until it expires."));
  }

  private ended(reason: string): void {
    this.leave();
    if (reason !== "expired") {
      // A device that was signed out comes back as another one.
      this.device = randomId();
      sessionStorage.setItem(deviceKey, this.device);
    }
    this.welcome(endedWords[reason] ?? "You were logged out. Please log in again.");
  }

  private leave(): void {
    localStorage.removeItem(authKey);
    for (const key of Object.keys(sessionStorage)) if (key.startsWith("gochat.draft.")) sessionStorage.removeItem(key);
    this.stop();
  }

  private stop(): void {
    this.running?.session.stop();
    this.running?.app.destroy();
    this.running = undefined;
  }

  /** Another tab of this browser has logged in or out, or has seen a message stored. */
  private otherTab(e: StorageEvent): void {
    if (e.storageArea !== localStorage) return;
    if (e.key === authKey || e.key === null) {
      this.stop();
      this.start();
    } else if (e.newValue === null && this.running?.session.outbox.removedElsewhere(e.key)) {
      this.running.app.changed();
    }
  }
}

function newApi(): Api {
  return new Api((url, init) => fetch(url, init));
}

async function main(): Promise<void> {
  const root = document.getElementById("app");
  if (!root) throw new Error("the page has no #app");
  root.append(h("p", { class: "loading" }, "GoChat"));
  new Client(root, await deviceId()).start();
}

void main();
