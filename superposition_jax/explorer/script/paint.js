// Drawing on canvases: sizes, colours of the theme, axes, hatching.

const ink = {};

function chooseTheme(name) {
  const root = document.documentElement;
  if (name) root.dataset.chosen = "yes";
  root.dataset.theme = name ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const style = getComputedStyle(root);
  for (const key of ["back", "card", "text", "quiet", "line", "mark", "accent"]) ink[key] = style.getPropertyValue(`--${key}`).trim();
  ink.dark = root.dataset.theme === "dark";
}

// A cleared canvas as wide as its place and `height` pixels high (a number, or a function of the width).
function sheet(canvas, height) {
  const width = Math.round(canvas.clientWidth) || 300, tall = Math.round(typeof height === "function" ? height(width) : height);
  const sharp = devicePixelRatio || 1, context = canvas.getContext("2d");
  if (canvas.width !== Math.round(width * sharp) || canvas.height !== Math.round(tall * sharp)) {
    canvas.width = Math.round(width * sharp);
    canvas.height = Math.round(tall * sharp);
    canvas.style.height = `${tall}px`;
  }
  context.setTransform(sharp, 0, 0, sharp, 0, 0);
  context.clearRect(0, 0, width, tall);
  context.font = "11px system-ui, sans-serif";
  context.lineWidth = 1;
  canvas.reading = null;
  return { context, width, height: tall };
}

// The nearest edge of a pixel of the screen, so that neighbours leave no seam.
const snapped = position => Math.round(position * devicePixelRatio) / devicePixelRatio;

function line(context, points, colour, width = 1) {
  context.beginPath();
  points.forEach(([x, y], k) => k ? context.lineTo(x, y) : context.moveTo(x, y));
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

function dashed(context, points) {
  context.setLineDash([3, 3]);
  line(context, points, ink.quiet);
  context.setLineDash([]);
}

function say(context, text, x, y, { colour = ink.quiet, align = "center", base = "middle", turn = 0 } = {}) {
  context.save();
  context.translate(x, y);
  context.rotate(turn);
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = base;
  context.fillText(text, 0, 0);
  context.restore();
}

function hatch(context, x, y, width, height) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.fillStyle = ink.back;
  context.fillRect(x, y, width, height);
  for (let k = Math.floor((x - height) / 5) * 5; k < x + width; k += 5) line(context, [[k, y + height], [k + height, y]], ink.quiet, 0.7);
  context.restore();
}

function triangle(context, x, y, size = 5) {
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y + size * 0.8);
  context.lineTo(x - size, y + size * 0.8);
  context.fill();
}

// Ticks [value, text] of a d3 scale, about as many as there is room for: of a logarithmic one at 1, 2, 5 of every decade or fewer.
function ticks(scale, room) {
  const count = Math.max(2, Math.floor(room)), [low, high] = d3.extent(scale.domain());
  const leading = value => +(value / 10 ** Math.floor(Math.log10(value) + 1e-9)).toFixed(6);
  const all = scale.base ? d3.scaleLog([low, high], [0, 1]).ticks() : [], decades = all.filter(value => leading(value) === 1);
  const some = [[1, 2, 5], [1, 3], [1]].map(kept => all.filter(value => kept.includes(leading(value)))).find(few => few.length <= count + 1);
  const thinned = decades.filter((_, k) => k % Math.ceil(decades.length / count) === 0);
  const chosen = some?.length > 1 ? some : thinned.length > 1 ? thinned : d3.ticks(low, high, count);
  return chosen.map(value => [value, show(+value.toPrecision(6))]);
}

// How far from the left an axis with these ticks and a title must stand.
const margin = (context, yTicks, yTitle) => Math.ceil(Math.max(12, ...yTicks.map(([, text]) => context.measureText(text).width)) + (yTitle ? 26 : 9));

// Axes at the left and the bottom of a box {left, right, top, bottom}, with titles and those ticks that do not meet another.
function frame(context, box, { x, y, xTicks = [], yTicks = [], xTitle = "", yTitle = "" }) {
  line(context, [[box.left, box.top], [box.left, box.bottom], [box.right, box.bottom]], ink.line);
  let taken = -Infinity;
  for (const [tick, text] of d3.sort(xTicks, ([tick]) => x(tick))) {
    const half = context.measureText(text).width / 2, middle = Math.min(Math.max(x(tick), half), context.canvas.clientWidth - half - 1);
    line(context, [[x(tick), box.bottom], [x(tick), box.bottom + 4]], ink.line);
    if (middle - half < taken + 5) continue;
    taken = middle + half;
    say(context, text, middle, box.bottom + 6, { base: "top" });
  }
  taken = Infinity;
  for (const [tick, text] of d3.sort(yTicks, ([tick]) => -y(tick))) {
    line(context, [[box.left - 4, y(tick)], [box.left, y(tick)]], ink.line);
    if (taken - y(tick) < 11) continue;
    taken = y(tick);
    say(context, text, box.left - 6, y(tick), { align: "right" });
  }
  if (xTitle) say(context, xTitle, (box.left + box.right) / 2, box.bottom + 20, { base: "top", colour: ink.text });
  if (yTitle) say(context, yTitle, 9, (box.top + box.bottom) / 2, { turn: -Math.PI / 2, colour: ink.text });
}
