// The side panels: all that is known of one model.

const panels = [];

function makePanel() {
  const root = document.getElementById("panel").content.cloneNode(true).firstElementChild, find = selector => root.querySelector(selector);
  const panel = { root, find, place: null };
  for (const canvas of root.querySelectorAll("canvas")) {
    const caption = canvas.parentElement.querySelector("figcaption");
    canvas.addEventListener("pointermove", event => { caption.textContent = canvas.reading?.(event.offsetX, event.offsetY) || canvas.caption; });
    canvas.addEventListener("pointerleave", () => { caption.textContent = canvas.caption; });
    canvas.caption = caption.textContent;
    panel[canvas.className] = canvas;
  }
  const directions = panel.directions;
  const turnBy = (across, up) => { turn.across += across; turn.up = Math.max(-1.5, Math.min(1.5, turn.up + up)); refresh("models"); };
  directions.addEventListener("pointermove", event => { if (event.buttons) turnBy(event.movementX / 90, event.movementY / 90); });
  directions.addEventListener("pointerdown", event => directions.setPointerCapture(event.pointerId));
  const keys = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
  directions.addEventListener("keydown", event => { if (keys[event.key]) { event.preventDefault(); turnBy(...keys[event.key]); } });
  panel.strip.addEventListener("click", event => chooseSeed(panel, panel.strip.seedAt(event.offsetY)));
  panel.strip.addEventListener("keydown", event => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key], count = seedAxis.values.length;
    if (step) { event.preventDefault(); chooseSeed(panel, (model(panel.place)[content.seed] + step + count) % count); }
  });
  find(".copy").addEventListener("click", () => copy(command(panel.place), "Command copied"));
  find(".json").addEventListener("click", () => saveJson(panel.place));
  find(".strip-figure").hidden = !seedAxis || !measureOf.loss.values.all;
  return panel;
}

function chooseSeed(panel, seed) {
  const k = state.pins.indexOf(panel.place), chosen = { ...panel.place, [content.seed]: seed };
  if (k >= 0) state.pins[k] = chosen; else state.cursor = chosen;
  refresh("models");
}

// The pinned places, and the one under the cursor while fewer than two are pinned.
const visible = () => [...state.pins, ...(state.cursor && state.pins.length < 2 && !state.pins.some(pin => same(pin, state.cursor)) ? [state.cursor] : [])];

function drawPanels() {
  const shownPlaces = visible(), parent = document.getElementById("panels");
  while (panels.length < shownPlaces.length) panels.push(makePanel());
  panels.forEach((panel, k) => {
    panel.place = shownPlaces[k];
    if (!panel.place) panel.root.remove();
    else if (!panel.root.isConnected) parent.append(panel.root);
  });
  for (const panel of panels) if (panel.place) drawPanel(panel, "AB"[state.pins.indexOf(panel.place)] ?? "");
}

// W, b and what is measured of them, when training had ended or at the chosen time.
function geometryAt(place) {
  const where = model(place), index = d3.range(state.time, -1, -1).find(k => own(at(models.W_snapshots, { ...where, snapshot: k })).length);
  const final = state.time < 0 || index === undefined, snapshot = { ...where, snapshot: index };
  const w = own(at(final ? models.W : models.W_snapshots, final ? where : snapshot)), n = w[0]?.length ?? 0;
  const b = at(final ? models.b : models.b_snapshots, final ? where : snapshot).slice(0, n);
  if (final) {
    const read = models.read_out ? own(at(models.read_out, where)) : w, of = name => known(models[name], where).slice(0, n);
    return { w, b, gram: gramOf(read, w), time: null, feature_norm: of("feature_norm"), superposition: of("superposition"), dimensionality: of("dimensionality") };
  }
  const gram = gramOf(w, w), squares = gram.map(row => row.map((v, j) => v * v)), time = times[index];
  if (models.read_out) return { w, b, gram: [], time, feature_norm: [], superposition: [], dimensionality: [] };
  const norm = gram.map((row, i) => Math.sqrt(row[i])), total = gram.map((row, i) => row[i] > 0 ? d3.sum(squares[i]) / row[i] : 0);
  return { w, b, gram, time, feature_norm: norm, superposition: total.map((v, i) => v - gram[i][i]), dimensionality: total.map((v, i) => v > 0 ? gram[i][i] / v : 0) };
}

function drawPanel(panel, letter) {
  const { find, place } = panel, where = model(place), status = statusOf(place);
  find("h2").textContent = `${letter ? `${letter}: ` : ""}${words(where) || content.name}`;
  const best = seedAxis && where[content.seed] === at(models.best, cell(place)) ? "best seed" : "";
  const ended = status === 2 ? `diverged at step ${at(models.diverged_at, where)}` : status === 0 ? "not trained yet" : "";
  find(".state").textContent = [letter ? "pinned" : "", best, ended].filter(Boolean).join(", ");
  const drawn = everySeed || !seedAxis || best ? geometryAt(place) : { w: [], b: [], gram: [], feature_norm: [], superposition: [], dimensionality: [], time: null };
  if (!drawn.w.length) find(".state").textContent ||= "weights of this seed are not in the page";
  const importance = at(models.importance, where).slice(0, drawn.b.length), colours = featureColours(importance, drawn.b.length);
  const { points, title } = coordinates(drawn.w, where);
  caption(panel.directions, title);
  drawDirections(panel.directions, points, colours);
  caption(panel.gram, models.read_out ? "W_outᵀW_in and b" : "WᵀW and b");
  drawGram(panel.gram, drawn.gram, drawn.b);
  for (const name of ["feature_norm", "superposition", "dimensionality", "b"]) drawBars(panel[name], drawn[name], colours, name === "b" ? 0 : 1);
  if (everySeed || best || !seedAxis) drawCurve(panel.curve, at(models.loss_curve, where), drawn.time);
  if (seedAxis && measureOf.loss.values.all) {
    caption(panel.strip, "seeds of this cell");
    drawStrip(panel.strip, where);
  }
  tabulate(find("table"), where, Boolean(best));
  find("code").textContent = command(where);
}

function caption(canvas, words) {
  canvas.caption = words;
  const element = canvas.parentElement.querySelector("figcaption");
  if (!canvas.matches(":hover")) element.textContent = words;
}

// Numbers of the shown seed, with mean and spread over all of them.
function tabulate(table, where, best) {
  const rows = content.measures.filter(measure => !measure.feature).map(measure => {
    const number = numberOf(measure, where, best), spread = measure.values.spread ? at(measure.values.spread, where) : NaN;
    const over = Number.isFinite(spread) && seedAxis.values.length > 1 ? `${show(at(measure.values.mean, where), 3)} ± ${show(spread, 2)}` : "";
    return [measure, measure.classes ? measure.classes[Math.round(number)] ?? "–" : show(number), over];
  });
  table.replaceChildren(...rows.map(([measure, number, over]) => {
    const row = document.createElement("tr");
    row.title = measure.meaning;
    row.append(...[["th", measure.name.replaceAll("_", " ")], ["td", number], ["td", over && `mean ${over}`]].map(([tag, text]) => Object.assign(document.createElement(tag), { textContent: text })));
    return row;
  }));
}

const numberOf = (measure, where, best) => measure.values.all ? at(measure.values.all, where) : best || !seedAxis || !measure.values.mean ? at(measure.values.best, where) : NaN;
