import { Tensor, loadAndCompile, loadLiteRt } from "./litert/core/index.js";
import { channelsFirst, channelsLast } from "./layout.mjs";

// Files for LiteRT begin with the normalization of values from 0 to 1.
function denormalized(input, [channels], mean, scale) {
  const area = input.length / channels;
  return input.map((value, i) => {
    const channel = Math.floor(i / area);
    return value / scale[channel] + mean[channel];
  });
}

export async function open(job) {
  const { folder, precision, threads, shape, mean, scale, input, headShapes, bytes } = job;
  await loadLiteRt(new URL("./litert/wasm/", import.meta.url).href, { threads: threads > 1 });
  const model = await loadAndCompile(await bytes(`${folder}/${precision}.tflite`), {
    accelerator: "wasm", cpuOptions: { numThreads: threads },
  });
  const data = channelsLast(denormalized(input, shape, mean, scale), shape);
  const [channels, height, width] = shape;
  return {
    async run() {
      const tensor = new Tensor(data, [1, height, width, channels]);
      const outputs = await model.run(tensor);
      tensor.delete();
      return outputs.map((output) => {
        const values = output.toTypedArray();
        output.delete();
        return values;
      });
    },
    planar: (heads) => heads.map((head, i) => channelsFirst(head, headShapes[i])),
  };
}
