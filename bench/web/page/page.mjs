// One engine with an open network in a page of its own, which bench.mjs drives by `bench`. An
// engine's module exports open(job), which resolves to
//   run()          from the input, a Float32Array, to the heads, Float32Arrays, in whatever layout
//                  the engine has; may be asynchronous
//   planar(heads)  the same heads, planar
// The job: folder (address of the model's files), precision, threads; input (planar) and its shape
// ([channels, height, width]); mean and scale, of each channel, which are in the input already;
// steps, heads (their numbers among the steps) and headShapes; floats() and bytes(), which fetch a
// file.

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  return answer;
}

const floats = async (address) => new Float32Array(await (await fetched(address)).arrayBuffer());

// The largest difference, and the root mean square error relative to the expected values.
function compare(expected, heads) {
  const count = heads.reduce((sum, head) => sum + head.length, 0);
  if (count !== expected.length) {
    throw new Error(`${count} values in its heads, not ${expected.length}`);
  }
  let at = 0, difference = 0, squares = 0, differenceSquares = 0;
  for (const head of heads) {
    for (const value of head) {
      const right = expected[at++];
      const off = Math.abs(value - right);
      difference = Math.max(difference, off);  // stays NaN
      squares += right * right;
      differenceSquares += off * off;
    }
  }
  return { difference, error: Math.sqrt(differenceSquares / squares) };
}

let contender;

globalThis.bench = {
  // Opens the network and runs it once. Resolves to how its heads differ from the reference's.
  async open({ engine, folder, precision, threads }) {
    const { open } = await import(`./${engine}.mjs`);
    const { steps, heads } = await (await fetched(`${folder}/steps.json`)).json();
    const { input: [, ...shape], mean, scale } =
      await (await fetched(`${folder}/network.json`)).json();
    contender = await open({
      folder, precision, threads, shape, mean, scale, floats,
      bytes: async (name) => new Uint8Array(await (await fetched(name)).arrayBuffer()),
      input: await floats(`${folder}/input.f32`),
      steps, heads,
      headShapes: heads.map((step) => steps[step].output),
    });
    const expected = await floats(`${folder}/heads.f32`);
    return compare(expected, contender.planar(await contender.run()));
  },

  // One run to warm up, then as many timed ones; resolves to their milliseconds.
  async turn(runs) {
    await contender.run();
    const times = [];
    for (let i = 0; i < runs; ++i) {
      const start = performance.now();
      await contender.run();
      times.push(performance.now() - start);
    }
    return times;
  },
};
document.title = "ready";
