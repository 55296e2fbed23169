// Who can be named in a conversation.

import type { Session } from "../core/session";
import type { Chat } from "../core/store";
import { displayName } from "../core/users";
import { everybody, type Person } from "./mentions";

/** How many of the last messages are looked through for their senders. */
const recent = 100;

/** The people of a conversation as far as they are known, those who spoke last first. */
export function candidates(session: Session, chat: Chat): Person[] {
  const me = session.store.me.userId;
  const members = chat.group ? session.groups.members(chat.group.groupId).list : [];
  const nicknames = new Map(members.map((m) => [m.userId, m.nickname]));
  const ids = new Set<string>(chat.peer ? [chat.peer.userId] : []);
  for (const m of chat.log.messages.slice(-recent).reverse()) ids.add(m.senderId);
  for (const m of members) ids.add(m.userId);
  ids.delete(me);
  const people: Person[] = [];
  for (const userId of ids) {
    // Of a large group not everybody is asked for: the list of members has names, too.
    const nickname = nicknames.get(userId);
    const user = nickname ? undefined : session.users.get(userId);
    const name = nickname || (user ? displayName(user) : "");
    if (name !== "") people.push({ userId, name });
  }
  return chat.type === "group" ? [...people, everybody] : people;
}
