// What callers give, checked. Internal; oko.js is the public API.

export const kPrecisions = ["model", "float32", "float16", "int8"];

// The fields of oko_model_options but for `target`, which is a text.
export function modelOptions({ precision = "model", width = 0, height = 0 }) {
  const code = kPrecisions.indexOf(precision);
  if (code < 0) {
    throw new TypeError(`precision "${precision}" is not one of ${kPrecisions.join(", ")}`);
  }
  return { precision: code, width, height };
}

// `what` is for the message.
export function bytesOf(given, what) {
  if (given instanceof ArrayBuffer) return new Uint8Array(given);
  if (ArrayBuffer.isView(given)) {
    return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  }
  throw new TypeError(`${what} must be an ArrayBuffer or a view of one`);
}

export function exactBytes(given, count, what) {
  const bytes = bytesOf(given, what);
  if (bytes.length !== count) {
    throw new TypeError(`${what} has ${bytes.length} bytes, not ${count}`);
  }
  return bytes;
}
