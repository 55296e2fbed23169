// Who has read a message of one's own in a group.

import type { Session } from "../core/session";
import type { Chat } from "../core/store";
import { avatar } from "./avatar";
import { Dialog } from "./dialog";
import { h, setText } from "./dom";

/** Opens the list and asks for its first page. */
export function showReaders(session: Session, chat: Chat, seqId: number): void {
  new Readers(session, chat, seqId).open();
}

class Readers {
  private readonly session: Session;
  private readonly chat: Chat;
  private readonly seqId: number;
  private readonly dialog = new Dialog("Read by");
  private readonly sum = h("p", { class: "readers-sum", role: "status" }, "Loading…");
  private readonly list = h("ul", { class: "people" });
  private readonly more = h("button", { class: "button", type: "button", hidden: true, click: () => void this.load() }, "Show more");
  private cursor: string | undefined;

  constructor(session: Session, chat: Chat, seqId: number) {
    this.session = session;
    this.chat = chat;
    this.seqId = seqId;
    this.dialog.body.append(this.sum, this.list, this.more);
    this.dialog.node.classList.add("dialog-small");
  }

  open(): void {
    this.dialog.open();
    void this.load();
  }

  private async load(): Promise<void> {
    const done = await this.dialog.attempt(this.more, async () => {
      const answer = await this.session.deps.api.readers(this.chat.id, this.seqId, this.cursor);
      setText(this.sum, `Read by ${answer.readCount} of ${answer.memberCount}, delivered to ${answer.deliveredCount}`);
      for (const r of answer.readers) this.list.append(this.row(r.userId));
      this.cursor = answer.nextCursor;
      this.more.hidden = this.cursor === undefined;
    });
    if (!done) setText(this.sum, "");
  }

  private row(userId: string): HTMLElement {
    const user = this.session.users.get(userId);
    const name = this.session.groups.members(this.chat.group?.groupId ?? "").find(userId)?.nickname || this.session.users.name(userId);
    return h("li", { class: "person" }, avatar(userId, name, user?.avatarUrl ?? ""), h("span", { class: "person-name" }, name));
  }
}
