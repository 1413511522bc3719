// The map of the sweep: a heat map over two axes, or a plot over one.

const CLASSES = ["#d9d9d9", "#0b3c7d", "#e69f00", "#7a7a7a", "#56b4e9", "#009e73", "#cc79a7", "#d55e00"];  // also apart by lightness
const map = { canvas: document.getElementById("map"), key: document.getElementById("key"), picture: document.createElement("canvas") };

// An axis laid along pixels: for every index its centre and its ends, and ticks. The values of a falling axis fall from left to right.
function laid(axis, from, to) {
  const count = axis.values.length, room = Math.abs(to - from) / 48;
  if (axis.scale === "band") {
    const step = (to - from) / count, every = Math.ceil(count / Math.max(1, Math.abs(to - from) / 60));
    const centres = axis.values.map((_, k) => from + (k + 0.5) * step), position = k => centres[k];
    return { centres, ends: centres.map(p => [p - step / 2, p + step / 2]), scale: position,
      ticks: axis.values.map((_, k) => [k, shown(axis, k)]).filter(([k]) => k % every === 0) };
  }
  const [there, back] = axis.scale === "log" ? [Math.log, Math.exp] : [v => v, v => v];
  const order = d3.range(count).sort((a, b) => axis.values[a] - axis.values[b]), sorted = order.map(k => there(axis.values[k]));
  const middles = d3.pairs(sorted, (a, b) => (a + b) / 2);
  const edges = [2 * sorted[0] - middles[0], ...middles, 2 * sorted[count - 1] - middles[count - 2]].map(back);
  const scale = (axis.scale === "log" ? d3.scaleLog : d3.scaleLinear)([edges[0], edges[count]], axis.falling ? [to, from] : [from, to]);
  const ends = [];
  order.forEach((k, rank) => { ends[k] = [scale(edges[rank]), scale(edges[rank + 1])]; });
  const within = ([tick]) => sorted[0] <= there(tick) && there(tick) <= sorted[count - 1];
  const own = count <= room ? axis.values.map((value, k) => [value, shown(axis, k)]) : ticks(scale, room).filter(within);
  return { centres: axis.values.map(v => scale(v)), ends, scale, ticks: own };
}

// From a number to a colour for the chosen measure: classes by their own, others by lightness, logarithmic where it spans decades.
function colouring(values) {
  const measure = measureOf[state.measure];
  if (measure.classes) {
    const keys = Object.keys(measure.classes).map(Number), there = new Set(values.map(Math.round));
    return { classes: keys.filter(key => there.has(key)), colour: number => CLASSES[keys.indexOf(Math.round(number)) % CLASSES.length] };
  }
  const finite = values.filter(Number.isFinite);
  let [low, high] = d3.extent(finite.length ? finite : [0, 1]);
  const can = low > 0, log = can && (state.log ?? high / low > 30);
  if (low === high) [low, high] = log ? [low / 1.1, high * 1.1] : [low - 0.5, high + 0.5];
  const whole = measure.values.best.kind[0] === "i", scale = (log ? d3.scaleSequentialLog : d3.scaleSequential)([low, high], d3.interpolateCividis);
  return { colour: scale, log, can, low, high, whole };
}

const title = () => {
  const measure = measureOf[state.measure], which = measure.feature ? ` of feature ${state.feature}` : "";
  const over = !measure.values.mean || [state.x, state.y].includes(content.seed) ? "" : { best: ", best seed", mean: ", mean of seeds", spread: ", standard deviation over seeds" }[state.statistic];
  return `${measure.name.replaceAll("_", " ")}${which}${over}`;
};

function drawMap() {
  const { context, width, height } = sheet(map.canvas, w => axisOf[state.y] ? Math.min(w * 0.86, 560) : Math.min(w * 0.62, 420));
  map.box = { left: 62, right: width - 10, top: 10, bottom: height - 42 };
  map.x = laid(axisOf[state.x], map.box.left, map.box.right);
  map.y = axisOf[state.y] && laid(axisOf[state.y], map.box.bottom, map.box.top);
  (map.y ? drawHeat : drawLines)(context);
  map.picture.width = map.canvas.width;
  map.picture.height = map.canvas.height;
  map.picture.getContext("2d").drawImage(map.canvas, 0, 0);
}

const hole = place => statusOf(place) !== 1;

function drawHeat(context) {
  const horizontal = axisOf[state.x], vertical = axisOf[state.y], { box } = map;
  const cells = horizontal.values.flatMap((_, i) => vertical.values.map((_, j) => {
    const place = placed({ [state.x]: i, [state.y]: j });
    return { i, j, number: measured(place), hole: hole(place) };
  }));
  const { colour, ...scale } = map.colours = colouring(cells.filter(c => !c.hole).map(c => c.number));
  const written = Math.abs(map.x.ends[0][1] - map.x.ends[0][0]) >= 36 && Math.abs(map.y.ends[0][1] - map.y.ends[0][0]) >= 16;
  for (const c of cells) {
    const [left, right] = d3.extent(map.x.ends[c.i]).map(snapped), [top, bottom] = d3.extent(map.y.ends[c.j]).map(snapped);
    if (c.hole || !Number.isFinite(c.number)) { hatch(context, left, top, right - left, bottom - top); continue; }
    context.fillStyle = colour(c.number);
    context.fillRect(left, top, right - left, bottom - top);
    if (written) say(context, show(c.number, 2), (left + right) / 2, (top + bottom) / 2, { colour: d3.lab(colour(c.number)).l > 55 ? "#000" : "#fff" });
  }
  if (scale.classes && !written) nameClasses(context, cells);
  frame(context, box, { x: map.x.scale, y: map.y.scale, xTicks: map.x.ticks, yTicks: map.y.ticks, xTitle: horizontal.name, yTitle: vertical.name });
  drawKey();
}

// The name of every class in the middle of where it is.
function nameClasses(context, cells) {
  context.save();
  context.font = "600 12px system-ui, sans-serif";
  context.lineJoin = "round";
  for (const number of map.colours.classes) {
    const own = cells.filter(c => !c.hole && Math.round(c.number) === number).map(c => [map.x.centres[c.i], map.y.centres[c.j]]);
    if (own.length < cells.length / 60) continue;
    const middle = [d3.mean(own, p => p[0]), d3.mean(own, p => p[1])];
    const [x, y] = d3.least(own, p => Math.hypot(p[0] - middle[0], p[1] - middle[1]));
    const name = measureOf[state.measure].classes[number], half = context.measureText(name).width / 2 + 3;
    const inside = Math.min(Math.max(x, map.box.left + half), map.box.right - half);
    context.strokeStyle = "#fff";
    context.lineWidth = 4;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.strokeText(name, inside, y);
    say(context, name, inside, y, { colour: "#000" });
  }
  context.restore();
}

// Below the map: what colours mean.
function drawKey() {
  const { context, width } = sheet(map.key, 46), { classes, colour, low, high, log, whole } = map.colours;
  say(context, title(), map.box.left, 6, { align: "left", colour: ink.text });
  if (classes) {
    let x = map.box.left;
    for (const number of classes) {
      const name = measureOf[state.measure].classes[number];
      context.fillStyle = colour(number);
      context.fillRect(x, 17, 12, 12);
      context.strokeStyle = ink.line;
      context.strokeRect(x, 17, 12, 12);
      say(context, name, x + 16, 23, { align: "left" });
      x += context.measureText(name).width + 30;
    }
    return;
  }
  const scale = (log ? d3.scaleLog : d3.scaleLinear)([low, high], [map.box.left, width - 10]);
  for (let x = map.box.left; x < width - 10; x++) {
    context.fillStyle = colour(scale.invert(x));
    context.fillRect(x, 16, 1.5, 10);
  }
  for (const [tick, text] of ticks(scale, (width - map.box.left) / 60)) if (!whole || state.statistic !== "best" || Number.isInteger(tick)) say(context, text, scale(tick), 36);
}

// One axis: seeds as dots, their mean with its spread, the best seed as a triangle.
function drawLines(context) {
  const axis = axisOf[state.x], { box } = map, measure = measureOf[state.measure];
  const points = axis.values.map((_, i) => {
    const place = placed({ [state.x]: i }), one = place[content.seed] !== undefined;
    const seeds = seedAxis && !one && measure.values.all ? d3.range(seedAxis.values.length).map(s => measured({ ...place, [content.seed]: s })) : [];
    const of = name => measure.values[name] && !one ? measured(place, measure, name) : NaN;
    return { i, x: map.x.centres[i], best: measured(place, measure, "best"), mean: of("mean"), spread: of("spread"), seeds, hole: hole(place) };
  });
  const all = points.flatMap(p => [p.best, p.mean + p.spread, p.mean - p.spread, ...p.seeds]).filter(Number.isFinite);
  map.colours = colouring(points.flatMap(p => [p.best, p.mean, ...p.seeds]));
  const { log } = map.colours, low = log ? d3.min(all.filter(v => v > 0)) : d3.min(all);
  const y = (log ? d3.scaleLog : d3.scaleLinear)(low < d3.max(all) ? [low, d3.max(all)] : [low - 0.5, low + 0.5], [box.bottom - 6, box.top + 6]);
  const height = v => y(log ? Math.max(v, low) : v);
  const good = points.filter(p => Number.isFinite(p.mean)).sort((a, b) => a.x - b.x);
  for (const p of points) if (p.hole) hatch(context, ...[d3.min(map.x.ends[p.i]), box.top, Math.abs(map.x.ends[p.i][1] - map.x.ends[p.i][0]), box.bottom - box.top]);
  if (good.length > 1) {
    context.beginPath();
    good.forEach((p, k) => k ? context.lineTo(p.x, height(p.mean + p.spread)) : context.moveTo(p.x, height(p.mean + p.spread)));
    good.toReversed().forEach(p => context.lineTo(p.x, height(p.mean - p.spread)));
    context.globalAlpha = 0.18;
    context.fillStyle = ink.accent;
    context.fill();
    context.globalAlpha = 1;
    line(context, good.map(p => [p.x, height(p.mean)]), ink.accent, 1.5);
  }
  context.fillStyle = ink.quiet;
  for (const p of points) for (const v of p.seeds) if (Number.isFinite(v)) context.fillRect(p.x - 1.5, height(v) - 1.5, 3, 3);
  context.fillStyle = ink.text;
  for (const p of points) if (Number.isFinite(p.best) && !p.hole) triangle(context, p.x, height(p.best));
  frame(context, box, { x: map.x.scale, y, xTicks: map.x.ticks, yTicks: ticks(y, (box.bottom - box.top) / 40), xTitle: axis.name, yTitle: `${measure.name.replaceAll("_", " ")}${measure.feature ? ` of feature ${state.feature}` : ""}` });
  const { context: key } = sheet(map.key, 20);
  say(key, good.length ? "▲ best seed   ▪ seeds   line: mean, band: ± standard deviation over seeds" : "▲ the model", box.left, 8, { align: "left" });
}

function triangle(context, x, y, size = 5) {
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y + size * 0.8);
  context.lineTo(x - size, y + size * 0.8);
  context.fill();
}

// The map as drawn, with the marks of the cursor and the pins over it.
function markMap() {
  const context = map.canvas.getContext("2d"), sharp = devicePixelRatio || 1;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, map.canvas.width, map.canvas.height);
  context.drawImage(map.picture, 0, 0);
  context.setTransform(sharp, 0, 0, sharp, 0, 0);
  const on = place => Object.keys(state.at).every(dim => dim === state.x || dim === state.y || place[dim] === state.at[dim]);
  const mark = (place, letter) => {
    if (!on(place) || (place[state.x] === undefined)) return;
    const [left, right] = d3.extent(map.x.ends[place[state.x]]), [top, bottom] = map.y ? d3.extent(map.y.ends[place[state.y]]) : [map.box.top, map.box.bottom];
    for (const [colour, wide] of [["#fff", 4], ["#000", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = wide;
      context.setLineDash(letter ? [] : [4, 2]);
      context.strokeRect(left, top, right - left, bottom - top);
    }
    context.setLineDash([]);
    if (!letter) return;
    const x = Math.min(right + 9, map.box.right - 8), y = Math.max(top - 8, map.box.top + 8);
    context.fillStyle = "#000";
    context.beginPath();
    context.arc(x, y, 8, 0, 2 * Math.PI);
    context.fill();
    say(context, letter, x, y + 0.5, { colour: "#fff" });
  };
  if (state.cursor) mark(state.cursor, "");
  state.pins.forEach((pin, k) => mark(pin, "AB"[k]));
}

// The place under a point of the map, or null.
function placeUnder(x, y) {
  const { box } = map;
  if (x < box.left || x > box.right || y < box.top || y > box.bottom) return null;
  const nearest = (laidAxis, p) => d3.leastIndex(laidAxis.centres, c => Math.abs(c - p));
  const inside = (laidAxis, p) => { const k = laidAxis.ends.findIndex(([a, b]) => (a - p) * (b - p) <= 0); return k < 0 ? nearest(laidAxis, p) : k; };
  return placed({ [state.x]: inside(map.x, x), ...(map.y ? { [state.y]: inside(map.y, y) } : {}) });
}
