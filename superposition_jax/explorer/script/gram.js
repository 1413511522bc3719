// WᵀW with b beside it, on colours from −1 to 1; entries have their number or a minus where there is room.

const GRAM_COLOURS = d3.range(256).map(k => d3.rgb(d3.interpolateRdBu(1 - k / 255)));
const gramColour = v => GRAM_COLOURS[Math.round(127.5 * (1 + Math.max(-1, Math.min(1, v))))];

function drawGram(canvas, gram, bias) {
  const { context, width, height } = sheet(canvas, w => Math.min(w, 320)), n = bias.length, top = 4;
  if (!n) return;
  const left = 8 + context.measureText(n - 1).width, side = Math.min(width - left - 20, height - 36) / (n + 1.6), beside = left + (n + 0.6) * side;
  if (side < 8) {
    const draw = (picture, ...box) => { context.imageSmoothingEnabled = false; context.drawImage(picture, ...box); };
    draw(raster(gram), left, top, n * side, n * side);
    draw(raster(bias.map(v => [v])), beside, top, side, n * side);
  } else {
    gram.forEach((row, i) => row.forEach((v, j) => drawEntry(context, v, left + j * side, top + i * side, side)));
    bias.forEach((v, i) => drawEntry(context, v, beside, top + i * side, side));
  }
  context.strokeStyle = ink.line;
  context.strokeRect(left, top, n * side, n * side);
  context.strokeRect(beside, top, side, n * side);
  for (const i of d3.ticks(0, n - 1, Math.min(5, n)).filter(Number.isInteger)) {
    say(context, i, left - 4, top + (i + 0.5) * side, { align: "right" });
    say(context, i, left + (i + 0.5) * side, top + n * side + 8);
  }
  say(context, "b", beside + side / 2, top + n * side + 8);
  drawGramKey(context, left, height - 10);
  canvas.reading = (x, y) => {
    const i = Math.floor((y - top) / side), j = Math.floor((x - left) / side);
    if (!(i >= 0 && i < n)) return "";
    if (x > beside && x < beside + side) return `b of ${i}: ${show(bias[i])}`;
    return j >= 0 && j < n ? `entry ${i}, ${j}: ${show(gram[i][j])}` : "";
  };
}

function drawEntry(context, v, x, y, side) {
  context.fillStyle = gramColour(v);
  context.fillRect(x, y, side + 0.3, side + 0.3);
  const colour = Math.abs(v) > 0.6 ? "#fff" : "#000";
  if (side >= 30) say(context, String(+v.toFixed(2)), x + side / 2, y + side / 2, { colour });
  else if (v < -0.05) line(context, [[x + side * 0.3, y + side / 2], [x + side * 0.7, y + side / 2]], colour);
}

// A matrix as a picture of one pixel an entry.
function raster(matrix) {
  const picture = Object.assign(document.createElement("canvas"), { width: matrix[0].length, height: matrix.length });
  const context = picture.getContext("2d"), image = context.createImageData(picture.width, picture.height);
  matrix.forEach((row, i) => row.forEach((v, j) => {
    const { r, g, b } = gramColour(v);
    image.data.set([r, g, b, 255], 4 * (i * row.length + j));
  }));
  context.putImageData(image, 0, 0);
  return picture;
}

function drawGramKey(context, left, y) {
  const start = left + context.measureText("≤ −1").width + 4;
  say(context, "≤ −1", left, y, { align: "left" });
  for (let k = 0; k < 90; k++) {
    context.fillStyle = gramColour(k / 45 - 1);
    context.fillRect(start + k, y - 4, 1.3, 8);
  }
  say(context, "≥ 1", start + 95, y, { align: "left" });
}
