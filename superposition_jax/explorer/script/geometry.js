// One model's directions as arrows, in one, two or three dimensions, and WᵀW.

const MOST_NAMES = 40;
const turn = { across: -0.6, up: 0.35 };

// The numbers of a matrix that a model really has: rows and columns that are not only NaN.
function own(matrix) {
  const there = row => row.some(v => !Number.isNaN(v)), rows = matrix.filter(there);
  const width = rows.length ? d3.max(rows, row => d3.max(d3.range(row.length).filter(k => !Number.isNaN(row[k])))) + 1 : 0;
  return rows.map(row => row.slice(0, width));
}

const columns = w => w.length ? w[0].map((_, i) => w.map(row => row[i])) : [];
const dot = (a, b) => d3.sum(a, (v, k) => v * b[k]);

// Columns of W in at most three coordinates: its own rows, or its three principal directions; and what the picture is called.
function coordinates(w, place) {
  const m = w.length, all = columns(w);
  if (m <= 3) return { points: all, title: `columns Wᵢ, m = ${m}` };
  const basis = at(models.basis, place).slice(0, m), share = d3.sum(at(models.basis_share, place));
  const points = all.map(column => [0, 1, 2].map(axis => dot(column, basis.map(row => row[axis]))));
  return { points, title: `columns Wᵢ, m = ${m}: 3 principal directions, ${d3.format(".0%")(share)} of ‖W‖²` };
}

function featureColours(importance, count) {
  const ramp = t => d3.interpolateViridis(ink.dark ? 0.25 + 0.75 * t : 0.85 * t), [low, high] = d3.extent(importance);
  if (state.tint === "importance") return d3.range(count).map(i => ramp(high > low ? (importance[i] - low) / (high - low) : 0));
  return d3.range(count).map(i => ramp(count > 1 ? i / (count - 1) : 0));
}

function drawDirections(canvas, points, colours) {
  const { context, width, height } = sheet(canvas, w => Math.min(w, 320));
  const m = points[0]?.length ?? 0, middle = [width / 2, height / 2];
  const reach = Math.max(1.05, d3.max(points, p => Math.hypot(...p)) ?? 1), unit = (Math.min(width, height) / 2 - 16) / reach;
  canvas.setAttribute("aria-label", `${points.length} feature directions in ${m} dimensions${m === 3 ? ", drag or arrow keys turn" : ""}`);
  const circle = () => { context.beginPath(); context.arc(...middle, unit, 0, 2 * Math.PI); context.setLineDash([3, 3]); context.strokeStyle = ink.line; context.stroke(); context.setLineDash([]); };
  if (m === 1) return drawRow(context, points, colours, middle, unit, width, height);
  circle();
  const [ca, sa, cu, su] = [Math.cos(turn.across), Math.sin(turn.across), Math.cos(turn.up), Math.sin(turn.up)];
  const seen = ([x, y, z]) => [ca * x + sa * z, cu * y - su * (ca * z - sa * x), su * y + cu * (ca * z - sa * x)];
  const flat = m === 3 ? points.map(seen) : points.map(([x, y]) => [x, y, 0]);
  const place = ([x, y]) => [middle[0] + unit * x, middle[1] - unit * y];
  if (m === 3) for (const [k, name] of ["1", "2", "3"].entries()) {
    const tip = place(seen([0, 1, 2].map(axis => axis === k ? 1 : 0)));
    line(context, [middle, tip], ink.line);
    say(context, name, ...tip);
  } else for (const end of [[1, 0], [0, 1]]) line(context, [place([-end[0], -end[1]]), place(end)], ink.line, 0.6);
  const order = d3.range(flat.length).sort((a, b) => flat[a][2] - flat[b][2]);
  for (const i of order) arrow(context, middle, place(flat[i]), colours[i], m === 3 ? 0.45 + 0.55 * Math.max(0, Math.min(1, (flat[i][2] / reach + 1) / 2)) : 1);
  nameTips(context, order.map(i => [i, ...place(flat[i]), Math.hypot(...points[i])]), middle);
}

// m = 1: one line for every feature, all along the same direction.
function drawRow(context, points, colours, middle, unit, width, height) {
  const row = d3.scaleLinear([-0.5, points.length - 0.5], [8, height - 26]);
  for (const v of [-1, 0, 1]) {
    line(context, [[middle[0] + v * unit, 4], [middle[0] + v * unit, height - 20]], ink.line, 0.6);
    say(context, String(v), middle[0] + v * unit, height - 10);
  }
  points.forEach(([v], i) => arrow(context, [middle[0], row(i)], [middle[0] + unit * v, row(i)], colours[i], 1));
  if (points.length <= 40) points.forEach(([v], i) => say(context, i, middle[0] + unit * v + (v < 0 ? -9 : 9), row(i), { colour: ink.text }));
}

function arrow(context, [x0, y0], [x1, y1], colour, strength) {
  const angle = Math.atan2(y1 - y0, x1 - x0), head = Math.min(7, Math.hypot(x1 - x0, y1 - y0) / 2);
  context.globalAlpha = strength;
  line(context, [[x0, y0], [x1, y1]], colour, 1.8);
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(x1, y1);
  for (const side of [-0.45, 0.45]) context.lineTo(x1 - head * Math.cos(angle + side), y1 - head * Math.sin(angle + side));
  context.fill();
  context.globalAlpha = 1;
}

// Numbers of the features beyond the tips of the longer arrows, one where several tips are together.
function nameTips(context, tips, [x0, y0]) {
  const named = [], far = tips.filter(tip => tip[3] >= 0.3).sort((a, b) => b[3] - a[3]).slice(0, MOST_NAMES);
  for (const [i, x, y] of far.sort((a, b) => a[0] - b[0])) {
    const near = named.find(other => Math.hypot(other.x - x, other.y - y) < 12);
    if (near) near.who.push(i);
    else named.push({ x, y, who: [i] });
  }
  for (const { x, y, who } of named) {
    const angle = Math.atan2(y - y0, x - x0), text = who.length > 3 ? `${who.slice(0, 2).join(",")}…` : who.join(",");
    say(context, text, x + 9 * Math.cos(angle), y + 9 * Math.sin(angle), { colour: ink.text });
  }
}

const gramOf = (read, w) => read[0]?.map((_, i) => w[0].map((_, j) => d3.sum(w, (row, k) => read[k][i] * row[j]))) ?? [];

// WᵀW with b beside it, on colours from −1 to 1; negative entries have a minus where there is room.
function drawGram(canvas, gram, bias) {
  const { context, width, height } = sheet(canvas, w => Math.min(w, 320)), n = gram.length;
  const side = Math.min(width - 40, height - 36) / (n + 1.6), left = 20, top = 4;
  const colour = v => d3.interpolateRdBu(0.5 - Math.max(-1, Math.min(1, v)) / 2);
  const mark = (v, x, y) => {
    context.fillStyle = colour(v);
    context.fillRect(x, y, side + 0.3, side + 0.3);
    if (side >= 30) say(context, show(+v.toFixed(2)), x + side / 2, y + side / 2, { colour: Math.abs(v) > 0.6 ? "#fff" : "#000" });
    else if (v < -0.05 && side >= 8) line(context, [[x + side * 0.3, y + side / 2], [x + side * 0.7, y + side / 2]], v < -0.6 ? "#fff" : "#000");
  };
  gram.forEach((row, i) => row.forEach((v, j) => mark(v, left + j * side, top + i * side)));
  bias.forEach((v, i) => mark(v, left + (n + 0.6) * side, top + i * side));
  context.strokeStyle = ink.line;
  context.strokeRect(left, top, n * side, n * side);
  context.strokeRect(left + (n + 0.6) * side, top, side, n * side);
  for (const i of d3.ticks(0, n - 1, Math.min(5, n)).filter(Number.isInteger)) {
    say(context, i, left - 4, top + (i + 0.5) * side, { align: "right" });
    say(context, i, left + (i + 0.5) * side, top + n * side + 8);
  }
  say(context, "b", left + (n + 1.1) * side, top + n * side + 8);
  const low = height - 10;
  for (let k = 0; k < 90; k++) { context.fillStyle = colour(k / 45 - 1); context.fillRect(left + 18 + k, low - 4, 1.3, 8); }
  say(context, "−1", left + 8, low);
  say(context, "1", left + 116, low);
  canvas.reading = (x, y) => {
    const i = Math.floor((y - top) / side), j = Math.floor((x - left) / side), beside = x > left + (n + 0.6) * side && x < left + (n + 1.6) * side;
    if (!(i >= 0 && i < n)) return "";
    return beside ? `b of ${i} = ${show(bias[i], 3)}` : j >= 0 && j < n ? `(WᵀW) of ${i}, ${j} = ${show(gram[i][j], 3)}` : "";
  };
}
