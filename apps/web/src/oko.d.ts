/** oko: finds objects in pictures, in the browser. */

export interface LoadOptions {
  /**
   * How many threads may work at once. More than one are used only where the page is cross-origin
   * isolated; else there is one. Default: the processor's cores, at most 4.
   */
  threads?: number;
  /** The bytes of oko-simd.wasm (with threads: oko-simd-threads.wasm). Default: they are fetched. */
  wasm?: ArrayBuffer | Uint8Array;
}

/**
 * Loads the engine. Rejects with an Error where the browser has no WebAssembly SIMD. Use it in a
 * worker: detect() computes for milliseconds. LiveDetector (oko-detector/live) brings its own.
 */
export function loadOko(options?: LoadOptions): Promise<Oko>;

export interface Oko {
  readonly version: string;
  /** Threads that there are, 1 where the page is not isolated. */
  readonly threads: number;
  /** Instruction sets, best first. */
  readonly targets: string[];
  /** Opens an .oko file. The bytes are copied. Throws an Error that tells what is wrong where. */
  open(bytes: ArrayBuffer | ArrayBufferView, options?: ModelOptions): Model;
}

export type Precision = "float32" | "float16" | "int8";

export interface ModelOptions {
  /** Default "model": int8 where the model was quantized, else float32. */
  precision?: "model" | Precision;
  /** Input size other than the model's own; both or neither. */
  width?: number;
  height?: number;
  /** One of Oko.targets. */
  target?: string;
}

export interface ModelInfo {
  name: string;
  target: string;
  precision: Precision;
  /** Of the input, in pixels. */
  width: number;
  height: number;
  classes: string[];
  heads: HeadInfo[];
  weightBytes: number;
  /** Buffers that each detector has of its own. */
  activationBytes: number;
  /** Of one picture, a multiply and an add as 2. */
  flop: number;
}

export interface HeadInfo {
  channels: number;
  height: number;
  width: number;
  /** Width and height in pixels of the input; the first 16. */
  anchors: [number, number][];
}

export interface Model {
  readonly info: ModelInfo;
  /** Detectors share the model's weights. `threads`: default Oko.threads. */
  detector(options?: { threads?: number }): Promise<Detector>;
  /** Gives the model's memory back, once its detectors are disposed of as well. */
  dispose(): void;
}

export interface Thresholds {
  /** Lowest score that counts; default 0.25. */
  score?: number;
  /** Boxes that overlap more are one object; default 0.45. */
  iou?: number;
  /** Default "per-class". */
  nms?: "per-class" | "agnostic" | "soft";
  /** Default 0.5. */
  softSigma?: number;
  /** The best ones are kept; default 300. */
  maxDetections?: number;
  /** Lowest score of each class in place of `score`. */
  classScores?: ArrayLike<number>;
}

/** How a picture lies in the world. */
export interface View {
  /** Degrees it must be turned clockwise to stand upright; default 0. */
  rotation?: 0 | 90 | 180 | 270;
  /** It is mirrored left to right, after the rotation. */
  mirror?: boolean;
  /** The part to look at, in stored pixels; default: all of it. */
  region?: { left: number; top: number; width: number; height: number };
}

/** 8-bit pixels as they are stored. YUV is 4:2:0, its chroma sides rounded up. */
export interface PixelFrame extends View {
  format: "RGB" | "BGR" | "RGBA" | "BGRA" | "GREY" | "NV12" | "NV21" | "I420";
  width: number;
  height: number;
  planes: (Uint8Array | Uint8ClampedArray)[];
  /** Bytes from one row to the next of each plane; default: rows without gaps. */
  strides?: number[];
  /** I420: bytes from one U (or V) to the next; default 1. */
  chromaStep?: number;
  /** Of YUV; default "video" (16 to 235). */
  range?: "video" | "full";
  /** Of YUV; default "bt601". */
  matrix?: "bt601" | "bt709" | "bt2020";
}

export type FrameSource = PixelFrame | ImageData | VideoFrame | CanvasImageSource;

export interface Detection {
  classId: number;
  className: string;
  /** Objectness times class probability. */
  score: number;
  /** Edges in the frame's stored pixels, clipped to it. */
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Timing {
  /** Milliseconds of the last detect(): picture to input, network, maps to boxes. */
  prepare: number;
  network: number;
  decode: number;
}

/** Does one thing at a time; calls are served in the order in which their pixels are there. */
export interface Detector {
  readonly threads: number;
  /** Best first. A VideoFrame stays the caller's to close, once the promise is settled. */
  detect(source: FrameSource, thresholds?: Thresholds, view?: View): Promise<Detection[]>;
  /** Runs the network on a prepared input: 3 x height x width values of 0 to 1, planar. */
  run(input: ArrayLike<number>): void;
  /** A copy of a head's raw map, as the last run() or detect() left it. */
  headMap(head: number): { channels: number; height: number; width: number; values: Float32Array };
  readonly timing: Timing;
  dispose(): void;
}

/**
 * The pixels of anything that has some, as detect() would read them. A VideoFrame gives its own
 * planes (I420, NV12, RGBA, BGRA) where the browser hands them out; everything else is drawn.
 */
export function readFrame(source: FrameSource, view?: View): Promise<PixelFrame>;

/** Size of a frame once it stands upright. */
export function uprightSize(
  frame: { width: number; height: number } & View): { width: number; height: number };

/** A box of stored pixels as it lies on the upright, mirrored picture. Keeps all other fields. */
export function toUpright<Box extends { left: number; top: number; right: number; bottom: number }>(
  box: Box, frame: { width: number; height: number } & View): Box;
