// A story to keep: as a page to print, as text, as one sound.
"use strict";

{
  // colophon is how the story can be told again.
  const colophon = (of) => {
    const r = of.request;
    const parts = [document.querySelector("h1").textContent, `${labels.seed} ${r.seed}`, `${labels.temperature} ${number(r.temperature, 1)}`,
      `${labels.topP} ${number(r.topp, 2)}`, `${labels.length} ${r.steps}`];
    if (r.engine) parts.push(`${labels.engine} ${r.engine}`);
    return parts.join(" · ") + ` · “${r.prompt}”`;
  };

  // fileName is made of the story's first words, as far as any system takes them.
  const fileName = (of, ending) => {
    const words = of.text.normalize("NFKD").toLowerCase().replace(/^once upon a time,? /, "").match(/[a-z0-9]+/g) || ["story"];
    return words.slice(0, 6).join("-") + "-" + of.request.seed + ending;
  };

  // save hands a file to the browser.
  function save(name, parts, type) {
    const address = URL.createObjectURL(new Blob(parts, { type }));
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  }

  // illustrate puts the pictures of who and what the story's beginning names above its text.
  function illustrate(of) {
    const words = new Set(of.request.prompt.toLowerCase().match(/[a-z]+/g) || []);
    const named = [...document.querySelectorAll(".tile input")].map((i) => i.value).filter((key) => words.has(key));
    el("pictures").replaceChildren(...named.slice(0, 3).map((key) => {
      const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
      use.setAttribute("href", "assets/pictures.svg#" + key);
      picture.append(use);
      return picture;
    }));
  }

  keepable = () => {
    el("keep").hidden = !story || !story.text;
    el("colophon").textContent = colophon(story);
    illustrate(story);
  };

  el("print").addEventListener("click", () => print());
  el("saveText").addEventListener("click", () => {
    // The mark that says UTF-8, and the line ends, are for Windows' editor.
    save(fileName(story, ".txt"), ["\ufeff" + (story.text.trim() + "\n\n" + colophon(story) + "\n").replace(/\r?\n/g, "\r\n")], "text/plain;charset=utf-8");
  });

  // header is that of a RIFF WAVE file with mono 16-bit samples.
  function header(rate, size) {
    const h = new DataView(new ArrayBuffer(44));
    const word = (at, text) => [...text].forEach((c, i) => h.setUint8(at + i, c.charCodeAt(0)));
    word(0, "RIFF"); h.setUint32(4, 36 + size, true);
    word(8, "WAVEfmt "); h.setUint32(16, 16, true);
    h.setUint16(20, 1, true); h.setUint16(22, 1, true);
    h.setUint32(24, rate, true); h.setUint32(28, 2 * rate, true);
    h.setUint16(32, 2, true); h.setUint16(34, 16, true);
    word(36, "data"); h.setUint32(40, size, true);
    return h.buffer;
  }

  // The board speaks sentence by sentence, as when it reads aloud, and holds no more
  // than that; the whole is put together here.
  async function record(of) {
    const parts = [];
    let rate = 0, size = 0;
    for (let n = 0; n < of.ends.length; n++) {
      el("status").textContent = `${labels.keepRecording} ${n + 1}/${of.ends.length}`;
      const answer = await sound(`/audio/${of.id}/${n}.wav${tone(of, n, true).query}`);
      if (answer.status === 204) continue; // nothing to say
      if (!answer.ok) throw new Error(await answer.text());
      const wav = await answer.arrayBuffer();
      if (wav.byteLength < 44) throw new Error("no sound");
      const hz = new DataView(wav).getUint32(24, true);
      if (rate && hz !== rate) throw new Error("two voices");
      rate = hz;
      const breath = new ArrayBuffer(2 * Math.round(rate * 0.35));
      const samples = wav.slice(44, 44 + 2 * Math.floor((wav.byteLength - 44) / 2));
      parts.push(samples, breath);
      size += samples.byteLength + breath.byteLength;
    }
    if (!size) throw new Error("no sound");
    save(fileName(of, ".wav"), [header(rate, size), ...parts], "audio/wav");
  }

  if (el("saveSound")) {
    el("saveSound").addEventListener("click", async () => {
      const of = story;
      voice.stop(); // one voice speaks one sentence at a time
      buttons();
      el("saveSound").disabled = true;
      try {
        await record(of);
        say("keepDone");
      } catch {
        say("statusSilent");
      }
      el("saveSound").disabled = false;
    });
  }
}
