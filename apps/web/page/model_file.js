// What a chosen file is, found by its first bytes: a wrong one is named before it is read, whatever
// its size.
import { isSealed } from "./sealed.js";

// Fits in a title.
export function shortName(name) {
  return name.length <= 40 ? name : `${name.slice(0, 24)}…${name.slice(-12)}`;
}

// More than any engine in a browser can hold beside its copy of it.
export const kLargestModel = 500e6;
const kLargestHeader = 16 << 20;  // of an .oko file

const kChooseOko =
  "Choose a model: a file that ends in .oko, which oko train and oko import write.";
const kFirst = 1024;  // bytes that tell what a file is

const ascii = (text) => [...text].map((letter) => letter.charCodeAt(0));
const quoted = (name) => (/^[\w.-]+$/.test(name) ? name : "FILE");
const kImport = (name) =>
  `Convert it on a computer with oko import ${quoted(name)} -o model.oko, then choose model.oko.`;
const kNotModels = () => kChooseOko;

// Each: where its bytes are, the bytes, what it is, and what to do about it.
const kKinds = [
  [0, [0x89, ...ascii("PNG")], "a PNG image", kNotModels],
  [0, [0xff, 0xd8, 0xff], "a JPEG image", kNotModels],
  [0, ascii("GIF8"), "a GIF image", kNotModels],
  [8, ascii("WEBP"), "a WebP image", kNotModels],
  [4, ascii("ftyp"), "a video or a HEIC image", kNotModels],
  [0, [0x1a, 0x45, 0xdf, 0xa3], "a video", kNotModels],
  [0, ascii("%PDF"), "a PDF document", kNotModels],
  [0, [0x1f, 0x8b], "a compressed file", () => `Unpack it first. ${kChooseOko}`],
  [0, [0x89, ...ascii("HDF")], "a Keras or HDF5 file", kImport],
  [4, ascii("TFL3"), "a TensorFlow Lite model", kImport],
  [0, ascii("7767517"), "an ncnn model", kImport],
  [0, ascii("[net]"), "a Darknet network", kImport],
  [0, ascii("AGE-SECRET-KEY-"), "a secret key", () => "Choose the model that it opens."],
  [0, ascii("untrusted comment:"), "a signing key or a signature",
    () => "Choose the model that it belongs to."],
];
const kEndings = [
  [/\.onnx$/i, "an ONNX model", kImport],
  [/\.(pt|pth)$/i, "a PyTorch file",
    () => "Export it to ONNX there and convert that on a computer with oko import, " +
      "then choose what it wrote."],
  [/\.weights$/i, "weights of Darknet",
    () => "Convert them on a computer with oko import, together with their .cfg, " +
      "then choose what it wrote."],
  [/\.(mlmodel|mlpackage)$/i, "a Core ML model", kNotModels],
];

export function sizeText(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

export function tooLarge(bytes) {
  const most = sizeText(kLargestModel);
  return `The file has ${sizeText(bytes)}; a browser can hold models up to ${most}. ${kChooseOko}`;
}

const holds = (bytes, at, expected) => expected.every((byte, i) => bytes[at + i] === byte);
const saying = ([what, advice], name) => `This is ${what}. ${advice(name)}`;

// What else has no header of a model's.
function otherKind(bytes, name) {
  const text = new TextDecoder().decode(bytes).trimStart().toLowerCase();
  if (text.startsWith("<!doctype") || text.startsWith("<html")) {
    return ["a web page", () => "If it came from a server, there is no model at that address."];
  }
  const byName = kEndings.find(([ending]) => ending.test(name));
  if (byName !== undefined) return byName.slice(1);
  return holds(bytes, 0, ascii("PK")) ? ["a zip archive", () => `Unpack it first. ${kChooseOko}`]
    : ["not a model of oko", kNotModels];
}

// Bytes that an .oko file has by its header; null if it has none.
async function sizeByHeader(blob) {
  const head = await blob.slice(0, 9).arrayBuffer();
  if (head.byteLength < 9) return null;
  const length = Number(new DataView(head).getBigUint64(0, true));
  if (length > kLargestHeader || new Uint8Array(head)[8] !== "{".charCodeAt(0)) return null;
  if (8 + length > blob.size) return Infinity;
  try {
    const { __metadata__, ...tensors } = JSON.parse(await blob.slice(8, 8 + length).text());
    const ends = Object.values(tensors).map(({ data_offsets: [, end] }) => end);
    return 8 + length + ends.reduce((last, end) => Math.max(last, end), 0);
  } catch {
    return null;  // the engine says what is wrong
  }
}

// Why this Blob is not a model and what to do, in a sentence or two; null if it may be one. Reads
// its beginning only.
export async function problemOf(blob, name) {
  if (blob.size === 0) return "The file is empty. Copy or download it again.";
  const first = new Uint8Array(await blob.slice(0, kFirst).arrayBuffer());
  const kind = kKinds.find(([at, expected]) => holds(first, at, expected));
  if (kind !== undefined) return saying(kind.slice(2), name);
  const size = isSealed(first) ? blob.size : await sizeByHeader(blob);
  if (size === null) return saying(otherKind(first, name), name);
  if (Math.min(size, blob.size) > kLargestModel) return tooLarge(blob.size);
  if (size <= blob.size) return null;
  return `The file is cut off: only ${shareText(blob.size, size)} are there. ` +
    "Copy or download it again.";
}

function shareText(size, whole) {
  if (whole === Infinity) return sizeText(size);
  const texts = [sizeText(size), sizeText(whole)];
  return texts[0] === texts[1] ? `${size} of ${whole} bytes` : texts.join(" of ");
}

// For the user, of an error that reading a File threw: it was moved, or is a folder.
export function readProblem(error) {
  return ["NotReadableError", "NotFoundError"].includes(error.name)
    ? "It cannot be read: it was moved or changed, is a folder, or is not on this device. " +
      "Choose it again." : error.message;
}
