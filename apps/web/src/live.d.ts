import type {
  Counts, Detection, ModelInfo, ModelOptions, PixelFrame, Point, SealOptions, Thresholds, Timing,
  TrackedObject, TrackerOptions, TrackEvent, View,
} from "./oko.js";

/** What is found in a frame. */
export interface LiveResult {
  /** Those above their thresholds, best first. */
  detections: Detection[];
  /** With tracking, but not of still pictures: all objects known by now, by their ids. */
  objects?: TrackedObject[];
  /** What happened in this frame. */
  events?: TrackEvent[];
  /** Counts of LiveSettings.lines and zones, in their order. */
  lines?: Counts[];
  zones?: Counts[];
  timing: Timing;
  /** The input size that was used. */
  size: { width: number; height: number };
  /** When the frame was taken; not of still pictures. */
  seconds?: number;
  /** The frame as stored: boxes are in its pixels; toUpright() converts them. */
  frame: { width: number; height: number } & View;
  /** The pixels themselves, if requested. */
  pixels?: PixelFrame;
}

export interface LiveOptions {
  /** Minimum scores and so on. */
  thresholds?: Thresholds;
  view?: View;
  /** Also return the frame's pixels. */
  keepPixels?: boolean;
  /** When it was taken, on any clock that does not go back; default: now, of performance.now(). */
  seconds?: number;
  /** A picture of its own: never skipped, not followed, and looked at with one thread. */
  still?: boolean;
}

/** "fair": at least as much rest as work, and so on (docs/live.md). */
export type Heat = "nominal" | "fair" | "serious" | "critical";

export interface LiveSettings {
  /**
   * Milliseconds that a frame may take; where it takes longer, a smaller of the model's sizes is
   * used. Default 0: any time.
   */
  budget?: number;
  /** Frames that are looked at, at most; default 0: as many as can be. */
  framesPerSecond?: number;
  /** Follows objects, which get ids; default false. */
  tracking?: boolean | TrackerOptions;
  /** As Tracker.addLine() and addZone(); they count while there is tracking. */
  lines?: { from: Point; to: Point; classId?: number }[];
  zones?: { corners: Point[]; classId?: number }[];
  /** How hot the device is, where the app knows it: browsers do not tell. Default "nominal". */
  heat?: Heat;
}

export interface LiveModelOptions extends ModelOptions {
  /**
   * Smaller input sizes to use where a frame takes longer than the budget. Each takes the memory of
   * another model.
   */
  sizes?: { width: number; height: number }[];
}

/** Frames are counted since the budget, the frame rate or the model has changed. */
export interface LiveStatus {
  taken: number;
  skippedRate: number;
  skippedHeat: number;
  lookedAt: number;
  /** Of the next frame's input. */
  size: { width: number; height: number };
  heat: Heat;
  /** Smoothed milliseconds of a frame. */
  frame: number;
  /** Looked at, over the last seconds. */
  framesPerSecond: number;
  /** Even the smallest size takes longer than the budget. */
  overBudget: boolean;
}

/** A detector in its own worker, for frames that arrive faster than it can process them. */
export class LiveDetector {
  /**
   * Starts the worker and loads the engine there. `log` is told, in plain words, what is done to
   * keep to the settings and why.
   */
  static start(options?: LiveSettings & {
    threads?: number; log?: (level: "info" | "warning", text: string) => void;
  }): Promise<LiveDetector>;
  /** Available threads, 1 if the page is not isolated. */
  readonly threads: number;
  readonly version: string;
  /** Replaces the model; objects are forgotten. The buffer is transferred. */
  open(bytes: ArrayBuffer, options?: LiveModelOptions): Promise<ModelInfo>;
  /**
   * The same with a sealed model, as Oko.openSealed(). `key` and `releases` are used on this side
   * of the worker.
   */
  openSealed(bytes: ArrayBuffer, seal: SealOptions, options?: LiveModelOptions):
    Promise<ModelInfo>;
  /**
   * Puts another model in place of the open one, which stays if anything fails: the new one is
   * tried on an empty image first. Objects are forgotten only where names of classes differ.
   */
  swap(bytes: ArrayBuffer, options?: LiveModelOptions): Promise<ModelInfo>;
  swapSealed(bytes: ArrayBuffer, seal: SealOptions, options?: LiveModelOptions):
    Promise<ModelInfo>;
  /** Back to the model before the last swap(), which is kept until the next one or open(). */
  revert(): Promise<ModelInfo>;
  /** Changes those settings that are given, from the next frame on. */
  configure(settings: LiveSettings): Promise<void>;
  /** The same as configure({ heat }). */
  setHeat(heat: Heat): Promise<void>;
  status(): Promise<LiveStatus>;
  /** For another camera: objects are forgotten and counts are 0. */
  reset(): Promise<void>;
  /** As Oko.recipient(). */
  recipient(point: Uint8Array): Promise<string>;
  /**
   * Takes ownership of the frame and closes it. One is processed at a time and the newest waits: a
   * frame replaced by a newer one, or too many for the settings, resolves to null.
   */
  detect(source: VideoFrame | ImageBitmap | ImageData | PixelFrame, options?: LiveOptions):
    Promise<LiveResult | null>;
  /** Ends the worker. Calls in progress reject. */
  close(): void;
}
