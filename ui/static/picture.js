// The picture and the quiet figures on it: what was commanded, and apart from it what is so (in a latent world: what it reads off its picture).

import { t } from "./i18n.js";

const COMMANDS = {
  0: ["follow", "follow the road"], 1: ["straight", "straight on"], 2: ["left", "left at the junction"], 3: ["right", "right at the junction"],
  4: ["lane_left", "one lane left"], 5: ["lane_right", "one lane right"], 12: ["stop", "stop"],
};
const WEATHERS = ["clear", "rain", "rain", "rain", "snow", "snow", "snow", "fog", "fog", "fog"];
const TIMES = ["dawn", "day", "dusk", "night"];
const JUNCTION_NEAR = 45; // m: farther ones are not told
const SURE = 0.995;
const HALF_A_FRAME = 48; // ms

/** Draws a bitmap over a whole canvas, enlarged smoothly. */
export function paint(canvas, bitmap) {
  const context = canvas.getContext("2d", { alpha: false });
  const width = Math.round((canvas.height * bitmap.width) / bitmap.height);
  if (canvas.width !== width) canvas.width = width; // a world's picture need not be 16:9
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
}

export class Picture {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector("#lr-canvas");
    this.find = (id) => root.querySelector(`#lr-${id}`);
    this.drawn = -1;
    this.frozen = false; // a frame of the past is shown
    this.aside = false; // what another camera sees is shown, not what the car's does
    this.newest = null; // JPEG of the car's
    this.times = []; // arrival of the last frames, ms
    this.keyAt = null; // when a key was pressed whose frame has not come yet
    this.latencies = [];
    this.exact = true; // what is so is known, not read off pictures
  }

  async show(picture) {
    if (picture.between && !document.hidden) {
      const first = await createImageBitmap(picture.between);
      if (this.frozen || this.aside || picture.index <= this.drawn) first.close();
      else {
        paint(this.canvas, first);
        this.canvas.dataset.between = picture.index;
        this.count();
      }
      await new Promise((done) => setTimeout(done, HALF_A_FRAME));
    }
    const bitmap = await createImageBitmap(picture.jpeg);
    if (picture.index < this.drawn && this.drawn - picture.index < 5) return bitmap.close(); // decoded late: a newer one is up
    this.drawn = picture.index;
    this.newest = picture.jpeg;
    if (this.frozen || this.aside) bitmap.close();
    else paint(this.canvas, bitmap);
    this.canvas.dataset.index = picture.index;
    this.root.dataset.state = "dreaming";
    this.count();
    this.figures(picture);
    if (this.keyAt !== null && picture.byKeys) this.answered();
  }

  async past(blob) {
    const bitmap = await createImageBitmap(blob);
    if (this.frozen) paint(this.canvas, bitmap);
    else bitmap.close();
  }

  /** Shows the car's newest picture again. */
  async now() {
    const bitmap = this.newest && (await createImageBitmap(this.newest));
    if (bitmap && !this.frozen && !this.aside) paint(this.canvas, bitmap);
    else bitmap?.close();
  }

  async elsewhere(picture) {
    const bitmap = await createImageBitmap(picture.jpeg);
    if (this.aside && !this.frozen) paint(this.canvas, bitmap);
    else bitmap.close();
  }

  figures(picture) {
    this.shown = picture;
    const [symbol, words] = COMMANDS[picture.command] ?? COMMANDS[0];
    this.find("speed").textContent = Math.round(picture.speed * 3.6);
    this.find("target").textContent = `${Math.round(picture.target * 3.6)}`;
    this.find("command").textContent = t(words);
    this.find("command-icon").setAttribute("href", `#i-${symbol}`);
    this.find("driver").textContent = t(picture.byKeys ? "you drive" : "autopilot");
    this.root.classList.toggle("by-keys", picture.byKeys);
    this.find("steer").style.transform = `translateX(${(-picture.steer * 50).toFixed(1)}%)`;
    this.find("seen").textContent = this.seen(picture);
    this.find("seconds").textContent = `${(picture.index / 10).toFixed(0)} ${t("s dreamed")}`;
  }

  seen(picture) {
    const sure = (share) => (share >= SURE ? "" : ` ${Math.round(share * 100)}%`);
    const said = [`${this.exact ? "" : "≈ "}${Math.max(0, Math.round(picture.seenSpeed * 3.6))} km/h`];
    said.push(`${t(WEATHERS[picture.seenWeather] ?? "clear")}${sure(picture.weatherSure)}`, `${t(TIMES[picture.seenTime] ?? "day")}${sure(picture.timeSure)}`);
    if (picture.seenJunction < JUNCTION_NEAR) said.push(`${t("junction")} ${Math.max(0, Math.round(picture.seenJunction / 5) * 5)} m`);
    if (picture.eventSeen) said.push(t("something ahead"));
    if (picture.touching) said.push(t("touching somebody"));
    if (picture.offRoad) said.push(t("off the road"));
    return said.join(" · ");
  }

  count() {
    const now = performance.now();
    this.times.push(now);
    if (this.times.length > 21) this.times.shift();
    const span = now - this.times[0];
    if (this.times.length > 5) this.find("fps").textContent = `${(((this.times.length - 1) / span) * 1000).toFixed(1)} fps`;
  }

  /** A key was pressed while the autopilot drove: the next frame of a person's own says how long that took. */
  pressed() {
    if (!this.root.classList.contains("by-keys")) this.keyAt ??= performance.now();
  }

  answered() {
    this.latencies.push(performance.now() - this.keyAt);
    this.keyAt = null;
    this.root.dataset.latency = this.latencies.at(-1).toFixed(0);
    this.words();
  }

  words() {
    if (this.shown) this.figures(this.shown);
    const last = this.latencies.slice(-9).sort((a, b) => a - b);
    if (last.length) this.find("latency").textContent = `${t("key")} ${Math.round(last[last.length >> 1])} ms`;
  }

  stopped() {
    this.times = [];
    this.find("fps").textContent = "";
  }

  sky(state) {
    const level = { 1: "light", 3: "heavy" }[/\((\d)\)/.exec(state.weather_line ?? "")?.[1]];
    const name = t(state.weather_name);
    this.find("weather").textContent = level && name ? (name === state.weather_name ? state.weather : t(level) + name) : name;
    this.find("time").textContent = t(state.time_name);
    this.find("weather-icon").setAttribute("href", `#i-${state.weather_name || "clear"}`);
    this.find("time-icon").setAttribute("href", `#i-${state.time_name || "day"}`);
  }

  veil(sentence) {
    this.find("veil").textContent = sentence;
    this.root.dataset.state = "connecting";
    this.stopped();
  }
}
