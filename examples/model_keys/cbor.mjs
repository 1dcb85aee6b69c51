// CBOR (RFC 8949) as far as App Attest needs it: numbers, bytes, texts, arrays and maps with texts
// as keys, all of definite length. Throws a RangeError for anything else.
const kMostDepth = 8;

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    if (count > this.bytes.length - this.at) throw new RangeError("CBOR: ends too early");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  // The number that follows a type: a value, or how many bytes or items there are.
  argument(short) {
    if (short < 24) return short;
    if (short === 24) return this.take(1).readUInt8();
    if (short === 25) return this.take(2).readUInt16BE();
    if (short === 26) return this.take(4).readUInt32BE();
    throw new RangeError("CBOR: a length that is not supported");
  }

  item(depth) {
    if (depth > kMostDepth) throw new RangeError("CBOR: nested too deep");
    const head = this.take(1)[0];
    const count = this.argument(head & 31);
    switch (head >> 5) {
      case 0:
        return count;
      case 1:
        return -1 - count;
      case 2:
        return this.take(count);
      case 3:
        return new TextDecoder("utf-8", { fatal: true }).decode(this.take(count));
      case 4:
        return this.array(count, depth);
      case 5:
        return this.map(count, depth);
      default:
        throw new RangeError("CBOR: a type that is not supported");
    }
  }

  array(count, depth) {
    const items = [];
    for (let i = 0; i < count; ++i) items.push(this.item(depth + 1));
    return items;
  }

  map(count, depth) {
    const entries = new Map();
    for (let i = 0; i < count; ++i) {
      const key = this.item(depth + 1);
      if (typeof key !== "string" || entries.has(key)) throw new RangeError("CBOR: a bad key");
      entries.set(key, this.item(depth + 1));
    }
    return entries;
  }
}

// Of a Buffer: numbers, Buffers, strings, arrays, Maps.
export function decodeCbor(bytes) {
  const reader = new Reader(bytes);
  const item = reader.item(0);
  if (reader.at !== bytes.length) throw new RangeError("CBOR: bytes after its end");
  return item;
}
