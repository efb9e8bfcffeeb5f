// Starts programs of Go, for scripts that have wasm_exec.js. What such a program computes
// with vectors is a module beside it, because Go's compiler has no instructions for them:
// packages arith and simd.
"use strict";

// start runs a program, an ArrayBuffer, and returns when it first waits; ended is a promise
// of its end.
async function start(program, ...args) {
  const compiled = await WebAssembly.compile(program);
  const answer = await fetch("kernels.wasm");
  if (!answer.ok) throw new Error("kernels.wasm: " + answer.status);
  const vectors = await answer.arrayBuffer();
  const known = WebAssembly.validate(vectors); // not by a browser without vectors

  // The program is there before its kernels, which work on its memory: it calls them through
  // these.
  let kernels = null;
  const calls = { there: () => Number(known) };
  for (const { module, name } of WebAssembly.Module.imports(compiled)) {
    if (module !== "kernels" || name === "there") continue;
    calls[name] = (a, b, c, d, e, f, g, h) => kernels[name](a, b, c, d, e, f, g, h);
  }
  const go = new Go();
  go.argv.push(...args);
  const instance = await WebAssembly.instantiate(compiled, { ...go.importObject, kernels: calls });
  if (known) {
    kernels = (await WebAssembly.instantiate(vectors, { go: { mem: instance.exports.mem } })).instance.exports;
  }
  return { ended: go.run(instance) };
}
