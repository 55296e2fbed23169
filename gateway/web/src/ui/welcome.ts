// The empty half of the screen.

import { h } from "./dom";

/** What a first user sees. */
export function welcome(world: () => void, find: () => void): HTMLElement {
  return h(
    "section",
    { class: "welcome" },
    h("div", { class: "welcome-art", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
    h("h2", {}, "It is quiet here. For now."),
    h("p", {}, "Everything you see is live: messages arrive the moment they are stored."),
    h(
      "ol",
      {},
      h("li", {}, "Say hello in ", h("button", { class: "linklike", type: "button", click: world }, "World"), ": everyone on this server reads along."),
      h("li", {}, "Open a second browser window (a private one), register another user there, and ", h("button", { class: "linklike", type: "button", click: find }, "find each other by name"), "."),
      h("li", {}, "Pull the plug on the server in the middle of a sentence. Nothing gets lost, nothing comes twice."),
    ),
  );
}
