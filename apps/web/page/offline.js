// The page without a network: a service worker (sw.js) keeps the page and the engine, and the last
// model that was opened from the page's own server is kept here.

// sw.js looks here too.
const kModels = `oko-models ${new URL(".", import.meta.url).pathname}`;

// Keeps the page. `offer` is called with a function that changes to a newer page, when there is
// one. Where a page cannot be kept, it works as well while there is a network.
export async function keepPage(offer) {
  const workers = navigator.serviceWorker;
  if (workers === undefined) return;
  let registration;
  try {
    registration = await workers.register("sw.js", { updateViaCache: "none" });
  } catch {
    return;  // served without sw.js, or by a certificate that the browser does not trust
  }
  // All of a page is of one version, so with the worker every open page changes too.
  if (workers.controller !== null) workers.oncontrollerchange = () => location.reload();
  const found = () => {
    const { waiting } = registration;
    if (waiting !== null && workers.controller !== null) offer(() => waiting.postMessage("change"));
  };
  found();
  registration.onupdatefound = () => {
    registration.installing?.addEventListener("statechange", found);
  };
}

// Keeps these files, [address, Blob], instead of the last ones.
export async function keepModel(files) {
  try {
    await caches.delete(kModels);
    const cache = await caches.open(kModels);
    for (const [address, blob] of files) {
      await cache.put(new URL(address, location.href), new Response(blob));
    }
  } catch {
    // No caches on insecure pages, or no space left: the model is opened all the same.
  }
}
