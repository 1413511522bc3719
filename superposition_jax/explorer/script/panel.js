// The side panels: all that is known of one model.

const panels = [];
const BARS = { feature_norm: 1, superposition: 1, dimensionality: 1, b: 0 };  // with the value at which a line guides the eye

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
  listenToTurns(panel.directions);
  listenToSeeds(panel);
  find(".copy").addEventListener("click", () => copy(command(panel.place), "Command copied"));
  find(".json").addEventListener("click", () => saveJson(panel.place));
  find(".pin").addEventListener("click", () => pin(panel.place));
  return panel;
}

function listenToTurns(canvas) {
  const turnBy = (across, up) => {
    state.turn = [state.turn[0] + across, Math.max(-1.5, Math.min(1.5, state.turn[1] + up))];
    refresh("models");
  };
  const keys = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
  canvas.addEventListener("pointerdown", event => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", event => { if (event.buttons) turnBy(event.movementX / 90, event.movementY / 90); });
  canvas.addEventListener("keydown", event => {
    if (!keys[event.key]) return;
    event.preventDefault();
    turnBy(...keys[event.key]);
  });
}

function listenToSeeds(panel) {
  const choose = seed => {
    const k = state.pins.indexOf(panel.place), chosen = { ...panel.place, [content.seed]: seed };
    if (k >= 0) state.pins[k] = chosen; else state.cursor = chosen;
    refresh("models");
  };
  panel.strip.addEventListener("click", event => choose(panel.strip.seedAt(event.offsetY)));
  panel.strip.addEventListener("keydown", event => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key], count = seedAxis.values.length;
    if (!step) return;
    event.preventDefault();
    choose((model(panel.place)[content.seed] + step + count) % count);
  });
}

// The pinned places, and the one under the cursor while fewer than two are pinned.
function visible() {
  const follows = state.pins.length < 2 && !state.pins.some(pinned => same(model(pinned), model(state.cursor)));
  return follows ? [...state.pins, state.cursor] : state.pins;
}

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

function drawPanel(panel, letter) {
  const { root, find, place } = panel, where = model(place), drawn = geometryAt(where), ended = statusOf(where);
  find("h2").textContent = `${letter ? `${letter}: ` : ""}${words(where) || content.name}`;
  find(".state").textContent = standing(where, letter, drawn).filter(Boolean).join(", ");
  root.classList.toggle("empty", !drawn.w.length);
  if (drawn.w.length) drawGeometry(panel, where, drawn);
  caption(panel.curve, "loss while training");
  drawCurve(panel.curve, kept(where) && models.loss_curve ? at(models.loss_curve, where) : [], drawn.time);
  find(".strip-figure").hidden = !seedAxis || !measureOf.loss.values.all;
  if (!find(".strip-figure").hidden) {
    caption(panel.strip, "seeds of this cell");
    drawStrip(panel.strip, where);
  }
  tabulate(find("table"), where, drawn.time !== null ? "at the end of training" : "");
  find("code").textContent = command(where);
  const repaired = measureOf.repaired && numberOf(measureOf.repaired, where) === 1;
  find(".aside").textContent = repaired ? "This model was repaired from a neighbour's parameters: the command trains it without." : "";
  find(".copy").hidden = ended === "missing" && !axes.length;
  find(".pin").textContent = letter ? "Unpin" : "Pin";
}

// What is to be known of a model at first sight.
function standing(where, letter, drawn) {
  const ended = statusOf(where), count = someFailed(cell(where)) ? at(measureOf.ok_seeds.values.best, cell(where)) : NaN;
  return [
    letter && "pinned",
    { ok: seedAxis && isBest(where) && "best seed", diverged: `diverged at step ${at(models.diverged_at, where)}`, missing: "not trained yet" }[ended],
    drawn.time !== null && `at step ${drawn.time}`,
    !Number.isNaN(count) && `${count} of ${seedAxis.values.length} seeds trained, the others diverged or are missing`,
    ended === "ok" && !kept(where) && "its weights are not in the page",
  ];
}

function drawGeometry(panel, where, drawn) {
  const importance = at(models.importance, where).slice(0, drawn.b.length), colours = featureColours(importance, drawn.b.length);
  const seen = coordinates(drawn.w, where);
  caption(panel.directions, seen.title);
  drawDirections(panel.directions, seen, colours);
  caption(panel.gram, models.read_out ? "W_outᵀW_in and b" : "WᵀW and b");
  drawGram(panel.gram, drawn.gram, drawn.b);
  for (const [name, guide] of Object.entries(BARS)) {
    drawBars(panel[name], drawn[name], colours, guide);
    const said = drawn[name].length <= MOST_NAMES ? drawn[name].map((v, i) => `${i}: ${show(v)}`).join(", ") : `${drawn[name].length} features`;
    panel[name].setAttribute("aria-label", `${panel[name].caption}: ${said}`);
  }
}

function caption(canvas, text) {
  canvas.caption = text;
  canvas.setAttribute("aria-label", text);
  if (!canvas.matches(":hover")) canvas.parentElement.querySelector("figcaption").textContent = text;
}

// Numbers of the shown seed, with mean and spread over all of them.
function tabulate(table, where, when) {
  const cells = (...parts) => parts.map(([tag, text]) => Object.assign(document.createElement(tag), { textContent: text }));
  const rows = content.measures.filter(measure => !measure.feature).map(measure => {
    const number = numberOf(measure, where), deviation = measure.values.spread ? at(measure.values.spread, where) : NaN;
    const over = Number.isFinite(deviation) && seedAxis.values.length > 1 ? `mean ${spread(at(measure.values.mean, where), deviation)}` : "";
    const row = Object.assign(document.createElement("tr"), { title: measure.meaning });
    row.append(...cells(["th", spoken(measure.name)], ["td", measure.classes?.[Math.round(number)] ?? show(number)], ["td", over]));
    return row;
  });
  table.replaceChildren(...(when ? cells(["caption", when]) : []), ...rows);
}
