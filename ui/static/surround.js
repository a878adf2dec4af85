// The cameras round the car: a picture a second while the dream goes on, one where it is paused, none while this is off.

import { paint } from "./picture.js";

const EACH = 1000; // ms
const LOST = 6000; // ms after which a picture that was asked for no longer comes

export class Surround {
  constructor(root, send) {
    Object.assign(this, { send, on: false, asked: null, due: false });
    this.box = root.querySelector("#lr-surround");
    this.canvas = this.box.querySelector("canvas");
    this.button = root.querySelector("#lr-around");
    this.timer = setInterval(() => this.due && this.ask(), EACH);
  }

  hello() {
    this.asked = null;
    this.due = this.on;
  }

  toggle() {
    this.on = this.due = !this.on;
    this.button.setAttribute("aria-pressed", String(this.on));
    this.box.hidden = !this.on;
    if (this.on) this.ask();
  }

  /** Called when the car's picture has changed. */
  moved() {
    this.due = this.on;
  }

  ask() {
    if (!this.on || document.hidden || !this.box.offsetParent) return;
    if (this.asked !== null && performance.now() - this.asked < LOST) return;
    if (!this.send({ type: "surround" })) return;
    this.asked = performance.now();
    this.due = false;
  }

  async show({ jpeg, index }) {
    this.asked = null;
    if (!this.on) return;
    paint(this.canvas, await createImageBitmap(jpeg));
    this.box.dataset.index = index;
  }

  close() {
    clearInterval(this.timer);
  }
}
