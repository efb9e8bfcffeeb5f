// A worker that runs one program for WASI (wasi_snapshot_preview1), as clang and wasi-libc
// make them of run.c: its arguments, its output, a clock and files that are only read.
"use strict";

onmessage = async ({ data: { program, args, files } }) => {
  const said = ["", "", ""]; // by file descriptor
  const open = [null, null, null, { folder: true }];
  let view = () => {};
  let memory = null;
  const bytes = (at, n) => new Uint8Array(memory.buffer, at, n);
  const text = (at, n) => new TextDecoder().decode(bytes(at, n));
  const BADF = 8, NOENT = 44, NOSYS = 52;

  // each calls f for the pieces of memory that a call gives, until one is not filled.
  function each(list, n, f) {
    let all = 0;
    for (let i = 0; i < n; i++) {
      const [at, size] = [view().getUint32(list + 8 * i, true), view().getUint32(list + 8 * i + 4, true)];
      const done = f(at, size);
      all += done;
      if (done < size) break;
    }
    return all;
  }
  const read = (file, list, n, done, from) => {
    let at = from;
    const all = each(list, n, (to, size) => {
      const part = file.content.subarray(at, at + size);
      bytes(to, part.length).set(part);
      at += part.length;
      return part.length;
    });
    view().setUint32(done, all, true);
    return all;
  };
  const system = {
    args_sizes_get(count, size) {
      view().setUint32(count, args.length, true);
      view().setUint32(size, args.join("\0").length + 1, true);
      return 0;
    },
    args_get(list, at) {
      for (const [i, arg] of args.entries()) {
        view().setUint32(list + 4 * i, at, true);
        bytes(at, arg.length + 1).set(new TextEncoder().encode(arg + "\0"));
        at += arg.length + 1;
      }
      return 0;
    },
    clock_time_get(clock, precision, at) {
      view().setBigUint64(at, BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6)), true);
      return 0;
    },
    fd_prestat_get(fd, at) {
      if (fd !== 3) return BADF;
      view().setUint32(at, 0, true);
      view().setUint32(at + 4, 1, true);
      return 0;
    },
    fd_prestat_dir_name(fd, at) {
      bytes(at, 1)[0] = ".".charCodeAt(0);
      return 0;
    },
    fd_fdstat_get(fd, at) {
      if (fd > 2 && !open[fd]) return BADF;
      bytes(at, 24).fill(0);
      bytes(at, 1)[0] = fd < 3 ? 2 : open[fd].folder ? 3 : 4;
      view().setBigUint64(at + 8, ~0n & 0x1fffffffn, true); // all rights
      view().setBigUint64(at + 16, ~0n & 0x1fffffffn, true);
      return 0;
    },
    path_open(fd, lookup, path, n, create, rights, inherited, flags, at) {
      const content = files[text(path, n)];
      if (!content) return NOENT;
      open.push({ content: new Uint8Array(content), at: 0 });
      view().setUint32(at, open.length - 1, true);
      return 0;
    },
    fd_read(fd, list, n, done) {
      if (!open[fd]) return BADF;
      open[fd].at += read(open[fd], list, n, done, open[fd].at);
      return 0;
    },
    fd_pread(fd, list, n, offset, done) {
      if (!open[fd]) return BADF;
      read(open[fd], list, n, done, Number(offset));
      return 0;
    },
    fd_seek(fd, offset, whence, at) {
      if (!open[fd]) return BADF;
      open[fd].at = Number(offset) + [0, open[fd].at, open[fd].content.length][whence];
      view().setBigUint64(at, BigInt(open[fd].at), true);
      return 0;
    },
    fd_close(fd) {
      open[fd] = null;
      return 0;
    },
    fd_write(fd, list, n, done) {
      const all = each(list, n, (from, size) => {
        said[fd] += text(from, size);
        return size;
      });
      if (fd === 1) postMessage({ more: said[1].length }); // as much as is told to a page
      view().setUint32(done, all, true);
      return 0;
    },
    proc_exit(status) { throw new Error("exit status " + status); },
  };
  let wrong = "";
  try {
    const made = await WebAssembly.compile(program);
    const imports = {};
    for (const { module, name } of WebAssembly.Module.imports(made)) {
      imports[module] = imports[module] || {};
      imports[module][name] = system[name] || (() => NOSYS);
    }
    const instance = await WebAssembly.instantiate(made, imports);
    memory = instance.exports.memory;
    view = () => new DataView(memory.buffer);
    instance.exports._start();
  } catch (e) {
    wrong = String(e);
  }
  postMessage({ text: said[1], notes: said[2], wrong });
};
