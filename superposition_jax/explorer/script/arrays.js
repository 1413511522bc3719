// Arrays with named dimensions, as explorer/arrays.py packs them.

const HALVES = Float32Array.from({ length: 65536 }, (_, bits) => {
  const exponent = (bits >> 10) & 31, digits = bits & 1023, sign = bits & 32768 ? -1 : 1;
  if (exponent === 31) return digits ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + digits / 1024) : 2 ** -14 * (digits / 1024));
});

const READERS = { i1: Int8Array, i2: Int16Array, i4: Int32Array, f2: Uint16Array, f4: Float32Array };

// An array whose numbers are decoded: it is when it is first asked for.
function decoded(array) {
  if (!array.numbers) {
    const text = atob(array.data), bytes = new Uint8Array(text.length);
    for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
    array.numbers = new READERS[array.kind](bytes.buffer);
    array.strides = array.shape.map((_, k) => array.shape.slice(k + 1).reduce((a, b) => a * b, 1));
    delete array.data;
  }
  return array;
}

const entry = (array, offset) => array.kind === "f2" ? HALVES[array.numbers[offset]] * array.scale : array.numbers[offset];

// What is left of an array at a place, {dimension: index}: a number, or nested lists in the order of its other dimensions.
function at(array, place) {
  const { dims, shape, strides } = decoded(array);
  const walk = (axis, offset) => {
    if (axis === dims.length) return entry(array, offset);
    const here = place[dims[axis]];
    if (here !== undefined) return walk(axis + 1, offset + here * strides[axis]);
    return Array.from({ length: shape[axis] }, (_, k) => walk(axis + 1, offset + k * strides[axis]));
  };
  return walk(0, 0);
}

// Least and greatest of an array's numbers; the least above 0 too.
function extent(array) {
  if (!decoded(array).extent) {
    let [low, high, above] = [Infinity, -Infinity, Infinity];
    for (let k = 0; k < array.numbers.length; k++) {
      const number = entry(array, k);
      if (!Number.isFinite(number)) continue;
      low = Math.min(low, number);
      high = Math.max(high, number);
      if (number > 0) above = Math.min(above, number);
    }
    array.extent = low <= high ? { low, high, above } : { low: 0, high: 1, above: 1 };
  }
  return array.extent;
}
