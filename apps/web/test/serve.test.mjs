// serve.mjs: what it serves, and that nothing a stranger sends ends it or gets out of its folder.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { serve } from "../serve.mjs";

const kFolder = mkdtempSync(join(tmpdir(), "oko-serve-"));
const kRoot = join(kFolder, "root");
const kText = "0123456789";
let server;

before(async () => {
  mkdirSync(join(kRoot, "deep"), { recursive: true });
  mkdirSync(join(kRoot, "empty"));
  mkdirSync(join(kRoot, ".git"));
  mkdirSync(join(kFolder, "root-beside"));
  writeFileSync(join(kRoot, "index.html"), "home");
  writeFileSync(join(kRoot, "deep/index.html"), "deep");
  writeFileSync(join(kRoot, "digits.txt"), kText);
  writeFileSync(join(kRoot, "m.wasm"), "");
  writeFileSync(join(kRoot, "ä b.oko"), "spaced");
  writeFileSync(join(kRoot, ".git/config"), "hidden");
  writeFileSync(join(kFolder, "secret.txt"), "secret");
  writeFileSync(join(kFolder, "root-beside/secret.txt"), "secret");
  symlinkSync(join(kFolder, "secret.txt"), join(kRoot, "leak.txt"));
  symlinkSync(kFolder, join(kRoot, "leak"));
  symlinkSync("../root-beside", join(kRoot, "beside"));
  symlinkSync("round", join(kRoot, "round"));
  symlinkSync("digits.txt", join(kRoot, "same.txt"));
  execFileSync("mkfifo", [join(kRoot, "pipe")]);
  server = await serve(kRoot);
});
after(() => {
  server.close();
  rmSync(kFolder, { recursive: true, force: true });
});

const port = () => Number(new URL(server.url).port);
const get = (path, options = {}) =>
  fetch(new URL(path, server.url), { redirect: "manual", ...options });

// What the server answers to these bytes; fetch() would not send them.
function raw(text) {
  return new Promise((done, failed) => {
    let answer = "";
    const socket = connect(port(), "127.0.0.1", () => socket.write(text));
    socket.on("data", (data) => { answer += data; });
    socket.on("end", () => done(answer)).on("close", () => done(answer)).on("error", failed);
  });
}
const rawGet = (target) =>
  raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

test("every answer has the headers that keep a page safe and isolated", async () => {
  for (const [path, options] of [["", {}], ["none", {}], ["deep", {}], ["", { method: "POST" }]]) {
    const { headers } = await get(path, options);
    const policy = headers.get("content-security-policy");
    assert.match(policy, /^default-src 'none';.*frame-ancestors 'none'$/);
    assert.doesNotMatch(policy, /'unsafe-(inline|eval)'|\*/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cross-origin-opener-policy"), "same-origin");
    assert.equal(headers.get("cross-origin-embedder-policy"), "require-corp");
  }
  const plain = await serve(kRoot, { isolated: false });
  const { headers } = await fetch(plain.url);
  plain.close();
  assert.equal(headers.get("cross-origin-opener-policy"), null);
  assert.equal(headers.get("x-content-type-options"), "nosniff");
});

test("files have their types, folders their index", async () => {
  const seen = async (path) => {
    const answer = await get(path);
    return [answer.status, answer.headers.get("content-type"), await answer.text()];
  };
  assert.deepEqual(await seen(""), [200, "text/html; charset=utf-8", "home"]);
  assert.deepEqual(await seen("?model=m.oko"), [200, "text/html; charset=utf-8", "home"]);
  assert.deepEqual(await seen("deep/"), [200, "text/html; charset=utf-8", "deep"]);
  assert.deepEqual(await seen("m.wasm"), [200, "application/wasm", ""]);
  assert.deepEqual(await seen("%C3%A4%20b.oko"), [200, "application/octet-stream", "spaced"]);
  assert.deepEqual((await seen("same.txt"))[2], kText);  // a link that stays inside
  const missing = ["empty/", "none", "digits.txt/", "digits.txt/x", "round", "pipe",
    "x".repeat(999)];
  for (const path of missing) {
    assert.equal((await seen(path))[0], 404, path);
  }
});

test("a folder without its slash leads to the one with it, on this server", async () => {
  const answer = await get("deep");
  assert.equal(answer.status, 308);
  assert.equal(answer.headers.get("location"), "deep/");
  assert.match(await rawGet("///x//deep"), /^HTTP\/1.1 308 [^]*\r\nLocation: deep\/\r\n/);
});

test("nothing outside the folder and nothing hidden is served", async () => {
  const outside = ["/leak.txt", "/leak/secret.txt", "/beside/secret.txt", "/../secret.txt",
    "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/deep/..%2f..%2fsecret.txt", "/..%5csecret.txt",
    "//../secret.txt", "/../root-beside/secret.txt", "/.git/config", "/%2egit/config",
    "/deep/../.git/config", "/deep%2f..%2f.git%2fconfig", "http://other/../secret.txt"];
  for (const target of outside) {
    const answer = await rawGet(target);
    assert.match(answer, /^HTTP\/1.1 404 /, target);
    assert.doesNotMatch(answer, /secret\n?$|hidden/, target);
  }
});

test("broken requests are refused, and the next one is answered", async () => {
  const broken = [["/%", 400], ["/%zz", 400], ["/%c3%28", 400], ["/%00", 400],
    ["/digits.txt%00.png", 400], ["//[", 400], ["*", 404]];
  for (const [target, status] of broken) {
    assert.match(await rawGet(target), new RegExp(`^HTTP/1.1 ${status} `), target);
  }
  assert.match(await raw("\x16\x03\x01 nonsense\r\n\r\n"), /^HTTP\/1.1 400 /);
  const huge = `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(100000)}\r\n\r\n`;
  assert.match(await raw(huge), /^HTTP\/1.1 431 /);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const answer = await get("digits.txt", { method });
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.get("allow"), "GET, HEAD");
  }
  assert.equal((await get("digits.txt")).status, 200);
});

test("an asker who leaves in the middle does not end it", async () => {
  writeFileSync(join(kRoot, "large.bin"), Buffer.alloc(32 << 20));
  await new Promise((done) => {
    const socket = connect(port(), "127.0.0.1",
      () => socket.write("GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n"));
    socket.once("data", () => socket.destroy()).on("close", done);
  });
  assert.equal((await (await get("large.bin")).arrayBuffer()).byteLength, 32 << 20);
});

test("HEAD tells the length without the file", async () => {
  const answer = await get("digits.txt", { method: "HEAD" });
  assert.deepEqual([answer.status, answer.headers.get("content-length"), await answer.text()],
    [200, "10", ""]);
  const missing = await get("none", { method: "HEAD" });
  assert.deepEqual([missing.status, await missing.text()], [404, ""]);
});

test("an unchanged file is not sent again", async () => {
  const tag = (await get("digits.txt")).headers.get("etag");
  assert.match(tag, /^"[0-9a-z-]+"$/);
  for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
    const answer = await get("digits.txt", { headers: { "If-None-Match": known } });
    assert.deepEqual([answer.status, await answer.text()], [304, ""], known);
  }
  assert.equal((await get("digits.txt", { headers: { "If-None-Match": '"other"' } })).status, 200);
  writeFileSync(join(kRoot, "changing.txt"), "1");
  const before = (await get("changing.txt")).headers.get("etag");
  writeFileSync(join(kRoot, "changing.txt"), "22");
  assert.notEqual((await get("changing.txt")).headers.get("etag"), before);
});

test("a part of a file is sent if it is there", async () => {
  const part = async (range, more = {}) => {
    const answer = await get("digits.txt", { headers: { Range: range, ...more } });
    return [answer.status, answer.headers.get("content-range"), await answer.text()];
  };
  assert.deepEqual(await part("bytes=2-4"), [206, "bytes 2-4/10", "234"]);
  assert.deepEqual(await part("bytes=7-"), [206, "bytes 7-9/10", "789"]);
  assert.deepEqual(await part("bytes=8-99"), [206, "bytes 8-9/10", "89"]);
  assert.deepEqual(await part("bytes=-3"), [206, "bytes 7-9/10", "789"]);
  assert.deepEqual(await part("bytes=-99"), [206, "bytes 0-9/10", kText]);
  for (const beyond of ["bytes=10-", "bytes=99-100", "bytes=-0", `bytes=${"9".repeat(30)}-`]) {
    assert.deepEqual((await part(beyond)).slice(0, 2), [416, "bytes */10"], beyond);
  }
  for (const unknown of ["bytes=4-2", "bytes=-", "bytes=1-2,4-5", "lines=1-2", "bytes=a-b"]) {
    assert.deepEqual(await part(unknown), [200, null, kText], unknown);
  }
  const tag = (await get("digits.txt")).headers.get("etag");
  assert.equal((await part("bytes=2-4", { "If-Range": tag }))[0], 206);
  assert.deepEqual(await part("bytes=2-4", { "If-Range": '"old"' }), [200, null, kText]);
});

// Root may read everything, so the server is started as somebody else.
const isRoot = process.getuid?.() === 0;
test("files and folders that it may not read are refused", async () => {
  for (const folder of [kFolder, kRoot]) chmodSync(folder, 0o755);
  writeFileSync(join(kRoot, "closed.txt"), "closed");
  chmodSync(join(kRoot, "closed.txt"), 0);
  mkdirSync(join(kRoot, "closed"));
  writeFileSync(join(kRoot, "closed/index.html"), "closed");
  chmodSync(join(kRoot, "closed"), 0);
  const program = join(kFolder, "serve.mjs");
  execFileSync("cp", [fileURLToPath(new URL("../serve.mjs", import.meta.url)), program]);
  const child = spawn(process.execPath, [program, kRoot, "--port", "0"],
    { stdio: ["ignore", "pipe", "inherit"], ...(isRoot ? { uid: 65534, gid: 65534 } : {}) });
  try {
    const url = String(await new Promise((done) => child.stdout.once("data", done))).trim();
    for (const path of ["closed.txt", "closed/", "closed/index.html"]) {
      assert.equal((await fetch(url + path)).status, 403, path);
    }
    assert.equal((await fetch(`${url}digits.txt`)).status, 200);
  } finally {
    child.kill();
  }
});

test("the command says what is wrong with its options", async () => {
  const program = fileURLToPath(new URL("../serve.mjs", import.meta.url));
  const run = (...args) => new Promise((done) => {
    const stdio = ["ignore", "ignore", "pipe"];
    const child = spawn(process.execPath, [program, ...args], { stdio });
    let text = "";
    child.stderr.on("data", (data) => { text += data; });
    child.on("close", (code) => done([code, text]));
  });
  const wrong = [[], ["a", "b"], [kRoot, "--port", "x"], [kRoot, "--port", "65536"], ["--what"]];
  for (const args of wrong) {
    const [code, text] = await run(...args);
    assert.equal(code, 2);
    assert.match(text, /^usage: /);
  }
  const [code, text] = await run(join(kFolder, "none"));
  assert.equal(code, 1);
  assert.match(text, /^serve: .*none.*ENOENT/);
  const [taken, why] = await run(kRoot, "--port", new URL(server.url).port);
  assert.equal(taken, 1);
  assert.match(why, /is in use/);
});
