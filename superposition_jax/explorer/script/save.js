// What leaves the page: the command of a cell, JSON, pictures, links.

const quoted = word => /^[\w@%+=:,./-]*$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;

// The command that trains this model by itself.
function command(place) {
  const where = model(place), overrides = structuredClone(content.overrides);
  for (const axis of axes) for (const { path, values } of axis.coordinates) {
    const entry = path.match(/^(.*)\.(\d+)$/), chosen = values[where[axis.dim]];
    if (entry && Array.isArray(overrides[entry[1]])) overrides[entry[1]][entry[2]] = chosen;
    else if (!path.startsWith("hydra.")) overrides[path] = chosen;
  }
  const all = Object.entries(overrides).map(([key, value]) => quoted(`${key}=${Array.isArray(value) ? `[${value.join(",")}]` : value}`));
  return ["python -m superposition_jax.run", ...all].join(" ");
}

function saveJson(place) {
  const where = model(place), best = !seedAxis || where[content.seed] === at(models.best, where);
  const has = everySeed || best, geometry = has ? geometryAt(place) : {}, clean = key => (key === "" ? undefined : key);
  const cellValues = Object.fromEntries(axes.map(axis => [clean(axis.dim), axis.values[where[axis.dim]]]));
  const measures = Object.fromEntries(content.measures.filter(m => !m.feature).map(m => [m.name, numberOf(m, where, best)]));
  const record = { name: content.name, cell: cellValues, status: ["missing", "ok", "diverged"][statusOf(where)], measures, W: geometry.w, b: geometry.b,
    step: geometry.time ?? "final", importance: at(models.importance, where).filter(Number.isFinite), loss_curve: has ? at(models.loss_curve, where) : undefined, steps: content.steps.step, command: command(where) };
  save(new Blob([JSON.stringify(record, null, 1)], { type: "application/json" }), `${content.name}_${places(where).replaceAll(/[:,]/g, "-")}.json`);
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
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  context.fillStyle = ink.back;
  context.fillRect(0, 0, whole.width, whole.height);
  const place = element => { const box = element.getBoundingClientRect(); return [box.left - whole.left, box.top - whole.top, box.width, box.height]; };
  for (const card of document.querySelectorAll("article")) { context.fillStyle = ink.card; context.fillRect(...place(card)); }
  for (const element of document.querySelectorAll("canvas")) if (element.clientWidth) context.drawImage(element, ...place(element));
  for (const element of document.querySelectorAll("[data-picture], #controls label, #sliders label, td, th, code")) write(context, element, place(element));
  canvas.toBlob(blob => save(blob, `${content.name}.png`));
}

function write(context, element, [x, y, width]) {
  const style = getComputedStyle(element), select = element.querySelector("select"), words = [];
  const text = select ? `${element.firstChild.textContent}: ${select.selectedOptions[0].textContent}` : element.textContent.trim();
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = "top";
  for (const word of text.split(/\s+/)) {
    const longer = words.length ? `${words.at(-1)} ${word}` : word;
    if (words.length && context.measureText(longer).width <= width) words[words.length - 1] = longer; else words.push(word);
  }
  words.forEach((line, k) => context.fillText(line, x, y + 3 + k * parseFloat(style.fontSize) * 1.3));
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

function note(words) {
  const element = document.getElementById("note");
  element.textContent = words;
  clearTimeout(note.timer);
  note.timer = setTimeout(() => { element.textContent = ""; }, 2500);
}
