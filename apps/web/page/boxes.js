// Draws detections over the image.
import { toUpright, uprightSize } from "./frame.js";

const kFaint = .4;

// Neighbouring ids get distinct colours: hues advance by the golden angle.
function colourOf(id) {
  return `hsl(${(155 + id * 137.508) % 360} 78% 64%)`;
}

function layOut(result, width, height, mirrored) {
  const upright = uprightSize(result.frame);
  const scaleX = width / upright.width;
  const scaleY = height / upright.height;
  return (result.objects ?? result.detections).map((found) => {
    const box = toUpright(found, result.frame);
    const left = mirrored ? upright.width - box.right : box.left;
    const name = `${found.className} ${Math.round(found.score * 100)} %`;
    return {
      colour: colourOf(found.id ?? found.classId),
      text: found.id === undefined ? name : `${found.id} · ${name}`,
      hidden: found.state === "hidden",
      x: left * scaleX,
      y: box.top * scaleY,
      width: (box.right - box.left) * scaleX,
      height: (box.bottom - box.top) * scaleY,
    };
  });
}

function drawBox(context, { colour, x, y, width, height }) {
  context.beginPath();
  context.roundRect(x, y, width, height, 6);
  context.lineWidth = 5;
  context.strokeStyle = "rgb(0 0 0 / .35)";
  context.stroke();
  context.lineWidth = 3;
  context.strokeStyle = colour;
  context.stroke();
}

const kLabelHeight = 22;

// Above its box, or inside at the image's edge.
function drawLabel(context, { colour, text, x, y }, across) {
  const width = context.measureText(text).width + 14;
  const left = Math.max(0, Math.min(x - 1.5, across - width));
  const top = y >= kLabelHeight ? y - kLabelHeight + 1 : y + 1;
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(left, top, width, kLabelHeight, 6);
  context.fill();
  context.fillStyle = "#0b0f0d";
  context.fillText(text, left + 7, top + kLabelHeight / 2 + .5);
}

// Draws a LiveResult on a canvas that covers the image; returns what was drawn, in CSS pixels.
export function drawBoxes(canvas, result, mirrored) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const density = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  const context = canvas.getContext("2d");
  context.scale(density, density);
  context.font = "600 13px system-ui, sans-serif";
  context.textBaseline = "middle";
  const drawn = layOut(result, width, height, mirrored);
  for (const item of [...drawn].reverse()) {  // the best on top
    context.globalAlpha = item.hidden ? kFaint : 1;
    drawBox(context, item);
    if (!item.hidden) drawLabel(context, item, width);
  }
  return drawn;
}
