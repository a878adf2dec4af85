// Buttons for events, weather, time of day and manoeuvres, with side and level; and the quality dial.

import { EVENTS } from "./events.js";
import { t } from "./i18n.js";
import { icon, make } from "./icons.js";

const SKIES = [
  ["clear", "Clear"], ["rain", "Rain"], ["snow", "Snow"], ["fog", "Fog"],
  ["dawn", "Dawn"], ["day", "Day"], ["dusk", "Dusk"], ["night", "Night"],
];
const LEVELLED = new Set(["rain", "snow", "fog"]);
const DRIVES = [
  ["left", "Left"], ["straight", "Straight"], ["right", "Right"], ["stop", "Stop"],
  ["lane_left", "Lane left"], ["lane_right", "Lane right"], ["slower", "Slower"], ["faster", "Faster"],
];

function fill(grid, entries, pressed) {
  grid.replaceChildren(...entries.map(([name, label]) => {
    const text = make("span", { textContent: label });
    text.setAttribute("data-t", "");
    const button = make("button", { type: "button", title: label, dataset: { name } }, icon(name), text);
    button.addEventListener("click", () => {
      button.classList.add("flash");
      setTimeout(() => button.classList.remove("flash"), 350);
      pressed(name);
    });
    return button;
  }));
}

export function segments(group, changed = () => {}) {
  const set = (value) => {
    for (const button of group.children) button.setAttribute("aria-pressed", String(button.dataset.value === String(value)));
  };
  group.addEventListener("click", (event) => {
    const chosen = event.target.closest("button");
    if (!chosen) return;
    set(chosen.dataset.value);
    changed(chosen.dataset.value);
  });
  return { get: () => group.querySelector('[aria-pressed="true"]').dataset.value, set };
}

export class Pads {
  /** `plan(line)` schedules a line of the plan language. */
  constructor(root, plan) {
    this.root = root;
    const find = (id) => root.querySelector(`#lr-${id}`);
    const side = segments(find("side"));
    const level = segments(find("level"));
    const sided = new Set(EVENTS.filter((one) => one.sided).map((one) => one.event));
    fill(find("events"), EVENTS.map((one) => [one.event, one.label]), (name) => {
      const args = sided.has(name) ? [side.get()] : [];
      if (level.get() !== "2") args.push(level.get());
      plan(args.length ? `${name}(${args.join(",")})` : name);
    });
    fill(find("skies"), SKIES, (name) => plan(LEVELLED.has(name) ? `${name}(${level.get()})` : name));
    fill(find("drives"), DRIVES, plan);
    this.skies = find("skies");
  }

  sky(state) {
    for (const button of this.skies.children) {
      const on = [state.weather_name, state.time_name].includes(button.dataset.name);
      button.classList.toggle("on", on);
    }
  }

  /** Marks buttons for what the weights have not learnt; they stay visible. */
  offer(known) {
    for (const button of this.root.querySelectorAll("[data-name]")) {
      button.disabled = !known.has(button.dataset.name);
      if (button.disabled) button.title = t(known.size ? "These weights have not learnt it yet" : "This world obeys the keys alone");
    }
  }
}
