// What leaves the page: the command of a cell, JSON, pictures, links.

const quoted = word => /^[\w@%+=:,./-]*$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;

// A value as Hydra reads it.
const written = value => Array.isArray(value) ? `[${value.map(written).join(",")}]` : String(value);

// The values of all leaves of the config that are axes, at a place.
const leaves = place => Object.fromEntries(axes.flatMap(axis => axis.coordinates.map(({ path, values }) => [path, values[place[axis.dim]]])));

// The command that trains this model by itself.
function command(place) {
  const overrides = structuredClone(content.overrides);
  for (const [path, value] of Object.entries(leaves(model(place)))) {
    const [, list, index] = path.match(/^(.*)\.(\d+)$/) ?? [];
    if (Array.isArray(overrides[list])) overrides[list][index] = value;
    else if (!path.startsWith("hydra.")) overrides[path] = value;
  }
  return ["python -m superposition_jax.run", ...Object.entries(overrides).map(([key, value]) => quoted(`${key}=${written(value)}`))].join(" ");
}

function saveJson(place) {
  const where = model(place), { w, b, time } = geometryAt(where), singles = content.measures.filter(measure => !measure.feature);
  const record = {
    name: content.name,
    cell: leaves(where),
    status: statusOf(where),
    measures: Object.fromEntries(singles.map(measure => [measure.name, numberOf(measure, where)])),
    step: time ?? "end",
    W: w,
    b,
    importance: at(models.importance, where).filter(Number.isFinite),
    loss_curve: kept(where) && models.loss_curve ? at(models.loss_curve, where) : [],
    steps: content.steps.step,
    command: command(where),
  };
  const text = JSON.stringify(record, (key, value) => Number.isNaN(value) ? null : value, 1);
  save(new Blob([text], { type: "application/json" }), `${content.name}_${places(where).replaceAll(/[:,]/g, "-")}.json`);
}

function save(blob, name) {
  const anchor = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
  note(`Saved ${name}`);
}

// All canvases and words of the view where they stand, as one picture at twice the size.
function savePicture() {
  const whole = document.body.getBoundingClientRect(), canvas = document.createElement("canvas"), scale = 2;
  Object.assign(canvas, { width: whole.width * scale, height: whole.height * scale });
  const context = canvas.getContext("2d"), box = element => {
    const own = element.getBoundingClientRect();
    return [own.left - whole.left, own.top - whole.top, own.width, own.height];
  };
  context.scale(scale, scale);
  context.fillStyle = ink.back;
  context.fillRect(0, 0, whole.width, whole.height);
  context.fillStyle = ink.card;
  for (const card of document.querySelectorAll("article")) context.fillRect(...box(card));
  for (const element of document.querySelectorAll("canvas")) if (element.clientWidth) context.drawImage(element, ...box(element));
  for (const element of document.querySelectorAll("[data-picture], label, td, th, caption, code, #findings li")) write(context, element, box(element));
  canvas.toBlob(blob => save(blob, `${content.name}.png`));
}

// The words of an element, those of a control with its value, in lines as wide as it.
function write(context, element, [x, y, width]) {
  const style = getComputedStyle(element), select = element.querySelector("select"), box = element.querySelector("[type=checkbox]"), lines = [];
  const text = select ? `${element.firstChild.textContent}: ${select.selectedOptions[0].textContent}` : element.textContent.trim();
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = "top";
  for (const word of (box ? `${text}: ${box.checked ? "yes" : "no"}` : text).split(/\s+/)) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  if (width) lines.forEach((line, k) => context.fillText(line, x, y + 3 + k * parseFloat(style.fontSize) * 1.3));
}

async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // where the page may not write to the clipboard
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  note(said);
}

function note(text) {
  const element = document.getElementById("note");
  element.textContent = text;
  clearTimeout(note.timer);
  note.timer = setTimeout(() => { element.textContent = ""; }, 2500);
}
