// The worker of the demo: runs the storyteller's WebAssembly, answers the page, and keeps
// the large model in the browser's storage.
"use strict";

importScripts("wasm_exec.js", "start.js", "files.js");

let storyteller = null;
let ended = null; // a promise of the program's end

// run starts the program. It is there compressed, so that it is small whatever server it
// comes from; one that unpacks .gz by itself does no harm.
async function run() {
  const answer = await fetch("storyteller.wasm.gz");
  if (!answer.ok) throw new Error(answer.status + " " + answer.statusText);
  let program = await answer.arrayBuffer();
  const [a, b] = new Uint8Array(program);
  if (a === 0x1f && b === 0x8b) {
    program = await new Response(new Blob([program]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  }
  ({ ended } = await start(program));
  storyteller = self.storyteller;
}

// open tells by these files from now on. A program that has no memory for them ends.
function open(checkpoint, tokenizer) {
  return new Promise((resolve, reject) => {
    ended.then(() => reject(new Error("out of memory")));
    storyteller.open(new Uint8Array(checkpoint), new Uint8Array(tokenizer), (wrong) => (wrong ? reject(new Error(wrong)) : resolve()));
  });
}

const bytes = async (name) => {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(name + ": " + answer.status);
  return answer.arrayBuffer();
};

// --- what is kept in the browser ------------------------------------------

// store runs one request on the browser's database.
function store(mode, request) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("storyteller", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("files");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const base = opening.result;
      const transaction = base.transaction("files", mode);
      const asked = request(transaction.objectStore("files"));
      transaction.oncomplete = () => { base.close(); resolve(asked.result); };
      transaction.onabort = () => { base.close(); reject(transaction.error); };
    };
  });
}

const had = new Map(); // files of the large model that were checked: their bytes by name

// recall reads what an earlier visit has kept. Storage can decay, so it is checked again.
async function recall() {
  for (const file of files) {
    const kept = await store("readonly", (s) => s.get(file.name)).catch(() => null);
    if (kept && kept.byteLength === file.size && storyteller.hash(new Uint8Array(kept)) === file.sha256) had.set(file.name, kept);
  }
}

const complete = () => files.every((file) => had.has(file.name));

// openLarge tells by the large model, whose files are given free then.
async function openLarge() {
  const [checkpoint, tokenizer] = files.map((file) => had.get(file.name));
  await open(checkpoint, tokenizer);
  had.clear();
  large = true;
}
let large = false;

// begin opens what there is: the large model if it was kept, else the small one. A large one
// that cannot be opened must not take the small one away.
async function begin() {
  await run();
  await recall();
  if (complete()) {
    try {
      return await openLarge();
    } catch {
      had.clear();
      await run();
    }
  }
  await open(...(await Promise.all(["tiny.bin", "tiny_tok512.bin"].map(bytes))));
}
const begun = begin();

// state is what the page shows of the model.
const state = () => ({ large, missing: large ? [] : files.filter((file) => !had.has(file.name)).map((file) => file.name) });

// take looks at what was dropped on the page, and keeps what is right. What was wrong is
// named; unkept: the browser did not keep it.
async function take(dropped) {
  const wrong = [];
  let unkept = false;
  for (const file of dropped) {
    // A file that cannot be right is not read: it may be a film.
    const wanted = files.filter((f) => f.size === file.size);
    const content = wanted.length ? await file.arrayBuffer() : null;
    const found = content && wanted.find((f) => f.sha256 === storyteller.hash(new Uint8Array(content)));
    if (!found) {
      wrong.push(file.name);
      continue;
    }
    if (large) continue; // it is there already
    had.set(found.name, content);
    await store("readwrite", (s) => s.put(content, found.name)).catch(() => { unkept = true; });
  }
  if (complete()) await openLarge();
  return { ...state(), wrong, unkept };
}

// --- messages of the page -------------------------------------------------

const streams = new Map(); // what ends each, by the number that the page gave it

const jobs = {
  async ask({ path, body }) {
    return new Promise((resolve) => storyteller.ask(path, body, (status, text) => resolve({ status, text })));
  },
  async follow({ n, story, last }) {
    const end = storyteller.follow(story, last, (name, id, data) => postMessage({ n, name, id, data }));
    if (!end) throw new Error("no such story");
    streams.set(n, end);
    return { open: true };
  },
  async leave({ stream }) {
    const end = streams.get(stream);
    streams.delete(stream);
    if (end) end();
    return {};
  },
  async take({ files }) { return take(files); },
  async state() { return state(); },
  async forget() {
    await store("readwrite", (s) => s.clear());
    return {};
  },
};

onmessage = async ({ data }) => {
  let answer;
  try {
    await begun;
    answer = await jobs[data.job](data);
  } catch (e) {
    answer = { error: e.message };
  }
  postMessage({ n: data.n, answer });
};
