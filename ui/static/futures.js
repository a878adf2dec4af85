// Two to four futures side by side, each with its picture, sentence and plan; charts of what differs; one can be kept.

import { apart, drawPaths, drawSpeeds, Trail } from "./chart.js";
import { onLanguage, t } from "./i18n.js";
import { icon, make } from "./icons.js";
import { paint } from "./picture.js";
import { Note, showPlan } from "./plan.js";

const LETTERS = ["A", "B", "C", "D"];
const COLOURS = ["--a", "--b", "--c", "--d"];

class Future {
  constructor(branch, send, chosen) {
    this.branch = branch;
    this.trail = new Trail();
    this.drawn = -1;
    this.canvas = make("canvas", { width: 640, height: 360 });
    this.canvas.setAttribute("role", "img");
    this.figures = make("span");
    this.input = make("input", { type: "text", enterKeyHint: "send", maxLength: document.getElementById("lr-text").maxLength, spellcheck: false });
    this.title = make("b");
    this.keep = make("button", { type: "button" }, icon("check"), make("span"));
    this.plan = make("ol", { className: "chips" });
    const note = make("p", { className: "note" });
    note.setAttribute("role", "status");
    this.note = new Note(note);
    this.go = make("button", { type: "submit" }, icon("send"));
    const form = make("form", { autocomplete: "off" }, this.input, this.go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (send({ type: "say", text: this.input.value, branch })) this.input.value = "";
    });
    this.keep.addEventListener("click", () => send({ type: "keep_future", branch }));
    this.root = make("section", { className: "future", dataset: { branch: String(branch) } }, make("header", {}, this.title, this.figures, this.keep), this.canvas, form, this.plan, note);
    this.root.addEventListener("focusin", chosen);
    this.root.addEventListener("pointerdown", chosen);
    this.words();
  }

  words() {
    const name = `${t("Future")} ${LETTERS[this.branch - 1]}`;
    this.title.textContent = LETTERS[this.branch - 1];
    this.root.setAttribute("aria-label", name);
    this.canvas.setAttribute("aria-label", `${name}: ${t("The dreamt road ahead")}`);
    this.input.setAttribute("aria-label", `${name}: ${t("Tell the dream what happens next")}`);
    this.input.placeholder = t("What happens here?");
    this.keep.lastChild.textContent = t("Keep this one");
    this.go.setAttribute("aria-label", `${name}: ${t("Send")}`);
    this.plan.setAttribute("aria-label", `${name}: ${t("The plan")}`);
  }

  async show(picture) {
    this.trail.add(picture);
    const bitmap = await createImageBitmap(picture.jpeg);
    if (picture.index < this.drawn) return bitmap.close();
    this.drawn = picture.index;
    this.canvas.dataset.index = picture.index;
    paint(this.canvas, bitmap);
    const [exact, estimate] = [picture.speed, picture.seenSpeed].map((speed) => Math.max(0, Math.round(speed * 3.6)));
    this.figures.textContent = `${Math.round(picture.speed * 3.6)} km/h → ${Math.round(picture.target * 3.6)}${estimate === exact ? "" : ` · ≈ ${estimate}`}`; // what a latent world's picture reads
  }
}

export class Futures {
  constructor(root, send) {
    this.root = root;
    this.send = send;
    this.box = root.querySelector("#lr-futures");
    this.branches = [];
    this.branch = 0; // the one that keys drive
    this.abandon = onLanguage(() => this.words());
  }

  get open() {
    return this.branches.length > 0;
  }

  /** Shows as many as the state has. */
  state(states) {
    if (states.length !== this.branches.length) this.build(states.length);
    states.forEach((state, number) => {
      const future = this.branches[number];
      showPlan(future.plan, state.plan);
      future.plan.dataset.empty = "";
      future.root.classList.toggle("thinking", state.thinking);
    });
    if (states.length) {
      const paused = states.every((state) => state.paused);
      this.run.replaceChildren(icon(paused ? "play" : "pause"), t(paused ? "Run" : "Pause"));
      this.paused = paused;
    }
  }

  build(count) {
    this.box.replaceChildren();
    this.branches = Array.from({ length: count }, (_, number) => new Future(number + 1, this.send, () => this.choose(number + 1)));
    this.root.classList.toggle("parted", count > 0);
    this.box.classList.toggle("many", count > 2);
    this.box.hidden = !count;
    if (!count) return this.choose(0);
    this.speeds = make("canvas");
    this.paths = make("canvas");
    this.speedsSaid = make("figcaption");
    this.pathsSaid = make("figcaption");
    this.run = make("button", { type: "button", id: "lr-run" });
    this.one = make("button", { type: "button" });
    this.drop = make("button", { type: "button", id: "lr-drop" });
    this.run.addEventListener("click", () => this.send({ type: "pause", on: !this.paused }));
    this.one.addEventListener("click", () => this.send({ type: "step_once" }));
    this.drop.addEventListener("click", () => this.send({ type: "drop_futures" }));
    const figures = [make("figure", {}, this.speedsSaid, this.speeds), make("figure", {}, this.pathsSaid, this.paths)];
    const apartBox = make("section", { className: "apart" }, ...figures, make("div", { className: "row" }, this.run, this.one, this.drop));
    this.box.append(...this.branches.map((branch) => branch.root), apartBox);
    this.words();
    this.choose(1);
    this.branches[0].input.focus({ preventScroll: true });
  }

  words() {
    for (const branch of this.branches) branch.words();
    if (!this.open) return;
    this.drop.replaceChildren(icon("close"), t("Drop them all"));
    this.one.replaceChildren(icon("step"), t("Step"));
    this.draw();
  }

  choose(branch) {
    this.branch = branch;
    for (const future of this.branches) future.root.classList.toggle("chosen", future.branch === branch);
  }

  async show(picture) {
    const future = this.branches[picture.branch - 1];
    if (!future) return;
    await future.show(picture);
    if (picture.branch === this.branches.length) this.draw();
  }

  draw() {
    const trails = this.branches.map((branch) => branch.trail);
    const style = getComputedStyle(this.root);
    const colours = COLOURS.map((name) => style.getPropertyValue(name).trim());
    drawSpeeds(this.speeds, trails, colours, style.getPropertyValue("--quiet").trim());
    drawPaths(this.paths, trails, colours);
    const most = apart(trails);
    this.speedsSaid.textContent = `${t("speed, km/h")} · ${t("furthest apart")} ${most.speed.toFixed(0)} km/h`;
    this.pathsSaid.textContent = `${t("path from where they part, m")} · ${t("furthest apart")} ${most.place.toFixed(1)} m`;
  }

  note(message) {
    const { branch, text, kind, choices } = message;
    const note = this.branches[branch - 1]?.note;
    if (!choices?.length) return note?.say(text, kind);
    note?.ask(text, choices, (line) => this.send({ type: "choose", line, branch }), () => this.send({ type: "wrong", branch }));
  }

  close() {
    this.abandon();
  }
}
