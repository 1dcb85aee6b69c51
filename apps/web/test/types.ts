// Compiles the examples of README.md and docs/web.md like an app.
import {
  browserKey, loadOko, readFrame, storedReleases, toUpright, type Detection, type OkoError,
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
