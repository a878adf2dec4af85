// A clip of the Clips tab: its film, the labels that can be laid over it, and the map of the drive, which moves with the film.

import { el, ask } from "./dom.js";
import { t } from "./i18n.js";
import { Pen, trace } from "./pen.js";
import { planWords } from "./words.js";

const ACROSS = 1300; // dm that the map shows from side to side
const LAYERS = { instance: "Instances", semantic: "Classes", depth: "Depth" };
const HALF = 0.05; // s of a frame, in whose middle a film stands still
const NARROWEST = 26; // px of a box from which on its kind is written

/** The map of a drive, at any of its frames. */
class Course {
  constructor(canvas, { lanes, car, vehicles, people, actor }) {
    Object.assign(this, { car, vehicles, people, actor });
    this.pen = new Pen(canvas, ACROSS);
    this.streets = lanes.reduce(trace, new Path2D());
    this.way = car.flatMap(([x, y]) => [x, y]);
  }

  draw(frame) {
    const { pen } = this;
    const k = Math.min(frame, this.car.length - 1);
    if (!pen.begin(this.car[k])) return;
    pen.streets(this.streets);
    pen.line(trace(new Path2D(), this.way.slice(2 * k)), 9, "map-driven"); // what is to come
    pen.line(trace(new Path2D(), this.way.slice(0, 2 * k + 2)), 22, "lamp");
    pen.dots(this.vehicles[k], 25, "map-vehicle");
    pen.dots(this.people[k], 17, "map-person");
    if (this.actor[k].length) {
      pen.dots(this.actor[k], 22, "map-actor");
      pen.ring(this.actor[k], 56, "map-actor");
    }
    pen.car(this.car[k], "ink");
  }
}

export class Film {
  /** base: address of the clip's files without their endings; observer: tells when a clip comes into sight. */
  constructor(base, card, observer) {
    Object.assign(this, { base, card, layer: "", boxed: false });
    this.abort = new AbortController();
    this.map = el("canvas", { className: "course", role: "img", ariaLabel: t("Map, north up: the drive of this clip, and who plays the event") });
    this.wait = el("p", { className: "wait", role: "status" });
    this.note = el("span", { className: "making", role: "status" });
    this.legend = el("p", { className: "legend-of", hidden: true });
    this.element = el("figure", { className: "lr-clip" }, el("div", { className: "pair" }, card.film ? this.picture() : this.unpainted(), this.map, this.wait), this.controls(), this.under());
    Object.assign(this.element.dataset, { stem: card.stem, event: card.event, weather: card.weather, time: card.time, outcome: card.accepted ? "accepted" : "rejected" });
    this.element.film = this;
    observer.observe(this.element);
  }

  /** The film under a canvas for boxes. It shows the moment that was asked for, and plays from the beginning. */
  picture() {
    this.track = el("track", { kind: "captions", src: `${this.base}.vtt`, srclang: "en", label: "labels", default: true });
    this.video = el("video", { src: `${this.base}.mp4`, loop: true, muted: true, playsInline: true, preload: "metadata" }, this.track);
    this.boxes = el("canvas", { className: "boxes" });
    const listen = (type, handler) => this.video.addEventListener(type, handler, { signal: this.abort.signal });
    for (const type of ["seeked", "loadeddata", "timeupdate"]) listen(type, () => this.draw(this.video.currentTime));
    for (const type of ["play", "pause"]) listen(type, () => (this.play.ariaPressed = String(!this.video.paused)));
    listen("click", () => this.toggle());
    this.video.addEventListener("loadedmetadata", () => (this.video.currentTime = this.still + HALF), { once: true });
    const each = (now, { mediaTime }) => {
      this.draw(mediaTime);
      if (!this.abort.signal.aborted) this.video.requestVideoFrameCallback(each);
    };
    this.video.requestVideoFrameCallback?.(each);
    return el("div", { className: "film" }, this.video, this.boxes);
  }

  /** A drive that was not painted has a map alone. */
  unpainted() {
    return el("div", { className: "film unpainted" }, el("p", {}, "Not painted: the scene was not what was asked for. The map shows the drive."));
  }

  /** Seconds to the most telling picture. */
  get still() {
    const { seen, seconds } = this.card;
    return Math.min(seconds - 0.1, seen.length ? seen.at(-1).at + 0.8 : 0);
  }

  /** The slider and the play button. */
  controls() {
    this.slider = el("input", { type: "range", min: 0, max: this.card.seconds - 0.1, step: 0.1, value: 0, ariaLabel: t("Moment of the drive") });
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.time = el("span", { className: "time" });
    this.play = el("button", { type: "button", className: "play", ariaLabel: t("Play"), ariaPressed: "false" });
    this.play.addEventListener("click", () => this.toggle());
    return el("div", { className: "controls" }, this.play, this.slider, this.time);
  }

  toggle() {
    if (!this.video) return this.run();
    if (!this.video.paused) return this.video.pause();
    if (!this.begun) this.video.currentTime = 0;
    this.begun = true;
    this.video.play();
  }

  /** Plays the map by a clock where there is no film. */
  run() {
    clearInterval(this.clock);
    this.clock = this.clock ? null : setInterval(() => this.go((this.moment + 0.1) % this.card.seconds), 100);
    this.play.ariaPressed = String(this.clock !== null);
  }

  go(seconds) {
    this.begun = true;
    if (this.video) this.video.currentTime = seconds + HALF;
    else this.draw(seconds);
  }

  under() {
    const { card } = this;
    const moments = card.seen.map(({ what, at }) => `${what} ${at.toFixed(1)} s`).join(" · ");
    const badge = el("b", { className: card.accepted ? "good" : "bad" }, card.accepted ? "accepted" : "rejected");
    const reasons = card.reasons.map((reason) => el("p", { className: "why" }, reason));
    this.title = el("span", { className: "title" });
    this.words();
    const caption = el("figcaption", {}, el("p", {}, badge, " ", this.title), el("p", { className: "facts" }, el("code", {}, card.line), ` seed ${card.seed} · `, moments), ...reasons);
    if (!card.film) return caption;
    this.buttons = { boxes: this.button("Boxes", () => this.show(this.layer, !this.boxed)) };
    for (const [layer, words] of Object.entries(LAYERS)) this.buttons[layer] = this.button(words, () => this.show(this.layer === layer ? "" : layer, this.boxed));
    const captions = this.button("Captions", () => {
      captions.ariaPressed = String(this.track.track.mode !== "showing");
      this.track.track.mode = captions.ariaPressed === "true" ? "showing" : "hidden";
    });
    captions.ariaPressed = "true";
    const bar = el("div", { className: "layers", role: "group", ariaLabel: t("Labels over the film") }, ...Object.values(this.buttons), captions, this.note);
    return el("div", {}, bar, this.legend, caption);
  }

  /** Texts that depend on the language but are no elements of their own. */
  words() {
    const { line, branch, title } = this.card;
    this.title.textContent = planWords(branch ? `${line};${branch}` : line, title);
  }

  button(words, press) {
    const button = el("button", { type: "button", ariaPressed: "false" }, words);
    button.addEventListener("click", press);
    return button;
  }

  get moment() {
    return this.video ? this.video.currentTime : Number(this.slider.value);
  }

  /** Called when the clip comes into sight. */
  async appear() {
    this.due = true;
    if (!this.course && !this.card.map) await this.make("map");
    this.update(this.card);
  }

  async make(what) {
    const answer = await ask(`${this.base}/${what}`);
    this.card = { ...this.card, [what]: answer.error ? { state: "failed", told: answer.error } : answer };
  }

  /** Lays a layer (or "") and boxes over the film. */
  async show(layer, boxed) {
    Object.assign(this, { layer, boxed });
    if ((layer || boxed) && !this.labels && this.card.labels?.state !== "making") await this.make("labels");
    this.update(this.card);
  }

  /** Takes the card as the server has it now. */
  async update(card) {
    this.card = { ...card, map: card.map ?? this.card.map, labels: card.labels ?? this.card.labels };
    const { map, labels } = this.card;
    if (map?.state === "ready" && this.due && !this.course) {
      this.course = new Course(this.map, await (await fetch(`${this.base}.map.json`)).json());
      this.map.dataset.ready = "";
    }
    if (labels?.state === "ready" && (this.layer || this.boxed) && !this.labels) this.labels = await (await fetch(`${this.base}.boxes.json`)).json();
    this.say(map, labels);
    if (this.buttons) this.press();
    if (!this.video || this.video.readyState) this.draw(this.moment);
  }

  /** Whether a map or labels are still awaited. */
  get busy() {
    const open = (one) => one && ["waiting", "making"].includes(one.state);
    return open(this.card.map) || open(this.card.labels);
  }

  say(map, labels) {
    const missing = (this.layer || this.boxed) && !this.labels;
    this.note.className = labels?.state === "failed" ? "making bad" : "making";
    this.note.textContent = !missing || !labels ? "" : labels.state === "failed" ? labels.told : labels.state === "waiting" ? "The labels wait for their turn …" : `Labels are being made … ${labels.told}`;
    this.wait.textContent = this.course ? "" : map?.state === "failed" ? map.told : "The map is being drawn …";
  }

  press() {
    for (const [name, button] of Object.entries(this.buttons)) button.ariaPressed = String(name === "boxes" ? this.boxed : name === this.layer);
    const layer = this.labels ? this.layer : "";
    const address = new URL(`${this.base}${layer ? `.${layer}` : ""}.mp4`, location.href).href;
    if (this.video.src !== address) {
      const { currentTime, paused } = this.video;
      this.video.src = address;
      this.video.addEventListener("loadedmetadata", () => {
        this.video.currentTime = currentTime;
        if (!paused) this.video.play();
      }, { once: true });
    }
    this.explain(layer);
  }

  /** The legend of the colours. */
  explain(layer) {
    const of = {
      semantic: () => Object.entries(this.labels.classes).map(([name, shade]) => el("span", {}, el("i", { style: `background: rgb(${shade})` }), name.replaceAll("_", " "))),
      depth: () => [el("span", {}, "near"), el("i", { className: "ramp", style: `background: linear-gradient(to right, ${this.labels.ramp.map((shade) => `rgb(${shade})`)})` }), el("span", {}, `${this.labels.depth[0]} m – ${this.labels.depth[1]} m`)],
      instance: () => [el("span", {}, "Everybody has a colour, the same all through the drive.")],
    }[layer];
    this.legend.hidden = !of;
    if (this.explained === layer) return;
    this.explained = layer;
    this.legend.replaceChildren(...(of ? of() : []));
  }

  draw(seconds) {
    const fps = this.labels?.fps ?? 10;
    const frame = Math.max(0, Math.floor(seconds * fps + 0.01));
    this.element.dataset.frame = frame;
    this.slider.value = frame / fps;
    this.time.textContent = `${(frame / fps).toFixed(1)} / ${this.card.seconds.toFixed(1)} s`;
    this.course?.draw(frame);
    if (this.boxes) this.outline(this.boxed && this.labels ? this.labels.frames[Math.min(frame, this.labels.frames.length - 1)] : []);
  }

  outline(boxes) {
    const { boxes: canvas } = this;
    const pen = canvas.getContext("2d");
    const scale = (canvas.clientWidth * (window.devicePixelRatio || 1)) / (this.labels?.width ?? 1);
    canvas.dataset.count = boxes.length;
    canvas.width = canvas.clientWidth * (window.devicePixelRatio || 1); // and is empty
    canvas.height = canvas.clientHeight * (window.devicePixelRatio || 1);
    const style = getComputedStyle(canvas);
    pen.font = `${11 * (window.devicePixelRatio || 1)}px system-ui, sans-serif`;
    for (const { kind, box, away, actor } of boxes.toReversed()) {
      const [left, top, right, bottom] = box.map((value) => value * scale);
      pen.strokeStyle = pen.fillStyle = style.getPropertyValue(actor ? "--map-actor" : "--done");
      pen.lineWidth = actor ? 3 : 1.6;
      pen.strokeRect(left, top, right - left, bottom - top);
      if (right - left > NARROWEST || actor) {
        const words = `${t(kind.replaceAll("_", " "))} ${Math.round(away)} m`;
        const wide = pen.measureText(words).width + 6;
        const at = Math.min(left, canvas.width - wide);
        pen.fillRect(at, Math.max(0, top - 15), wide, 15);
        pen.fillStyle = "#10131a";
        pen.fillText(words, at + 3, Math.max(0, top - 15) + 11);
      }
    }
  }

  close() {
    this.abort.abort();
    clearInterval(this.clock);
  }
}
