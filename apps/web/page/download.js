// Models and keys from the page's own server.
import { kLargestModel, tooLarge } from "./model_file.js";

// The server's answer, if it is a good one.
export async function download(address) {
  const url = new URL(address, location.href);
  if (url.origin !== location.origin) {
    throw new Error("Models and keys can only be loaded from this page's own server.");
  }
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new Error("The server does not answer, and this file is not kept for use offline. " +
      "Connect to the network, then try again.");
  }
  if (!response.ok) throw new Error(`The server says: ${response.status} ${response.statusText}`);
  return response;
}

// The body, never more of it than a model may have. `progress` gets the share that has arrived, if
// the server tells how much there is.
export async function bodyOf(response, progress) {
  const told = Number(response.headers.get("Content-Length"));
  if (told > kLargestModel) {
    await response.body.cancel();
    throw new Error(tooLarge(told));
  }
  const reader = response.body.getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts);
    size += value.byteLength;
    if (size > kLargestModel) {
      await reader.cancel();
      throw new Error(tooLarge(size));
    }
    parts.push(value);
    if (told > 0 && size <= told) progress(size / told);
  }
}
