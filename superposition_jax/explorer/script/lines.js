// One axis: seeds as dots, their mean with its spread, the best seed as a triangle.

function drawLines(context) {
  const axis = axisOf[state.x], { box } = map, measure = measureOf[state.measure], points = linePoints(axis, measure);
  const all = points.flatMap(p => [p.best, p.mean + p.spread, p.mean - p.spread, ...p.seeds]).filter(Number.isFinite);
  const log = map.colours.log && all.some(v => v > 0), used = log ? all.filter(v => v > 0) : all;
  const [low, high] = used.length && d3.min(used) < d3.max(used) ? d3.extent(used) : [(used[0] ?? 0.5) / 2, (used[0] ?? 0.5) * 1.5 || 1];
  const y = (log ? d3.scaleLog : d3.scaleLinear)([low, high], [box.bottom - 6, box.top + 6]), yTicks = ticks(y, (box.bottom - box.top) / 40);
  box.left = margin(context, yTicks, true);
  map.x = laid(axis, box.left, box.right);
  for (const p of points) p.x = map.x.centres[p.i];
  const height = v => y(log ? Math.max(v, low) : v), good = d3.sort(points.filter(p => Number.isFinite(p.mean)), p => p.x);
  for (const p of points) {
    const [left, right] = d3.extent(map.x.ends[p.i]);
    if (p.failed) hatch(context, left, box.top, right - left, box.bottom - box.top);
    else if (p.some) notch(context, right, box.top, 8);
  }
  if (good.length > 1) drawBand(context, good.map(p => [p.x, height(p.mean - p.spread), height(p.mean), height(p.mean + p.spread)]));
  context.fillStyle = ink.quiet;
  for (const p of points) for (const v of p.seeds) if (Number.isFinite(v)) context.fillRect(p.x - 1.5, height(v) - 1.5, 3, 3);
  context.fillStyle = ink.text;
  for (const p of points) if (Number.isFinite(p.best) && !p.failed) triangle(context, p.x, height(p.best));
  const yTitle = spoken(measure.name) + (measure.feature ? ` of feature ${state.feature}` : "");
  frame(context, box, { x: map.x.scale, y, xTicks: map.x.ticks, yTicks, xTitle: axis.name, yTitle });
  const { context: key } = sheet(map.key, 20);
  say(key, good.length ? "▲ best seed   ▪ seeds   line: mean, band: ± standard deviation over seeds" : "▲ the model", 4, 8, { align: "left" });
}

function linePoints(axis, measure) {
  return axis.values.map((_, i) => {
    const place = placed({ [state.x]: i }), one = place[content.seed] !== undefined, of = name => measure.values[name] && !one ? measured(place, measure, name) : NaN;
    const seeds = seedAxis && !one && measure.values.all ? seedAxis.values.map((_, s) => measured({ ...place, [content.seed]: s })) : [];
    return { i, best: measured(place, measure, "best"), mean: of("mean"), spread: of("spread"), seeds, failed: failed(place), some: someFailed(place) };
  });
}

function drawBand(context, points) {
  context.beginPath();
  points.forEach(([x, low]) => context.lineTo(x, low));
  points.toReversed().forEach(([x, , , high]) => context.lineTo(x, high));
  context.globalAlpha = 0.18;
  context.fillStyle = ink.accent;
  context.fill();
  context.globalAlpha = 1;
  line(context, points.map(([x, , mean]) => [x, mean]), ink.accent, 1.5);
}
