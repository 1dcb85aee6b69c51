import type { Detection, ModelInfo, ModelOptions, PixelFrame, Thresholds, Timing, View }
  from "./oko.js";

/** What was found in a frame. */
export interface LiveResult {
  detections: Detection[];
  timing: Timing;
  /** The frame as stored: boxes are in its pixels; toUpright() turns them. */
  frame: { width: number; height: number } & View;
  /** The pixels themselves, where they were asked for. */
  pixels?: PixelFrame;
}

export interface LiveOptions {
  /** Lowest scores and so on. */
  thresholds?: Thresholds;
  view?: View;
  /** Hand the frame's pixels back, to keep or to look into. */
  keepPixels?: boolean;
}

/** A detector in a worker of its own, for frames that come faster than it is. */
export class LiveDetector {
  /** Starts the worker and loads the engine there. */
  static start(options?: { threads?: number }): Promise<LiveDetector>;
  /** Threads that there are, 1 where the page is not isolated. */
  readonly threads: number;
  readonly version: string;
  /** Takes another model, in place of the one before. The buffer is given away. */
  open(bytes: ArrayBuffer, options?: ModelOptions): Promise<ModelInfo>;
  /**
   * Takes the frame (it is closed for you). One is in work at a time and the newest waits: a frame
   * that a newer one has overtaken resolves to null.
   */
  detect(source: VideoFrame | ImageBitmap | ImageData | PixelFrame, options?: LiveOptions):
    Promise<LiveResult | null>;
  /** Ends the worker. What is under way rejects. */
  close(): void;
}
