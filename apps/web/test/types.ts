// Compiles the examples of README.md and docs/web.md like an app.
import {
  browserKey, loadOko, readFrame, storedReleases, toUpright, type Detection, type Detector,
  type Oko, type OkoError, type TrackedObject,
} from "oko-detector";
import { LiveDetector } from "oko-detector/live";

export async function still(bytes: ArrayBuffer, picture: ImageData): Promise<Detection[]> {
  const oko = await loadOko({ threads: 2 });
  const model = oko.open(bytes, { precision: "float16" });
  const detector = await model.detector();
  const found = await detector.detect(picture, { score: 0.3, nms: "agnostic" });
  const values: Float32Array = detector.headMap(0).values;
  console.log(model.info.classes, detector.timing.network, values.length);
  detector.dispose();
  model.dispose();
  return found;
}

export async function camera(video: HTMLVideoElement, bytes: ArrayBuffer) {
  const live = await LiveDetector.start();
  await live.open(bytes);
  const result = await live.detect(new VideoFrame(video), { view: { rotation: 90 } });
  return result?.detections.map((found) => toUpright(found, result.frame).className);
}

export async function watched(video: HTMLVideoElement, modelBytes: ArrayBuffer) {
  const live = await LiveDetector.start({
    framesPerSecond: 10,
    budget: 40,
    tracking: true,
    lines: [{ from: { x: 320, y: 360 }, to: { x: 320, y: 0 } }],
    log: (level, text) => console.log(level, text),
  });
  await live.open(modelBytes, {
    sizes: [{ width: 320, height: 320 }, { width: 224, height: 224 }],
  });
  const result = await live.detect(new VideoFrame(video));
  for (const { id, className, state } of result?.objects ?? []) {
    if (state === "seen") console.log(id, className);
  }
  console.log(result?.size.width, result?.lines?.[0]?.in);
  await live.configure({ budget: 0, tracking: { lostSeconds: 2 }, zones: [] });
  await live.setHeat("serious");
  const { overBudget, heat } = await live.status();
  console.log(overBudget, heat === "serious");
}

export async function swapped(live: LiveDetector, otherBytes: ArrayBuffer, picture: ImageData) {
  const info = await live.swap(otherBytes);
  const still = await live.detect(picture, { still: true });
  if (still?.detections.length === 0) await live.revert();
  await live.reset();
  return [info.version, info.hash, info.trained?.getFullYear(), info.metrics?.map50,
    info.thresholds[0]];
}

export async function followed(
  oko: Oko, detector: Detector, imageData: ImageData, detections: Detection[], seconds: number) {
  const tracker = oko.tracker({ lostSeconds: 2 });
  const door = tracker.addLine({ x: 320, y: 360 }, { x: 320, y: 0 });
  const objects: TrackedObject[] = await tracker.detect(detector, imageData, seconds);
  const others = tracker.update(detections, seconds + 1);
  console.log(objects.length, others.length, tracker.events(), tracker.counts(door).in);
  tracker.dispose();
}

// @ts-expect-error: a line has two ends
export const halfLine = () => LiveDetector.start({ lines: [{ from: { x: 0, y: 0 } }] });

export async function planes(video: VideoFrame) {
  const frame = await readFrame(video);
  return frame.planes[0]?.length;
}

export async function sealed(bytes: ArrayBuffer, signer: string, identity: string) {
  const live = await LiveDetector.start();
  const releases = storedReleases(localStorage);
  try {
    await live.openSealed(bytes, { signer, identity, model: "cards", releases });
  } catch (error) {
    if ((error as OkoError).code !== "no-key") throw error;
    const key = await browserKey();
    console.log("seal it for", await live.recipient(key.point));
    const oko = await loadOko();
    const model = await oko.openSealed(bytes, { signer, key }, { precision: "float16" });
    model.dispose();
  }
}

// @ts-expect-error: a sealed model needs the key that it is signed with
export const unsigned = (live: LiveDetector) => live.openSealed(new ArrayBuffer(1), {});

// @ts-expect-error: a view rotates by right angles
readFrame(new ImageData(1, 1), { rotation: 45 });
