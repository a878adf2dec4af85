// The picture and the quiet figures on it.

const COMMANDS = {
  0: ["follow", "follow the road"], 1: ["straight", "straight on"], 2: ["left", "left at the junction"], 3: ["right", "right at the junction"],
  4: ["lane_left", "one lane left"], 5: ["lane_right", "one lane right"], 12: ["stop", "stop"],
};

const JUNCTION_NEAR = 45; // m: farther ones are not told

export class Picture {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector("#lr-canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.find = (id) => root.querySelector(`#lr-${id}`);
    this.drawn = -1;
    this.times = []; // arrival of the last frames, ms
  }

  async show(picture) {
    const bitmap = await createImageBitmap(picture.jpeg);
    if (picture.index < this.drawn && this.drawn - picture.index < 5) return bitmap.close(); // decoded late: a newer one is up
    this.drawn = picture.index;
    const width = Math.round(this.canvas.height * bitmap.width / bitmap.height);
    if (this.canvas.width !== width) this.canvas.width = width; // a world's picture need not be 16:9
    this.context.imageSmoothingEnabled = true;
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(bitmap, 0, 0, this.canvas.width, this.canvas.height);
    bitmap.close();
    this.canvas.dataset.index = picture.index;
    this.root.dataset.state = "dreaming";
    this.figures(picture);
  }

  figures(picture) {
    const [icon, words] = COMMANDS[picture.command] ?? COMMANDS[0];
    this.find("speed").textContent = Math.round(picture.speed * 3.6);
    this.find("command").textContent = words;
    this.find("command-icon").setAttribute("href", `#i-${icon}`);
    this.find("driver").textContent = picture.byKeys ? "you drive" : "autopilot";
    this.root.classList.toggle("by-keys", picture.byKeys);
    this.find("steer").style.transform = `translateX(${(-picture.steer * 50).toFixed(1)}%)`;
    const seen = [`picture reads ${Math.max(0, Math.round(picture.seenSpeed * 3.6))} km/h`];
    if (picture.seenJunction < JUNCTION_NEAR) seen.push(`junction ${Math.max(0, Math.round(picture.seenJunction / 5) * 5)} m`);
    if (picture.eventSeen) seen.push("something ahead");
    this.find("seen").textContent = seen.join(" · ");
    this.find("seconds").textContent = `${(picture.index / 10).toFixed(0)} s dreamed`;

    const now = performance.now();
    this.times.push(now);
    if (this.times.length > 21) this.times.shift();
    const span = now - this.times[0];
    if (this.times.length > 5) this.find("fps").textContent = `${((this.times.length - 1) / span * 1000).toFixed(1)} fps`;
  }

  stopped() {
    this.times = [];
    this.find("fps").textContent = "";
  }

  sky(weather, time) {
    this.find("weather").textContent = weather;
    this.find("time").textContent = time;
  }

  veil(sentence) {
    this.find("veil").textContent = sentence;
    this.root.dataset.state = "connecting";
    this.stopped();
  }
}
