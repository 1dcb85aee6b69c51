// Serves a folder on this machine:  node serve.mjs FOLDER [--port 8000] [--not-isolated]
// Pages are cross-origin isolated, which threads need, unless --not-isolated is given. Nothing but
// the folder's own files is served: no hidden ones, and none that a link leads to outside of it.
import { constants } from "node:fs";
import { open, realpath, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, extname, join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const kTypes = {
  ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json", ".webmanifest": "application/manifest+json",
  ".md": "text/plain; charset=utf-8", ".txt": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml", ".wasm": "application/wasm", ".png": "image/png", ".jpg": "image/jpeg",
};

// What the page needs and no more: its own files, WebAssembly, its own workers.
const kPolicy = ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'",
  "connect-src 'self'", "img-src 'self'", "style-src 'self'", "manifest-src 'self'",
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"].join("; ");
const kHeaders = {
  "Content-Security-Policy": kPolicy,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
  "Cache-Control": "no-cache",
};
const kIsolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

// An answer other than a file.
class Refusal extends Error {
  constructor(status, text, headers = {}) {
    super(text);
    this.status = status;
    this.headers = headers;
  }
}
const notFound = () => new Refusal(404, "There is no such file here.");

// The path that a request names, decoded: "/a b/c". Dots are resolved already.
function pathOf(target) {
  let path;
  try {
    path = decodeURIComponent(new URL(target, "http://here").pathname);
  } catch {
    throw new Refusal(400, "This address is broken.");
  }
  if (path.includes("\0")) throw new Refusal(400, "This address is broken.");
  // Hidden files, such as .git, and what an encoded slash hid from the parser.
  if (path.split(/[/\\]/).some((part) => part.startsWith("."))) throw notFound();
  return path;
}

function refusalFor(error) {
  if (error instanceof Refusal) return error;
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new Refusal(403, "This file cannot be read.");
  }
  const missing = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EISDIR", "ENXIO"];
  return missing.includes(error.code)
    ? notFound() : new Refusal(500, "This file cannot be read just now.");
}

// The requested file, open, with its size and type.
async function openFile(root, target) {
  const path = pathOf(target);
  let file = await realpath(join(root, path));
  if (file !== root && !file.startsWith(root + sep)) throw notFound();
  if ((await stat(file)).isDirectory()) {
    // Relative, so that the address cannot lead to another server.
    if (!path.endsWith("/")) {
      throw new Refusal(308, "", { Location: `${encodeURIComponent(basename(path))}/` });
    }
    return openFile(root, `${new URL(target, "http://here").pathname}index.html`);
  }
  if (path.endsWith("/")) throw notFound();
  // Not a link that was put there since, and no waiting for the other end of a pipe.
  const handle = await open(file,
    constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const { size, mtimeNs, ...now } = await handle.stat({ bigint: true });
    if (!isFile(now.mode)) throw notFound();
    return {
      handle,
      size: Number(size),
      tag: `"${size.toString(36)}-${mtimeNs.toString(36)}"`,
      type: kTypes[extname(file).toLowerCase()] ?? "application/octet-stream",
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
const isFile = (mode) => (Number(mode) & constants.S_IFMT) === constants.S_IFREG;

// The part of a file that is wanted, [first, last]; null: all of it. Only one range is understood,
// and only of the file that the asker has the rest of.
function rangeOf({ range, "if-range": only }, { size, tag }) {
  const found = /^bytes=(\d*)-(\d*)$/.exec(range ?? "");
  if (found === null || (only !== undefined && only !== tag)) return null;
  const number = (digits) => (digits === "" ? null : Number(digits));
  const [first, last] = [number(found[1]), number(found[2])];
  if (first === null && last === null) return null;
  if (first !== null && last !== null && last < first) return null;
  const begin = first ?? Math.max(size - last, 0);
  if (begin >= size || (first === null && last === 0)) {
    throw new Refusal(416, "The file is shorter.", { "Content-Range": `bytes */${size}` });
  }
  return [begin, first === null || last === null ? size - 1 : Math.min(last, size - 1)];
}

function isKnown({ "if-none-match": known }, { tag }) {
  return known !== undefined &&
    known.split(",").some((one) => ["*", tag].includes(one.trim().replace(/^W\//, "")));
}

async function answer(root, request, response) {
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw new Refusal(405, "Files can only be read here.", { Allow: "GET, HEAD" });
  }
  const file = await openFile(root, request.url);
  try {
    response.setHeader("ETag", file.tag);
    if (isKnown(request.headers, file)) {
      response.writeHead(304).end();
      return;
    }
    const range = request.method === "GET" ? rangeOf(request.headers, file) : null;
    const [first, last] = range ?? [0, file.size - 1];
    response.writeHead(range === null ? 200 : 206, {
      "Content-Type": file.type,
      "Content-Length": last - first + 1,
      "Accept-Ranges": "bytes",
      ...(range === null ? {} : { "Content-Range": `bytes ${first}-${last}/${file.size}` }),
    });
    if (request.method === "HEAD" || file.size === 0) response.end();
    else await pipeline(file.handle.createReadStream({ start: first, end: last }), response);
  } finally {
    await file.handle.close();
  }
}

function refuse(request, response, { status, message, headers }) {
  const body = Buffer.from(message === "" ? "" : `${message}\n`);
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8", "Content-Length": body.length, ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

// Resolves to { url, close() }. Port 0: any free one.
export async function serve(folder, { port = 0, isolated = true } = {}) {
  const root = await realpath(resolve(folder));
  const server = createServer(async (request, response) => {
    for (const [name, value] of Object.entries({ ...kHeaders, ...(isolated ? kIsolation : {}) })) {
      response.setHeader(name, value);
    }
    try {
      await answer(root, request, response);
    } catch (error) {
      // Too late to say anything: the asker is gone, or the file changed while it was sent.
      if (response.headersSent) response.destroy();
      else refuse(request, response, refusalFor(error));
    }
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

// Options of the command line; null if they are none.
function parsed(args) {
  try {
    const { values, positionals } = parseArgs({
      args, allowPositionals: true,
      options: { port: { type: "string", default: "8000" }, "not-isolated": { type: "boolean" } },
    });
    const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : NaN;
    if (positionals.length !== 1 || !(port <= 65535)) return null;
    return { folder: positionals[0], port, isolated: !values["not-isolated"] };
  } catch {
    return null;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const options = parsed(process.argv.slice(2));
  if (options === null) {
    console.error("usage: node serve.mjs FOLDER [--port 8000] [--not-isolated]");
    process.exit(2);
  }
  try {
    console.log((await serve(options.folder, options)).url);
  } catch (error) {
    console.error(error.code === "EADDRINUSE"
      ? `serve: port ${options.port} is in use (choose another: --port 0 is any free one)`
      : `serve: ${options.folder}: ${error.message}`);
    process.exit(1);
  }
}
