// The small map on the picture: streets, the way driven and ahead, everybody else, our car in the middle; north is up.

const KEPT = "lucidrive-map";
const ACROSS = 2400; // dm that the map shows from side to side
const LANE = 34; // dm
const STEP = 30; // dm between two points of the way driven
const LEAP = 1000; // dm: further at once is another drive

function wanted() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}

/** Of a flat list x, y, x, y, ... */
function trace(path, flat) {
  for (let k = 0; k < flat.length; k += 2) path[k ? "lineTo" : "moveTo"](flat[k], flat[k + 1]);
  return path;
}

export class RoadMap {
  constructor(root, token) {
    this.canvas = root.querySelector("#lr-streets");
    this.button = root.querySelector("#lr-map");
    this.token = token;
    this.on = wanted();
    this.known = false; // whether there is a map of this dream
    this.streets = null; // { version, path }
    this.driven = []; // { index, x, y }
    this.picked = null; // called with a place that was clicked, in m
    this.camera = null; // one that is not on the car: { x, y, yaw } in m and rad
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.redraw = () => this.draw();
    this.theme = new MutationObserver(this.redraw);
    this.theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    window.addEventListener("resize", this.redraw);
    this.show();
  }

  toggle() {
    this.on = !this.on;
    try {
      localStorage.setItem(KEPT, this.on ? "on" : "off");
    } catch {
      // private mode: the choice lasts until reload
    }
    this.show();
  }

  show() {
    this.canvas.hidden = !this.on || !this.known;
    this.button.setAttribute("aria-pressed", String(this.on));
    this.draw();
  }

  around(message) {
    this.now = message;
    this.remember(message);
    if (this.streets?.version !== message.version) this.fetch();
    if (this.known) return this.draw();
    this.known = true;
    this.show();
  }

  remember({ index, car: [x, y] }) {
    while (this.driven.length && this.driven.at(-1).index > index) this.driven.pop();
    const last = this.driven.at(-1);
    const gap = last ? Math.hypot(x - last.x, y - last.y) : Infinity;
    if (gap > LEAP) this.driven = [];
    if (gap > STEP) this.driven.push({ index, x, y });
  }

  click({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const [x, y] = this.now.car;
    this.picked?.((x + ((clientX - left) / width - 0.5) * ACROSS) / 10, (y - ((clientY - top) / height - 0.5) * ACROSS) / 10);
  }

  /** Where a camera is that is not on the car; null: there is none. */
  look(pose) {
    this.camera = pose;
    this.draw();
  }

  async fetch() {
    if (this.asking) return;
    this.asking = true;
    try {
      const answer = await fetch(`drives/${this.token()}/streets.json`);
      if (answer.ok) {
        const { version, lanes } = await answer.json();
        this.streets = { version, path: lanes.reduce(trace, new Path2D()) };
        this.canvas.dataset.version = version;
        this.draw();
      }
    } catch {
      // the server is gone; the page says so
    } finally {
      this.asking = false;
    }
  }

  draw() {
    if (!this.now || this.canvas.hidden || !this.canvas.clientWidth) return;
    const size = Math.round(this.canvas.clientWidth * (window.devicePixelRatio || 1));
    if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size;
    const pen = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    const colour = (name) => style.getPropertyValue(`--${name}`);
    const [x, y] = this.now.car;
    const scale = size / ACROSS;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, size, size);
    pen.setTransform(scale, 0, 0, -scale, size / 2 - x * scale, size / 2 + y * scale);
    pen.lineCap = pen.lineJoin = "round";
    const line = (path, width, name) => {
      pen.lineWidth = width;
      pen.strokeStyle = colour(name);
      pen.stroke(path);
    };
    if (this.streets) {
      line(this.streets.path, LANE + 14, "map-kerb");
      line(this.streets.path, LANE, "map-road");
    }
    line(trace(new Path2D(), [...this.driven.flatMap((one) => [one.x, one.y]), x, y]), 20, "map-driven");
    line(trace(new Path2D(), this.now.ahead), 20, "lamp");
    this.dots(pen, this.now.vehicles, 31, "map-vehicle");
    this.dots(pen, this.now.people, 21, "map-person");
    if (this.camera) this.cone(pen, colour("lamp"));
    const arrow = new Path2D("M92 0 L-62 60 L-30 0 L-62 -60 Z");
    const car = ([ofX, ofY, turned], name) => {
      pen.save();
      pen.translate(ofX, ofY);
      pen.rotate(turned / 100);
      line(arrow, 26, "map-ground");
      pen.fillStyle = colour(name);
      pen.fill(arrow);
      pen.restore();
    };
    if (this.now.other.length) car(this.now.other, "map-other");
    this.canvas.dataset.other = this.now.other.join();
    car(this.now.car, "ink");
  }

  cone(pen, colour) {
    const { x, y, yaw } = this.camera;
    const path = new Path2D();
    path.moveTo(10 * x, 10 * y);
    path.arc(10 * x, 10 * y, 190, yaw - 0.6, yaw + 0.6);
    path.closePath();
    pen.globalAlpha = 0.55;
    pen.fillStyle = colour;
    pen.fill(path);
    pen.globalAlpha = 1;
  }

  dots(pen, flat, radius, name) {
    const path = new Path2D();
    for (let k = 0; k < flat.length; k += 2) {
      path.moveTo(flat[k] + radius, flat[k + 1]);
      path.arc(flat[k], flat[k + 1], radius, 0, 7);
    }
    const style = getComputedStyle(this.canvas);
    pen.lineWidth = 12;
    pen.strokeStyle = style.getPropertyValue("--map-ground");
    pen.stroke(path);
    pen.fillStyle = style.getPropertyValue(`--${name}`);
    pen.fill(path);
  }

  close() {
    this.theme.disconnect();
    window.removeEventListener("resize", this.redraw);
  }
}
