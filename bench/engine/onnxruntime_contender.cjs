// ONNX Runtime as the others (contender.h): FOLDER PRECISION THREADS HEADS_FILE.
const fs = require('fs');
const readline = require('readline');
const ort = require('onnxruntime-node');

function peakKilobytes() {
  return Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0);
}

async function serve([folder, precision, threads, headsFile]) {
  const bytes = fs.readFileSync(`${folder}/input.f32`);
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const network = JSON.parse(fs.readFileSync(`${folder}/network.json`, 'utf8'));
  const data = new ort.Tensor('float32', values, network.input);
  const before = peakKilobytes();
  const session = await ort.InferenceSession.create(`${folder}/${precision}.onnx`, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  const run = () => session.run({data});
  const heads = await run();
  fs.writeFileSync(headsFile, Buffer.concat(session.outputNames.map((name) => {
    const map = heads[name].data;
    return Buffer.from(map.buffer, map.byteOffset, map.byteLength);
  })));
  console.log(`ready ${before}`);
  for await (const line of readline.createInterface({input: process.stdin})) {
    await run();
    const times = [];
    for (let n = Number(line.split(' ')[1]); n > 0; --n) {
      const start = process.hrtime.bigint();
      const processorStart = process.cpuUsage();
      await run();
      const {user, system} = process.cpuUsage(processorStart);
      times.push(process.hrtime.bigint() - start, (user + system) * 1000);
    }
    console.log(times.join(' '));
  }
}

serve(process.argv.slice(2)).catch((error) => {
  console.error(String(error));
  process.exitCode = 1;
});
