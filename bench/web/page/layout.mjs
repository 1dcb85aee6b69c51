// [channel][y][x] and [y][x][channel].

export function channelsLast(planar, [channels, height, width]) {
  const area = height * width;
  return Float32Array.from({ length: planar.length },
    (_, i) => planar[(i % channels) * area + Math.floor(i / channels)]);
}

export function channelsFirst(values, [channels, height, width]) {
  const area = height * width;
  return Float32Array.from({ length: values.length },
    (_, i) => values[(i % area) * channels + Math.floor(i / area)]);
}
