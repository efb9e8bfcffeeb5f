// The page of the storyteller. The story comes as server-sent events and is
// shown word by word; whole sentences are read aloud from the board's voice.
"use strict";

const setup = JSON.parse(document.getElementById("setup").textContent);
const labels = setup.labels;
const el = (id) => document.getElementById(id);
const remember = {
  get(key) { try { return sessionStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { sessionStorage.setItem(key, value); } catch { /* private mode: forget */ } },
};

// board is what answers the page: over the network the one that sent it, unless a script
// before this one has another. What it asks and what events it gets are listed in package web.
const board = typeof storyteller !== "undefined" ? storyteller : {
  ask: (address, options) => fetch(address, options),
  events: (address) => new EventSource(address),
};

// story is what the page shows now. text is the story so far, ends[n] the
// offset just behind sentence n, ended that all of it is here; over: it was when we came.
let story = null;
let events = null;
let refused = false; // somebody else's story was being told when we asked
let asked = ""; // the story that was just asked for here
let alone = false; // a past story is shown: do not jump to a new one

// say shows labels in the status line; without any, nothing.
function say(...keys) {
  el("status").textContent = keys.map((key) => labels[key]).join(" ");
}

// number writes x as the page's language does.
function number(x, digits) {
  return x.toLocaleString(labels.language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// --- the story -----------------------------------------------------------

// follow opens the stream of the running story, or of the past story id. The
// browser reconnects by itself and tells the server where it was.
function follow(id) {
  if (events) events.close();
  alone = Boolean(id);
  events = board.events("/events" + (id ? "?story=" + id : ""));
  events.addEventListener("story", (e) => open(JSON.parse(e.data)));
  events.addEventListener("text", (e) => add(JSON.parse(e.data)));
  events.addEventListener("end", (e) => close(JSON.parse(e.data)));
  events.onopen = () => { if (!story || story.ended) say(); };
  events.onerror = () => {
    say("statusLost");
    // A refused stream is closed for good by the browser: try again later.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => follow(alone ? id : ""), 3000);
  };
}

// A page that the browser keeps for its "back" would keep the stream, too: six of
// them are all the connections that it opens to one board.
addEventListener("pagehide", () => { if (events) events.close(); });
addEventListener("pageshow", (e) => { if (e.persisted) follow(alone && story ? story.id : ""); });

function open(s) {
  const anew = Boolean(s.inPlace), goesOn = anew && voice.on; // the voice ends its sentence first
  const fresh = asked !== "" && asked === (s.inPlace || s.id);
  asked = "";
  if (!goesOn) voice.stop();
  story = { id: s.id, request: s.request, text: "", ends: [], ended: false, over: s.ended, chosen: alone, anew, mine: remember.get("mine") === (s.inPlace || s.id) };
  el("text").replaceChildren(tail());
  el("ending").hidden = true;
  el("story").hidden = false;
  el("story").setAttribute("aria-busy", "true");
  el("keep").hidden = true;
  if (s.ended) say();
  else if (anew) say("statusAnew");
  else say(story.mine ? "statusThinking" : refused ? "statusBusy" : "statusFollowing");
  buttons();
  // A story that had ended before this page was opened is read aloud only if it was
  // asked for here or chosen, or if a reload interrupted its reading.
  const [id, at] = (remember.get("reading") || "").split("/");
  const from = id === s.id && !alone ? Number(at) : 0;
  if (goesOn) voice.wake();
  else if (!s.ended || alone || fresh || from > 0) voice.start(story, from);
  mark();
}

function tail() {
  const span = document.createElement("span");
  span.className = "tail";
  span.setAttribute("aria-hidden", "true"); // announced when the sentence is whole
  return span;
}

// add appends text; ends are the offsets behind the sentences that it ended.
function add({ text, ends }) {
  if (!story) return;
  if (!story.text && story.mine && !story.over && !story.anew) say("statusTelling");
  story.text += text;
  for (const end of ends || []) finish(story.ends.length, end);
  showTail();
  if (ends) voice.wake();
}

function showTail() {
  const from = story.ends.length ? story.ends[story.ends.length - 1] : 0;
  el("text").lastElementChild.textContent = story.text.slice(from);
}

// finish turns the text up to end into sentence n.
function finish(n, end) {
  const from = n ? story.ends[n - 1] : 0;
  story.ends.push(end);
  const span = document.createElement("span");
  span.id = "s" + n;
  const sentence = story.text.slice(from, end);
  span.textContent = sentence.trimEnd();
  el("text").lastElementChild.before(span, sentence.slice(span.textContent.length));
}

function close(end) {
  if (!story || end.anew) return; // another one follows in its place
  story.ended = true;
  el("text").lastElementChild.remove(); // the tail, empty by now
  el("ending").textContent = end.avoided ? labels.avoided : end.error ? labels.failed + " " + end.error
    : end.stopped ? labels.stopped : end.cut ? labels.tooLong : labels.theEnd;
  el("ending").hidden = false;
  el("story").removeAttribute("aria-busy");
  if (!voice.on) say();
  voice.wake();
  buttons();
  keepable();
  shelf();
  meters();
}

function buttons() {
  const telling = Boolean(story) && !story.ended;
  const had = document.activeElement;
  el("tell").hidden = telling;
  el("stop").hidden = !(telling || voice.on);
  el("again").hidden = !story || telling;
  // Whoever works with the keyboard must not lose the place.
  if (had && had.hidden) el(telling ? "stop" : "tell").focus({ preventScroll: true });
}

async function tell(request) {
  voice.unlock();
  say("statusThinking");
  let answer;
  try {
    answer = await board.ask("/story", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request) });
  } catch {
    say("statusLost");
    return;
  }
  if (answer.status === 404 && request.again) return tell(story.request); // told before the storyteller was started
  if (answer.status === 409) {
    refused = true;
    follow();
    return;
  }
  if (answer.status === 422) {
    say("avoided");
    return;
  }
  if (answer.status === 503) {
    el("status").textContent = `${labels.statusElsewhere} (${(await answer.text()).trim()})`;
    return;
  }
  if (!answer.ok) {
    el("status").textContent = labels.statusRefused + " " + await answer.text();
    return;
  }
  refused = false;
  asked = (await answer.json()).id;
  remember.set("mine", asked);
  if (story) story.ended = true;
  follow();
  document.querySelector(".actions").scrollIntoView({ behavior: "smooth" });
}

let tone = () => ({ query: "", volume: 1 }); // how sentence n of a story is spoken: tone.js
let loudness = (context) => context.destination;
let keepable = () => {}; // shows what can be kept of the story that has ended: keep.js
let mine = async () => {}; // brings the beginning up to date with the pictures: mine.js
el("ask").addEventListener("submit", async (e) => {
  e.preventDefault();
  voice.unlock(); // while it counts as the person's doing
  await mine();
  const f = el("ask");
  tell({
    prompt: f.prompt.value.replace(/\s+/g, " ") || f.prompt.placeholder,
    temperature: Number(f.temperature.value),
    topp: Number(f.topp.value),
    steps: Number(f.steps.value),
    seed: Number(f.seed.value), // 0: the storyteller picks one
    engine: f.engine ? f.engine.value : "",
  });
});
// fit gives the beginning the lines that it needs.
function fit() {
  const field = el("prompt");
  field.style.height = "auto";
  field.style.height = field.scrollHeight + 2 + "px"; // and its border
}
el("prompt").addEventListener("input", fit);
addEventListener("resize", fit);
el("prompt").addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.isComposing) return;
  e.preventDefault(); // a story is asked for; it has no lines
  el("ask").requestSubmit();
});
fit();
el("again").addEventListener("click", () => tell({ again: story.id }));
el("stop").addEventListener("click", () => {
  voice.stop();
  say();
  if (story && !story.ended) board.ask("/stop", { method: "POST" }).catch(() => say("statusLost"));
  buttons();
});
for (const range of document.querySelectorAll("input[type=range]")) {
  const digits = (range.step.split(".")[1] || "").length;
  const show = () => { document.querySelector(`output[for=${range.id}]`).textContent = number(Number(range.value), digits); };
  range.addEventListener("input", show);
  show();
}

// --- the voice -----------------------------------------------------------

// sound fetches what the board's voice says. While others have asked it for sentences
// it says so, and is asked again.
async function sound(address, signal) {
  for (let tries = 0; ; tries++) {
    const answer = await board.ask(address, { signal });
    if (answer.status !== 503 || !answer.headers.get("Retry-After") || tries === 10) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

// voice fetches sentence after sentence as WAV while it is still being
// spoken, and plays the samples as they come.
const voice = {
  context: null, // AudioContext; a browser starts it only after a key or touch
  abort: null,   // stops the reading that is under way
  on: false,
  of: null,      // the story that is read
  waiting: null, // called when a sentence or the end has come
  wake() { if (this.waiting) this.waiting(); },

  enabled() { return Boolean(el("aloud")) && el("aloud").checked; },

  unlock() {
    if (!this.enabled()) return;
    if (!this.context) this.context = new AudioContext();
    if (this.context.state === "suspended") this.context.resume().catch(() => {}); // closed meanwhile
  },

  // start reads a story aloud, sentence after sentence from number n.
  start(of, n = 0) {
    el("text").setAttribute("aria-live", this.enabled() ? "off" : "polite");
    if (!this.enabled()) return;
    this.unlock();
    this.abort = new AbortController();
    this.on = true;
    this.of = of;
    buttons();
    this.read(of, n, this.abort.signal)
      .catch((e) => { if (e.name !== "AbortError") say("statusSilent"); })
      .finally(() => {
        if (!this.on || this.of !== of || this.abort.signal.aborted) return;
        if (story === of) this.done(of);
        else this.start(story); // told in its place
      });
  },

  done(of) {
    this.on = false;
    highlight(-1);
    remember.set("reading", "");
    if (of.ended && el("status").textContent !== labels.statusSilent) say();
    buttons();
  },

  stop() {
    if (this.abort) this.abort.abort();
    if (this.context) this.context.close();
    this.context = null;
    this.on = false;
    highlight(-1);
  },

  async read(of, n, signal) {
    let clock = 0; // when the last sample will have been heard
    for (;; n++) {
      while (n >= of.ends.length || story !== of) {
        if (of.ended || story !== of) return this.until(clock, signal);
        await new Promise((resolve, reject) => {
          this.waiting = resolve;
          signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")), { once: true });
        });
      }
      clock = await this.speak(of, n, clock, signal);
      await this.until(clock - 0.4, signal); // fetch the next one a little early
    }
  },

  async speak(of, n, clock, signal) {
    const answer = await sound(`/audio/${of.id}/${n}.wav${tone(of, n).query}`, signal);
    if (answer.status === 204) return clock; // nothing to say
    if (!answer.ok) { // the next sentence may go well
      say("statusSilent");
      return clock;
    }
    const context = this.context;
    const state = of.mine || of.ended ? "statusReading" : "statusFollowing";
    if (context.state === "suspended") say(state, "statusTapToHear");
    const reader = answer.body.getReader();
    let rest = new Uint8Array(0), rate = 0, first = true;
    clock += 0.15; // a breath between sentences
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return clock;
      let bytes = new Uint8Array(rest.length + value.length);
      bytes.set(rest);
      bytes.set(value, rest.length);
      if (!rate) {
        if (bytes.length < 44) { rest = bytes; continue; }
        rate = new DataView(bytes.buffer).getUint32(24, true);
        bytes = bytes.slice(44);
      }
      const count = bytes.length >> 1;
      rest = bytes.slice(2 * count);
      if (!count) continue;
      const samples = new DataView(bytes.buffer);
      const buffer = context.createBuffer(1, count, rate);
      const channel = buffer.getChannelData(0);
      for (let i = 0; i < count; i++) channel[i] = samples.getInt16(2 * i, true) / 32768;
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(loudness(context, tone(of, n).volume));
      clock = Math.max(clock, context.currentTime + 0.05);
      source.start(clock);
      if (first) {
        first = false;
        this.until(clock, signal).then(() => {
          if (story !== of) return;
          highlight(n);
          remember.set("reading", of.id + "/" + n);
          say(state);
        }, () => {});
      }
      clock += buffer.duration;
    }
  },

  // until waits for the audio clock, which stands still while suspended.
  async until(time, signal) {
    while (this.context && this.context.currentTime < time) {
      if (signal.aborted) throw new DOMException("", "AbortError");
      await new Promise((resolve) => setTimeout(resolve, Math.min(100, 1000 * Math.max(0.01, time - this.context.currentTime))));
    }
    if (signal.aborted) throw new DOMException("", "AbortError");
  },
};

function highlight(n) {
  for (const span of document.querySelectorAll("#text .speaking")) span.classList.remove("speaking");
  const span = n >= 0 && el("s" + n);
  if (!span) return;
  span.classList.add("speaking");
  const box = span.getBoundingClientRect();
  if (box.bottom > innerHeight - 60 || box.top < 0) span.scrollIntoView({ block: "center", behavior: "smooth" });
}

if (el("aloud")) {
  try { el("aloud").checked = localStorage.getItem("aloud") !== "no"; } catch { /* private mode */ }
  el("aloud").addEventListener("change", () => {
    try { localStorage.setItem("aloud", el("aloud").checked ? "yes" : "no"); } catch { /* private mode */ }
    voice.stop();
    if (el("aloud").checked && story) voice.start(story);
    else el("text").setAttribute("aria-live", "polite");
    buttons();
  });
}
for (const gesture of ["pointerdown", "keydown"]) {
  addEventListener(gesture, () => { if (voice.context && voice.context.state === "suspended") voice.unlock(); });
}

// --- past stories, meters, suites ------------------------------------------

async function shelf() {
  let stories;
  try { stories = await (await board.ask("/stories")).json(); } catch { return; }
  el("past").hidden = stories.length === 0;
  el("shelf").replaceChildren(...stories.map((s) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.story = s.id;
    const opening = document.createElement("span");
    opening.lang = "en";
    opening.textContent = s.opening;
    const small = document.createElement("small");
    small.textContent = `${labels.pastSeed} ${s.request.seed}`;
    button.append(opening, small);
    button.addEventListener("click", () => {
      voice.unlock();
      if (story) story.ended = true;
      follow(s.id);
      el("story").hidden = false;
      el("story").focus();
      el("story").scrollIntoView({ block: "start", behavior: "smooth" });
    });
    item.append(button);
    return item;
  }));
  mark();
}

function mark() {
  for (const button of document.querySelectorAll("#shelf button")) {
    if (story && button.dataset.story === story.id) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

async function meters() {
  let m;
  try { m = await (await board.ask("/status")).json(); } catch { return; }
  const known = (x, digits) => (x ? number(x, digits) : "–");
  el("speed").textContent = known(m.tokensPerSecond, 1);
  el("first").textContent = known(m.firstWordSeconds, 2);
  el("memory").textContent = known(m.memoryFree / 1e6, 0);
  el("chipMeter").hidden = !m.chipCelsius;
  el("chip").textContent = known(m.chipCelsius, 0);
}

if (el("suites")) {
  el("suites").addEventListener("click", async () => {
    el("suites").disabled = true;
    el("report").hidden = false;
    el("report").textContent = "";
    say("suitesRunning");
    try {
      const answer = await board.ask("/suites", { method: "POST" });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        el("report").textContent += value;
        el("report").scrollTop = el("report").scrollHeight;
      }
      say();
    } catch {
      say("statusLost");
    }
    el("suites").disabled = false;
    results();
  });
  results();
}

// results shows the way to the report where the suites have kept one.
async function results() {
  try {
    el("results").hidden = (await board.ask("/results/report.html", { method: "HEAD" })).status !== 200;
  } catch { /* the page says so elsewhere */ }
}

setInterval(() => { if (!document.hidden) meters(); }, 2000);
follow();
shelf();
meters();
