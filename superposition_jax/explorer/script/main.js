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
  if (mapped()) {
    if (level >= 2) drawControls();
    if (level >= 1) drawMap();
    if (level >= 1) drawLogBox();
    markMap();
    drawReadout();
  }
  drawTime();
  drawPanels();
  clearTimeout(draw.timer);
  if (location.protocol !== "about:") draw.timer = setTimeout(() => history.replaceState(null, "", link()), 150);
}

function drawReadout() {
  const place = state.cursor, measure = measureOf[state.measure], number = measured(place);
  const ended = { missing: "not trained yet", ok: "", diverged: "diverged" }[statusOf(place)];
  const value = `${title(place)}: ${(place[content.seed] === undefined ? classesOf(measure) : measure.classes)?.[Math.round(number)] ?? show(number)}`;
  document.getElementById("readout").textContent = `${words(place)}; ${ended || value}`;
  document.getElementById("meaning").textContent = measure.meaning ? `${spoken(measure.name)}: ${measure.meaning}` : "";
}

function about() {
  const sizes = axes.map(axis => axis.values.length), total = sizes.reduce((a, b) => a * b, 1);
  const count = `${sizes.length > 1 ? `${sizes.join(" × ")} = ` : ""}${d3.format(",")(total)} model${total > 1 ? "s" : ""}`;
  const over = axes.length ? ` over ${axes.map(axis => axis.name).join(" × ")}` : "";
  document.querySelector("h1").textContent = content.name;
  document.getElementById("about").textContent = [count + over, ...content.held, ...content.left_out].join("; ");
  document.getElementById("findings").replaceChildren(...content.findings.map(text => Object.assign(document.createElement("li"), { textContent: text })));
}

chooseTheme();
begin();
if (location.hash.length > 1) restore(location.hash);
about();
document.getElementById("overview").hidden = !mapped();
listen();
refresh("controls");
