/** oko: detects objects in images, in the browser. */

export interface LoadOptions {
  /**
   * Maximum number of threads. More than one are only used if the page is cross-origin isolated.
   * Default: the processor's cores, at most 4.
   */
  threads?: number;
  /**
   * The bytes of oko-simd.wasm (with threads: oko-simd-threads.wasm). Default: they are fetched.
   */
  wasm?: ArrayBuffer | Uint8Array;
}

/**
 * Loads the engine. Rejects with an Error if the browser has no WebAssembly SIMD. Use it in a
 * worker: detect() blocks for milliseconds. LiveDetector (oko-detector/live) has its own.
 */
export function loadOko(options?: LoadOptions): Promise<Oko>;

export interface Oko {
  readonly version: string;
  /** Available threads, 1 if the page is not isolated. */
  readonly threads: number;
  /** Instruction sets, best first. */
  readonly targets: string[];
  /**
   * Opens an .oko file. The bytes are copied. Throws an Error that says what is wrong and where.
   */
  open(bytes: ArrayBuffer | ArrayBufferView, options?: ModelOptions): Model;
  /**
   * Opens a sealed model (.oko.sealed): its signature, what the app demands and the encrypted
   * content are checked before anything is decrypted. The bytes are copied. Rejects with an OkoError whose
   * `code` says why.
   */
  openSealed(bytes: ArrayBuffer | ArrayBufferView, seal: SealOptions, options?: ModelOptions):
    Promise<Model>;
  /** The recipient to seal models for ("age1tag1…") of a P-256 key: its point of 65 bytes. */
  recipient(point: Uint8Array): string;
  /** Ids that stay with objects from frame to frame, and counts. */
  tracker(options?: TrackerOptions): Tracker;
}

/**
 * Why something failed. Of sealed models: "bad-model" is not one, or damaged; "bad-signature" not
 * signed by `signer`; "no-key" sealed for other keys; "other-model", "old-release", "expired" and
 * "old-app" are not what the app demands; "storage" `releases` failed.
 */
export type ErrorCode = "failed" | "invalid-argument" | "bad-model" | "storage" | "bad-signature" |
  "no-key" | "other-model" | "old-release" | "expired" | "old-app";

/** The errors of the engine. Wrong types of arguments are TypeErrors, without a code. */
export interface OkoError extends Error {
  code: ErrorCode;
}

export interface SealOptions {
  /** Public key that the model must be signed with: "RW…", the content of signing.pub. */
  signer: string;
  /** Secret key: "AGE-SECRET-KEY-1…". Or `key`, or both. */
  identity?: string;
  /** A P-256 key that is used without being read, such as browserKey(). */
  key?: SealKey;
  /** The model's id; default: any that is signed. */
  model?: string;
  /** Of this app, "2.4.1"; default: is not compared. */
  appVersion?: string;
  /** Default: the system's clock. */
  now?: Date;
  /** Default: older releases are opened too. */
  releases?: ReleaseStore;
}

export interface SealKey {
  /** The public key, an uncompressed point of 65 bytes. */
  point: Uint8Array;
  /** ECDH: the coordinate x, 32 bytes, of the product with the sender's point. */
  agree(sender: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/**
 * The highest release of each model that was opened. `get` returns what `set` stored, or null; both
 * may be asynchronous. A model whose release cannot be stored is closed again.
 */
export interface ReleaseStore {
  get(model: string): Stored | Promise<Stored>;
  set(model: string, release: number): void | Promise<void>;
}
type Stored = number | string | null | undefined;

/** A ReleaseStore in a Storage, such as localStorage. */
export function storedReleases(storage: Storage, prefix?: string): ReleaseStore;

/** Whether these bytes are a sealed model's, by their start. */
export function isSealed(bytes: ArrayBuffer | ArrayBufferView): boolean;

/**
 * This browser's key of that name, made on first use and kept in IndexedDB. Scripts of this page's
 * origin can use it but not read it; the user can delete it with the site's data. Needs a secure
 * page.
 */
export function browserKey(name?: string): Promise<SealKey>;

/** The key of a pair for ECDH on P-256, with the use "deriveBits". */
export function keyFrom(pair: CryptoKeyPair): Promise<SealKey>;

export type Precision = "float32" | "float16" | "int8";

export interface ModelOptions {
  /** Default "model": int8 if the model was quantized, else float32. */
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
  /** Buffers of each detector. */
  activationBytes: number;
  /** Per image, a multiply and an add as 2. */
  flop: number;
  /** Minimum score of each class unless Thresholds says otherwise. */
  thresholds: number[];
  /** They are the file's own, chosen on its validation images; else all are 0.25. */
  ownThresholds: boolean;
  /** What the file says of itself; null where it does not. Given by its author: "1.4.0". */
  version: string | null;
  /** SHA-256 of network, weights and preprocessing: files with one hash find the same boxes. */
  hash: string | null;
  /** Of all content. */
  checksum: string | null;
  trained: Date | null;
  metrics: ModelMetrics | null;
}

/** How good a model is, measured by its author. */
export interface ModelMetrics {
  /** 0 to 1: mAP at IoU .50, and over .50 to .95. */
  map50: number;
  map: number;
  dataset: string;
  split: string | null;
  images: number;
  /** These weights were measured; false: those they were made from, by quantizing, say. */
  itself: boolean;
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
  /**
   * Detectors share the model's weights. `threads`: default Oko.threads. `tiles`: 2 to 16 also looks
   * at tiles × tiles overlapping parts of each frame, for small objects.
   */
  detector(options?: { threads?: number; tiles?: number }): Promise<Detector>;
  /** Frees the model's memory, once its detectors are disposed of too. */
  dispose(): void;
}

export interface Thresholds {
  /** Minimum score of all classes; default: ModelInfo.thresholds. */
  score?: number;
  /** Overlap above which boxes are suppressed; default 0.45. */
  iou?: number;
  /** Default "per-class". */
  nms?: "per-class" | "agnostic" | "soft";
  /** Default 0.5. */
  softSigma?: number;
  /** Per frame, the best ones; default 300. */
  maxDetections?: number;
  /** Minimum score per class, instead of `score`. */
  classScores?: ArrayLike<number>;
}

/** Orientation and region of an image. */
export interface View {
  /** Clockwise rotation in degrees that makes it upright; default 0. */
  rotation?: 0 | 90 | 180 | 270;
  /** It is mirrored left to right, after the rotation. */
  mirror?: boolean;
  /** The part to use, in stored pixels; default: all of it. */
  region?: { left: number; top: number; width: number; height: number };
}

/** 8-bit pixels as stored. YUV is 4:2:0, its chroma size rounded up. */
export interface PixelFrame extends View {
  format: "RGB" | "BGR" | "RGBA" | "BGRA" | "GREY" | "NV12" | "NV21" | "I420";
  width: number;
  height: number;
  planes: (Uint8Array | Uint8ClampedArray)[];
  /** Bytes from one row to the next of each plane; default: contiguous rows. */
  strides?: number[];
  /** I420: bytes from one U (or V) to the next; default 1. */
  chromaStep?: number;
  /** For YUV; default "video" (16 to 235). */
  range?: "video" | "full";
  /** For YUV; default "bt601". */
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

/** Zero is a value here; what is left out is the default. */
export interface TrackerOptions {
  /** Followed at a time, 1 to 4096; default 256. */
  maxObjects?: number;
  /**
   * Detections above it continue objects that were just seen, those above their threshold start new
   * ones too; default 0.1.
   */
  lowScore?: number;
  /** An object that was not seen for longer is gone; default 1.5. */
  lostSeconds?: number;
  /** Detections in a row before an object is shown; default 2. */
  confirm?: number;
  /** Of boxes: how much longer than usual the past counts; default 1, at most 10. */
  smoothing?: number;
}

export interface TrackedObject {
  /** From 1; no other object of this tracker ever has it. */
  id: number;
  classId: number;
  className: string;
  /** Hidden: not found in this frame; its box is where it should be by now. */
  state: "seen" | "hidden";
  /** Of its last detection. */
  score: number;
  /** As of detections, but smoothed and not clipped to the frame. */
  left: number;
  top: number;
  right: number;
  bottom: number;
  /** Of its centre, in pixels a second. */
  velocityX: number;
  velocityY: number;
  /** Seconds since it was first seen, and since it was last seen. */
  age: number;
  hidden: number;
}

export interface TrackEvent {
  /** "in" and "out": it crossed a line, or is in a zone now or not any more. */
  kind: "appeared" | "lost" | "found" | "gone" | "in" | "out";
  /** The object's id. */
  object: number;
  classId: number;
  className: string;
  /** Number of the line or zone; else -1. */
  counter: number;
}

/** In the frame's stored pixels. */
export interface Point {
  x: number;
  y: number;
}

export interface Counts {
  in: number;
  out: number;
  /** Of a zone, now. */
  inside: number;
}

/** For one camera or clip. Times are seconds of any clock that does not go back. */
export interface Tracker {
  /**
   * Detects in a frame that was taken at `seconds` and follows the objects: all that are known by
   * now, by their ids. The scores of `thresholds` are those of new objects.
   */
  detect(detector: Detector, source: FrameSource, seconds: number, thresholds?: Thresholds,
    view?: View): Promise<TrackedObject[]>;
  /** The same for detections from elsewhere, best with low scores too. `score`: default 0.25. */
  update(detections: readonly (Omit<Detection, "className"> & { className?: string })[],
    seconds: number, thresholds?: Pick<Thresholds, "score" | "classScores">): TrackedObject[];
  /** What happened in the last frame. */
  events(): TrackEvent[];
  /**
   * Counts objects whose centre crosses the line: from its left to its right, as one goes along it,
   * is in. Default: of all classes. Returns its number, for counts(); up to 16 lines and zones.
   */
  addLine(from: Point, to: Point, classId?: number): number;
  /** Counts objects whose centre is inside a polygon. */
  addZone(corners: readonly Point[], classId?: number): number;
  counts(counter: number): Counts;
  /** For another camera: objects are forgotten and counts are 0. Lines and zones stay. */
  reset(): void;
  dispose(): void;
}

export interface Timing {
  /** Milliseconds of the last detect(): image to input, network, decoding. */
  prepare: number;
  network: number;
  decode: number;
}

/** Processes one call at a time, in the order in which their pixels become available. */
export interface Detector {
  readonly threads: number;
  /** Best first. The caller must close a VideoFrame, once the promise is settled. */
  detect(source: FrameSource, thresholds?: Thresholds, view?: View): Promise<Detection[]>;
  /** Runs the network on a prepared input: 3 x height x width values of 0 to 1, planar. */
  run(input: ArrayLike<number>): void;
  /** A copy of a head's raw output from the last run() or detect(). */
  headMap(head: number): { channels: number; height: number; width: number; values: Float32Array };
  readonly timing: Timing;
  dispose(): void;
}

/**
 * The pixels of any image source, as detect() would read them. A VideoFrame gives its own planes
 * (I420, NV12, RGBA, BGRA) if the browser exposes them; everything else is drawn.
 */
export function readFrame(source: FrameSource, view?: View): Promise<PixelFrame>;

/** Size of the upright frame. */
export function uprightSize(
  frame: { width: number; height: number } & View): { width: number; height: number };

/** Converts a box in stored pixels to the upright, mirrored image. Keeps all other fields. */
export function toUpright<Box extends { left: number; top: number; right: number; bottom: number }>(
  box: Box, frame: { width: number; height: number } & View): Box;
