// Many points on a canvas, drawn by WebGL 2; what is where among them.

const VERTEX = `#version 300 es
in vec2 place; // 0 to 1 across the map
in float colour; // the number of a group, or 0 to 255 of a ramp
in float chosen; // 0 or 1
uniform vec2 scale, move;
uniform float size, only, ramp, dimmed;
uniform vec3 palette[11];
out vec4 tint;
void main() {
  gl_Position = vec4(place * scale + move, 0.0, 1.0);
  bool alone = only < 0.0 || colour == only;
  float dim = alone && (dimmed == 0.0 || chosen > 0.0) ? 1.0 : 0.3;
  tint = ramp > 0.0
    ? vec4(mix(palette[0], palette[10], colour / 255.0), dim * mix(0.25, 0.95, colour / 255.0))
    : vec4(palette[int(colour)], dim * 0.85);
  gl_PointSize = chosen > 0.0 ? size * 1.5 : size;
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 tint;
out vec4 colour;
void main() {
  float away = length(gl_PointCoord - 0.5);
  float alpha = tint.a * (1.0 - smoothstep(0.38, 0.5, away));
  if (alpha < 0.01) discard;
  colour = vec4(tint.rgb * alpha, alpha);
}`;
const N_CELLS = 256; // across the grid in which points are found again

function program(gl) {
  const built = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(built, shader);
  }
  gl.linkProgram(built);
  return built;
}

/** Return an order in which each beginning is spread evenly over all: every golden part of n. */
function spreadOrder(n) {
  const common = (a, b) => (b ? common(b, a % b) : a);
  let step = Math.max(Math.round(n * 0.618), 1);
  while (common(step, n) !== 1) step += 1;
  return Uint32Array.from({ length: n }, (_, i) => (i * step) % n);
}

/** Draws points at `places`, Uint16 x and y of each; null where the browser has no WebGL 2. */
export function drawer(canvas, places) {
  const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
  if (!gl) return null;
  const n = places.length / 2;
  const order = spreadOrder(n);
  const shuffled = (values, width) => values.map((_, i) => values[width * order[Math.floor(i / width)] + (i % width)]);
  const built = program(gl);
  gl.useProgram(built);
  const buffers = {};
  for (const [name, data, width, kind, normalised] of [
    ["place", places, 2, gl.UNSIGNED_SHORT, true],
    ["colour", new Uint8Array(n), 1, gl.UNSIGNED_BYTE, false],
    ["chosen", new Uint8Array(n), 1, gl.UNSIGNED_BYTE, false],
  ]) {
    const at = gl.getAttribLocation(built, name);
    buffers[name] = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, shuffled(data, width), gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, width, kind, normalised, 0, 0);
  }
  const uniform = (name) => gl.getUniformLocation(built, name);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  return {
    /** Set one number of each point: its "colour", or whether it is "chosen". */
    set(name, values) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, shuffled(values, 1));
    },
    /**
     * Draw all, or an even part of them; `view` is {scale: [x, y], move: [x, y]} from the map to
     * -1 ... 1 of the canvas.
     */
    draw({ view, size, palette, ramp, only, dimmed }, part = 1) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform2fv(uniform("scale"), view.scale);
      gl.uniform2fv(uniform("move"), view.move);
      gl.uniform1f(uniform("size"), size);
      gl.uniform1f(uniform("ramp"), ramp ? 1 : 0);
      gl.uniform1f(uniform("only"), only ?? -1);
      gl.uniform1f(uniform("dimmed"), dimmed ? 1 : 0);
      gl.uniform3fv(uniform("palette"), palette);
      gl.drawArrays(gl.POINTS, 0, Math.ceil(part * n));
    },
    /** Wait until it is drawn: for measuring. */
    finish() {
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    },
  };
}

/** Finds points by their places, 0 to 1 across the map. */
export function finder(places) {
  const n = places.length / 2;
  const cell = (x) => Math.min(Math.max(Math.floor((x / 65536) * N_CELLS), 0), N_CELLS - 1);
  const of = (i) => cell(places[2 * i + 1]) * N_CELLS + cell(places[2 * i]);
  const starts = new Uint32Array(N_CELLS * N_CELLS + 1);
  for (let i = 0; i < n; i++) starts[of(i) + 1] += 1;
  for (let c = 0; c < N_CELLS * N_CELLS; c++) starts[c + 1] += starts[c];
  const order = new Uint32Array(n);
  const filled = starts.slice();
  for (let i = 0; i < n; i++) order[filled[of(i)]++] = i;

  /** Give the points of a box, and perhaps some around it. */
  function* inBox(left, top, right, bottom) {
    for (let row = cell(top * 65536); row <= cell(bottom * 65536); row++) {
      const [from, to] = [row * N_CELLS + cell(left * 65536), row * N_CELLS + cell(right * 65536)];
      for (let k = starts[from]; k < starts[to + 1]; k++) yield order[k];
    }
  }
  const at = (i) => [places[2 * i] / 65535, places[2 * i + 1] / 65535];
  return {
    at,
    /** Return the points within `reach` of a place, the nearest first. */
    near(x, y, reach) {
      const found = [];
      for (const i of inBox(x - reach, y - reach, x + reach, y + reach)) {
        const away = Math.hypot(at(i)[0] - x, at(i)[1] - y);
        if (away <= reach) found.push([away, i]);
      }
      return found.sort((one, other) => one[0] - other[0]).map(([, i]) => i);
    },
    /** Return the points inside a closed line of [x, y], by the even-odd rule. */
    inside(line) {
      const [xs, ys] = [line.map(([x]) => x), line.map(([, y]) => y)];
      const found = [];
      for (const i of inBox(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys))) {
        if (encloses(line, ...at(i))) found.push(i);
      }
      return found;
    },
  };
}

function encloses(line, x, y) {
  let odd = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [[ax, ay], [bx, by]] = [line[i], line[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}
