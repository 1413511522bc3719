// Menus, sliders, pointer, keys and time.

function menu(label, key, options, chosen) {
  const element = document.createElement("label"), select = document.createElement("select");
  element.append(label, select);
  select.append(...options.map(([value, words]) => new Option(words, value)));
  select.id = key;
  select.value = state[key];
  select.addEventListener("change", () => { state[key] = select.value; chosen?.(); refresh("controls"); });
  return element;
}

function slider(label, key, count, index, words, chosen) {
  const element = document.createElement("label"), input = Object.assign(document.createElement("input"), { type: "range", id: key, min: 0, max: count - 1, value: index });
  const output = Object.assign(document.createElement("output"), { textContent: words(index) });
  element.append(label, input, output);
  input.addEventListener("input", () => { output.textContent = words(Number(input.value)); chosen(Number(input.value)); });
  return element;
}

function drawControls() {
  const usable = axes.filter(axis => axis.dim !== content.seed || (measureOf[state.measure].values.all && axis.values.length > 1));
  if (!usable.some(axis => axis.dim === state.x)) state.x = usable[0].dim;
  if (state.y && (!usable.some(axis => axis.dim === state.y) || state.y === state.x)) state.y = "";
  const options = usable.map(axis => [axis.dim, axis.name]), measure = measureOf[state.measure];
  const swap = key => () => { const other = key === "x" ? "y" : "x"; if (state.x === state.y) state[other] = usable.find(axis => axis.dim !== state[key])?.dim ?? ""; };
  const parts = [menu("Horizontal", "x", options, swap("x")), menu("Vertical", "y", [["", "– (plot)"], ...options], swap("y")),
    menu(state.y ? "Colour" : "Measure", "measure", content.measures.map(m => [m.name, m.name.replaceAll("_", " ") + (m.feature ? " of a feature" : "")]))];
  if (state.y && seedAxis && measure.values.mean && ![state.x, state.y].includes(content.seed)) parts.push(menu("Over seeds", "statistic", [["best", "best seed"], ["mean", "mean"], ["spread", "standard deviation"]]));
  parts.push(menu("Arrows by", "tint", [["feature", "feature"], ["importance", "importance"]]));
  document.getElementById("controls").replaceChildren(...parts);
  const held = cellAxes.filter(axis => axis.dim !== state.x && axis.dim !== state.y && axis.values.length > 1);
  const sliders = held.map(axis => slider(axis.name, `at-${axis.dim}`, axis.values.length, state.at[axis.dim], k => shown(axis, k), k => {
    state.at[axis.dim] = k;
    if (state.cursor) state.cursor = { ...state.cursor, [axis.dim]: k };
    refresh("map");
  }));
  if (measure.feature) sliders.push(slider("of feature", "feature", models.b.shape.at(-1), state.feature, String, k => { state.feature = k; refresh("map"); }));
  document.getElementById("sliders").replaceChildren(...sliders);
}

// A checkbox for logarithmic colours, where there can be such.
function drawLogBox() {
  const { can, log } = map.colours, controls = document.getElementById("controls"), old = document.getElementById("log")?.parentElement;
  old?.remove();
  if (!can) return;
  const label = Object.assign(document.createElement("label"), { className: "check" }), box = Object.assign(document.createElement("input"), { type: "checkbox", id: "log", checked: log });
  box.addEventListener("change", () => { state.log = box.checked; refresh("map"); });
  label.append(box, "logarithmic");
  controls.append(label);
}

function pin(place) {
  const k = state.pins.findIndex(own => same(cell(own), cell(place)) && (own[content.seed] === place[content.seed] || place[content.seed] === undefined));
  if (k >= 0) state.pins.splice(k, 1);
  else state.pins = [...state.pins.slice(0, 1), place];
  refresh("models");
}

// The neighbour of the cursor that lies next in a direction of the picture.
function step(across, up) {
  const from = state.cursor ?? placed({ [state.x]: 0, ...(state.y ? { [state.y]: 0 } : {}) }), next = { ...from };
  const move = (dim, laidAxis, by) => {
    const order = d3.sort(d3.range(laidAxis.centres.length), k => laidAxis.centres[k]), rank = order.indexOf(from[dim]) + by;
    next[dim] = order[Math.max(0, Math.min(order.length - 1, rank))];
  };
  if (across) move(state.x, map.x, across);
  if (up && map.y) move(state.y, map.y, -up);
  if (![state.x, state.y].includes(content.seed)) delete next[content.seed];
  state.cursor = next;
  refresh("models");
}

function listen() {
  const canvas = map.canvas, keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  canvas.addEventListener("pointermove", event => {
    const place = placeUnder(event.offsetX, event.offsetY);
    if (place && !(state.cursor && same(place, cell(state.cursor)))) { state.cursor = place; refresh("models"); }
  });
  canvas.addEventListener("click", event => {
    const place = placeUnder(event.offsetX, event.offsetY);
    if (place) { state.cursor = place; pin(place); }
  });
  canvas.addEventListener("keydown", event => {
    if (keys[event.key]) step(...keys[event.key]);
    else if (["Enter", " "].includes(event.key) && state.cursor) pin(state.cursor);
    else if (event.key === "Escape") { state.pins = []; refresh("models"); }
    else return;
    event.preventDefault();
  });
  document.getElementById("theme").addEventListener("click", () => { chooseTheme(ink.dark ? "light" : "dark"); refresh("map"); });
  document.getElementById("link").addEventListener("click", () => copy(location.href.split("#")[0] + link(), "Link copied"));
  document.getElementById("picture").addEventListener("click", savePicture);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (!document.documentElement.dataset.chosen) { chooseTheme(); refresh("map"); } });
  addEventListener("resize", () => refresh("map"));
  addEventListener("hashchange", () => { if (location.hash !== link()) { restore(location.hash); refresh("controls"); } });
  if (times.length) listenToTime();
}

// The slider over snapshots of training; its last place is the end of training.
function listenToTime() {
  const [root, input, play] = [document.getElementById("time"), document.querySelector("#time input"), document.getElementById("play")];
  root.hidden = false;
  input.max = times.length;
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; };
  const go = index => { state.time = index >= times.length ? -1 : index; refresh("models"); };
  input.addEventListener("input", () => { stop(); go(Number(input.value)); });
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "Pause";
    if (state.time < 0) go(0);
    timer = setInterval(() => { if (state.time < 0) stop(); else go(state.time + 1); }, 120);
  });
}

function drawTime() {
  if (!times.length) return;
  document.querySelector("#time input").value = state.time < 0 ? times.length : state.time;
  document.querySelector("#time output").textContent = state.time < 0 ? "end of training" : `step ${times[state.time]}`;
}
