// DER as far as an extension of a certificate needs it. Throws a RangeError for anything else.
export const kSequence = 0x30, kOctets = 0x04, kOid = 0x06;

// The element at the beginning of a Buffer: { tag, content, rest }.
function element(bytes) {
  let at = 2;
  let size = bytes[1];
  if (size > 0x80 && size <= 0x84) {
    const count = size - 0x80;
    if (bytes.length < 2 + count) throw new RangeError("DER: ends too early");
    size = bytes.readUIntBE(2, count);
    at += count;
  } else if (size === undefined || size >= 0x80) {
    throw new RangeError("DER: a length that is not supported");
  }
  if (size > bytes.length - at) throw new RangeError("DER: ends too early");
  return { tag: bytes[0], content: bytes.subarray(at, at + size), rest: bytes.subarray(at + size) };
}

// The elements that a Buffer consists of: { tag, content } each.
export function elements(bytes) {
  const all = [];
  for (let rest = bytes; rest.length > 0;) {
    const next = element(rest);
    all.push(next);
    rest = next.rest;
  }
  return all;
}

// The content of the one element of this tag that a Buffer consists of.
export function only(bytes, tag) {
  const all = elements(bytes);
  if (all.length !== 1 || all[0].tag !== tag) throw new RangeError("DER: not the element expected");
  return all[0].content;
}

// The value of a certificate's extension (RFC 5280, 4.1), or null. `oid` is its content in DER.
export function extensionOf(certificate, oid) {
  const kExtensions = 0xa3;
  const [body] = elements(only(certificate, kSequence));
  const field = elements(body.content).find(({ tag }) => tag === kExtensions);
  if (!field) return null;
  for (const { content } of elements(only(field.content, kSequence))) {
    const parts = elements(content);  // id, perhaps whether it is critical, value
    if (parts[0]?.tag === kOid && parts[0].content.equals(oid)) {
      const value = parts.at(-1);
      return value.tag === kOctets ? value.content : null;
    }
  }
  return null;
}
