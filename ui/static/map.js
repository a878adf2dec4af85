// The small map on the picture: streets, the way driven and ahead, everybody else, our car in the middle; north is up.

import { Pen, trace } from "./pen.js";

const KEPT = "lucidrive-map";
const ACROSS = 2400; // dm that the map shows from side to side
const STEP = 30; // dm between two points of the way driven
const LEAP = 1000; // dm: further at once is another drive

function preference() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}

export class RoadMap {
  constructor(root, token) {
    this.canvas = root.querySelector("#lr-streets");
    this.button = root.querySelector("#lr-map");
    this.pen = new Pen(this.canvas, ACROSS);
    this.token = token;
    this.on = preference();
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

  /** Where the free camera is; null where there is none. */
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
    const { now, pen } = this;
    if (!now || this.canvas.hidden || !pen.begin(now.car)) return;
    const [x, y] = now.car;
    if (this.streets) pen.streets(this.streets.path);
    pen.line(trace(new Path2D(), [...this.driven.flatMap((one) => [one.x, one.y]), x, y]), 20, "map-driven");
    pen.line(trace(new Path2D(), now.ahead), 20, "lamp");
    pen.dots(now.vehicles, 31, "map-vehicle");
    pen.dots(now.people, 21, "map-person");
    if (this.camera) pen.cone(this.camera, "lamp");
    if (now.other.length) pen.car(now.other, "map-other");
    this.canvas.dataset.other = now.other.join();
    pen.car(now.car, "ink");
  }

  close() {
    this.theme.disconnect();
    window.removeEventListener("resize", this.redraw);
  }
}
