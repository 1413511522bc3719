// Arrays with named dimensions, as explorer/packing.py packs them.

const HALVES = Float32Array.from({ length: 65536 }, (_, bits) => {
  const exponent = (bits >> 10) & 31, digits = bits & 1023, sign = bits & 32768 ? -1 : 1;
  if (exponent === 31) return digits ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + digits / 1024) : 2 ** -14 * (digits / 1024));
});

const READERS = { i1: Int8Array, i2: Int16Array, i4: Int32Array, f2: Uint16Array, f4: Float32Array };

// The numbers of a packed array, decoded when they are first asked for.
function numbers(array) {
  if (!array.numbers) {
    const text = atob(array.data), bytes = new Uint8Array(text.length);
    for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
    array.numbers = new READERS[array.kind](bytes.buffer);
    array.strides = array.shape.map((_, k) => array.shape.slice(k + 1).reduce((a, b) => a * b, 1));
    delete array.data;
  }
  return array.numbers;
}

const value = (array, offset) => array.kind === "f2" ? HALVES[array.numbers[offset]] * array.scale : array.numbers[offset];

// What is left of an array at a place, {dimension: index}: a number, or nested lists in the order of its other dimensions.
function at(array, place) {
  if (!array) return undefined;
  numbers(array);
  const walk = (axis, offset) => {
    if (axis === array.dims.length) return value(array, offset);
    const step = array.strides[axis], here = place[array.dims[axis]];
    if (here !== undefined) return walk(axis + 1, offset + here * step);
    return Array.from({ length: array.shape[axis] }, (_, k) => walk(axis + 1, offset + k * step));
  };
  return walk(0, 0);
}

// The same, of an array that may be missing or lack numbers there.
const known = (array, place) => array ? at(array, place) : NaN;
