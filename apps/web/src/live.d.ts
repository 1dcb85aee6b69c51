import type {
  Detection, ModelInfo, ModelOptions, PixelFrame, SealOptions, Thresholds, Timing, View,
} from "./oko.js";

/** The detections in a frame. */
export interface LiveResult {
  detections: Detection[];
  timing: Timing;
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
}

/** A detector in its own worker, for frames that arrive faster than it can process them. */
export class LiveDetector {
  /** Starts the worker and loads the engine there. */
  static start(options?: { threads?: number }): Promise<LiveDetector>;
  /** Available threads, 1 if the page is not isolated. */
  readonly threads: number;
  readonly version: string;
  /** Replaces the model. The buffer is transferred. */
  open(bytes: ArrayBuffer, options?: ModelOptions): Promise<ModelInfo>;
  /**
   * The same with a sealed model, as Oko.openSealed(). `key` and `releases` are used on this side
   * of the worker.
   */
  openSealed(bytes: ArrayBuffer, seal: SealOptions, options?: ModelOptions): Promise<ModelInfo>;
  /** As Oko.recipient(). */
  recipient(point: Uint8Array): Promise<string>;
  /**
   * Takes ownership of the frame and closes it. One is processed at a time and the newest waits: a
   * frame replaced by a newer one resolves to null.
   */
  detect(source: VideoFrame | ImageBitmap | ImageData | PixelFrame, options?: LiveOptions):
    Promise<LiveResult | null>;
  /** Ends the worker. Calls in progress reject. */
  close(): void;
}
