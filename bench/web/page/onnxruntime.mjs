import * as ort from "./onnxruntime/ort.wasm.bundle.min.mjs";

export async function open({ folder, precision, threads, shape, input, bytes }) {
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = new URL("./onnxruntime/", import.meta.url).href;
  const session = await ort.InferenceSession.create(await bytes(`${folder}/${precision}.onnx`), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
  const [data] = session.inputNames;
  return {
    async run() {
      const heads = await session.run({ [data]: new ort.Tensor("float32", input, [1, ...shape]) });
      return session.outputNames.map((name) => heads[name].data);
    },
    planar: (heads) => heads,
  };
}
