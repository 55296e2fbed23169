// The few things that the screens need of the DOM. Text goes in by textContent alone.

type Child = Node | string | undefined | false;
type Props = Record<string, string | boolean | number | undefined | ((e: never) => void)>;

/** Makes an element: functions become listeners, everything else an attribute. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") node.addEventListener(name, value as EventListener);
    else set(node, name, value);
  }
  for (const child of children) if (child !== undefined && child !== false) node.append(child);
  return node;
}

/** Sets an attribute, or takes it away for false and undefined; a change to the same value costs nothing. */
export function set(node: Element, name: string, value: string | boolean | number | undefined): void {
  if (value === false || value === undefined) {
    node.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

const svgNamespace = "http://www.w3.org/2000/svg";

/** An icon of 24 by 24 from the given path; for the eyes only. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(svgNamespace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(svgNamespace, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

export const icons = {
  back: "M15 5l-7 7 7 7",
  send: "M4 12l16-8-6 16-3-6-7-2zm7 2l4-4",
  plus: "M12 5v14M5 12h14",
  leave: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  down: "M12 5v14m-6-6l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
  search: "M4.500 11a6.500 6.500 0 1 0 13 0 6.500 6.500 0 1 0-13 0zm11.200 4.700L20 20",
  group: "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zm-6.500 9c0-4 2.500-6 6.500-6s6.500 2 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6.500m2 3.500c2.300.8 3.500 2.600 3.500 5.500",
  devices: "M4 5h13v9H4zM2 18h10M16 10h5v10h-5z",
  info: "M3 12a9 9 0 1 0 18 0 9 9 0 1 0-18 0zm9-1v5m0-8.500v.2",
  world: "M3 12a9 9 0 1 0 18 0 9 9 0 1 0-18 0zm0 0h18M12 3c5 5.500 5 12.500 0 18-5-5.500-5-12.500 0-18z",
};

/** One item of a list that is kept equal to data by its key. */
export interface Row<T> {
  key: string;
  data: T;
}

/**
 * Makes the children of parent those of rows, in order. Nodes live as long as their key does, so that
 * the focus, a selection and the scroll position stay.
 */
export function reconcile<T>(parent: Element, rows: readonly Row<T>[], make: (row: Row<T>) => HTMLElement, update: (node: HTMLElement, data: T) => void): void {
  const old = new Map<string, HTMLElement>();
  for (const node of parent.children) if (node instanceof HTMLElement) old.set(node.dataset["key"] ?? "", node);
  let at: Element | null = parent.firstElementChild;
  for (const row of rows) {
    let node = old.get(row.key);
    old.delete(row.key);
    if (!node) {
      node = make(row);
      node.dataset["key"] = row.key;
    }
    update(node, row.data);
    if (node === at) {
      at = at.nextElementSibling;
    } else {
      parent.insertBefore(node, at);
    }
  }
  for (const node of old.values()) node.remove();
}
