// Serves a folder on this machine:  node serve.mjs FOLDER [--port 8000] [--not-isolated]
// Pages are cross-origin isolated, which threads need, unless --not-isolated is given.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const kTypes = {
  ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript",
  ".svg": "image/svg+xml", ".wasm": "application/wasm", ".png": "image/png",
};
const kIsolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

// The requested file, or null: nothing outside `root` is served.
async function fileFor(root, url) {
  try {
    const path = decodeURIComponent(new URL(url, "http://here").pathname);
    const file = normalize(join(root, path.endsWith("/") ? `${path}index.html` : path));
    return file.startsWith(root + sep) && (await stat(file)).isFile() ? file : null;
  } catch {
    return null;
  }
}

// Resolves to { url, close() }. Port 0: any free one.
export async function serve(folder, { port = 0, isolated = true } = {}) {
  const root = resolve(folder);
  const server = createServer(async (request, response) => {
    const file = await fileFor(root, request.url);
    response.writeHead(file ? 200 : 404, {
      "Content-Type": kTypes[extname(file ?? "")] ?? "application/octet-stream",
      "Cache-Control": "no-cache",
      ...(isolated ? kIsolation : {}),
    });
    if (file) createReadStream(file).pipe(response);
    else response.end();
  });
  await new Promise((done, failed) => {
    server.once("error", failed).listen(port, "127.0.0.1", done);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: "string", default: "8000" }, "not-isolated": { type: "boolean" } },
  });
  if (positionals.length !== 1) {
    console.error("usage: node serve.mjs FOLDER [--port 8000] [--not-isolated]");
    process.exit(2);
  }
  const options = { port: Number(values.port), isolated: !values["not-isolated"] };
  console.log((await serve(positionals[0], options)).url);
}
