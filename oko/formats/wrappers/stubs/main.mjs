// Runs the wrapper beside it: frame.rgba of so many pixels and maps <name>.f32; writes input.f32 and
// prints boxes. With "--decoded" the maps are those of a model that gives boxes.
import { readFileSync, writeFileSync } from "node:fs";
import { fake } from "onnxruntime-web";
import { ModelDetector, labels } from "./model_detector.js";

const [width, height, ...names] = process.argv.slice(2);
const folder = new URL(".", import.meta.url);
const bytesOf = (name) => Uint8Array.from(readFileSync(new URL(name, folder))).buffer;
for (const name of names) {
  const Kind = name === "classes" ? Int32Array : Float32Array;
  fake.outputs[name] = { data: new Kind(bytesOf(`${name}.f32`)) };
}
const frame = { data: new Uint8Array(bytesOf("frame.rgba")), width: +width, height: +height };
const detector = await ModelDetector.load();
const found = await detector.detect(frame);
writeFileSync(new URL("input.f32", folder), fake.input.data);
for (const d of found) {
  if (d.label !== labels[d.kind]) throw new Error("a label of another class");
  console.log(d.kind, d.score, d.left, d.top, d.right, d.bottom);
}
await detector.close();
