// Results as bench/engine prints them.

const smallest = (values) => Math.min(...values);
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const kColumns = [
  ["", (r) => r.engine],
  ["min ms", (r) => smallest(r.milliseconds).toFixed(2)],
  ["median", (r) => median(r.milliseconds).toFixed(2)],
  ["min / oko", (r, oko) => ratio(smallest, "milliseconds", r, oko)],
  ["median / oko", (r, oko) => ratio(median, "milliseconds", r, oko)],
  ["CPU ms", (r) => median(r.processorMilliseconds).toFixed(1)],
  ["CPU / oko", (r, oko) => ratio(median, "processorMilliseconds", r, oko)],
  ["difference", (r) => r.difference.toPrecision(2)],
  ["error", (r) => `${(100 * r.error).toPrecision(2)} %`],
];

function ratio(summary, times, result, oko) {
  return oko === undefined ? "-" : (summary(result[times]) / summary(oko[times])).toFixed(2);
}

export function table(results) {
  const oko = results.find(({ engine }) => engine === "oko");
  const rows = [kColumns.map(([title]) => title),
    ...results.map((result) => kColumns.map(([, cell]) => cell(result, oko)))];
  const widths = kColumns.map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const [head, ...body] = rows.map((row) => line(row.map((cell, i) =>
    (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))));
  const rule = line(widths.map((width, i) =>
    (i === 0 ? `:${"-".repeat(width - 1)}` : `${"-".repeat(width - 1)}:`)));
  return [head, rule, ...body].join("\n");
}
