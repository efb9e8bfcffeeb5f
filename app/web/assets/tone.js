// How the voice reads: its speed and pitch, and bedtime, when it becomes slower and
// quieter with each paragraph and the page dark.
"use strict";

if (el("rate")) {
  const kept = ["rate", "pitch"];
  const remembered = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode */ } };

  const query = (rate) => (rate === 1 && el("pitch").value === "1" ? "" : `?rate=${rate}&pitch=${el("pitch").value}`);

  tone = (of, n, awake) => {
    let rate = Number(el("rate").value), volume = 1;
    if (el("bedtime").checked && !awake) {
      let paragraphs = 0, sentences = 0; // as the board has it: package speech
      for (let i = 0; i < n; i++) {
        if (++sentences === 4 || of.text.slice(i ? of.ends[i - 1] : 0, of.ends[i]).includes("\n")) {
          paragraphs++;
          sentences = 0;
        }
      }
      rate = Math.max(0.6, rate * 0.94 ** (paragraphs + 1));
      volume = Math.max(0.15, 0.8 ** paragraphs);
    }
    return { query: query(Math.round(rate * 100) / 100), volume };
  };

  loudness = (context, volume) => {
    if (volume === 1) return context.destination;
    const gain = context.createGain();
    gain.gain.value = volume;
    gain.connect(context.destination);
    return gain;
  };

  for (const id of kept) {
    if (remembered(id)) el(id).value = remembered(id);
    document.querySelector(`output[for=${id}]`).textContent = number(Number(el(id).value), 1);
    el(id).addEventListener("change", () => keep(id, el(id).value));
  }
  const night = () => document.documentElement.classList.toggle("night", el("bedtime").checked);
  el("bedtime").checked = remembered("bedtime") === "yes";
  el("bedtime").addEventListener("change", () => {
    keep("bedtime", el("bedtime").checked ? "yes" : "no");
    night();
  });
  night();

  let hearing = null; // what sounds now
  el("hear").addEventListener("click", async () => {
    const context = new AudioContext();
    if (hearing) hearing.close();
    hearing = context;
    try {
      const answer = await sound("/sample.wav" + query(Number(el("rate").value)));
      if (!answer.ok) throw new Error(await answer.text());
      const bytes = new DataView(await answer.arrayBuffer());
      const count = (bytes.byteLength - 44) >> 1;
      const buffer = context.createBuffer(1, count, bytes.getUint32(24, true));
      for (let i = 0, to = buffer.getChannelData(0); i < count; i++) to[i] = bytes.getInt16(44 + 2 * i, true) / 32768;
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(context.destination);
      source.start();
    } catch {
      say("statusSilent");
    }
  });
}
