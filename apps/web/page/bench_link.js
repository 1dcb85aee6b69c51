// Results of a benchmark as the part of a link after its "#", which browsers send to no server.
// What a link says is checked like any input from outside: it may come from anybody.

const kStart = "#bench=";
const kLongest = 8192;
const kVersion = 1;
export const kSteps = ["prepare", "network", "decode", "total"];

// Checks of values. Each returns whether it is as it must be.
const number = (from, to) => (value) => typeof value === "number" && value >= from && value <= to;
const whole = (from, to) => (value) => Number.isInteger(value) && number(from, to)(value);
const oneOf = (...all) => (value) => all.includes(value);
// Nothing that hides or reorders what stands beside it.
const kHidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
const text = (longest) => (value) =>
  typeof value === "string" && value.length <= longest && !kHidden.test(value);
const list = (from, to, item) => (value) =>
  Array.isArray(value) && value.length >= from && value.length <= to && value.every(item);
const object = (fields) => (value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const names = Object.keys(fields);
  return Object.keys(value).length === names.length &&
    names.every((name) => Object.hasOwn(value, name) && fields[name](value[name]));
};

const kLongestText = { name: 80, version: 20, target: 40, userAgent: 300 };
const side = whole(1, 8192);
const milliseconds = list(2, 2, number(0, 1e6));  // the median, and what 90 of 100 runs are below
const isResult = object({
  v: oneOf(kVersion),
  oko: text(kLongestText.version),
  model: object({ name: text(kLongestText.name), precision: oneOf("float32", "float16", "int8") }),
  device: object({
    cores: whole(0, 4096),  // 0: the browser does not say
    simd: text(kLongestText.target),
    userAgent: text(kLongestText.userAgent),
  }),
  frame: list(2, 2, side),
  runs: whole(1, 10000),
  rows: list(1, 32, object({
    width: side, height: side, threads: whole(1, 64),
    ...Object.fromEntries(kSteps.map((step) => [step, milliseconds])),
  })),
});

const cut = (value, longest) =>
  [...value.replace(new RegExp(kHidden, "gu"), " ")].slice(0, longest).join("").slice(0, longest)
    .replace(/[\ud800-\udbff]$/, "");

// A result as links have it: { oko, model, device, frame, runs, rows }, its texts cut to length.
export function madeResult({ oko, model, device, frame, runs, rows }) {
  return {
    v: kVersion,
    oko: cut(oko, kLongestText.version),
    model: { name: cut(model.name, kLongestText.name), precision: model.precision },
    device: {
      cores: device.cores,
      simd: cut(device.simd, kLongestText.target),
      userAgent: cut(device.userAgent, kLongestText.userAgent),
    },
    frame,
    runs,
    rows,
  };
}

// The link to `page`, without its parameters: they may name a model or hold a secret.
export function linkTo(page, result) {
  if (!isResult(result)) throw new Error("this result cannot be shared");
  const bytes = new TextEncoder().encode(JSON.stringify(result));
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const code = btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const { origin, pathname } = new URL(page);
  return `${origin}${pathname}${kStart}${code}`;
}

export function hasResult(hash) {
  return hash.startsWith(kStart);
}

// The result in a link's part after "#"; null if it is not exactly what linkTo() writes.
export function resultIn(hash) {
  if (!hasResult(hash) || hash.length > kLongest) return null;
  const code = hash.slice(kStart.length);
  if (!/^[\w-]+$/.test(code)) return null;
  try {
    const binary = atob(code.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
    const result = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isResult(result) ? result : null;
  } catch {
    return null;
  }
}
