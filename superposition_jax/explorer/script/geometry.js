// One model's weights, and what is measured of them, when training had ended or at a snapshot.

const columns = w => w.length ? w[0].map((_, i) => w.map(row => row[i])) : [];
const dot = (a, b) => d3.sum(a, (v, k) => v * b[k]);

// The rows and columns of a matrix that a model has: smaller ones are filled up with NaN.
function filled(matrix) {
  const rows = matrix.filter(row => row.some(v => !Number.isNaN(v)));
  const width = d3.max(rows, row => d3.max(d3.range(row.length).filter(k => !Number.isNaN(row[k])))) + 1;
  return rows.map(row => row.slice(0, width));
}

function product(read, w) {
  const n = w[0].length, m = w.length;
  return read[0].map((_, i) => {
    const row = new Array(n).fill(0);
    for (let k = 0; k < m; k++) for (let j = 0; j < n; j++) row[j] += read[k][i] * w[k][j];
    return row;
  });
}

// W with each neuron's weights in and out of equal length, as untied models are measured.
const balanced = (w, read) => w.map((row, k) => {
  const [into, out] = [Math.hypot(...row), Math.hypot(...read[k])], factor = into > 0 ? Math.sqrt(out / into) : 0;
  return row.map(v => v * factor);
});

// Norm, superposition Σ_{j≠i}(Ŵ_i·W_j)² and dimensionality ‖W_i‖²/Σ_j(Ŵ_i·W_j)² of the columns of W.
function measures(w) {
  const gram = product(w, w), square = gram.map((row, i) => row[i]);
  const total = gram.map((row, i) => square[i] > 0 ? d3.sum(row, v => v * v) / square[i] : 0);
  return { feature_norm: square.map(Math.sqrt), superposition: total.map((v, i) => v - square[i]), dimensionality: total.map((v, i) => v > 0 ? square[i] / v : 0) };
}

const NOTHING = { w: [], b: [], gram: [], time: null, feature_norm: [], superposition: [], dimensionality: [] };
const cached = new Map();

// Whether the page has the weights and the curve of this model.
const kept = place => !seedAxis || models.W.dims.includes(content.seed) || isBest(place);

function geometryAt(place) {
  const where = model(place), key = `${places(where)} ${state.time}`;
  if (!cached.has(key)) {
    if (cached.size > 8) cached.clear();
    cached.set(key, kept(where) ? computed(where) : NOTHING);
  }
  return cached.get(key);
}

function computed(where) {
  const index = d3.range(state.time, -1, -1).find(k => filled(at(models.W_snapshots, { ...where, snapshot: k })).length);
  const [end, there] = index === undefined ? ["", where] : ["_snapshots", { ...where, snapshot: index }], of = name => at(models[`${name}${end}`], there);
  const w = filled(of("W"));
  if (!w.length) return NOTHING;
  const n = w[0].length, read = models[`read_out${end}`] ? filled(of("read_out")) : w, gram = product(read, w), b = of("b").slice(0, n);
  const measured = index === undefined
    ? Object.fromEntries(["feature_norm", "superposition", "dimensionality"].map(name => [name, at(models[name], where).slice(0, n)]))
    : measures(models.read_out ? balanced(w, read) : w);
  return { w, b, gram, time: index === undefined ? null : times[index], ...measured };
}

// Columns of W in at most three coordinates: its rows, or its three principal directions; the names of these, and what the picture is called.
function coordinates(w, place) {
  const m = w.length, all = columns(w);
  if (m <= 3) return { points: all, names: ["h₁", "h₂", "h₃"], title: m ? `columns Wᵢ, m = ${m}` : "" };
  const basis = at(models.basis, place).slice(0, m), directions = [0, 1, 2].map(axis => basis.map(row => row[axis]));
  const points = all.map(column => directions.map(direction => dot(column, direction)));
  const share = d3.sum(points.flat(), v => v * v) / d3.sum(all.flat(), v => v * v);
  return { points, names: ["PC 1", "PC 2", "PC 3"], title: `columns Wᵢ, m = ${m}: 3 principal directions, ${d3.format(".0%")(share)} of ‖W‖²` };
}

function featureColours(importance, count) {
  const ramp = t => d3.interpolateViridis(ink.dark ? 0.25 + 0.75 * t : 0.85 * t), [low, high] = d3.extent(importance);
  const place = i => state.tint === "importance" ? (high > low ? (importance[i] - low) / (high - low) : 0) : count > 1 ? i / (count - 1) : 0;
  return d3.range(count).map(i => ramp(place(i)));
}
