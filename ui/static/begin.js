// How a dream begins: a scene, conditions alone, a picture or film, a saved dream, a link.

import { onLanguage, t } from "./i18n.js";
import { make } from "./icons.js";

const WEATHERS = ["clear", "rain_1", "rain_2", "rain_3", "snow_1", "snow_2", "snow_3", "fog_1", "fog_2", "fog_3"];
export const DREAMING = "Dreaming the streets there …";
const TIMES = ["dawn", "day", "dusk", "night"];

function conditionWords(name) {
  const [kind, level] = name.split("_");
  const strength = { 1: "light", 3: "heavy" }[level];
  return strength ? `${t(strength)}${document.documentElement.lang === "en" ? " " : ""}${t(kind)}` : t(kind);
}

const sceneWords = (name) => name.split(/[-_:]/).map((part) => t(part)).join(" ").replace(/^[a-z]/, (first) => first.toUpperCase());

export class Begin {
  /** `send(message)`; `note.say(sentence, kind)`; `token()`; `fresh()` is called when another dream begins. */
  constructor(root, send, note, token, fresh) {
    const find = (id) => root.querySelector(`#lr-${id}`);
    Object.assign(this, { root, send, note, token, fresh, find });
    this.scenes = [];
    find("reset").addEventListener("submit", (event) => {
      event.preventDefault();
      if (find("seed").reportValidity()) this.start(find("seed").valueAsNumber || 0, find("scene").value || null);
    });
    find("where-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.startIn(find("seed").valueAsNumber || 0, find("where").value);
    });
    find("conditions").addEventListener("submit", (event) => {
      event.preventDefault();
      this.fresh();
      send({ type: "begin", seed: find("seed").valueAsNumber || 0, weather: WEATHERS.indexOf(find("begin-weather").value), time: TIMES.indexOf(find("begin-time").value) });
    });
    for (const [button, input, sent] of [["upload", "picture", (file) => this.upload(file)], ["load", "file", (file) => this.load(file)]]) {
      find(button).addEventListener("click", () => find(input).click());
      find(input).addEventListener("change", (event) => {
        const [file] = event.target.files;
        event.target.value = "";
        if (file) sent(file);
      });
    }
    find("share").addEventListener("click", () => this.share());
    this.abandon = onLanguage(() => this.words());
  }

  start(seed, scene) {
    this.fresh();
    this.send({ type: "begin", seed, scene });
  }

  startIn(seed, where) {
    this.fresh();
    this.note.say(DREAMING, "news", 0);
    this.send({ type: "begin", seed, where });
  }

  again() {
    if (!this.state) return;
    if (this.state.where) this.startIn(this.state.seed, this.state.where);
    else this.start(this.state.seed, this.state.scene);
  }

  hello(message) {
    this.scenes = message.scenes;
    this.find("gallery").replaceChildren(...message.scenes.map((name) => {
      const picture = make("img", { src: `scenes/${name}.jpg`, alt: "", loading: "lazy", width: 128, height: 72 });
      picture.addEventListener("error", () => picture.remove()); // a place of one's own has none
      const button = make("button", { type: "button", dataset: { scene: name } }, picture, make("span"));
      button.addEventListener("click", () => this.start(this.find("seed").valueAsNumber || 0, name));
      return button;
    }));
    this.words();
    this.fromLink();
  }

  words() {
    const keep = ["scene", "begin-weather", "begin-time"].map((id) => [this.find(id), this.find(id).value]);
    this.find("scene").length = 1;
    for (const name of this.scenes) this.find("scene").add(new Option(sceneWords(name), name));
    this.find("begin-weather").replaceChildren(...WEATHERS.map((name) => new Option(conditionWords(name), name)));
    this.find("begin-time").replaceChildren(...TIMES.map((name) => new Option(t(name), name, name === "day", name === "day")));
    for (const [select, value] of keep) if (value) select.value = value;
    for (const button of this.find("gallery").children) button.lastChild.textContent = sceneWords(button.dataset.scene);
  }

  show(state) {
    const other = ["seed", "scene", "where"].some((name) => state[name] !== this.state?.[name]);
    this.state = { seed: state.seed, scene: state.scene, where: state.where };
    if (!other) return;
    this.find("seed").value = state.seed;
    this.find("where-form").dataset.begun = state.where ?? "";
    if (state.where) this.find("where").value = state.where;
    for (const button of this.find("gallery").children) button.classList.toggle("on", button.dataset.scene === state.scene);
  }

  /** #seed=7&scene=town-21, or &where=a+suburb+at+dusk: the same beginning for whoever opens it, once. */
  fromLink() {
    const query = new URLSearchParams(location.hash.slice(1));
    if (!query.has("seed")) return;
    const seed = Number(query.get("seed"));
    const scene = query.get("scene");
    history.replaceState(null, "", location.pathname);
    const where = query.get("where");
    const known = this.scenes.includes(scene) || scene?.startsWith("dreamt:");
    if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) where ? this.startIn(seed, where) : this.start(seed, known ? scene : null);
    if (scene && !known) this.note.say("That link names a place that is not here; the dream began where its seed says.", "error");
  }

  async share() {
    if (!this.state) return;
    const query = new URLSearchParams({ seed: this.state.seed });
    if (this.state.where) query.set("where", this.state.where);
    else if (this.state.scene) query.set("scene", this.state.scene);
    const link = `${location.origin}${location.pathname}#${query}`;
    try {
      await navigator.clipboard.writeText(link);
      this.note.say("The link is copied: the same seed gives the same dream.");
    } catch {
      this.note.say(link, "news", 60); // no clipboard here: it can be copied from the page
    }
  }

  async post(address, file, said) {
    this.note.say("Working …", "news", 0);
    const answer = await fetch(address, { method: "POST", body: file }).catch(() => null);
    if (!answer) return this.note.say("The dream is not connected yet; try again in a moment.", "error");
    if (!answer.ok) return this.note.say((await answer.text()).trim(), "error");
    this.fresh();
    this.note.say(said);
  }

  load(file) {
    return this.post(`drives/${this.token()}`, file, `It goes on where ${file.name} was saved.`);
  }

  upload(file) {
    return this.post(`drives/${this.token()}/begin`, file, `The dream begins in ${file.name}.`);
  }

  close() {
    this.abandon();
  }
}
