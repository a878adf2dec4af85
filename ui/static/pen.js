// Draws on a map: streets, paths, dots and cars, in decimetres with north up, in the colours of the page.

const LANE = 34; // dm
const ACROSS = 2400; // dm across a map on which an arrow is as it is drawn
const ARROW = new Path2D("M92 0 L-62 60 L-30 0 L-62 -60 Z");

/** A path, or more of one, along a flat list x, y, x, y, ... */
export function trace(path, flat) {
  for (let k = 0; k < flat.length; k += 2) path[k ? "lineTo" : "moveTo"](flat[k], flat[k + 1]);
  return path;
}

export class Pen {
  /** A square canvas that shows `across` dm from side to side. */
  constructor(canvas, across) {
    Object.assign(this, { canvas, across });
  }

  /** Clears the map and centres it on a place; false where it is hidden. */
  begin([x, y]) {
    const { canvas, across } = this;
    if (!canvas.clientWidth) return false;
    const size = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const pen = (this.pen = canvas.getContext("2d"));
    this.style = getComputedStyle(canvas);
    const scale = size / across;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, size, size);
    pen.setTransform(scale, 0, 0, -scale, size / 2 - x * scale, size / 2 + y * scale);
    pen.lineCap = pen.lineJoin = "round";
    return true;
  }

  colour(name) {
    return this.style.getPropertyValue(`--${name}`);
  }

  line(path, width, name) {
    this.pen.lineWidth = width;
    this.pen.strokeStyle = this.colour(name);
    this.pen.stroke(path);
  }

  streets(path) {
    this.line(path, LANE + 14, "map-kerb");
    this.line(path, LANE, "map-road");
  }

  dots(flat, radius, name) {
    const path = new Path2D();
    for (let k = 0; k < flat.length; k += 2) {
      path.moveTo(flat[k] + radius, flat[k + 1]);
      path.arc(flat[k], flat[k + 1], radius, 0, 7);
    }
    this.line(path, 12, "map-ground");
    this.pen.fillStyle = this.colour(name);
    this.pen.fill(path);
  }

  ring([x, y], radius, name) {
    const path = new Path2D();
    path.arc(x, y, radius, 0, 7);
    this.line(path, 14, name);
  }

  /** [x, y, hundredths of a radian]. */
  car([x, y, turned], name) {
    this.pen.save();
    this.pen.translate(x, y);
    this.pen.rotate(turned / 100);
    this.pen.scale(this.across / ACROSS, this.across / ACROSS);
    this.line(ARROW, 26, "map-ground");
    this.pen.fillStyle = this.colour(name);
    this.pen.fill(ARROW);
    this.pen.restore();
  }

  /** The view of a camera at { x, y, yaw }, in m and rad. */
  cone({ x, y, yaw }, name) {
    const path = new Path2D();
    path.moveTo(10 * x, 10 * y);
    path.arc(10 * x, 10 * y, 190, yaw - 0.6, yaw + 0.6);
    path.closePath();
    this.pen.globalAlpha = 0.55;
    this.pen.fillStyle = this.colour(name);
    this.pen.fill(path);
    this.pen.globalAlpha = 1;
  }
}
