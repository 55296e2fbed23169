"use strict";
const every = 1000, kept = 60, key = "gochat-ops-token";
const $ = (id) => document.getElementById(id);
const past = new Map();

const number = (v) => v == null ? "–" : v >= 100 ? Math.round(v).toLocaleString("en") : v.toFixed(v >= 10 ? 1 : v === 0 ? 0 : 2);
const whole = (v) => v == null ? "–" : Math.round(v).toLocaleString("en");
const bytes = (v) => v == null ? "–" : v >= 2 ** 30 ? (v / 2 ** 30).toFixed(1) + " GiB" : Math.round(v / 2 ** 20) + " MiB";
const seconds = (v) => v == null ? "–" : v < 1 ? (v * 1000).toFixed(v < 0.01 ? 1 : 0) + " ms" : v.toFixed(1) + " s";
function span(s) {
  if (s < 90) return Math.round(s) + " s";
  if (s < 5400) return Math.round(s / 60) + " min";
  return s < 172800 ? (s / 3600).toFixed(1) + " h" : Math.round(s / 86400) + " days";
}

function element(tag, text, kind) {
  const e = document.createElement(tag);
  if (text != null) e.textContent = text;
  if (kind) e.className = kind;
  return e;
}

// rows fills the table id with list, or with the text none when list is empty. A cell is a text, a node, or
// [text, class].
function rows(id, list, none) {
  const body = $(id).tBodies[0];
  body.replaceChildren(...list.map((cells) => {
    const tr = element("tr");
    for (const cell of cells) {
      if (cell instanceof Node) { const td = element("td"); td.append(cell); tr.append(td); }
      else tr.append(Array.isArray(cell) ? element("td", cell[0], cell[1]) : element("td", cell));
    }
    return tr;
  }));
  if (list.length === 0) { const td = element("td", none, "quiet"); td.colSpan = 9; const tr = element("tr"); tr.append(td); body.append(tr); }
}

function line(name, value) {
  const values = past.get(name) ?? [];
  values.push(value ?? 0);
  if (values.length > kept) values.shift();
  past.set(name, values);
  const top = Math.max(...values, 1e-9), svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 60 16");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg.namespaceURI, "polyline");
  path.setAttribute("points", values.map((v, i) => `${60 - values.length + i + 1},${15 - 14 * v / top}`).join(" "));
  path.setAttribute("vector-effect", "non-scaling-stroke");
  svg.append(path);
  return svg;
}

function card(name, text, drawn) {
  const c = element("div", null, "card");
  c.dataset.figure = name;
  c.append(element("span", name, "quiet"), element("b", text));
  if (drawn !== undefined) c.append(line(name, drawn));
  return c;
}

function figures(r) {
  const p = r.process, cards = [];
  for (const [name, v] of [["accepted a second", r.rates.accepted], ["stored a second", r.rates.stored], ["delivered a second", r.rates.delivered]])
    if (v != null) cards.push(card(name, number(v), v));
  if (r.gateway) cards.push(card("sockets", whole(r.gateway.sockets)), card("users", whole(r.gateway.users)));
  cards.push(card("cores busy", number(p.cpu), p.cpu ?? 0), card("memory", bytes(p.memoryBytes)), card("goroutines", whole(p.goroutines)), card("open files", whole(p.openFiles)));
  if (r.leads != null) cards.push(card("leads the chores", r.leads ? "yes" : "no"));
  if (r.workerLeaseSeconds != null) cards.push(card("worker id lease", seconds(r.workerLeaseSeconds)));
  $("figures").replaceChildren(...cards);
}

function show(r) {
  const p = r.process, ways = [];
  $("name").textContent = p.name;
  document.title = `${r.state} – GoChat ${p.name}`;
  const word = $("state").firstElementChild;
  if (word.textContent !== r.state) word.textContent = r.state; // set only on a change: screen readers announce it
  word.className = "word " + r.state;
  $("about").textContent = `${p.roles.join(", ")} · up ${span(p.uptimeSeconds)} · log level ${p.logLevel} · figures of the last ${Math.round(r.windowSeconds)} s`;
  $("build").textContent = `gochat ${p.version}, revision ${p.revision}, ${p.go}`;
  figures(r);
  rows("dependencies", r.dependencies.map((d) => [d.name, [d.state, "word " + d.state], span(Math.max(0, (r.at - d.sinceAt) / 1000)) + " ago"]), "It depends on nothing.");
  const way = (name, l) => l && ways.push([name, [seconds(l.p50Seconds), "n"], [seconds(l.p99Seconds), "n"], [whole(l.count), "n"]]);
  way("accepted → stored", r.latencies.acceptedToStored);
  way("accepted → socket", r.latencies.acceptedToWritten);
  for (const s of r.stages) way("stage " + s.name, s);
  rows("latencies", ways, "No messages go through this process.");
  const all = r.cluster ?? r;
  rows("lag", all.lag.map((l) => [l.topic, l.group, [whole(l.messages), "n"]]), "The process that leads the chores tells it.");
  rows("poisoned", all.poisoned.map((x) => [x.reason, [whole(x.count), "n"]]), "Nothing.");
  rows("errors", all.errors.map((e) => [new Date(e.at).toLocaleTimeString(), [e.level, e.level === "warn" ? "warn" : "error"], [whole(e.count), "n"],
    (e.process ? e.process + ": " : "") + e.message + Object.entries(e.fields ?? {}).map(([k, v]) => ` ${k}=${v}`).join("")]), "None.");
  everywhere(r);
}

// everywhere shows the sums of all processes, and a line for each.
function everywhere(r) {
  const c = r.cluster;
  $("others").hidden = $("alone").hidden = !c;
  if (!c) return;
  $("together").textContent = `${c.processes}, of which ${c.ok} are ok. Their lag, what they gave up, and their warnings are below.`;
  $("alone").textContent = `This process: ${r.process.name} (${r.process.roles.join(", ")})`;
  const cards = [];
  for (const [name, v] of [["accepted", c.rates.accepted], ["stored", c.rates.stored], ["delivered", c.rates.delivered]])
    if (v != null) cards.push(card(`${name} a second, all`, number(v), v));
  if (c.sockets != null) cards.push(card("sockets, all", whole(c.sockets)));
  $("sums").replaceChildren(...cards);
  rows("processes", r.processes.map((o) => {
    const page = o.address ? element("a", o.address) : "–", rates = o.rates ?? {};
    if (o.address) page.href = `http://${o.address}/status`;
    const figure = (text) => [text, "n"];
    return [o.name + (o.leads ? " (leads)" : ""), o.roles, [o.state ?? "–", "word " + (/^[a-z]+$/.test(o.state ?? "") ? o.state : "down")],
      figure(number(rates.accepted)), figure(number(rates.stored)), figure(number(rates.delivered)), figure(whole(o.sockets)),
      figure(number(o.cpu)), figure(bytes(o.memoryBytes)), figure(o.uptimeSeconds == null ? "–" : span(o.uptimeSeconds)), o.version, page];
  }), "");
}

function ask(refused) {
  $("login").hidden = false;
  $("main").hidden = true;
  $("refused").textContent = refused ? "That is not the token." : "";
  $("token").focus();
}

async function turn() {
  const token = sessionStorage.getItem(key);
  try {
    const answer = await fetch("/status.json", { headers: token ? { Authorization: "Bearer " + token } : {}, cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (answer.status === 401) {
      sessionStorage.removeItem(key);
      return ask(token !== null);
    }
    if (!answer.ok) throw new Error(await answer.text());
    show(await answer.json());
    $("login").hidden = true;
    $("main").hidden = false;
  } catch (err) {
    const word = $("state").firstElementChild;
    word.textContent = "no answer: " + err.message;
    word.className = "word down";
  }
  setTimeout(next, every);
}

// next asks again, or, while the page is hidden, waits until it is visible: a hidden page asks nobody.
function next() {
  if (document.hidden) document.addEventListener("visibilitychange", next, { once: true });
  else turn();
}

$("login").addEventListener("submit", (e) => {
  e.preventDefault();
  sessionStorage.setItem(key, $("token").value);
  $("token").value = "";
  turn();
});
turn();
