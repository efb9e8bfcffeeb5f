// The demo in place of the board: what the page asks is answered by a worker of this
// browser. page.js finds it as `storyteller`.
"use strict";

const storyteller = (() => {
  const worker = new Worker("worker.js");
  const waiting = new Map(); // who gets the answer, by the question's number
  const streams = new Map();
  let newest = 0;

  worker.onmessage = ({ data }) => {
    if (data.name) {
      const stream = streams.get(data.n);
      if (stream) stream.event(data);
      return;
    }
    const { resolve, reject } = waiting.get(data.n);
    waiting.delete(data.n);
    if (data.answer.error) reject(new Error(data.answer.error));
    else resolve(data.answer);
  };
  // A worker that never began, as in a browser without WebAssembly, answers nobody.
  worker.onerror = () => {
    for (const { reject } of waiting.values()) reject(new Error("no worker"));
    waiting.clear();
  };

  const send = (job, message = {}, n = ++newest) => new Promise((resolve, reject) => {
    waiting.set(n, { resolve, reject });
    worker.postMessage({ job, n, ...message });
  });

  // Events is as much of an EventSource as the page uses.
  class Events extends EventTarget {
    constructor(address) {
      super();
      this.n = ++newest;
      this.last = "";
      this.readyState = EventSource.CONNECTING;
      streams.set(this.n, this);
      send("follow", { story: new URL(address, location).searchParams.get("story") || "", last: "" }, this.n).then(() => {
        this.readyState = EventSource.OPEN;
        if (this.onopen) this.onopen();
      }, () => {
        this.readyState = EventSource.CLOSED;
        if (this.onerror) this.onerror();
      });
    }

    event({ name, data }) { this.dispatchEvent(new MessageEvent(name, { data })); }

    close() {
      streams.delete(this.n);
      this.readyState = EventSource.CLOSED;
      send("leave", { stream: this.n }).catch(() => {});
    }
  }

  return {
    send,
    events: (address) => new Events(address),
    async ask(address, options = {}) {
      const { status, text } = await send("ask", { path: address, body: options.body || "" });
      return new Response(status === 204 ? null : text, { status });
    },
  };
})();

// The first page is English, for who speaks none of the others.
{
  const setup = JSON.parse(document.getElementById("setup").textContent);
  if (setup.pick) {
    const spoken = navigator.languages.map((tag) => tag.toLowerCase().split("-")[0]);
    const best = spoken.find((language) => setup.languages.includes(language));
    if (best && best !== setup.languages[0]) location.replace(best + ".html");
  }
}

// Browsers keep the demo for a visit without a network where it came encrypted, or from
// this machine.
if (navigator.serviceWorker) navigator.serviceWorker.register("offline.js").catch(() => {});

// --- the model ------------------------------------------------------------

addEventListener("DOMContentLoaded", () => {
  const show = ({ large, missing }) => {
    el("small").hidden = large;
    el("large").hidden = !large;
    el("getModel").hidden = large;
    el("forget").hidden = !large;
    const links = document.querySelectorAll("#getModel a");
    for (const link of links) link.parentElement.classList.toggle("here", !missing.includes(link.textContent));
    return missing;
  };
  const tell = (text) => { el("modelStatus").textContent = text; };

  async function take(files) {
    if (!files.length) return;
    tell(labels.demoReading);
    try {
      const { wrong, unkept, ...state } = await storyteller.send("take", { files: [...files] });
      const missing = show(state);
      if (wrong.length) tell(`${labels.demoWrong} ${wrong.join(", ")}`);
      else if (unkept) tell(labels.demoUnkept);
      else if (missing.length) tell(`${labels.demoMissing} ${missing.join(", ")}`);
      else tell(labels.demoThere);
    } catch (e) {
      tell(`${labels.demoFailed} ${e.message}`);
    }
  }

  // A file that misses the page's fields must not be opened in the page's place.
  addEventListener("dragover", (e) => e.preventDefault());
  addEventListener("drop", (e) => {
    e.preventDefault();
    take(e.dataTransfer.files);
  });
  el("files").addEventListener("change", () => take(el("files").files));
  el("forget").addEventListener("click", async () => {
    try {
      await storyteller.send("forget");
      location.reload();
    } catch (e) {
      tell(`${labels.demoFailed} ${e.message}`);
    }
  });
  storyteller.send("state").then(show, (e) => tell(`${labels.demoFailed} ${e.message}`));
});
