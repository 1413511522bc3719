// One way in: something changes the state and asks for a refresh; the next frame draws what depends on it.

const LEVELS = ["models", "map", "controls"];
let asked = -1;

function refresh(level) {
  if (asked < 0) requestAnimationFrame(draw);
  asked = Math.max(asked, LEVELS.indexOf(level));
}

function draw() {
  const level = asked;
  asked = -1;
  if (axes.length) {
    if (level >= 2) drawControls();
    if (level >= 1) { drawMap(); drawLogBox(); }
    markMap();
    drawReadout();
  }
  drawTime();
  drawPanels();
  clearTimeout(draw.timer);
  draw.timer = setTimeout(() => { try { history.replaceState(null, "", link()); } catch { /* a page within a page has no address */ } }, 150);
}

function drawReadout() {
  const place = state.cursor, measure = measureOf[state.measure];
  if (!place) return;
  const number = measured(place), text = measure.classes ? measure.classes[Math.round(number)] ?? "–" : show(number);
  const ended = ["no model yet", "", "diverged"][statusOf(place)];
  document.getElementById("readout").textContent = `${words(place)}; ${ended || `${title()}: ${text}`}`;
}

function about() {
  const size = axes.map(axis => `${axis.values.length} ${axis.name}`).join(" × "), total = axes.reduce((product, axis) => product * axis.values.length, 1);
  document.querySelector("h1").textContent = content.name;
  document.getElementById("about").textContent = [`${size}${size ? " = " : ""}${d3.format(",")(total)} model${total > 1 ? "s" : ""}`, content.left_out].filter(Boolean).join("; ");
  document.getElementById("findings").replaceChildren(...content.findings.map(words => Object.assign(document.createElement("li"), { textContent: words })));
}

if (!state.x && seedAxis) state.x = content.seed;
chooseTheme();
state.cursor = placed(state.x === content.seed && seedAxis ? { [content.seed]: at(models.best, {}) } : {});
if (cellAxes.length) for (const dim of [state.x, state.y]) if (axisOf[dim]) state.cursor[dim] = Math.floor(axisOf[dim].values.length / 2);
if (location.hash.length > 1) restore(location.hash);
about();
document.getElementById("overview").hidden = !axes.length;
listen();
refresh("controls");
