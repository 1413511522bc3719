// Menus, sliders, pointer, keys and time.

function menu(label, key, options, chosen) {
  const element = document.createElement("label"), select = document.createElement("select");
  element.append(label, select);
  select.append(...options.map(([value, text]) => new Option(text, value)));
  select.id = key;
  select.value = state[key];
  select.addEventListener("change", () => {
    state[key] = select.value;
    chosen?.();
    refresh("controls");
  });
  return element;
}

function slider(label, key, count, index, text, chosen) {
  const element = document.createElement("label"), input = document.createElement("input"), output = document.createElement("output");
  const tell = k => {
    output.textContent = text(k);
    input.setAttribute("aria-valuetext", text(k));
  };
  Object.assign(input, { type: "range", id: key, min: 0, max: count - 1, value: index });
  element.append(label, input, output);
  tell(index);
  input.addEventListener("input", () => {
    tell(Number(input.value));
    chosen(Number(input.value));
  });
  return element;
}

// Seeds make an axis of measures that the page has of each; a run of one seed and nothing else has no map.
const seedsCanBeAxis = measure => Boolean(seedAxis && measure.values.all && seedAxis.values.length > 1);
const mapped = () => cellAxes.length > 0 || seedsCanBeAxis(measureOf.loss);

// Menus and sliders for the state as it is; the one that has the keyboard keeps it.
function drawControls() {
  const focused = document.activeElement?.id, measure = measureOf[state.measure];
  const usable = axes.filter(axis => axis.dim !== content.seed || seedsCanBeAxis(measure));
  settle(usable);
  const options = usable.map(axis => [axis.dim, axis.name]), other = (key, instead) => () => { if (state.x === state.y) state[key] = instead(state[key]); };
  const parts = [
    menu("Horizontal", "x", options, other("y", () => "")),
    menu("Vertical", "y", [["", "– (plot)"], ...options], other("x", dim => usable.find(axis => axis.dim !== dim)?.dim ?? dim)),
    menu(state.y ? "Colour" : "Measure", "measure", content.measures.filter(m => cellAxes.length || m.values.all).map(m => [m.name, spoken(m.name) + (m.feature ? " of a feature" : "")]), () => { state.log = null; }),
  ];
  const over = [["best", "best seed"], ["mean", "mean"], ["spread", "std. dev."]];
  if (state.y && seedAxis && measure.values.mean && !onMap(content.seed)) parts.push(menu("Over seeds", "statistic", over));
  parts.push(menu("Arrows by", "tint", [["feature", "feature"], ["importance", "importance"]]), logBox());
  document.getElementById("controls").replaceChildren(...parts);
  document.getElementById("sliders").replaceChildren(...sliders(measure));
  document.getElementById(focused || "none")?.focus();
}

// Axes that the map can have; what leaves the map is held where the cursor was.
function settle(usable) {
  if (!usable.some(axis => axis.dim === state.x)) state.x = usable[0].dim;
  if (!usable.some(axis => axis.dim === state.y) || state.y === state.x) state.y = "";
  for (const { dim } of cellAxes) if (!onMap(dim)) state.at[dim] = state.cursor[dim] ?? state.at[dim];
  state.cursor = onMap(content.seed) ? model(state.cursor) : state.cursor;
}

function sliders(measure) {
  const held = cellAxes.filter(axis => !onMap(axis.dim) && axis.values.length > 1);
  const made = held.map(axis => slider(axis.name, `at-${axis.dim}`, axis.values.length, state.at[axis.dim], k => shown(axis, k), k => {
    state.at[axis.dim] = k;
    state.cursor = { ...state.cursor, [axis.dim]: k };
    refresh("map");
  }));
  const choose = k => {
    state.feature = k;
    refresh("map");
  };
  return measure.feature ? [...made, slider("of feature", "feature", features, state.feature, String, choose)] : made;
}

function logBox() {
  const label = Object.assign(document.createElement("label"), { className: "check" }), box = Object.assign(document.createElement("input"), { type: "checkbox", id: "log" });
  box.addEventListener("change", () => {
    state.log = box.checked;
    refresh("map");
  });
  label.append(box, "logarithmic");
  return label;
}

// Whether colours can be logarithmic is known once they are chosen.
function drawLogBox() {
  const box = document.getElementById("log");
  box.checked = Boolean(map.colours.log);
  box.parentElement.hidden = !map.colours.can;
}

function pin(place) {
  const k = state.pins.findIndex(pinned => same(model(pinned), model(place)));
  if (k >= 0) state.pins.splice(k, 1);
  else state.pins = [...state.pins.slice(0, 1), place];
  refresh("models");
}

// The neighbour of the cursor that lies next in a direction of the picture.
function step(across, up) {
  const next = onMap(content.seed) ? { ...state.cursor } : cell(state.cursor);
  const move = (dim, laidAxis, by) => {
    const order = d3.sort(d3.range(laidAxis.centres.length), k => laidAxis.centres[k]), rank = order.indexOf(next[dim]) + by;
    next[dim] = order[Math.max(0, Math.min(order.length - 1, rank))];
  };
  if (across) move(state.x, map.x, across);
  if (up && map.y) move(state.y, map.y, -up);
  state.cursor = next;
  refresh("models");
}

function listen() {
  listenToMap();
  const on = (id, does) => document.getElementById(id).addEventListener("click", does);
  on("theme", () => { chooseTheme(ink.dark ? "light" : "dark"); refresh("map"); });
  on("link", () => copy(location.href.split("#")[0] + link(), "Link copied"));
  on("picture", savePicture);
  on("see", () => document.getElementById("models").scrollIntoView({ behavior: "smooth" }));
  document.getElementById("link").hidden = location.protocol === "about:";  // in a notebook: no address to link to
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (document.documentElement.dataset.chosen) return;
    chooseTheme();
    refresh("map");
  });
  addEventListener("resize", () => refresh("map"));
  addEventListener("hashchange", () => {
    if (location.hash === link()) return;
    restore(location.hash);
    refresh("controls");
  });
  if (times.length) listenToTime();
}

function listenToMap() {
  const { canvas } = map, keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  canvas.addEventListener("pointermove", event => {
    const place = placeUnder(event.offsetX, event.offsetY), before = onMap(content.seed) ? state.cursor : cell(state.cursor);
    if (!place || same(place, before)) return;
    state.cursor = place;
    refresh("models");
  });
  canvas.addEventListener("click", event => {
    const place = placeUnder(event.offsetX, event.offsetY);
    if (!place) return;
    state.cursor = place;
    pin(place);
  });
  canvas.addEventListener("keydown", event => {
    if (keys[event.key]) step(...keys[event.key]);
    else if (["Enter", " "].includes(event.key)) pin(state.cursor);
    else if (event.key === "Escape") { state.pins = []; refresh("models"); }
    else return;
    event.preventDefault();
  });
}

// The slider over snapshots of training; its last place is the end of training.
function listenToTime() {
  const [root, input, play] = [document.getElementById("time"), document.querySelector("#time input"), document.getElementById("play")];
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  const go = index => {
    state.time = index >= times.length ? -1 : index;
    refresh("models");
  };
  root.hidden = false;
  input.max = times.length;
  input.addEventListener("input", () => {
    stop();
    go(Number(input.value));
  });
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "Pause";
    if (state.time < 0) go(0);
    timer = setInterval(() => state.time < 0 ? stop() : go(state.time + 1), 120);
  });
}

function drawTime() {
  if (!times.length) return;
  const input = document.querySelector("#time input"), text = state.time < 0 ? "end of training" : `step ${times[state.time]}`;
  input.value = state.time < 0 ? times.length : state.time;
  input.setAttribute("aria-valuetext", text);
  document.querySelector("#time output").textContent = text;
}
