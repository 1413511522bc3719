// The columns of W as arrows, in one, two or three dimensions.

const MOST_NAMES = 40;

function drawDirections(canvas, { points, names }, colours) {
  const { context, width, height } = sheet(canvas, w => Math.min(w, 320)), m = points[0]?.length ?? 0, middle = [width / 2, height / 2];
  const reach = Math.max(1.05, d3.max(points, p => Math.hypot(...p)) ?? 1), unit = (Math.min(width, height) / 2 - 16) / reach;
  if (m === 1) return drawRows(context, points, colours, middle[0], unit, height);
  context.beginPath();
  context.arc(...middle, unit, 0, 2 * Math.PI);
  context.setLineDash([3, 3]);
  context.strokeStyle = ink.line;
  context.stroke();
  context.setLineDash([]);
  const seen = m === 3 ? turned(state.turn) : ([x, y]) => [x, y, 0], place = ([x, y]) => [middle[0] + unit * x, middle[1] - unit * y];
  for (let k = 0; k < m; k++) {
    const tip = place(seen([0, 1, 2].map(axis => axis === k ? 1 : 0)));
    line(context, [middle, tip], ink.line);
    say(context, names[k], ...tip);
  }
  const flat = points.map(seen), order = d3.sort(d3.range(flat.length), i => flat[i][2]), near = z => m === 3 ? 0.7 + 0.3 * z / reach : 1;
  for (const i of order) arrow(context, middle, place(flat[i]), colours[i], near(flat[i][2]));
  nameTips(context, order.map(i => [i, ...place(flat[i]), Math.hypot(...points[i])]), middle);
}

// How a point looks from the side, by the angles of a turn about the vertical and the horizontal axis.
function turned([across, up]) {
  const [ca, sa, cu, su] = [Math.cos(across), Math.sin(across), Math.cos(up), Math.sin(up)];
  return ([x, y, z]) => [ca * x + sa * z, cu * y - su * (ca * z - sa * x), su * y + cu * (ca * z - sa * x)];
}

// m = 1: one line for every feature, all along the same direction.
function drawRows(context, points, colours, middle, unit, height) {
  const row = d3.scaleLinear([-0.5, points.length - 0.5], [8, height - 26]);
  for (const v of [-1, 0, 1]) {
    line(context, [[middle + v * unit, 4], [middle + v * unit, height - 20]], ink.line, 0.6);
    say(context, String(v), middle + v * unit, height - 10);
  }
  points.forEach(([v], i) => arrow(context, [middle, row(i)], [middle + unit * v, row(i)], colours[i], 1));
  if (points.length <= MOST_NAMES) points.forEach(([v], i) => say(context, i, middle + unit * v + (v < 0 ? -9 : 9), row(i), { colour: ink.text }));
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

// Numbers of the features beyond the tips of the longest arrows, one where several tips are together, none where another stands.
function nameTips(context, tips, [x0, y0]) {
  const named = [], standing = [], far = d3.sort(tips.filter(tip => tip[3] >= 0.3), tip => -tip[3]).slice(0, MOST_NAMES);
  for (const [i, x, y] of far) {
    const near = named.find(other => Math.hypot(other.x - x, other.y - y) < 12);
    if (near) near.who.push(i);
    else named.push({ x, y, who: [i] });
  }
  for (const { x, y, who } of named) {
    const angle = Math.atan2(y - y0, x - x0), sorted = d3.sort(who), text = who.length > 3 ? `${sorted.slice(0, 2).join(",")}…` : sorted.join(",");
    const [px, py, half] = [x + 9 * Math.cos(angle), y + 9 * Math.sin(angle), context.measureText(text).width / 2];
    if (standing.some(other => Math.abs(other.px - px) < other.half + half + 1 && Math.abs(other.py - py) < 11)) continue;
    standing.push({ px, py, half });
    say(context, text, px, py, { colour: ink.text });
  }
}
