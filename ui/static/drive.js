// The Drive tab: joins the socket, the picture, the keys, the plan, the timeline, the futures and the panel.

import { Begin, DREAMING } from "./begin.js";
import { Camera } from "./camera.js";
import "./clips.js";
import { Futures } from "./futures.js";
import "./gradio.js";
import { onLanguage, refresh, relabel, said, t } from "./i18n.js";
import { invite } from "./invite.js";
import { Keep } from "./keep.js";
import { Keys, typing } from "./keys.js";
import { RoadMap } from "./map.js";
import "./memory.js";
import { Pads, segments } from "./pads.js";
import { Picture } from "./picture.js";
import { Note, showPlan } from "./plan.js";
import { Score } from "./score.js";
import { DreamSocket } from "./socket.js";
import { Surround } from "./surround.js";
import { tablets } from "./tablets.js";
import { Talk } from "./talk.js";

const WAITING = { Fork: "Going back there …", Begin: DREAMING }; // what is said while an order is under way
const socket = new DreamSocket(); // the dream wakes while Gradio draws the page

/** The machine's measures: medians and 99th percentiles, as far as they are known. */
function meter(measures) {
  const pair = (name, scale, digits) =>
    [`${name}_p50`, `${name}_p99`].map((key) => (measures[key] === null ? "–" : (measures[key] * scale).toFixed(digits))).join(" / ");
  const gib = (bytes) => (bytes / 2 ** 30).toFixed(1);
  return [
    `${t("gap between pictures")} ${pair("gap", 1000, 0)} ms`,
    `${t("a sentence")} ${pair("sentence", 1, 1)} s`,
    `${t("memory lent")} ${gib(measures.memory_lent)} / ${gib(measures.memory_lent + measures.memory_room)} GiB`,
    `${measures.tabs} ${t("tabs")}`,
  ].join(" · ");
}

function mount(root) {
  const find = (id) => root.querySelector(`#lr-${id}`);
  const note = new Note(find("note"));
  const picture = new Picture(root);
  const send = (message) => socket.send(message) || (note.say("The dream is not connected yet; try again in a moment.", "error"), false);
  let token = "";
  let state = null;
  let measures = null;

  const fresh = () => {
    picture.drawn = -1;
    find("wrong").hidden = true;
    score.live();
  };
  const score = new Score(root, () => token, (blob) => {
    picture.frozen = blob !== null;
    offer();
    return blob ? picture.past(blob) : picture.now();
  });
  const futures = new Futures(root, send);
  const pads = new Pads(root, (line) => send({ type: "plan", line, branch: futures.branch }));
  const quality = segments(find("quality"), (value) => send({ type: "set_quality", quality: Number(value) }));
  const begin = new Begin(root, send, note, () => token, fresh);
  const keep = new Keep(root, send);
  const map = new RoadMap(root, () => token);
  const camera = new Camera(root, (message) => socket.send(message), map, (on) => {
    picture.aside = on;
    if (!on) picture.now();
  });
  const surround = new Surround(root, (message) => socket.send(message));
  const offer = () => camera.offer(!!state?.paused && !futures.open && score.index === null);
  const talk = new Talk(root, (text) => {
    const { ready } = socket;
    if (!send({ type: "say", text })) return false;
    find("wrong").hidden = !ready;
    note.say(ready ? "" : "The dream reads that as soon as it is ready.", "news", ready ? 0 : 30);
    return true;
  });
  tablets(root.querySelector(".tablets"));

  /** A latent world's picture has one size and reads its facts off itself. */
  function latent() {
    picture.exact = false;
    const words = { source: "the picture reads", "quality-label": "Quality K", "quality-hint": "steps a frame: sharper, slower" };
    for (const [id, text] of Object.entries(words)) relabel(find(id), text);
    for (const button of find("quality").children) button.textContent = button.dataset.value;
  }

  const handlers = {
    hello(message) {
      token = message.token;
      begin.hello(message);
      camera.hello(message);
      keep.all(message.kept);
      if (message.known) pads.offer(new Set(message.known));
      root.classList.toggle("keyed", !message.driving);
      root.classList.toggle("guest", message.guest);
      find("invite").hidden = !message.scene_world;
      if (!message.scene_world) latent();
      find("upload").hidden = !message.pictures;
      find("map").hidden = find("around").hidden = find("where-form").hidden = !message.scene_world;
      surround.hello();
      if (!message.driving) find("text").placeholder = t("This world obeys the keys: W A S D or the arrows");
    },
    state(message) {
      if (message.quality !== state?.quality) camera.again();
      state = message;
      const before = futures.open;
      futures.state(message.futures);
      if (before && !futures.open) fresh();
      const paused = futures.open ? futures.paused : message.paused;
      find("pause").setAttribute("aria-pressed", String(paused));
      find("pause").lastElementChild.textContent = t(paused ? "Resume" : "Pause");
      find("paused").hidden = !message.paused || futures.open;
      if (message.paused) picture.stopped();
      offer();
      showPlan(find("plan"), message.plan);
      talk.state(message);
      picture.sky(message);
      pads.sky(message.futures[futures.branch - 1] ?? message);
      quality.set(message.quality);
      score.state(message);
      begin.show(message);
    },
    note(message) {
      if (message.branch) return futures.note(message);
      if (!message.choices?.length) return note.say(message.text, message.kind);
      note.ask(message.text, message.choices, (line) => send({ type: "choose", line }), () => send({ type: "wrong" }));
    },
    working(message) {
      if (message.order === "Fork") note.say(WAITING.Fork, "news", 0);
    },
    worked(message) {
      if (find("note").textContent === said(WAITING[message.order] ?? "")) note.say("");
      if (message.order.startsWith("Save") && find("clip").textContent === t("Saving …")) find("clip").textContent = "";
    },
    kept: (message) => keep.add(message),
    invited: (message) => invite(message.invitation, note),
    around: (message) => map.around(message),
    measures(message) {
      measures = message;
      find("meter").textContent = meter(message);
    },
  };

  function show(one) {
    if (one.branch) return futures.show(one);
    score.grow(one.index);
    camera.again(); // a single frame on, it stands as another
    surround.moved();
    return picture.show(one);
  }

  socket.attach({
    picture: (one) => show(one).catch(() => note.say("One picture could not be read; the next one will do.", "error")),
    elsewhere(one) {
      camera.came();
      picture.elsewhere(one);
    },
    around: (one) => surround.show(one),
    message: (message) => handlers[message.type]?.(message),
    open: () => root.dataset.state === "connecting" && (find("veil").textContent = t("Falling asleep …")),
    lost: (sentence) => picture.veil(sentence),
  });

  const fork = () => futures.open || send({ type: "fork", index: score.index, count: Number(find("count").value) });
  const pressed = {
    wrong: () => {
      find("wrong").hidden = true;
      send({ type: "wrong" });
      find("text").focus();
    },
    pause: () => send({ type: "pause", on: futures.open ? !futures.paused : !state?.paused }),
    step: () => send({ type: "step_once" }),
    again: () => begin.again(),
    invite: () => send({ type: "invite" }),
    map: () => map.toggle(),
    around: () => surround.toggle(),
    branch: fork,
    fork,
  };
  for (const [id, press] of Object.entries(pressed)) find(id).addEventListener("click", press);

  const keys = new Keys([find("keys"), find("thumbs")], (names) => {
    if (names.length) picture.pressed();
    socket.send({ type: "press", keys: names, branch: futures.branch });
  });
  const SHORTCUTS = { p: "pause", ".": "step", r: "again", b: "branch", m: "map", v: "around" };
  const shortcuts = (event) => {
    if (!root.offsetParent) return; // another tab of the page is open
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const id = SHORTCUTS[event.key.toLowerCase()];
    if (event.key === "/") {
      event.preventDefault();
      find("text").focus();
    } else if (event.key === "Escape" && score.index !== null) score.live();
    else if (id) {
      find(id).classList.add("held");
      setTimeout(() => find(id)?.classList.remove("held"), 160);
      pressed[id]();
    }
  };
  window.addEventListener("keydown", shortcuts);
  const abandon = onLanguage(() => {
    picture.words();
    if (measures) handlers.measures(measures);
    if (state) handlers.state(state);
  });

  return () => {
    window.removeEventListener("keydown", shortcuts);
    for (const part of [keys, score, futures, begin, keep, map, camera, surround]) part.close();
    abandon();
    socket.detach();
  };
}

// Gradio draws its components when it is ready, and may draw them again: follow the panel wherever it stands.
let panel = null;
let unmount = null;
function follow() {
  const root = document.getElementById("lucidrive");
  if (root === panel) return;
  unmount?.();
  panel = root;
  unmount = root ? mount(root) : null;
  refresh();
}
new MutationObserver(follow).observe(document.documentElement, { childList: true, subtree: true });
follow();
