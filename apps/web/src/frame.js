// Images: browser objects as the planes of pixels that the engine reads.

// Values of oko_format. `planes` has for each plane the bytes of a pixel, or of a chroma sample.
export const kFormats = {
  RGB: { code: 0, planes: [3] },
  BGR: { code: 1, planes: [3] },
  RGBA: { code: 2, planes: [4] },
  BGRA: { code: 3, planes: [4] },
  GREY: { code: 4, planes: [1] },
  NV12: { code: 5, planes: [1, 2] },
  NV21: { code: 6, planes: [1, 2] },
  I420: { code: 7, planes: [1, 1, 1] },
};
export const kRanges = { video: 0, full: 1 };
export const kMatrices = { bt601: 0, bt709: 1, bt2020: 2 };

// The entry of `table` by that name; `what` is for the message.
export function named(table, name, what) {
  if (Object.hasOwn(table, name)) return table[name];
  throw new TypeError(`${what} "${name}" is not one of ${Object.keys(table).join(", ")}`);
}

// Checks a frame's planes and returns what to copy: stride and bytes of each plane.
export function planesOf(frame) {
  const { width, height, planes, strides = [], chromaStep = 1 } = frame;
  if (![width, height, chromaStep].every((n) => Number.isInteger(n) && n > 0)) {
    throw new TypeError(`a frame of ${width} x ${height} pixels cannot be`);
  }
  return named(kFormats, frame.format, "format").planes.map((size, i) => {
    const columns = i === 0 ? width : Math.ceil(width / 2);
    const rows = i === 0 ? height : Math.ceil(height / 2);
    const step = i > 0 && frame.format === "I420" ? chromaStep : size;
    const row = (columns - 1) * step + size;
    const stride = strides[i] || columns * step;
    const count = stride * (rows - 1) + row;
    const plane = planes?.[i];
    if (!(plane instanceof Uint8Array || plane instanceof Uint8ClampedArray)) {
      throw new TypeError(`plane ${i} of the ${frame.format} frame is not bytes`);
    }
    if (!Number.isInteger(stride) || stride < row || plane.length < count) {
      throw new TypeError(`plane ${i} of the ${width} x ${height} ${frame.format} frame has ` +
        `${plane.length} bytes and a stride of ${stride}, ${count} are needed`);
    }
    return { stride, bytes: plane.subarray(0, count) };
  });
}

const isA = (source, name) =>
  typeof globalThis[name] === "function" && source instanceof globalThis[name];

// Pixels of any image source, to keep or to detect in. `view`: { rotation, mirror, region }.
export async function readFrame(source, view = {}) {
  if (isA(source, "ImageData")) return { ...fromImageData(source), ...view };
  if (isA(source, "VideoFrame")) return { ...(await fromVideoFrame(source, view)) };
  if (source?.planes) return { ...source, ...view };
  return { ...fromCanvas(source), ...view };
}

function fromImageData({ width, height, data }) {
  return { format: "RGBA", width, height, planes: [data] };
}

const kCopied = {
  I420: "I420", I420A: "I420", NV12: "NV12",
  RGBA: "RGBA", RGBX: "RGBA", BGRA: "BGRA", BGRX: "BGRA",
};

async function fromVideoFrame(video, view) {
  const format = kCopied[video.format];
  // Draws what the browser does not expose: images on the GPU, more than 8 bits.
  if (format === undefined || video.flip) return { ...fromCanvas(video), ...view };
  const bytes = new Uint8Array(video.allocationSize());
  const layout = (await video.copyTo(bytes)).slice(0, kFormats[format].planes.length);
  const { width, height } = video.visibleRect;
  return {
    ...view,
    format, width, height,
    planes: layout.map(({ offset }) => bytes.subarray(offset)),
    strides: layout.map(({ stride }) => stride),
    range: video.colorSpace.fullRange ? "full" : "video",
    matrix: matrixOf(video.colorSpace.matrix, height),
    rotation: ((video.rotation ?? 0) + (view.rotation ?? 0)) % 360,
  };
}

// Untagged video is BT.709 from 720 lines on, as on televisions.
function matrixOf(name, height) {
  if (name?.startsWith("bt2020")) return "bt2020";
  if (name === "bt709" || (name == null && height >= 720)) return "bt709";
  return "bt601";
}

let canvas = null;

function fromCanvas(source) {
  const width = source?.displayWidth ?? source?.videoWidth ?? source?.naturalWidth ?? source?.width;
  const height =
    source?.displayHeight ?? source?.videoHeight ?? source?.naturalHeight ?? source?.height;
  if (!(width > 0 && height > 0)) throw new TypeError("not an image, or not loaded yet");
  canvas ??= typeof OffscreenCanvas === "function"
    ? new OffscreenCanvas(width, height) : document.createElement("canvas");
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.clearRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return fromImageData(context.getImageData(0, 0, width, height));
}

// Size of the upright frame.
export function uprightSize({ width, height, rotation = 0 }) {
  return rotation % 180 === 0 ? { width, height } : { width: height, height: width };
}

// Converts a box in stored pixels to the upright, mirrored image as displayed.
export function toUpright(box, frame) {
  const { width, height, rotation = 0, mirror = false } = frame;
  const { left, top, right, bottom } = box;
  const turned = {
    0: { left, top, right, bottom },
    90: { left: height - bottom, top: left, right: height - top, bottom: right },
    180: { left: width - right, top: height - bottom, right: width - left, bottom: height - top },
    270: { left: top, top: width - right, right: bottom, bottom: width - left },
  }[rotation];
  if (!mirror) return { ...box, ...turned };
  const across = uprightSize(frame).width;
  return { ...box, ...turned, left: across - turned.right, right: across - turned.left };
}
