// Small charts of one model: bars over features, the loss curve, its cell's seeds.

function drawBars(canvas, values, colours, guide) {
  const { context, width, height } = sheet(canvas, 92), box = { right: width - 4, top: 6, bottom: height - 18 };
  const finite = values.filter(Number.isFinite), low = Math.min(0, ...finite), high = Math.max(guide, low + 1e-3, ...finite);
  const y = d3.scaleLinear([low, high], [box.bottom, box.top]).nice(3), yTicks = ticks(y, 3);
  box.left = margin(context, yTicks);
  const step = (box.right - box.left) / Math.max(1, values.length), middle = i => box.left + (i + 0.5) * step;
  dashed(context, [[box.left, y(guide)], [box.right, y(guide)]]);
  values.forEach((v, i) => {
    context.fillStyle = colours[i];
    if (Number.isFinite(v)) context.fillRect(box.left + (i + 0.12) * step, Math.min(y(v), y(0)), Math.max(1, step * 0.76), Math.abs(y(v) - y(0)));
  });
  const xTicks = d3.ticks(0, values.length - 1, Math.min(6, values.length)).filter(Number.isInteger).map(i => [i, i]);
  frame(context, box, { x: middle, y, xTicks, yTicks });
  canvas.reading = x => {
    const i = Math.floor((x - box.left) / step);
    return i in values ? `feature ${i}: ${show(values[i])}` : "";
  };
}

function drawCurve(canvas, curve, time) {
  const { context, width, height } = sheet(canvas, 130), box = { right: width - 8, top: 6, bottom: height - 38 };
  const points = content.steps.step.map((step, k) => [Math.max(step, 1), curve[k]]).filter(([, loss]) => loss > 0);
  if (!points.length) return;
  const [low, high] = d3.extent(points, p => p[1]), y = d3.scaleLog(low < high ? [low, high] : [low / 1.1, high * 1.1], [box.bottom, box.top]);
  const yTicks = ticks(y, 4);
  box.left = margin(context, yTicks);
  const x = d3.scaleLog(d3.extent(points, p => p[0]), [box.left, box.right]);
  frame(context, box, { x, y, xTicks: ticks(x, (box.right - box.left) / 50), yTicks, xTitle: "step" });
  line(context, points.map(([step, loss]) => [x(step), y(loss)]), ink.accent, 1.6);
  if (time !== null) dashed(context, [[x(Math.max(time, 1)), box.top], [x(Math.max(time, 1)), box.bottom]]);
  canvas.reading = px => {
    const [step, loss] = points[d3.leastIndex(points, p => Math.abs(x(p[0]) - px))];
    return `step ${step}: ${show(loss)}`;
  };
}

// Every seed's number of the chosen measure, one above the other; the best a triangle, the shown one ringed, failed ones crosses.
function drawStrip(canvas, place) {
  const count = seedAxis.values.length, { context, width, height } = sheet(canvas, 130), box = { right: width - 10, top: 8, bottom: height - 38 };
  const measure = measureOf[state.measure].values.all ? measureOf[state.measure] : measureOf.loss, best = at(models.best, cell(place));
  const values = d3.range(count).map(s => measured({ ...place, [content.seed]: s }, measure)), [low, high] = d3.extent(values.filter(Number.isFinite));
  const pad = low < high ? 0 : Math.abs(low) / 10 || 0.1, y = d3.scaleLinear([-0.5, count - 0.5], [box.bottom, box.top]);
  const yTicks = d3.ticks(0, count - 1, Math.min(4, count)).filter(Number.isInteger).map(s => [s, shown(seedAxis, s)]);
  box.left = margin(context, yTicks, true);
  const x = d3.scaleLinear(low === undefined ? [0, 1] : [low - pad, high + pad], [box.left + 6, box.right - 6]).nice(3);
  frame(context, box, { x, y, xTicks: ticks(x, (box.right - box.left) / 70), yTicks, xTitle: spoken(measure.name), yTitle: "seed" });
  values.forEach((v, s) => {
    const [px, py] = [Number.isFinite(v) ? x(v) : box.left + 6, y(s)];
    context.fillStyle = s === best ? ink.text : ink.quiet;
    if (!Number.isFinite(v)) say(context, "×", px, py, { colour: ink.mark });
    else if (s === best) triangle(context, px, py);
    else context.fillRect(px - 2.5, py - 2.5, 5, 5);
    if (s === place[content.seed]) ring(context, px, py);
  });
  const said = s => `seed ${shown(seedAxis, s)}: ${show(values[s])}`;
  canvas.seedAt = py => Math.min(count - 1, Math.max(0, Math.round(y.invert(py))));
  canvas.reading = (px, py) => said(canvas.seedAt(py));
  canvas.setAttribute("aria-valuetext", said(place[content.seed]));
}

function ring(context, x, y) {
  context.beginPath();
  context.arc(x, y, 8, 0, 2 * Math.PI);
  context.strokeStyle = ink.accent;
  context.lineWidth = 2;
  context.stroke();
}
