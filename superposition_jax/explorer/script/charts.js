// Small charts of one model: bars over features, the loss curve, its cell's seeds.

function drawBars(canvas, values, colours, guide) {
  const { context, width, height } = sheet(canvas, 92), box = { left: 46, right: width - 4, top: 6, bottom: height - 18 };
  const finite = values.filter(Number.isFinite), low = Math.min(0, d3.min(finite) ?? 0), high = Math.max(guide ?? 0, d3.max(finite) ?? 0, low + 1e-3);
  const y = d3.scaleLinear([low, high], [box.bottom, box.top]).nice(3), step = (box.right - box.left) / Math.max(1, values.length);
  if (guide !== undefined) { context.setLineDash([3, 3]); line(context, [[box.left, y(guide)], [box.right, y(guide)]], ink.quiet); context.setLineDash([]); }
  values.forEach((v, i) => {
    context.fillStyle = colours[i];
    if (Number.isFinite(v)) context.fillRect(box.left + (i + 0.12) * step, Math.min(y(v), y(0)), Math.max(1, step * 0.76), Math.abs(y(v) - y(0)));
  });
  const middle = i => box.left + (i + 0.5) * step;
  frame(context, box, { x: middle, y, xTicks: d3.ticks(0, values.length - 1, Math.min(6, values.length)).filter(Number.isInteger).map(i => [i, i]), yTicks: ticks(y, 3) });
  canvas.reading = x => { const i = Math.floor((x - box.left) / step); return i in values ? `feature ${i}: ${show(values[i], 3)}` : ""; };
}

function drawCurve(canvas, curve, time) {
  const { context, width, height } = sheet(canvas, 130), box = { left: 44, right: width - 8, top: 6, bottom: height - 38 };
  const points = content.steps.step.map((step, k) => [Math.max(step, 1), curve[k]]).filter(([, loss]) => loss > 0);
  if (!points.length) return;
  const x = d3.scaleLog(d3.extent(points, p => p[0]), [box.left, box.right]), [low, high] = d3.extent(points, p => p[1]);
  const y = d3.scaleLog(low < high ? [low, high] : [low / 1.1, high * 1.1], [box.bottom, box.top]);
  frame(context, box, { x, y, xTicks: ticks(x, (box.right - box.left) / 50), yTicks: ticks(y, 4), xTitle: "step" });
  line(context, points.map(([step, loss]) => [x(step), y(loss)]), ink.accent, 1.6);
  if (time !== null) line(context, [[x(Math.max(time, 1)), box.top], [x(Math.max(time, 1)), box.bottom]], ink.text);
  canvas.reading = px => {
    const [step, loss] = points[d3.leastIndex(points, p => Math.abs(x(p[0]) - px))];
    return `step ${step}: ${show(loss)}`;
  };
}

// Every seed's number of the chosen measure, one above the other; the best a triangle, the shown one ringed, failed ones crosses.
function drawStrip(canvas, place) {
  const count = seedAxis.values.length, { context, width, height } = sheet(canvas, 130), box = { left: 34, right: width - 10, top: 8, bottom: height - 38 };
  const measure = measureOf[state.measure].values.all ? measureOf[state.measure] : measureOf.loss, best = at(models.best, cell(place));
  const values = d3.range(count).map(s => measured({ ...place, [content.seed]: s }, measure)), finite = values.filter(Number.isFinite);
  let [low, high] = d3.extent(finite.length ? finite : [0, 1]);
  if (low === high) [low, high] = [low - Math.max(Math.abs(low) / 10, 0.1), high + Math.max(Math.abs(high) / 10, 0.1)];
  const x = d3.scaleLinear([low, high], [box.left + 6, box.right - 6]).nice(3), y = d3.scaleLinear([-0.5, count - 0.5], [box.bottom, box.top]);
  frame(context, box, { x, y, xTicks: ticks(x, (box.right - box.left) / 70), yTicks: d3.ticks(0, count - 1, Math.min(4, count)).filter(Number.isInteger).map(s => [s, shown(seedAxis, s)]), xTitle: measure.name.replaceAll("_", " "), yTitle: "seed" });
  values.forEach((v, s) => {
    const [px, py] = [Number.isFinite(v) ? x(v) : box.left + 6, y(s)];
    context.fillStyle = s === best ? ink.text : ink.quiet;
    if (!Number.isFinite(v)) say(context, "×", px, py, { colour: ink.mark });
    else if (s === best) triangle(context, px, py);
    else context.fillRect(px - 2.5, py - 2.5, 5, 5);
    if (s === place[content.seed]) { context.beginPath(); context.arc(px, py, 8, 0, 2 * Math.PI); context.strokeStyle = ink.accent; context.lineWidth = 2; context.stroke(); }
  });
  const seedAt = py => Math.min(count - 1, Math.max(0, Math.round(y.invert(py))));
  canvas.seedAt = seedAt;
  canvas.reading = (px, py) => `seed ${shown(seedAxis, seedAt(py))}: ${show(values[seedAt(py)])}`;
}
