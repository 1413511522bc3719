// What is shown: the sweep's content, the state of the view, and the state as a link.

const content = JSON.parse(document.getElementById("content").textContent);
const named = pairs => Object.assign(Object.create(null), Object.fromEntries(pairs));
const axes = content.axes, axisOf = named(axes.map(axis => [axis.dim, axis]));
const measureOf = named(content.measures.map(measure => [measure.name, measure]));
const seedAxis = axisOf[content.seed], cellAxes = axes.filter(axis => axis.dim !== content.seed);
const models = content.models, times = content.steps.snapshot && models.W_snapshots ? content.steps.snapshot : [];
const features = models.b.shape.at(-1);

const show = number => {
  if (!Number.isFinite(number)) return "–";
  const size = Math.abs(number), format = size > 0 && (size < 1e-3 || size >= 1e7) ? ".3~e" : Number.isInteger(number) ? "d" : ".4~r";
  return d3.format(format)(number).replaceAll("−", "-");
};

// A mean with as many digits as its spread gives it.
function spread(mean, deviation) {
  if (!(deviation > 0) || Math.abs(mean) < 1e-3) return `${show(mean)} ± ${show(deviation)}`;
  const digits = Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(deviation))));
  return `${mean.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
}

const spoken = text => text.replaceAll("_", " ");
const shown = (axis, index) => typeof axis.values[index] === "number" ? show(axis.values[index]) : String(axis.values[index]);
const short = axis => axis.falling ? "1 − S" : axis.name;

// Places are {dimension: index}; a place without the seed's dimension means the best seed.
const places = place => Object.keys(place).sort().map(dim => `${dim}:${place[dim]}`).join(",");
// The classes of a measure, unless it is a mean or a spread of them.
const classesOf = measure => state.statistic === "best" || !measure.values[state.statistic] ? measure.classes : undefined;
const same = (a, b) => places(a) === places(b);
const onMap = dim => dim === state.x || dim === state.y;

// An axis of several leaves that change together shows each.
function words(place) {
  const parts = axes.filter(axis => place[axis.dim] !== undefined).flatMap(axis => axis.coordinates.length < 2
    ? [`${short(axis)} = ${shown(axis, place[axis.dim])}`]
    : axis.coordinates.map(({ name, values }) => `${name} = ${typeof values[0] === "number" ? show(values[place[axis.dim]]) : values[place[axis.dim]]}`));
  return parts.join(", ");
}

// A place of the current slice of the sweep, with some indices of its own; the cell of a place; the place of its model.
const placed = indices => ({ ...state.at, ...indices });
const cell = place => Object.fromEntries(Object.entries(place).filter(([dim]) => dim !== content.seed));
const model = place => !seedAxis || place[content.seed] !== undefined ? place : { ...place, [content.seed]: at(models.best, place) };
const isBest = place => !seedAxis || model(place)[content.seed] === at(models.best, cell(place));
const statusOf = place => ["missing", "ok", "diverged"][Math.round(at(models.status, model(place)))];

// What the map shows at a place: the measure by the chosen statistic, or of one seed if the place has one.
function measured(place, measure = measureOf[state.measure], statistic = state.statistic) {
  const where = measure.feature ? { ...place, feature: state.feature } : place;
  if (place[content.seed] !== undefined && measure.values.all) return at(measure.values.all, where);
  return at(measure.values[statistic] ?? measure.values.best, where);
}

// The number of one model, NaN if the page has it of best seeds only.
function numberOf(measure, place) {
  const where = model(place);
  if (measure.values.all) return at(measure.values.all, where);
  return isBest(where) || !measure.values.mean ? at(measure.values.best, where) : NaN;
}

const state = {};

// As a page begins: a density across, the middle of the sweep under the cursor.
function begin() {
  const density = cellAxes.find(axis => axis.falling), several = cellAxes.length > 1;
  const across = density ?? cellAxes[several ? 1 : 0] ?? seedAxis;
  Object.assign(state, {
    x: across?.dim ?? "", y: cellAxes.find(axis => axis !== across)?.dim ?? "",
    measure: several ? ["phase", "represented", "loss"].find(name => measureOf[name]) : "loss", statistic: "best", feature: 0, log: null,
    at: Object.fromEntries(cellAxes.map(axis => [axis.dim, 0])), pins: [], time: -1, tint: "feature", turn: [-0.6, 0.35],
  });
  state.cursor = placed(across === seedAxis && seedAxis ? { [content.seed]: at(models.best, {}) } : {});
  for (const dim of [state.x, state.y]) if (axisOf[dim] && dim !== content.seed) state.cursor[dim] = Math.floor(axisOf[dim].values.length / 2);
}

const CHOICES = ["x", "y", "measure", "statistic", "tint"], NUMBERS = ["feature", "time"];

function link() {
  const query = new URLSearchParams();
  for (const key of [...CHOICES, ...NUMBERS]) query.set(key, state[key]);
  if (state.log !== null) query.set("log", state.log);
  query.set("at", places(state.at));
  query.set("turn", state.turn.map(angle => angle.toFixed(2)).join(","));
  query.set("cursor", places(state.cursor));
  for (const pin of state.pins) query.append("pin", places(pin));
  if (document.documentElement.dataset.chosen) query.set("theme", document.documentElement.dataset.theme);
  return `#${query}`;
}

// The view that a link has; what it says of other sweeps is left alone.
function restore(hash) {
  const query = new URLSearchParams(hash.slice(1));
  const read = text => Object.fromEntries((text ?? "").split(",").map(part => part.split(":")).map(([dim, index]) => [dim, Number(index)])
    .filter(([dim, index]) => axisOf[dim] && Number.isInteger(index) && index >= 0 && index < axisOf[dim].values.length));
  const allowed = { x: dim => axisOf[dim], y: dim => dim === "" || axisOf[dim], measure: name => measureOf[name] && (cellAxes.length || measureOf[name].values.all),
    statistic: name => ["best", "mean", "spread"].includes(name), tint: name => ["feature", "importance"].includes(name) };
  begin();
  for (const key of CHOICES) if (query.has(key) && allowed[key](query.get(key))) state[key] = query.get(key);
  for (const key of NUMBERS) if (query.has(key) && Number.isInteger(Number(query.get(key)))) state[key] = Number(query.get(key));
  state.feature = Math.min(Math.max(state.feature, 0), features - 1);
  state.time = Math.min(Math.max(state.time, -1), times.length - 1);
  if (query.has("log")) state.log = query.get("log") === "true";
  const angles = (query.get("turn") ?? "").split(",").map(Number);
  if (angles.length === 2 && angles.every(Number.isFinite)) state.turn = angles;
  Object.assign(state.at, cell(read(query.get("at"))));
  const held = Object.fromEntries(Object.entries(state.at).filter(([dim]) => !onMap(dim)));
  state.cursor = query.has("cursor") ? placed(read(query.get("cursor"))) : { ...state.cursor, ...held };
  state.pins = query.getAll("pin").slice(0, 2).map(text => placed(read(text)));
  if (["light", "dark"].includes(query.get("theme"))) chooseTheme(query.get("theme"));
}
