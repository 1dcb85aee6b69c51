// The form that asks for the keys of a sealed model.
import { browserKey } from "./key.js";
import { storedReleases } from "./sealed.js";

const element = (id) => document.getElementById(id);

// The keys in what was pasted or fetched: the files of keys, comments and all. A field of one line
// has lost their line breaks.
export function signerIn(text) {
  const found = text.trim().match(/RW[A-Za-z0-9+/]{54}$/);
  if (found === null) throw new Error("The signing key is a line that starts with RW.");
  return found[0];
}
export function identityIn(text) {
  const found = text.match(/AGE-SECRET-KEY-1[A-Z0-9]+/);
  if (found === null) {
    throw new Error("The secret key is a line that starts with AGE-SECRET-KEY-1.");
  }
  return found[0];
}

// What LiveDetector.openSealed() takes. Without an identity it is the browser's own key; releases
// are told apart by who signed them.
export async function sealOptions(signer, identity) {
  const releases = storedReleases(localStorage, `oko-release ${signer} `);
  return identity === undefined
    ? { signer, key: await browserKey(), releases } : { signer, identity, releases };
}

let asking = Promise.resolve();

// As if the user gave up.
export async function stopAsking() {
  element("cancel").click();
  await asking;
}

// Asks until `open(options)` does not throw, or the user gives up. Resolves to what it returned, or
// null. `shown` is called when the form comes or goes.
export function askForKeys(name, live, open, shown) {
  asking = ask(name, open).finally(() => {
    element("sealed").hidden = true;
    element("identity").value = "";
    shown();
  });
  showRecipient(live);
  shown();
  return asking;
}

function ask(name, open) {
  element("sealed-name").textContent = name;
  say("");
  element("sealed").hidden = false;
  return new Promise((resolve) => {
    element("cancel").onclick = () => resolve(null);
    element("sealed").onsubmit = async (event) => {
      event.preventDefault();
      element("open").disabled = true;
      try {
        const identity = element("identity").value;
        resolve(await open(await sealOptions(signerIn(element("signer").value),
          identity === "" ? undefined : identityIn(identity))));
      } catch (error) {
        say(error.message);
      }
      element("open").disabled = false;
    };
  });
}

function say(problem) {
  element("sealed-problem").textContent = problem;
  element("sealed-problem").hidden = problem === "";
}

async function showRecipient(live) {
  try {
    const recipient = await live.recipient((await browserKey()).point);
    element("recipient").textContent = recipient;
    element("copy").hidden = false;
    element("copy").textContent = "Copy";
    element("copy").onclick = async () => {
      await navigator.clipboard.writeText(recipient);
      element("copy").textContent = "Copied";
    };
  } catch (error) {
    element("recipient").textContent = error.message;
  }
}
