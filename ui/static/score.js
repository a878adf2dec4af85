// The timeline: the whole drive's speed and what was planned in it, drawn small; a slider over it looks back.

import { t } from "./i18n.js";

const EVERY_MS = 1000; // the past is asked for again
const COLOURS = { done: "--done", timed_out: "--late", running: "--lamp" };

export class Score {
  /** `token()` names the drive; `look(blob, index)` shows a frame that was, `look(null)` goes back to now. */
  constructor(root, token, look) {
    const find = (id) => root.querySelector(`#lr-${id}`);
    this.root = root;
    this.token = token;
    this.look = look;
    this.canvas = find("track");
    this.slider = find("scrub");
    this.now = find("live");
    this.clock = find("clock");
    this.badge = find("past");
    this.first = this.last = 0;
    this.past = [];
    this.spans = new Map(); // number of a step -> {from, to, state}
    this.index = null; // the frame that is looked at
    this.asked = null;
    this.slider.addEventListener("input", () => this.scrub(Number(this.slider.value)));
    this.now.addEventListener("click", () => this.live());
    this.timer = setInterval(() => this.refresh(), EVERY_MS);
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this.canvas);
  }

  /** Back to the newest frame. */
  grow(index) {
    if (index < this.last) {
      this.past = [];
      this.spans.clear();
      this.live();
    }
    this.last = index;
    this.slider.max = index;
    if (this.index === null) {
      this.slider.value = index;
      this.clock.textContent = clock(index);
    }
  }

  state(state) {
    this.first = state.first;
    this.slider.min = state.first;
    for (const step of state.plan) {
      if (step.state === "pending" || step.state === "cancelled") continue;
      const span = this.spans.get(step.number) ?? { from: this.last };
      if (step.state === "running") span.to = this.last;
      span.to ??= this.last;
      this.spans.set(step.number, { ...span, state: step.state });
    }
    if (this.spans.size > 200) this.spans.delete(this.spans.keys().next().value);
  }

  async refresh() {
    if (document.hidden || !this.root.offsetParent || !this.token() || this.root.classList.contains("parted")) return;
    try {
      const answer = await fetch(`drives/${this.token()}/past.json`);
      if (!answer.ok) return;
      this.past = await answer.json();
      this.draw();
    } catch {
      // the connection is gone; the socket says so
    }
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(this.root);
    const colour = (name) => style.getPropertyValue(name).trim();
    const across = (index) => ((index - this.first) / Math.max(1, this.last - this.first)) * width;
    for (const { from, to, state } of this.spans.values()) {
      pen.globalAlpha = 0.28;
      pen.fillStyle = colour(COLOURS[state] ?? "--quiet");
      pen.fillRect(across(from), 0, Math.max(3, across(to) - across(from)), height);
    }
    pen.globalAlpha = 0.9;
    line(pen, this.past, across, (one) => height - 4 - (Math.min(60, one.speed * 3.6) / 60) * (height - 8), colour("--quiet"));
  }

  scrub(index) {
    this.index = index >= this.last ? null : index;
    if (this.index === null) return this.live();
    this.root.classList.add("back");
    this.now.disabled = false;
    this.clock.textContent = clock(index);
    this.slider.setAttribute("aria-valuetext", clock(index));
    this.badge.hidden = false;
    const then = this.past.findLast((one) => one.index <= index);
    this.badge.textContent = `−${((this.last - index) / 10).toFixed(1)} s${then ? ` · ${Math.round(then.speed * 3.6)} km/h` : ""}`;
    this.ask();
  }

  /** Asks for one picture at a time, always at the slider's newest place. */
  async ask() {
    if (this.asked !== null) return;
    while (this.index !== null && this.index !== this.asked) {
      this.asked = this.index;
      try {
        const answer = await fetch(`drives/${this.token()}/frames/${this.asked}.jpg`);
        if (answer.ok && this.index !== null) await this.look(await answer.blob(), this.asked);
      } catch {
        break;
      }
    }
    this.asked = null;
  }

  live() {
    this.index = null;
    this.slider.value = this.last;
    this.slider.setAttribute("aria-valuetext", t("Now"));
    this.clock.textContent = clock(this.last);
    this.root.classList.remove("back");
    this.now.disabled = true;
    this.badge.hidden = true;
    this.look(null);
  }

  close() {
    clearInterval(this.timer);
    this.sized.disconnect();
  }
}

export function line(pen, points, x, y, colour) {
  pen.beginPath();
  for (const point of points) pen.lineTo(x(point.index), y(point));
  pen.strokeStyle = colour;
  pen.lineWidth = 1.6;
  pen.lineJoin = "round";
  pen.stroke();
}

export const clock = (index) => `${Math.floor(index / 600)}:${String(Math.floor(index / 10) % 60).padStart(2, "0")}`;
