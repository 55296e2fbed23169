// Who is who: users by id, each asked for once.

import type { User } from "./types";

/** How many users are asked for at the same time. */
const parallel = 4;
/** How long one that could not be had is not asked for again, in milliseconds. */
const coolDown = 30_000;

export class Users {
  private readonly known = new Map<string, User>();
  private readonly wanted: string[] = [];
  private readonly missedAt = new Map<string, number>();
  private readonly load: (userId: string) => Promise<User>;
  private readonly changed: () => void;
  private readonly now: () => number;
  private running = 0;

  constructor(load: (userId: string) => Promise<User>, changed: () => void, now: () => number) {
    this.load = load;
    this.changed = changed;
    this.now = now;
  }

  put(user: User): void {
    this.known.set(user.userId, user);
  }

  /** Returns the user when it is known, and asks for it when it is not. */
  get(userId: string): User | undefined {
    const user = this.known.get(userId);
    const missed = this.missedAt.get(userId);
    const cooling = missed !== undefined && this.now() - missed < coolDown;
    if (!user && !cooling && !this.wanted.includes(userId)) {
      this.wanted.push(userId);
      this.next();
    }
    return user;
  }

  /** The name to show: the nickname, or the user's name, or a stand-in until it is known. */
  name(userId: string): string {
    const user = this.get(userId);
    return user ? displayName(user) : "…";
  }

  private next(): void {
    const id = this.running < parallel ? this.wanted[this.running] : undefined;
    if (id === undefined) return;
    this.running++;
    void this.load(id)
      .then((user) => this.put(user))
      .catch(() => this.missedAt.set(id, this.now()))
      .finally(() => {
        this.wanted.splice(this.wanted.indexOf(id), 1);
        this.running--;
        this.changed();
        this.next();
      });
  }
}

export function displayName(user: User): string {
  return user.nickname || user.username;
}
