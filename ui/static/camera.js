// Looking around: a free camera in a paused scene. Drag, wheel, pinch, keys and the small map move it; the server draws its pictures.

import { relabel } from "./i18n.js";
import { typing } from "./keys.js";

const HINTS = ["drag to look around", "drag, wheel or pinch; W A S D and the arrows; a click on the map"];
const MOVES = { KeyW: [1, 0], KeyS: [-1, 0], KeyA: [0, 1], KeyD: [0, -1] }; // ahead, left
const TURNS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }; // left, up
const NEARER = { "+": 1, "=": 1, "-": -1 };
const TURN = 1.0; // rad/s
const MOVE = [4, 0.8]; // m/s at least, and a metre of height
const STEEPEST = 1.55; // rad
const FROM = 3; // px that a pointer moves before it drags
const ABOVE = { height: 40, pitch: -0.85 }; // how a place of the map is looked at: from the south, so that north is up as on the map
const FLIGHT = 900; // ms
const LOST = 2000; // ms after which a picture that was asked for no longer comes

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const turned = (angle) => Math.atan2(Math.sin(angle), Math.cos(angle));

export class Camera {
  /** `send(message)`; map: where our car is, and what is clicked; `shown(on)`: whether its pictures take the place of the car's. */
  constructor(root, send, map, shown) {
    const find = (id) => root.querySelector(`#lr-${id}`);
    Object.assign(this, { root, send, map, shown, canvas: find("canvas"), hint: find("look-hint"), back: find("eyes") });
    this.car = null; // the car's camera, and how far another may be from it
    this.on = this.offered = false;
    this.pointers = new Map(); // id -> [x, y]
    this.held = new Map(); // key code -> [what, how much]
    this.asked = this.sent = null; // when a picture was asked for that has not come; the pose that it is of
    this.abort = new AbortController();
    const listen = (target, type, handler, more = {}) => target.addEventListener(type, handler, { signal: this.abort.signal, ...more });
    listen(this.canvas, "pointerdown", (event) => this.grasp(event));
    listen(this.canvas, "pointermove", (event) => this.drag(event));
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) listen(this.canvas, type, (event) => this.pointers.delete(event.pointerId));
    listen(this.canvas, "wheel", (event) => this.wheel(event), { passive: false });
    listen(window, "keydown", (event) => this.key(event), { capture: true }); // before the keys that drive
    listen(window, "keyup", (event) => this.held.delete(event.code));
    listen(window, "blur", () => this.held.clear());
    listen(this.back, "click", () => this.leave());
    map.picked = (x, y) => this.offered && this.fly(x, y);
  }

  hello({ camera }) {
    this.car = camera;
    this.asked = null;
    this.leave();
  }

  /** Whether there is a paused scene in view. */
  offer(offered) {
    offered &&= this.car !== null;
    if (!offered) this.leave();
    if (offered === this.offered) return;
    this.offered = offered;
    this.root.classList.toggle("lookable", offered);
    this.canvas.setAttribute("role", offered ? "application" : "img");
    if (offered) this.canvas.tabIndex = 0;
    else this.canvas.removeAttribute("tabindex");
    this.hint.hidden = !offered;
  }

  enter() {
    const { now } = this.map;
    if (!this.offered || !now) return false;
    if (this.on) return true;
    const heading = now.car[2] / 100;
    const [x, y] = [now.car[0] / 10 + this.car.ahead * Math.cos(heading), now.car[1] / 10 + this.car.ahead * Math.sin(heading)];
    this.pose = { x, y, z: this.car.up, yaw: heading, pitch: this.car.pitch };
    this.mark(true);
    return true;
  }

  /** Back to the car's camera. */
  leave() {
    if (!this.on) return;
    this.flight = null;
    this.held.clear();
    this.pointers.clear();
    this.mark(false);
  }

  mark(on) {
    this.on = on;
    this.root.classList.toggle("looking", on);
    this.back.hidden = !on;
    relabel(this.hint, HINTS[Number(on)]);
    if (!on) this.map.look(null);
    this.shown(on);
  }

  // -- pointers and the wheel -------------------------------------------------------------------------------------------

  grasp(event) {
    if (!this.offered) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
  }

  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
    if ((!this.on && Math.hypot(dx, dy) < FROM) || !this.enter()) return;
    this.flight = null;
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (others.length) {
      const apart = ([x, y]) => Math.max(20, Math.hypot(x - others[0][0], y - others[0][1]));
      return this.nearer(1 - apart(before) / apart([event.clientX, event.clientY]));
    }
    const angle = this.car.fov / this.canvas.clientWidth; // what is under the pointer stays there
    this.turn(dx * angle, dy * angle);
  }

  wheel(event) {
    if (!this.enter()) return;
    event.preventDefault();
    this.flight = null;
    this.nearer(1 - Math.exp(clamp(event.deltaY * (event.deltaMode ? 30 : 1), -400, 400) / 1000));
  }

  // -- keys ---------------------------------------------------------------------------------------------------------------

  key(event) {
    const { code, key } = event;
    const mine = this.on || (this.offered && document.activeElement === this.canvas);
    if (!mine || event.ctrlKey || event.altKey || event.metaKey || typing(event.target) || event.target.matches?.("input")) return;
    if (key === "Escape") this.leave();
    else if (MOVES[code] || TURNS[code]) this.hold(code, MOVES[code] ? "move" : "turn", MOVES[code] ?? TURNS[code]);
    else if (NEARER[key]) this.enter() && this.nearer(0.15 * NEARER[key]);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  hold(code, what, much) {
    if (this.held.has(code) || !this.enter()) return;
    this.flight = null;
    this.held.set(code, [what, much]);
    this.run();
  }

  // -- how it moves -------------------------------------------------------------------------------------------------------

  /** Moves by held keys, or along a flight, until both end. */
  run() {
    if (this.running) return;
    this.running = true;
    let last = performance.now();
    const frame = (now) => {
      const seconds = Math.min(0.1, (now - last) / 1000);
      last = now;
      for (const [what, [a, b]] of this.held.values()) {
        if (what === "turn") this.turn(a * TURN * seconds, b * TURN * seconds);
        else this.move(a, b, seconds * Math.max(MOVE[0], MOVE[1] * this.pose.z));
      }
      if (this.flight) this.flight(now);
      this.running = this.on && !this.abort.signal.aborted && (this.held.size > 0 || this.flight !== null);
      if (this.running) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  turn(left, up) {
    const { yaw, pitch } = this.pose;
    this.go({ yaw: turned(yaw + left), pitch: clamp(pitch + up, -STEEPEST, STEEPEST) });
  }

  move(ahead, left, metres) {
    const { x, y, yaw } = this.pose;
    const [cos, sin] = [Math.cos(yaw) * metres, Math.sin(yaw) * metres];
    this.go({ x: x + ahead * cos - left * sin, y: y + ahead * sin + left * cos });
  }

  /** Moves along the view by a share of the distance to the ground. */
  nearer(share) {
    const { x, y, z, yaw, pitch } = this.pose;
    const metres = share * clamp(z / Math.max(0.05, -Math.sin(pitch)), 6, 150);
    const level = metres * Math.cos(pitch);
    this.go({ x: x + level * Math.cos(yaw), y: y + level * Math.sin(yaw), z: z + metres * Math.sin(pitch) });
  }

  /** Flies to a place on the map, in m. */
  fly(x, y) {
    if (!this.enter()) return;
    const from = { ...this.pose };
    const to = { x, y: y + ABOVE.height / Math.tan(ABOVE.pitch), z: ABOVE.height, yaw: Math.PI / 2, pitch: ABOVE.pitch };
    const round = turned(to.yaw - from.yaw);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.go(to);
    const began = performance.now();
    this.flight = (now) => {
      const share = clamp((now - began) / FLIGHT, 0, 1);
      const smooth = share * share * (3 - 2 * share);
      const pose = Object.fromEntries(Object.entries(to).map(([name, end]) => [name, from[name] + (end - from[name]) * smooth]));
      this.go({ ...pose, yaw: turned(from.yaw + round * smooth) });
      if (share === 1) this.flight = null;
    };
    this.run();
  }

  go(changes) {
    const pose = { ...this.pose, ...changes };
    const { lowest, highest, farthest } = this.car;
    const [carX, carY] = [this.map.now.car[0] / 10, this.map.now.car[1] / 10];
    const inside = Math.min(1, (farthest - 10) / Math.hypot(pose.x - carX, pose.y - carY));
    this.pose = { ...pose, x: carX + (pose.x - carX) * inside, y: carY + (pose.y - carY) * inside, z: clamp(pose.z, lowest, highest) };
    this.map.look(this.pose);
    this.ask();
  }

  /** Asks for one picture at a time, always of the newest pose. */
  ask() {
    if (!this.on || (this.asked !== null && performance.now() - this.asked < LOST)) return;
    if (this.send({ type: "look_around", ...this.pose })) [this.asked, this.sent] = [performance.now(), this.pose];
  }

  /** Called when a picture has come. */
  came() {
    this.asked = null;
    if (this.pose !== this.sent) this.ask();
  }

  /** Called when the scene has changed. */
  again() {
    this.sent = null;
    if (this.on) this.ask();
  }

  close() {
    this.abort.abort();
  }
}
