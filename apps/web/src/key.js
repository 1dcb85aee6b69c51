// P-256 keys that the browser keeps: pages may use them, but not read them. Types and contracts:
// oko.d.ts.

const kCurve = { name: "ECDH", namedCurve: "P-256" };
const kStore = "keys";

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// What `body` returns, once all of it is on disk.
async function withKeys(mode, body) {
  const opening = indexedDB.open("oko", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(kStore);
  const database = await settled(opening);
  try {
    const transaction = database.transaction(kStore, mode);
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    const [result] = await Promise.all([body(transaction.objectStore(kStore)), done]);
    return result;
  } finally {
    database.close();
  }
}

// A transaction does not wait for anything else, so a new pair is made before it, and thrown away
// if another tab was faster.
async function storedPair(name) {
  const stored = await withKeys("readonly", (keys) => settled(keys.get(name)));
  if (stored !== undefined) return stored;
  const made = await crypto.subtle.generateKey(kCurve, false, ["deriveBits"]);
  return withKeys("readwrite", async (keys) => {
    const other = await settled(keys.get(name));
    if (other === undefined) await settled(keys.put(made, name));
    return other ?? made;
  });
}

export async function browserKey(name = "oko") {
  if (globalThis.isSecureContext === false) {
    throw new Error("browsers keep keys for secure pages only: open this page over https");
  }
  return keyFrom(await storedPair(name));
}

export async function keyFrom({ publicKey, privateKey }) {
  return {
    point: new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)),
    async agree(sender) {
      const theirs = await crypto.subtle.importKey("raw", sender, kCurve, false, []);
      return new Uint8Array(
        await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, privateKey, 256));
    },
  };
}
