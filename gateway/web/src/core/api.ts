// The HTTP half of the contract.

import type { Conversation, Grant, Outcome, Page, SyncAnswer, User } from "./types";

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

  sync(have: Record<string, number>): Promise<SyncAnswer> {
    return this.call("POST", "/api/sync", { conversations: have });
  }

  outcome(tempMessageId: string): Promise<Outcome> {
    return this.call("GET", `/api/messages/outcome?tempMessageId=${encodeURIComponent(tempMessageId)}`);
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
