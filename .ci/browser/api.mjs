// Users without a browser: HTTP calls that prepare a test.
import { randomBytes } from "node:crypto";

export const password = "correct horse battery";

/** A name that no other run has used. */
export function freshName(stem) {
  return `${stem}_${randomBytes(4).toString("hex")}`;
}

export class ApiUser {
  #url;
  #token;
  user;

  get username() {
    return this.user.username;
  }

  static async register(url, stem, nickname) {
    const self = new ApiUser();
    self.#url = url;
    const grant = await self.#call("POST", "/api/auth/register", { username: freshName(stem), password, nickname });
    self.#token = grant.token;
    self.user = grant.user;
    return self;
  }

  async find(username) {
    const { users } = await this.#call("GET", `/api/users?username=${username}`);
    return users[0];
  }

  /** Opens the single chat with a user and returns its id. */
  async chatWith(username) {
    const peer = await this.find(username);
    return (await this.#call("POST", "/api/conversations", { peerId: peer.userId })).conversationId;
  }

  /** Sends, and returns when it is stored. */
  send(conversationId, content, messageType = "text") {
    return this.#call("POST", "/api/messages", { conversationId, content, messageType, tempMessageId: randomBytes(8).toString("hex") });
  }

  reply(conversationId, replyToSeq, content) {
    return this.#call("POST", "/api/messages", { conversationId, content, replyToSeq, messageType: "text", tempMessageId: randomBytes(8).toString("hex") });
  }

  /** Makes a group; people are users, or whatever has their names. Returns its conversation's id. */
  async group(name, people) {
    const found = await Promise.all(people.map((p) => this.find(p.username)));
    return (await this.#call("POST", "/api/groups", { name, memberIds: found.map((u) => u.userId) })).conversationId;
  }

  /** Changes a message, and returns when that is stored. */
  change(conversationId, seqId, change) {
    return this.#call("POST", `/api/conversations/${conversationId}/messages/${seqId}/changes`, { ...change, tempMessageId: randomBytes(8).toString("hex") });
  }

  /** Everything that the server has of a conversation. */
  async history(conversationId) {
    const all = [];
    for (let more = true; more; ) {
      const page = await this.#call("GET", `/api/conversations/${conversationId}/messages?limit=200&afterSeq=${all.at(-1)?.seqId ?? 0}`);
      all.push(...page.messages);
      more = page.hasMore;
    }
    return all;
  }

  async #call(method, path, body) {
    const headers = { "Content-Type": "application/json" };
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    const response = await fetch(this.#url + path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(15_000) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }
}
