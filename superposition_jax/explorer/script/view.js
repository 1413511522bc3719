// What is shown: the sweep's content, the state of the view, and the state as a link.

const content = JSON.parse(document.getElementById("content").textContent);
const axes = content.axes, axisOf = Object.fromEntries(axes.map(axis => [axis.dim, axis]));
const measureOf = Object.fromEntries(content.measures.map(measure => [measure.name, measure]));
const seedAxis = axisOf[content.seed], cellAxes = axes.filter(axis => axis.dim !== content.seed);
const models = content.models, times = content.steps.snapshot && models.W_snapshots ? content.steps.snapshot : [];
const everySeed = Boolean(seedAxis && models.W.dims.includes(content.seed));
const FIRST = ["phase", "represented", "loss"];

// Places are {dimension: index}; a place without the seed's dimension means the best seed.
const state = {
  x: cellAxes[cellAxes.length > 1 ? 1 : 0]?.dim ?? "", y: cellAxes.length > 1 ? cellAxes[0].dim : "",
  measure: cellAxes.length > 1 ? FIRST.find(name => measureOf[name]) : "loss", statistic: "best", feature: 0, log: null,
  at: Object.fromEntries(cellAxes.map(axis => [axis.dim, 0])), cursor: null, pins: [], time: -1, tint: "feature",
};
const DENSITY = cellAxes.find(axis => axis.falling);
if (cellAxes.length === 2 && DENSITY) [state.x, state.y] = [DENSITY.dim, cellAxes.find(axis => axis !== DENSITY).dim];

const show = (number, digits = 4) => Number.isInteger(number) ? String(number) : !Number.isFinite(number) ? "–"
  : d3.format(`.${Math.abs(number) < 1e-3 ? `${digits - 1}~e` : `${digits}~g`}`)(number).replaceAll("−", "-");
const shown = (axis, index) => typeof axis.values[index] === "number" ? show(axis.values[index]) : String(axis.values[index]);
const short = axis => axis.falling ? "1 − S" : axis.name;
const places = place => Object.keys(place).sort().map(dim => `${dim}:${place[dim]}`).join(",");
const same = (a, b) => places(a) === places(b);

// A place of the current slice of the sweep; `own` has the indices that differ from it.
const placed = own => ({ ...state.at, ...own });
const cell = place => Object.fromEntries(Object.entries(place).filter(([dim]) => dim !== content.seed));
// The place of a model: with its seed's index.
const model = place => !seedAxis || place[content.seed] !== undefined ? place : { ...place, [content.seed]: at(models.best, place) };
const words = place => axes.filter(axis => place[axis.dim] !== undefined).map(axis => `${short(axis)} = ${shown(axis, place[axis.dim])}`).join(", ");
const statusOf = place => Math.round(at(models.status, model(place)));

// What the map shows at a place: the measure by the chosen statistic, of one seed if the place has one.
function measured(place, measure = measureOf[state.measure], statistic = state.statistic) {
  const where = measure.feature ? { ...place, feature: state.feature } : place;
  if (place[content.seed] !== undefined && measure.values.all) return at(measure.values.all, where);
  return at(measure.values[statistic] ?? measure.values.best, where);
}

const CHOICES = ["x", "y", "measure", "statistic", "tint"], NUMBERS = ["feature", "time"];

function link() {
  const query = new URLSearchParams();
  for (const key of [...CHOICES, ...NUMBERS]) query.set(key, state[key]);
  if (state.log !== null) query.set("log", state.log);
  query.set("at", places(state.at));
  if (state.cursor) query.set("cursor", places(state.cursor));
  for (const pin of state.pins) query.append("pin", places(pin));
  if (document.documentElement.dataset.chosen) query.set("theme", document.documentElement.dataset.theme);
  return `#${query}`;
}

// The state that a link has; what it says of other sweeps is left alone.
function restore(hash) {
  const query = new URLSearchParams(hash.slice(1));
  const read = text => Object.fromEntries((text ?? "").split(",").map(part => part.split(":")).map(([dim, index]) => [dim, Number(index)])
    .filter(([dim, index]) => axisOf[dim] && Number.isInteger(index) && index >= 0 && index < axisOf[dim].values.length));
  const allowed = { x: dim => axisOf[dim], y: dim => dim === "" || axisOf[dim], measure: name => measureOf[name],
    statistic: name => ["best", "mean", "spread"].includes(name), tint: name => ["feature", "importance"].includes(name) };
  for (const key of CHOICES) if (query.has(key) && allowed[key](query.get(key))) state[key] = query.get(key);
  for (const key of NUMBERS) if (query.has(key) && Number.isInteger(Number(query.get(key)))) state[key] = Number(query.get(key));
  state.feature = Math.min(Math.max(state.feature, 0), models.b.shape.at(-1) - 1);
  state.time = Math.min(Math.max(state.time, -1), times.length - 1);
  if (query.has("log")) state.log = query.get("log") === "true";
  Object.assign(state.at, cell(read(query.get("at"))));
  if (query.has("cursor")) state.cursor = placed(read(query.get("cursor")));
  if (query.has("pin")) state.pins = query.getAll("pin").slice(0, 2).map(text => placed(read(text)));
  if (["light", "dark"].includes(query.get("theme"))) chooseTheme(query.get("theme"));
}
