import { loadOko } from "./oko/oko.js";

export async function open({ folder, precision, threads, input, headShapes, bytes }) {
  const oko = await loadOko({ threads });
  const model = oko.open(await bytes(`${folder}/${precision}.oko`), {
    precision: precision === "int8" ? "int8" : "float32",
  });
  const detector = await model.detector({ threads });
  return {
    run() {
      detector.run(input);
      return headShapes.map((_, i) => detector.headMap(i).values);
    },
    planar: (heads) => heads,
  };
}
