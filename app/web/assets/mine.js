// A story about what is picked from pictures, or typed: who, where, what happens.
// The storyteller makes a beginning of it, which can still be changed by hand.
"use strict";

{
  const form = el("ask");
  const rows = ["hero", "place", "event"];
  let newest = 0; // number of the question whose answer counts
  let made = ""; // the beginning that came of the last one

  // chosen returns what a row has: a picture's key or typed words, "" for a surprise.
  const chosen = (row) => (form[row].value === "own" ? form[row + "Own"].value : form[row].value);

  async function compose() {
    const wish = new URLSearchParams({ name: form.name.value });
    for (const row of rows) wish.set(row, chosen(row));
    const question = ++newest;
    let text = "";
    if (rows.some(chosen) || form.name.value) {
      try {
        const answer = await board.ask("/opening?" + wish);
        if (!answer.ok) throw new Error(answer.statusText);
        text = await answer.text();
      } catch {
        say("statusLost");
        return;
      }
    }
    if (question !== newest) return; // another one was asked meanwhile
    form.prompt.value = made = text;
    fit();
  }

  function show() {
    const known = form.hero.value !== "";
    el("placeRow").hidden = el("eventRow").hidden = el("nameLine").hidden = !known;
    for (const row of rows) form[row + "Own"].hidden = form[row].value !== "own";
  }

  for (const row of rows) {
    for (const radio of form[row]) {
      radio.addEventListener("change", () => {
        show();
        if (radio.value === "own") form[row + "Own"].focus();
        compose();
      });
    }
  }
  let typing = 0;
  for (const name of ["name", ...rows.map((row) => row + "Own")]) {
    form.elements[name].addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(compose, 250);
    });
  }
  // Whoever presses Enter at once must not get the beginning before the last letters.
  mine = async () => {
    clearTimeout(typing);
    if (form.prompt.value === made && made) await compose();
  };
  show(); // a browser may have kept what was chosen
}
