// Who of the peers is online.

import type { Clock } from "./socket";
import type { Store } from "./store";
import type { Presence } from "./types";

/** What the server takes in one subscription. */
const maxPeers = 200;
/** New peers within this time, in milliseconds, are subscribed to together. */
const together = 500;

export interface PeersDeps {
  store: Store;
  clock: Clock;
  subscribe(userIds: string[]): boolean;
  onChange(): void;
}

export class Peers {
  private readonly deps: PeersDeps;
  private readonly states = new Map<string, Presence>();
  private subscribed = "";
  private size = -1;
  private timer: number | undefined;
  /** There is no connection, or the server does not know the subscription. */
  private off = true;

  constructor(deps: PeersDeps) {
    this.deps = deps;
  }

  /** Undefined when it is not known. */
  get(userId: string | undefined): Presence | undefined {
    return userId === undefined ? undefined : this.states.get(userId);
  }

  /** A new connection knows of no subscription. */
  connected(): void {
    this.subscribed = "";
    this.size = -1;
    this.off = false;
    this.changed();
  }

  /** Without a connection nothing is known of others. */
  disconnected(): void {
    this.stop();
    this.off = true;
    this.states.clear();
  }

  /** The server does not tell who is online. */
  unsupported(): void {
    this.off = true;
  }

  put(p: Presence): void {
    this.states.set(p.userId, p);
    this.deps.onChange();
  }

  /** The store has changed: there may be a new peer, or one who has written now. */
  changed(): void {
    if (this.off || this.news() === this.size || this.timer !== undefined) return;
    this.timer = this.deps.clock.set(() => this.subscribe(), together);
  }

  stop(): void {
    if (this.timer !== undefined) this.deps.clock.clear(this.timer);
    this.timer = undefined;
  }

  private subscribe(): void {
    this.timer = undefined;
    if (this.off) return;
    const peers = this.deps.store.list().flatMap((chat) => (chat.type === "single" && chat.peer ? [chat.peer.userId] : []));
    const userIds = peers.slice(0, maxPeers).sort();
    const wanted = `${userIds.join()} ${this.deps.store.writers}`;
    if (wanted !== this.subscribed && !this.deps.subscribe(userIds)) return; // the next connection subscribes
    this.subscribed = wanted;
    this.size = this.news();
  }

  private news(): number {
    return this.deps.store.size + this.deps.store.writers;
  }
}
