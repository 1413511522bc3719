// Two axes: a heat map and the key to its colours.

function drawHeat(context) {
  const horizontal = axisOf[state.x], vertical = axisOf[state.y], { box } = map, { colour } = map.colours;
  const tall = Math.abs(map.y.ends[0][1] - map.y.ends[0][0]), written = Math.abs(map.x.ends[0][1] - map.x.ends[0][0]) >= 36 && tall >= 16;
  const cells = horizontal.values.flatMap((_, i) => vertical.values.map((_, j) => {
    const place = placed({ [state.x]: i, [state.y]: j });
    return { i, j, number: measured(place), failed: failed(place), some: someFailed(place) };
  }));
  for (const c of cells) {
    const [left, right] = d3.extent(map.x.ends[c.i]).map(snapped), [top, bottom] = d3.extent(map.y.ends[c.j]).map(snapped);
    const middle = [(left + right) / 2, (top + bottom) / 2];
    if (c.failed) { hatch(context, left, top, right - left, bottom - top); continue; }
    const there = Number.isFinite(c.number);
    context.fillStyle = there ? colour(c.number) : ink.card;
    context.fillRect(left, top, right - left, bottom - top);
    if (written && there) say(context, d3.format(".2~r")(c.number), ...middle, { colour: d3.lab(colour(c.number)).l > 55 ? "#000" : "#fff" });
    else if (!there) say(context, "–", ...middle);
    if (c.some) notch(context, right, top, Math.min(8, (right - left) / 2, tall / 2));
  }
  if (map.colours.classes && !written) nameClasses(context, cells.filter(c => !c.failed));
  frame(context, box, { x: map.x.scale, y: map.y.scale, xTicks: map.x.ticks, yTicks: map.y.ticks, xTitle: horizontal.name, yTitle: vertical.name });
  map.colours.shown = new Set(cells.filter(c => !c.failed).map(c => Math.round(c.number)));
  drawKey();
}

// A corner of a cell of which some seeds failed.
function notch(context, right, top, size) {
  context.fillStyle = ink.mark;
  context.beginPath();
  context.moveTo(right - size, top);
  context.lineTo(right, top);
  context.lineTo(right, top + size);
  context.fill();
}

// The name of every class in the middle of where it is.
function nameClasses(context, cells) {
  context.save();
  context.font = "600 12px system-ui, sans-serif";
  context.lineJoin = "round";
  for (const number of map.colours.classes) {
    const there = cells.filter(c => Math.round(c.number) === number).map(c => [map.x.centres[c.i], map.y.centres[c.j]]);
    if (!there.length || there.length < cells.length / 60) continue;
    const middle = [d3.mean(there, p => p[0]), d3.mean(there, p => p[1])];
    const [x, y] = d3.least(there, p => Math.hypot(p[0] - middle[0], p[1] - middle[1]));
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

function drawKey() {
  if (map.colours.classes) return drawClasses();
  const { colour, low, high, log, whole } = map.colours, { context, width } = sheet(map.key, 46), { left } = map.box;
  const scale = (log ? d3.scaleLog : d3.scaleLinear)([low, high], [left, width - 10]);
  say(context, title(), left, 6, { align: "left", colour: ink.text });
  for (let x = left; x < width - 10; x++) {
    context.fillStyle = colour(scale.invert(x));
    context.fillRect(x, 16, 1.5, 10);
  }
  const integers = whole && state.statistic === "best";
  for (const [tick, text] of ticks(scale, (width - left) / 60)) if (!integers || Number.isInteger(tick)) say(context, text, scale(tick), 36);
}

// A swatch for every class that is there, in as many rows as they take.
function drawClasses() {
  const { classes, colour, shown: there } = map.colours, probe = map.key.getContext("2d"), right = map.key.clientWidth - 4;
  probe.font = "11px system-ui, sans-serif";
  let [x, row] = [map.box.left, 0];
  const swatches = classes.filter(number => there.has(number)).map(number => {
    const name = measureOf[state.measure].classes[number], wide = probe.measureText(name).width + 30;
    if (x + wide > right && x > map.box.left) [x, row] = [map.box.left, row + 1];
    x += wide;
    return { number, name, x: x - wide, y: 17 + 18 * row };
  });
  const { context } = sheet(map.key, 40 + 18 * row);
  say(context, title(), map.box.left, 6, { align: "left", colour: ink.text });
  for (const { number, name, x: at, y } of swatches) {
    context.fillStyle = colour(number);
    context.fillRect(at, y, 12, 12);
    context.strokeStyle = ink.line;
    context.strokeRect(at, y, 12, 12);
    say(context, name, at + 16, y + 6, { align: "left" });
  }
}
