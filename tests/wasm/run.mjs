// Runs tests in CPython for WebAssembly: node run.mjs NODE_MODULES SITE_PACKAGES PROJECT [PYTEST_ARGUMENT...]
import { writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread, Worker } from "node:worker_threads";

const STACK_MEGABYTES = 256; // deeply nested JSON takes C recursion, and a main thread has less than 1
const LONGEST_FAILURE = 8000; // characters: the trace of a crash quotes the whole of the interpreter's source

if (isMainThread) {
  const worker = new Worker(fileURLToPath(import.meta.url), {
    argv: process.argv.slice(2),
    resourceLimits: { stackSizeMb: STACK_MEGABYTES },
  });
  worker.on("exit", process.exit);
} else {
  process.exit(await run(...process.argv.slice(2)));
}

async function run(modules, site, project, ...chosen) {
  const { loadPyodide } = await import(pathToFileURL(join(modules, "pyodide", "pyodide.mjs")));
  const python = await loadPyodide();

  const writingTo = (descriptor) => ({ write: (bytes) => writeSync(descriptor, bytes), isatty: false });
  python.setStdout(writingTo(1));
  python.setStderr(writingTo(2));

  for (const [place, root] of Object.entries({ "/site": site, "/project": project })) {
    python.FS.mkdirTree(place);
    python.FS.mount(python.FS.filesystems.NODEFS, { root }, place);
  }

  let status = 3;
  try {
    python.globals.set("chosen", python.toPy(chosen));
    status = python.runPython(`
import os, sys

sys.path[:0] = ["/project/src", "/site", "/project/tests/wasm"]
sys.dont_write_bytecode = True
os.chdir("/project")

import without_sockets

without_sockets.run(chosen)
`);
  } catch (failure) {
    console.error(String(failure.stack ?? failure).slice(0, LONGEST_FAILURE));
  }
  return status;
}
