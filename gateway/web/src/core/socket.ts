// The connection: opens, pings, notices silence, and comes back.

import { backoff, retryAfter } from "./backoff";
import type { ClientFrame, ServerFrame } from "./types";

export type Status =
  | { kind: "connecting" }
  | { kind: "online" }
  | { kind: "offline"; retryAt: number }
  /** Another socket has this device's id; only the user brings this one back. */
  | { kind: "replaced" }
  /** The token is no longer good. */
  | { kind: "ended"; reason: string }
  | { kind: "closed" };

/** The part of WebSocket that is used. */
export interface Wire {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onmessage: ((e: { data: unknown }) => void) | null;
  onclose: ((e: { code: number; reason: string }) => void) | null;
}

/** The browser's timers and clock, replaceable in tests. */
export interface Clock {
  now(): number;
  set(run: () => void, ms: number): number;
  clear(id: number): void;
}

export interface SocketDeps {
  open(): Wire;
  clock: Clock;
  random(): number;
  /** Says whether the token was refused; called when a socket closed before its hello. */
  tokenRefused(): Promise<boolean>;
  onFrame(frame: ServerFrame): void;
  onStatus(status: Status): void;
}

const helloTimeout = 10_000;
const wakeTimeout = 3_000;
const stableAfter = 10_000;
const backoffBase = 500;
const backoffCap = 30_000;
/** The server closes after as many intervals of silence; so does the client. */
const missedPings = 3;

const closeTokenRevoked = 4001;
const closeReplaced = 4002;

export class Socket {
  private readonly deps: SocketDeps;
  private wire: Wire | undefined;
  private current: Status = { kind: "closed" };
  private timer: number | undefined;
  private attempts = 0;
  private openedAt = 0;
  private lastTraffic = 0;
  private pingInterval = 25_000;
  private pingAt = 0;
  /** Without an answer until this time the connection counts as gone, whatever the interval; 0: none is awaited. */
  private answerBy = 0;

  constructor(deps: SocketDeps) {
    this.deps = deps;
  }

  get status(): Status {
    return this.current;
  }

  /** Opens the connection, at once when it was waiting; does nothing on a live one. */
  connect(): void {
    if (this.wire) return;
    this.clearTimer();
    this.openedAt = this.deps.clock.now();
    this.enter({ kind: "connecting" });
    const wire = this.deps.open();
    this.wire = wire;
    wire.onmessage = (e) => this.received(wire, e.data);
    wire.onclose = (e) => this.closed(wire, e.code, e.reason);
    this.arm(() => this.lose(), helloTimeout);
  }

  /** Closes for good. */
  close(): void {
    this.clearTimer();
    this.drop();
    this.enter({ kind: "closed" });
  }

  /** Sends a frame; false when there is no connection to send it on. */
  send(frame: ClientFrame): boolean {
    if (!this.wire || this.current.kind !== "online") return false;
    this.wire.send(JSON.stringify(frame));
    return true;
  }

  /** Something hints that the network has changed: come back now, or find out whether the connection lives. */
  wake(): void {
    if (this.current.kind === "offline") {
      this.attempts = 0;
      this.connect();
    } else if (this.current.kind === "online") {
      this.send({ type: "ping", data: {} });
      this.answerBy = this.deps.clock.now() + wakeTimeout;
      this.watch();
    }
  }

  private received(wire: Wire, data: unknown): void {
    if (wire !== this.wire) return;
    this.lastTraffic = this.deps.clock.now();
    this.answerBy = 0;
    const frame = parse(data);
    if (!frame) return;
    if (frame.type === "hello") {
      this.pingInterval = Math.max(frame.data.pingInterval, 1000) || this.pingInterval;
      this.pingAt = this.lastTraffic + this.pingInterval;
      this.watch();
      this.enter({ kind: "online" });
    }
    this.deps.onFrame(frame);
  }

  /** Arms the one timer for whatever of ping, silence and answer comes first. */
  private watch(): void {
    const now = this.deps.clock.now();
    const silentAt = this.lastTraffic + missedPings * this.pingInterval;
    const next = Math.min(this.pingAt, silentAt, this.answerBy || Infinity);
    this.arm(() => this.look(), Math.max(0, next - now));
  }

  private look(): void {
    const now = this.deps.clock.now();
    if (now - this.lastTraffic >= missedPings * this.pingInterval || (this.answerBy > 0 && now >= this.answerBy)) {
      this.lose();
      return;
    }
    if (now >= this.pingAt) {
      this.send({ type: "ping", data: {} });
      this.pingAt = now + this.pingInterval;
    }
    this.watch();
  }

  /** Gives up a connection that does not answer. */
  private lose(): void {
    this.drop();
    this.retry(undefined);
  }

  private closed(wire: Wire, code: number, reason: string): void {
    if (wire !== this.wire) return;
    const hadHello = this.current.kind === "online";
    this.drop();
    if (code === closeTokenRevoked) {
      this.clearTimer();
      this.enter({ kind: "ended", reason });
    } else if (code === closeReplaced) {
      this.clearTimer();
      this.enter({ kind: "replaced" });
    } else {
      this.retry(retryAfter(reason));
      if (!hadHello) void this.checkToken();
    }
  }

  private retry(wait: number | undefined): void {
    const now = this.deps.clock.now();
    if (this.current.kind === "online" && now - this.openedAt >= stableAfter) this.attempts = 0;
    const delay = wait ?? backoff(this.attempts, backoffBase, backoffCap, this.deps.random);
    this.attempts++;
    this.enter({ kind: "offline", retryAt: now + delay });
    this.arm(() => this.connect(), delay);
  }

  /** A browser does not say that a handshake got 401, so that is asked separately. */
  private async checkToken(): Promise<void> {
    if (!(await this.deps.tokenRefused())) return;
    if (this.current.kind === "closed" || this.current.kind === "ended") return;
    this.clearTimer();
    this.drop();
    this.enter({ kind: "ended", reason: "expired" });
  }

  private drop(): void {
    const wire = this.wire;
    this.wire = undefined;
    if (!wire) return;
    wire.onmessage = null;
    wire.onclose = null;
    wire.close(1000);
  }

  private enter(status: Status): void {
    this.current = status;
    this.deps.onStatus(status);
  }

  private arm(run: () => void, ms: number): void {
    this.clearTimer();
    this.timer = this.deps.clock.set(run, ms);
  }

  private clearTimer(): void {
    if (this.timer !== undefined) this.deps.clock.clear(this.timer);
    this.timer = undefined;
  }
}

function parse(data: unknown): ServerFrame | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const frame = JSON.parse(data) as ServerFrame;
    return frame && typeof frame.type === "string" && frame.data !== null && typeof frame.data === "object" ? frame : undefined;
  } catch {
    return undefined;
  }
}
