// How things are put into words.

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayYearFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const shortDayFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export function clockTime(at: number): string {
  return clockFormat.format(at);
}

export function fullTime(at: number): string {
  return fullFormat.format(at);
}

/** How many local midnights lie between the two; the same day is 0. */
export function daysBetween(from: number, to: number): number {
  const a = new Date(from);
  const b = new Date(to);
  const midnight = (d: Date) => Date.UTC(d.getFullYear(), d.getMonth(), d.getDate());
  return Math.round((midnight(b) - midnight(a)) / 86_400_000);
}

/** The words of a day separator. */
export function dayName(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  if (new Date(at).getFullYear() === new Date(now).getFullYear()) return dayFormat.format(at);
  return dayYearFormat.format(at);
}

/** The time in the list of conversations. */
export function shortTime(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days <= 0) return clockFormat.format(at);
  if (days < 7) return weekdayFormat.format(at);
  return shortDayFormat.format(at);
}

/** A badge's number. */
export function badge(count: number): string {
  return count > 99 ? "99+" : String(count);
}

/** Up to two initials of a name. */
export function initials(name: string): string {
  const words = name.split(/[\s_.-]+/).filter(Boolean);
  const first = [...(words[0] ?? "?")][0] ?? "?";
  const second = words.length > 1 ? [...(words.at(-1) ?? "")][0] ?? "" : "";
  return (first + second).toUpperCase();
}

/** One of the hues of the style sheet, always the same for an id. */
export function hue(id: string): number {
  let sum = 0;
  for (const c of id) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 997;
  return sum % 8;
}

const labels: Record<string, string> = {
  image: "Image",
  audio: "Audio",
  video: "Video",
  file: "File",
  location: "Location",
  custom: "Attachment",
};

/** What a message that is not text is called; undefined for text and system. */
export function typeLabel(messageType: string): string | undefined {
  if (messageType === "text" || messageType === "system") return undefined;
  return labels[messageType] ?? "Message";
}

export interface Piece {
  text: string;
  href?: string;
}

/** Cuts a text into plain pieces and web addresses; nothing but http and https becomes a link. */
export function pieces(text: string): Piece[] {
  const out: Piece[] = [];
  let at = 0;
  for (const found of text.matchAll(/https?:\/\/[^\s<>"']+/gi)) {
    const address = found[0].replace(/[).,;:!?\]]+$/, "");
    if (!URL.canParse(address)) continue;
    if (found.index > at) out.push({ text: text.slice(at, found.index) });
    out.push({ text: address, href: new URL(address).href });
    at = found.index + address.length;
  }
  if (at < text.length) out.push({ text: text.slice(at) });
  return out;
}
