// TensorFlow.js with its WebAssembly backend, which has no int8. It reads no format that oko
// writes, so the network is a program of its operations, with bias and leaky fused into
// convolutions as its converter does.
import { channelsFirst, channelsLast } from "./layout.mjs";

function addScript(address) {
  return new Promise((done, failed) => {
    const script = Object.assign(document.createElement("script"), { src: address });
    script.onload = done;
    script.onerror = () => failed(new Error(`${address} was not loaded`));
    document.body.append(script);
  });
}

async function loadTensorflow(threads) {
  const folder = new URL("./tensorflow/", import.meta.url).href;
  for (const name of ["tf-core", "tf-backend-cpu", "tf-backend-wasm"]) {
    await addScript(`${folder}${name}.min.js`);
  }
  const { tf } = globalThis;
  tf.wasm.setWasmPaths(folder);
  tf.wasm.setThreadsCount(threads);
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", threads > 1);
  await tf.setBackend("wasm");
  return tf;
}

// Of [filter][channel][y][x]: [y][x][channel][filter], or of a depthwise one [y][x][channel][1].
function kernelOf(tf, values, { size, input, output, groups }) {
  const depth = input[0] / groups;
  const planar = tf.tensor(values, [output[0], depth, size, size]);
  if (groups === 1) return tf.transpose(planar, [2, 3, 1, 0]);
  if (depth !== 1 || output[0] !== groups) throw new Error("no convolutions of several groups");
  return tf.transpose(planar, [2, 3, 0, 1]);
}

// What computes a step from its inputs. take(count) returns its next weights.
function programOf(tf, step, take) {
  const { kind, size, stride, padding, output } = step;
  const [channels, height, width] = output;
  const pad = padding && [[0, 0], ...padding, [0, 0]];
  switch (kind) {
    case "convolution": {
      const count = channels * (step.input[0] / step.groups) * size * size;
      const filter = kernelOf(tf, take(count), step);
      const options = {
        filter, bias: tf.tensor1d(take(channels)), strides: stride, pad, dimRoundingMode: "floor",
        ...(step.slope === 1 ? {} : { activation: "leakyrelu", leakyreluAlpha: step.slope }),
      };
      const convolve = step.groups === 1 ? tf.fused.conv2d : tf.fused.depthwiseConv2d;
      return (x) => convolve({ ...options, x });
    }
    case "max_pool":
      return (x) => tf.maxPool(x, size, stride, pad, "floor");
    case "upsample":
      return (x) => tf.image.resizeNearestNeighbor(x, [height, width]);
    case "bilinear":
      return (x) => tf.image.resizeBilinear(x, [height, width], false, true);
    case "concat":
      return (...inputs) => tf.concat(inputs, 3);
    case "slice":
      return (x) => tf.slice(x, [0, 0, 0, step.first], [1, height, width, channels]);
    case "shuffle":
      return (x) => {
        const parts = tf.reshape(x, [height, width, step.groups, channels / step.groups]);
        return tf.reshape(tf.transpose(parts, [0, 1, 3, 2]), [1, height, width, channels]);
      };
    case "add":
      return (x, y) => tf.add(x, y);
    default:
      throw new Error(`no ${kind}`);
  }
}

// For each step, the results that no later step reads: they are freed, as its graphs do.
function unusedAfter(steps, heads) {
  const last = new Map(steps.flatMap(({ inputs }, i) => inputs.map((from) => [from, i])));
  return steps.map((_, i) => [...last].filter(([from, reader]) =>
    reader === i && from >= 0 && !heads.includes(from)).map(([from]) => from));
}

export async function open(job) {
  const { folder, precision, threads, shape, input, steps, heads, headShapes } = job;
  if (precision !== "fp32") throw new Error("its WebAssembly backend has no int8");
  const tf = await loadTensorflow(threads);
  const weights = await job.floats(`${folder}/weights.f32`);
  let at = 0;
  const take = (count) => weights.subarray(at, at += count);
  const programs = steps.map((step) => programOf(tf, step, take));
  const unused = unusedAfter(steps, heads);
  const [channels, height, width] = shape;
  const data = channelsLast(input, shape);
  return {
    run() {
      return tf.tidy(() => {
        const given = tf.tensor4d(data, [1, height, width, channels]);
        const maps = [];
        programs.forEach((program, i) => {
          maps.push(program(...steps[i].inputs.map((from) => (from < 0 ? given : maps[from]))));
          for (const step of unused[i]) maps[step].dispose();
        });
        return heads.map((step) => maps[step].dataSync());
      });
    },
    planar: (values) => values.map((head, i) => channelsFirst(head, headShapes[i])),
  };
}
