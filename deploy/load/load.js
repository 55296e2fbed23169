// Pairs of users send messages through a running server. Each pair registers, logs in, opens sockets,
// sends and receives; the receiver's socket is closed again and again, reconnects and syncs. At the end
// the history is checked: every acknowledged message is there once, in order. README.md has the parameters.

import http from 'k6/http';
import exec from 'k6/execution';
import { check, sleep } from 'k6';
import { setInterval, clearInterval, setTimeout, clearTimeout } from 'k6/timers';
import { Counter, Rate, Trend } from 'k6/metrics';
import { WebSocket } from 'k6/websockets';

const env = (name, otherwise) => __ENV[name] || otherwise;
const base = env('URL', 'http://127.0.0.1:8080').replace(/\/$/, '');
const socketURL = base.replace(/^http/, 'ws') + '/ws';
const vus = Number(env('VUS', '20'));
const seconds = Number(env('SECONDS', '30'));
const pause = Number(env('PAUSE_MS', '200')); // between two messages of a pair
const reconnectEvery = Number(env('RECONNECT_SECONDS', '10')); // 0: the sockets stay
const patience = Number(env('PATIENCE_SECONDS', '30')); // for one answer
const content = 'x'.repeat(Number(env('BYTES', '128')));

const acked = new Trend('gochat_ack', true);
const stored = new Trend('gochat_stored', true);
const delivered = new Trend('gochat_delivered', true);
const synced = new Trend('gochat_sync', true);
const messages = new Counter('gochat_messages');
const reconnects = new Counter('gochat_reconnects');
const lost = new Counter('gochat_lost');
const duplicates = new Counter('gochat_duplicates');
const disorder = new Counter('gochat_disorder');
const failed = new Rate('gochat_failed');

export const options = {
  scenarios: {
    pairs: {
      executor: 'per-vu-iterations',
      vus,
      iterations: 1,
      maxDuration: `${seconds + 300}s`,
      exec: 'pair',
    },
  },
  thresholds: {
    gochat_ack: [`p(99)<${env('ACK_P99_MS', '1000')}`],
    gochat_stored: [`p(99)<${env('STORED_P99_MS', '1000')}`],
    gochat_delivered: [`p(99)<${env('DELIVERED_P99_MS', '1000')}`],
    gochat_failed: [`rate<=${env('FAILED_RATE', '0')}`],
    gochat_messages: ['count>0'],
    gochat_lost: ['count==0'],
    gochat_duplicates: ['count==0'],
    gochat_disorder: ['count==0'],
    checks: ['rate==1'],
  },
  summaryTrendStats: ['min', 'med', 'p(90)', 'p(99)', 'max'],
};

// call makes an HTTP call. It repeats a call that is answered 429 or 503, up to 20 times, after Retry-After.
function call(method, path, token, body) {
  const headers = { 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  const tags = { name: `${method} ${path.replace(/\?.*/, '').replace(/(single|group)_[0-9a-f]+/, '{id}')}` };
  for (let tries = 0; ; tries++) {
    const answer = http.request(method, base + path, body === undefined ? null : JSON.stringify(body), { headers, tags });
    if ((answer.status !== 429 && answer.status !== 503) || tries === 20) {
      check(answer, { 'HTTP says yes': (a) => a.status >= 200 && a.status < 300 });
      return answer.status < 300 ? answer.json() : exec.test.abort(`${tags.name}: ${answer.status} ${answer.body}`);
    }
    sleep(Number(answer.headers['Retry-After'] || 1));
  }
}

// account registers a user and logs in.
function account(name) {
  const username = `k6-${name}-${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`.slice(0, 32);
  const password = `${username}-secret`;
  call('POST', '/api/auth/register', null, { username, password });
  const { token, user } = call('POST', '/api/auth/login', null, { username, password });
  return { token, id: user.userId };
}

// Line is a socket on which callers can await frames.
class Line {
  constructor(token, onMessage) {
    this.waiting = new Map();
    this.onMessage = onMessage || (() => {});
    this.socket = new WebSocket(socketURL, null, { headers: { Authorization: `Bearer ${token}` } });
    this.socket.onmessage = (event) => this.take(JSON.parse(event.data));
    // k6 sometimes drops a frame that arrives together with the upgrade, such as hello: a pong counts as
    // the greeting, too.
    this.socket.onopen = () => { this.pingEvery(10000); this.send('ping', {}); };
    this.socket.onclose = () => this.end();
    this.ended = new Promise((resolve) => { this.hasEnded = resolve; });
    this.greeted = this.await('hello');
  }

  take({ type, data }) {
    if (type === 'hello') this.pingEvery(data.pingInterval / 2);
    if (type === 'pong') type = 'hello';
    if (type === 'new-message') this.onMessage(data);
    const key = type === 'message-rejected' ? `message-stored ${data.tempMessageId}` : `${type} ${data.tempMessageId || ''}`.trim();
    const waiter = this.waiting.get(key);
    if (!waiter) return;
    this.waiting.delete(key);
    clearTimeout(waiter.timer);
    waiter.resolve(type === 'message-rejected' ? null : { at: Date.now(), data });
  }

  // await resolves with the frame, or with null when it does not come in time.
  await(key) {
    return new Promise((resolve) => {
      if (this.over) { resolve(null); return; }
      const timer = setTimeout(() => { this.waiting.delete(key); resolve(null); }, patience * 1000);
      this.waiting.set(key, { resolve, timer });
    });
  }

  pingEvery(ms) {
    clearInterval(this.pinger);
    this.pinger = setInterval(() => this.send('ping', {}), ms);
  }

  send(type, data) { if (!this.over) this.socket.send(JSON.stringify({ type, data })); }

  end() {
    this.over = true;
    clearInterval(this.pinger);
    for (const { resolve, timer } of this.waiting.values()) { clearTimeout(timer); resolve(null); }
    this.waiting.clear();
    this.hasEnded();
  }

  async close() {
    if (!this.over) this.socket.close();
    await this.ended;
  }
}

// Receiver gets the messages of a conversation, by pushes and syncs, and counts duplicates and disorder.
class Receiver {
  constructor(person, conversation) {
    Object.assign(this, { person, conversation, last: 0, got: new Set() });
  }

  async open() {
    const pushed = new Set(); // a message of a sync may be pushed as well, but only once on a socket
    this.line = new Line(this.person.token, (m) => {
      if (pushed.has(m.messageId)) duplicates.add(1);
      pushed.add(m.messageId);
      this.take(m);
    });
    return this.line.greeted;
  }

  take(message) {
    if (message.conversationId !== this.conversation || this.got.has(message.messageId)) return;
    if (message.seqId !== this.last + 1) disorder.add(1);
    this.got.add(message.messageId);
    this.last = Math.max(this.last, message.seqId);
  }

  // catchUp syncs the messages that came while the socket was closed.
  catchUp() {
    for (let more = true; more;) {
      const began = Date.now();
      const answer = call('POST', '/api/sync', this.person.token, { conversations: { [this.conversation]: this.last }, limit: 200 });
      synced.add(Date.now() - began);
      const news = answer.conversations.find((c) => c.conversationId === this.conversation);
      for (const m of news ? news.messages : []) this.take(m);
      more = news !== undefined && news.hasMore;
    }
  }
}

const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// write sends one message and measures its latencies; to is the receiver's socket, or null when it is closed.
async function write(from, to, conversation, temp, sent) {
  const began = Date.now();
  const answers = [from.await(`message-ack ${temp}`), from.await(`message-stored ${temp}`)];
  if (to) answers.push(to.await(`new-message ${temp}`));
  from.send('send-message', { conversationId: conversation, content, messageType: 'text', tempMessageId: temp });
  const [ack, kept, reached] = await Promise.all(answers);
  messages.add(1);
  failed.add(!ack || !kept || (to !== null && !reached));
  if (ack) { acked.add(ack.at - began); sent.add(temp); }
  if (kept) { stored.add(kept.at - began); sent.add(temp); }
  if (reached) delivered.add(reached.at - began);
}

// history reads the whole conversation, and returns how often each tempMessageId is there.
function history(token, conversation) {
  const found = new Map();
  let after = 0;
  for (let more = true; more;) {
    const page = call('GET', `/api/conversations/${conversation}/messages?afterSeq=${after}&limit=200`, token);
    for (const m of page.messages) {
      if (m.seqId !== after + 1) disorder.add(1);
      after = m.seqId;
      found.set(m.tempMessageId, (found.get(m.tempMessageId) || 0) + 1);
    }
    more = page.hasMore;
  }
  return found;
}

// judge compares the acknowledged messages with the history, and the history with the received messages.
async function judge(token, conversation, sent, receiver) {
  const missing = (found) => [...sent].filter((temp) => !found.has(temp)).length;
  let found = history(token, conversation);
  for (let tries = 0; missing(found) > 0 && tries < patience; tries++) {
    await wait(1000); // an acknowledged message may still be in the queue
    found = history(token, conversation);
  }
  receiver.catchUp();
  lost.add(missing(found) + Math.max(0, found.size - receiver.got.size));
  duplicates.add([...found.values()].filter((n) => n > 1).length);
}

export async function pair() {
  for (const counter of [lost, duplicates, disorder]) counter.add(0);
  const name = exec.vu.idInTest;
  const sender = account(`a${name}`);
  const receiver = account(`b${name}`);
  const conversation = call('POST', '/api/conversations', sender.token, { peerId: receiver.id }).conversationId;
  let from = new Line(sender.token);
  const to = new Receiver(receiver, conversation);
  const open = check(await Promise.all([from.greeted, to.open()]), { 'both are greeted': (all) => all.every((h) => h !== null) });
  if (!open) { failed.add(true); await Promise.all([from.close(), to.line.close()]); return; }

  const sent = new Set();
  const until = Date.now() + seconds * 1000;
  let again = Date.now() + reconnectEvery * 1000 * (0.5 + Math.random());
  for (let n = 1; Date.now() < until; n++) {
    if (from.over || to.line.over) { // the server has closed a socket, as at a restart
      await wait(1000);
      if (from.over) from = new Line(sender.token);
      if ((await from.greeted) === null || (to.line.over && (await to.open()) === null)) continue;
      to.catchUp();
    }
    if (reconnectEvery > 0 && Date.now() > again) {
      again = Date.now() + reconnectEvery * 1000;
      await to.line.close();
      await write(from, null, conversation, `${name}-${n}-away`, sent);
      check(await to.open(), { 'greeted again': (h) => h !== null });
      to.catchUp();
      reconnects.add(1);
    }
    await write(from, to.line, conversation, `${name}-${n}`, sent);
    await wait(pause);
  }
  await judge(sender.token, conversation, sent, to);
  await Promise.all([from.close(), to.line.close()]);
}
