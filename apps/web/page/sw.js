// Keeps the page for use without a network. stamp.mjs puts kVersion and kFiles before this, each
// file's path and its SHA-256. The files of one version are kept together and checked, so that a
// page is never made of two versions, not even while a server is being updated.

const kScope = new URL(self.registration.scope);
const kPrefix = `oko-page ${kScope.pathname} `;
const kModels = `oko-models ${kScope.pathname}`;  // offline.js fills it
const kHome = "index.html";
const kCache = kPrefix + kVersion;
const kIsolation = ["Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy"];

const addressOf = (path) => new URL(path, kScope).href;

// All files that arrive as they must be, or none. The page itself comes last: its headers say
// whether it is isolated, and then those of its workers must be there.
async function keepAll() {
  const found = await Promise.all(Object.entries(kFiles).map(async ([path, integrity]) => {
    const answer = await fetch(addressOf(path), { cache: "no-cache", integrity });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    // Without what is true of the transfer only: its encoding, and that it was redirected.
    const headers = new Headers(answer.headers);
    for (const name of ["Content-Encoding", "Content-Length"]) headers.delete(name);
    return [path, new Response(await answer.arrayBuffer(), { headers })];
  }));
  const cache = await caches.open(kCache);
  const keep = (files) =>
    Promise.all(files.map(([path, answer]) => cache.put(addressOf(path), answer)));
  await keep(found.filter(([path]) => path !== kHome));
  await keep(found.filter(([path]) => path === kHome));
}

// A page is isolated, or not, by its headers. If the server's are others now, so are those kept.
async function followHeaders(page) {
  try {
    const now = await fetch(addressOf(kHome), { method: "HEAD", cache: "no-store" });
    const differ = (name) => now.headers.get(name) !== page.headers.get(name);
    if (now.ok && kIsolation.some(differ)) await keepAll();
  } catch {
    // No network, or the server has another version: this one stays as it is.
  }
}

self.addEventListener("install", (event) => event.waitUntil(keepAll()));

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith(kPrefix) && name !== kCache);
    await Promise.all(old.map((name) => caches.delete(name)));
  })());
});

// A new version waits until the user wants it, or no page of the old one is open.
self.addEventListener("message", ({ data }) => {
  if (data === "change") self.skipWaiting();
});

// The page's own file that a request is for, as it is kept; undefined if it is none.
async function kept({ pathname }) {
  if (!pathname.startsWith(kScope.pathname)) return undefined;
  const path = pathname.slice(kScope.pathname.length) || kHome;
  if (!Object.hasOwn(kFiles, path)) return undefined;
  return caches.match(addressOf(path), { cacheName: kCache });
}

// Anything else comes from the network, and only without one from what is kept.
async function fromNetwork(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const model = await caches.match(request, { cacheName: kModels });
    if (model === undefined) throw error;
    return model;
  }
}

async function answer(event, url) {
  const page = await kept(url);
  if (page === undefined) return fromNetwork(event.request);
  if (event.request.mode === "navigate") event.waitUntil(followHeaders(page));
  return page;
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== kScope.origin) return;
  event.respondWith(answer(event, url));
});
