// The drive panel: joins the socket, the picture, the keys, the plan and the buttons.

import { DreamSocket } from "./socket.js";
import { Keys } from "./keys.js";
import { Note, showPlan } from "./plan.js";
import { Picture } from "./picture.js";

const SIDED = new Set(["ped_cross", "cyclist", "cut_in", "animal"]);
const EVENTS = [
  ["ped_cross", "Person crosses"], ["cyclist", "Cyclist"], ["cut_in", "Car cuts in"], ["animal", "Animal"], ["hard_brake", "Car brakes"],
  ["stalled", "Stalled car"], ["debris", "Debris"], ["oncoming", "Oncoming"], ["emergency", "Emergency"], ["road_work", "Road work"],
];
const SKIES = [
  ["clear", "Clear"], ["rain", "Rain"], ["snow", "Snow"], ["fog", "Fog"],
  ["dawn", "Dawn"], ["day", "Day"], ["dusk", "Dusk"], ["night", "Night"],
];
const LEVELLED = new Set(["rain", "snow", "fog"]);
const DRIVES = [
  ["left", "Left"], ["straight", "Straight"], ["right", "Right"], ["stop", "Stop"],
  ["lane_left", "Lane left"], ["lane_right", "Lane right"], ["slower", "Slower"], ["faster", "Faster"],
];

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

function fill(grid, entries, pressed) {
  grid.replaceChildren(...entries.map(([name, label]) => {
    const button = document.createElement("button");
    const text = document.createElement("span");
    button.type = "button";
    button.dataset.name = name;
    text.textContent = label;
    button.title = label;
    button.append(icon(name), text);
    button.addEventListener("click", () => pressed(name));
    return button;
  }));
}

function segments(group) {
  group.addEventListener("click", (event) => {
    const chosen = event.target.closest("button");
    if (!chosen) return;
    for (const button of group.children) button.setAttribute("aria-pressed", String(button === chosen));
  });
  return () => group.querySelector('[aria-pressed="true"]').dataset.value;
}

/** How the machine keeps up: medians and 99th percentiles, as far as they are known. */
function meter(measures) {
  const pair = (name, scale, digits) =>
    [`${name}_p50`, `${name}_p99`].map((key) => (measures[key] === null ? "–" : (measures[key] * scale).toFixed(digits))).join(" / ");
  const gib = (bytes) => (bytes / 2 ** 30).toFixed(1);
  return [
    `gap between pictures ${pair("gap", 1000, 0)} ms`,
    `while reading ${pair("gap_thinking", 1000, 0)} ms`,
    `a sentence ${pair("sentence", 1, 1)} s (median / 99%)`,
    `${gib(measures.memory_lent)} GiB lent, ${gib(measures.memory_room)} left`,
  ].join(" · ");
}

function mount(root) {
  const find = (id) => root.querySelector(`#lr-${id}`);
  const picture = new Picture(root);
  const note = new Note(find("note"));
  const side = segments(find("side"));
  const level = segments(find("level"));
  let paused = false;
  let token = "";

  const socket = new DreamSocket({
    picture: (shown) => picture.show(shown).catch(() => note.say("One picture could not be read; the next one will do.", "error")),
    message: (message) => handlers[message.type]?.(message),
    open: () => find("veil").textContent === "" || (find("veil").textContent = "Falling asleep …"),
    lost: (sentence) => picture.veil(sentence),
  });
  const send = (message) => socket.send(message) || note.say("The dream is not connected yet; try again in a moment.", "error");

  const handlers = {
    hello(message) {
      token = message.token;
      const scene = find("scene");
      scene.length = 1;
      for (const name of message.scenes) scene.add(new Option(name.replaceAll("_", " "), name));
      find("seed").value = message.seed;
      if (message.known) offer(new Set(message.known));
      root.classList.toggle("keyed", !message.driving);
      if (!message.driving) find("text").placeholder = "This world obeys the keys: W A S D or the arrows";
    },
    state(message) {
      paused = message.paused;
      find("pause").setAttribute("aria-pressed", String(paused));
      find("pause").querySelector("span").textContent = paused ? "Resume" : "Pause";
      find("pause").querySelector("use").setAttribute("href", paused ? "#i-go" : "#i-pause");
      find("paused").hidden = !paused;
      if (paused) picture.stopped();
      showPlan(find("plan"), message.plan);
      root.classList.toggle("thinking", message.thinking);
      picture.sky(message.weather, message.time);
      for (const button of find("skies").children)
        button.classList.toggle("on", [message.weather_name, message.time_name].includes(button.dataset.name));
    },
    note(message) {
      if (!message.choices?.length) return note.say(message.text, message.kind);
      note.ask(message.text, message.choices, (line) => send({ type: "choose", line }), () => send({ type: "wrong" }));
    },
    kept(message) {
      find("clip").replaceChildren("The drive is saved: ", link(message.file, "file"));
    },
    measures(message) {
      find("meter").textContent = meter(message);
    },
    clip(message) {
      const clip = find("clip");
      if (!message.video) return clip.replaceChildren();
      clip.replaceChildren(`${message.seconds.toFixed(1)} s saved: `, link(message.video, "video"), " and ", link(message.sidecar, "labels"));
    },
  };

  const link = (href, text) => Object.assign(document.createElement("a"), { href, textContent: text, download: "" });

  /** A saved drive takes the place of this one. */
  async function load(file) {
    const answer = await fetch(`drives/${token}`, { method: "POST", body: file }).catch(() => null);
    if (!answer) return note.say("The dream is not connected yet; try again in a moment.", "error");
    if (!answer.ok) return note.say((await answer.text()).trim(), "error");
    picture.drawn = -1;
    note.say(`It goes on where ${file.name} was saved.`);
  }

  /** Buttons for what these weights have not learnt stay visible, and say so. */
  function offer(known) {
    for (const button of root.querySelectorAll("[data-name]")) {
      button.disabled = !known.has(button.dataset.name);
      if (button.disabled) button.title = known.size ? "These weights have not learnt it yet" : "This world obeys the keys alone";
    }
  }

  const plan = (line) => send({ type: "plan", line });
  fill(find("events"), EVENTS, (name) => {
    const args = SIDED.has(name) ? [side()] : [];
    if (level() !== "2") args.push(level());
    plan(args.length ? `${name}(${args.join(",")})` : name);
  });
  fill(find("skies"), SKIES, (name) => plan(LEVELLED.has(name) ? `${name}(${level()})` : name));
  fill(find("drives"), DRIVES, plan);

  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = find("text").value;
    if (send({ type: "say", text }) === true) {
      find("text").value = "";
      find("wrong").hidden = false;
      note.say("");
    }
  });
  find("wrong").addEventListener("click", () => {
    find("wrong").hidden = true;
    send({ type: "wrong" });
    find("text").focus();
  });
  find("pause").addEventListener("click", () => send({ type: "pause", on: !paused }));
  find("step").addEventListener("click", () => send({ type: "step" }));
  find("save").addEventListener("click", () => {
    find("clip").textContent = "Saving …";
    send({ type: "save" });
  });
  find("keep").addEventListener("click", () => {
    find("clip").textContent = "Saving …";
    send({ type: "keep" });
  });
  find("load").addEventListener("click", () => find("file").click());
  find("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) load(file);
  });
  find("reset").addEventListener("submit", (event) => {
    event.preventDefault();
    const seed = find("seed");
    if (!seed.reportValidity()) return;
    picture.drawn = -1;
    send({ type: "reset", seed: seed.valueAsNumber || 0, scene: find("scene").value || null });
  });

  const keys = new Keys(find("keys"), (names) => socket.send({ type: "keys", keys: names }));
  const shortcuts = (event) => {
    if (!root.offsetParent) return; // another tab of the page is open
    if (event.target.closest?.("input, textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (event.key === "/") {
      event.preventDefault();
      find("text").focus();
    } else if (event.key === "p") find("pause").click();
    else if (event.key === ".") find("step").click();
  };
  window.addEventListener("keydown", shortcuts);

  return () => {
    window.removeEventListener("keydown", shortcuts);
    keys.close();
    socket.close();
  };
}

// Gradio draws its components when it is ready, and may draw them again: follow the panel wherever it stands.
let shown = null;
let unmount = null;
function follow() {
  const root = document.getElementById("lucidrive");
  if (root === shown) return;
  unmount?.();
  shown = root;
  unmount = root ? mount(root) : null;
}
new MutationObserver(follow).observe(document.documentElement, { childList: true, subtree: true });
follow();
