// The HTTP half of the contract.

import type { Conversation, Device, Grant, Group, JoinPolicy, Member, Message, Outcome, Page, ReadersAnswer, Role, SyncAnswer, User } from "./types";

/** An answer of the server that is not 2xx, or (status 0) no answer at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: Readonly<Record<string, string>>;
  /** How long the server asks to wait, in milliseconds; 0 when it does not say. */
  readonly retryAfter: number;

  constructor(status: number, code: string, message: string, fields: Record<string, string> = {}, retryAfter = 0) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.fields = fields;
    this.retryAfter = retryAfter;
  }

  /** True when the same call may succeed later without a change. */
  get temporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** No call outlives this, in milliseconds. */
const callTimeout = 15_000;

/** Calls the server. Every method rejects with ApiError, and with nothing else. */
export class Api {
  token = "";
  private readonly fetch: Fetch;

  constructor(fetch: Fetch) {
    this.fetch = fetch;
  }

  register(username: string, password: string, nickname: string): Promise<Grant> {
    return this.call("POST", "/api/auth/register", { username, password, ...(nickname ? { nickname } : {}) });
  }

  login(username: string, password: string): Promise<Grant> {
    return this.call("POST", "/api/auth/login", { username, password });
  }

  logout(): Promise<void> {
    return this.call("POST", "/api/auth/logout");
  }

  /** Every token of this user is refused from then on, this one too; the sockets close. */
  logoutEverywhere(): Promise<void> {
    return this.call("POST", "/api/auth/logout", { everywhere: true });
  }

  me(): Promise<User> {
    return this.call("GET", "/api/users/me");
  }

  user(userId: string): Promise<User> {
    return this.call("GET", `/api/users/${encodeURIComponent(userId)}`);
  }

  async findUser(username: string): Promise<User | undefined> {
    const answer = await this.call<{ users: User[] }>("GET", `/api/users?username=${encodeURIComponent(username)}`);
    return answer.users[0];
  }

  openSingle(peerId: string): Promise<Conversation> {
    return this.call("POST", "/api/conversations", { peerId });
  }

  conversation(id: string): Promise<Conversation> {
    return this.call("GET", `/api/conversations/${encodeURIComponent(id)}`);
  }

  conversations(cursor?: string): Promise<{ conversations: Conversation[]; nextCursor?: string }> {
    return this.call("GET", `/api/conversations${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`);
  }

  messages(id: string, bounds: { afterSeq?: number; beforeSeq?: number; limit: number }): Promise<Page> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(bounds)) query.set(name, String(value));
    return this.call("GET", `/api/conversations/${encodeURIComponent(id)}/messages?${query}`);
  }

  /** epoch is the server's to which the numbers belong, when it is known. */
  sync(have: Record<string, number>, epoch?: string): Promise<SyncAnswer> {
    return this.call("POST", "/api/sync", { conversations: have, epoch });
  }

  outcome(tempMessageId: string): Promise<Outcome> {
    return this.call("GET", `/api/messages/outcome?tempMessageId=${encodeURIComponent(tempMessageId)}`);
  }

  readers(id: string, seqId: number, cursor?: string): Promise<ReadersAnswer> {
    return this.call("GET", `${at("conversations", id, "messages", String(seqId), "readers")}${query({ cursor })}`);
  }

  search(q: string, conversationId?: string, cursor?: string): Promise<{ messages: Message[]; nextCursor?: string }> {
    return this.call("GET", `/api/search${query({ q, conversationId, cursor })}`);
  }

  createGroup(name: string, memberIds: string[]): Promise<Group> {
    return this.call("POST", at("groups"), { name, memberIds });
  }

  changeGroup(groupId: string, change: { name?: string; announcement?: string; joinPolicy?: JoinPolicy }): Promise<Group> {
    return this.call("PATCH", at("groups", groupId), change);
  }

  dissolveGroup(groupId: string): Promise<void> {
    return this.call("DELETE", at("groups", groupId));
  }

  joinGroup(groupId: string): Promise<void> {
    return this.call("POST", at("groups", groupId, "join"));
  }

  members(groupId: string, limit: number, cursor?: string): Promise<{ members: Member[]; nextCursor?: string }> {
    return this.call("GET", `${at("groups", groupId, "members")}${query({ limit: String(limit), cursor })}`);
  }

  addMembers(groupId: string, userIds: string[]): Promise<{ added: string[]; already: string[] }> {
    return this.call("POST", at("groups", groupId, "members"), { userIds });
  }

  removeMember(groupId: string, userId: string): Promise<void> {
    return this.call("DELETE", at("groups", groupId, "members", userId));
  }

  setRole(groupId: string, userId: string, role: Role): Promise<Member> {
    return this.call("PUT", at("groups", groupId, "members", userId, "role"), { role });
  }

  devices(): Promise<{ devices: Device[] }> {
    return this.call("GET", at("devices"));
  }

  signOut(deviceId: string): Promise<void> {
    return this.call("DELETE", at("devices", deviceId));
  }

  private async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = {};
    if (this.token) headers["Authorization"] = `Bearer ${this.token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(callTimeout), cache: "no-store" };
    if (body !== undefined) init.body = JSON.stringify(body);
    let response: Response;
    let text: string;
    try {
      response = await this.fetch(path, init);
      text = await response.text();
    } catch {
      throw new ApiError(0, "offline", "The server cannot be reached.");
    }
    if (!response.ok) throw refusal(response, text);
    if (text === "") return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new ApiError(0, "offline", "The server's answer could not be read.");
    }
  }
}

/** The address of a call, whatever its parts are made of. */
function at(...parts: string[]): string {
  return `/api/${parts.map(encodeURIComponent).join("/")}`;
}

/** The query with those of the values that are there. */
function query(values: Record<string, string | undefined>): string {
  const given = Object.entries(values).filter((e): e is [string, string] => e[1] !== undefined);
  return given.length > 0 ? `?${new URLSearchParams(given)}` : "";
}

/** Reads the error body; a proxy on the way may have sent something else. */
function refusal(response: Response, text: string): ApiError {
  const wait = Number(response.headers.get("Retry-After") ?? "0") * 1000 || 0;
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; fields?: Record<string, string> } };
    return new ApiError(response.status, error.code, error.message, error.fields, wait);
  } catch {
    return new ApiError(response.status, "internal", `The server answered ${response.status}.`, {}, wait);
  }
}
