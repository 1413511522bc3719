// The map of the sweep: where its axes lie, what its colours mean, its marks. heat.js and lines.js draw it.

const CLASSES = ["#d9d9d9", "#0b3c7d", "#e69f00", "#7a7a7a", "#56b4e9", "#009e73", "#cc79a7", "#d55e00"];  // also apart by lightness
const map = { canvas: document.getElementById("map"), key: document.getElementById("key"), picture: document.createElement("canvas") };

// An axis laid along pixels: for every index its centre and its ends, and ticks. The values of a falling axis fall from left to right.
function laid(axis, from, to) {
  const count = axis.values.length, room = Math.abs(to - from) / 48, indices = d3.range(count);
  if (axis.scale === "band") {
    const step = (to - from) / count, every = Math.ceil(count / Math.max(1, room)), centres = indices.map(k => from + (k + 0.5) * step);
    const named = indices.filter(k => k % every === 0).map(k => [k, shown(axis, k)]);
    return { centres, ends: centres.map(p => [p - step / 2, p + step / 2]), scale: k => centres[k], ticks: named };
  }
  const [there, back] = axis.scale === "log" ? [Math.log, Math.exp] : [v => v, v => v];
  const order = d3.sort(indices, k => axis.values[k]), sorted = order.map(k => there(axis.values[k]));
  const middles = d3.pairs(sorted, (a, b) => (a + b) / 2);
  const edges = [2 * sorted[0] - middles[0], ...middles, 2 * sorted[count - 1] - middles[count - 2]].map(back);
  const scale = (axis.scale === "log" ? d3.scaleLog : d3.scaleLinear)([edges[0], edges[count]], axis.falling ? [to, from] : [from, to]);
  const ends = [];
  order.forEach((k, rank) => { ends[k] = [scale(edges[rank]), scale(edges[rank + 1])]; });
  const within = ([tick]) => sorted[0] <= there(tick) && there(tick) <= sorted[count - 1];
  const named = count <= room ? indices.map(k => [axis.values[k], shown(axis, k)]) : ticks(scale, room).filter(within);
  return { centres: axis.values.map(v => scale(v)), ends, scale, ticks: named };
}

// From a number to a colour for the chosen measure, the same in every slice of the sweep: classes by their own, others by lightness,
// logarithmic where they span decades.
function colouring() {
  const measure = measureOf[state.measure], statistic = measure.values[state.statistic] ? state.statistic : "best";
  if (classesOf(measure)) {
    const keys = Object.keys(measure.classes).map(Number);
    return { classes: keys, colour: number => CLASSES[keys.indexOf(Math.round(number)) % CLASSES.length] };
  }
  const array = onMap(content.seed) && measure.values.all ? measure.values.all : measure.values[statistic];
  let { low, high, above } = extent(array);
  const can = high > 0 && low >= 0 && above < high, log = can && (state.log ?? (low > 0 && high / low > 30));
  if (log) low = Math.max(above, high * 1e-12);
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const scale = (log ? d3.scaleSequentialLog : d3.scaleSequential)([low, high], d3.interpolateCividis).clamp(true);
  const zero = log ? number => Math.max(number, low) : number => number;
  return { colour: number => scale(zero(number)), log, can, low, high, whole: array.kind[0] === "i" };
}

// What is shown, in words: the measure, and the statistic over seeds unless it is one seed's.
function title(place = {}) {
  const measure = measureOf[state.measure], which = measure.feature ? ` of feature ${state.feature}` : "";
  const one = !measure.values.mean || onMap(content.seed) || (place[content.seed] !== undefined && measure.values.all);
  const statistic = { best: ", best seed", mean: ", mean of seeds", spread: ", standard deviation over seeds" }[state.statistic];
  return `${spoken(measure.name)}${which}${one ? "" : statistic}`;
}

const failed = place => statusOf(place) !== "ok";
const someFailed = place => measureOf.ok_seeds && place[content.seed] === undefined && at(measureOf.ok_seeds.values.best, place) < seedAxis.values.length;

function drawMap() {
  const { context, width, height } = sheet(map.canvas, w => axisOf[state.y] ? Math.min(w * 0.86, 560) : Math.min(w * 0.62, 420));
  map.box = { left: 62, right: width - 10, top: 10, bottom: height - 42 };
  map.colours = colouring();
  if (axisOf[state.y]) {
    map.box.left = margin(context, laid(axisOf[state.y], map.box.bottom, map.box.top).ticks, true);
    map.x = laid(axisOf[state.x], map.box.left, map.box.right);
    map.y = laid(axisOf[state.y], map.box.bottom, map.box.top);
    drawHeat(context);
  } else {
    map.y = null;
    drawLines(context);
  }
  map.picture.width = map.canvas.width;
  map.picture.height = map.canvas.height;
  map.picture.getContext("2d").drawImage(map.canvas, 0, 0);
}

// The map as drawn, with the marks of the cursor and the pins over it.
function markMap() {
  const context = map.canvas.getContext("2d"), sharp = devicePixelRatio || 1;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, map.canvas.width, map.canvas.height);
  context.drawImage(map.picture, 0, 0);
  context.setTransform(sharp, 0, 0, sharp, 0, 0);
  mark(context, state.cursor, "");
  state.pins.forEach((pin, k) => mark(context, pin, "AB"[k]));
}

function mark(context, place, letter) {
  const inSlice = Object.keys(state.at).every(dim => onMap(dim) || place[dim] === state.at[dim]);
  if (!inSlice || [state.x, state.y].some(dim => dim && place[dim] === undefined)) return;
  const [left, right] = d3.extent(map.x.ends[place[state.x]]);
  const [top, bottom] = map.y ? d3.extent(map.y.ends[place[state.y]]) : [map.box.top, map.box.bottom];
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
}

// The place under a point of the map, or null.
function placeUnder(x, y) {
  const { box } = map;
  if (x < box.left || x > box.right || y < box.top || y > box.bottom) return null;
  const index = (laidAxis, p) => {
    const inside = laidAxis.ends.findIndex(([a, b]) => (a - p) * (b - p) <= 0);
    return inside < 0 ? d3.leastIndex(laidAxis.centres, c => Math.abs(c - p)) : inside;
  };
  return placed({ [state.x]: index(map.x, x), ...(map.y ? { [state.y]: index(map.y, y) } : {}) });
}
