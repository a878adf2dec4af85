// The one connection to the dream: JSON up and down, pictures down as binary. Protocol: see ui/messages.py.

import { t } from "./i18n.js";

const HEADER_BYTES = 44;
const TOKEN = "lucidrive-dream";
const BROWSER = "lucidrive-browser";
const TAKEN = 4001; // the server's code: another tab has this dream now
const REFUSED = 4002; // and: the invitation opens no seat; a sentence came before it
const MOST_WAITING = 20; // sentences

/** Takes this tab's token out of the storage, so that a copy of the tab has none; it is put back when the tab goes. */
function takeToken() {
  const token = sessionStorage.getItem(TOKEN);
  sessionStorage.removeItem(TOKEN);
  return token;
}

/** Takes the invitation out of the address (#join=…), so that a reload begins a dream of one's own. */
function takeInvitation() {
  const invitation = new URLSearchParams(location.hash.slice(1)).get("join") ?? "";
  if (invitation) history.replaceState(null, "", location.pathname);
  return invitation;
}

/** This browser's own id, by which it gets the dream that it left; empty where it may store nothing. */
function browserName() {
  try {
    const name = localStorage.getItem(BROWSER) ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    localStorage.setItem(BROWSER, name);
    return name;
  } catch {
    return "";
  }
}

export function decodePicture(buffer) {
  const view = new DataView(buffer);
  const second = view.getUint32(40, true); // bytes of the picture between two frames
  return {
    index: view.getUint32(0, true),
    speed: view.getFloat32(4, true), // m/s
    steer: view.getFloat32(8, true), // [-1, 1], left positive
    accel: view.getFloat32(12, true),
    command: view.getUint8(16),
    byKeys: (view.getUint8(17) & 1) !== 0,
    eventSeen: (view.getUint8(17) & 2) !== 0,
    touching: (view.getUint8(17) & 4) !== 0,
    offRoad: (view.getUint8(17) & 8) !== 0,
    elsewhere: (view.getUint8(17) & 16) !== 0, // seen by a camera that is not on the car
    around: (view.getUint8(17) & 32) !== 0, // seen by six cameras round it
    branch: view.getUint8(18),
    seenSpeed: view.getFloat32(20, true), // m/s
    seenJunction: view.getFloat32(24, true), // m
    yawRate: view.getFloat32(28, true), // rad/s
    target: view.getFloat32(32, true), // m/s
    seenWeather: view.getUint8(36),
    weatherSure: view.getUint8(37) / 255,
    seenTime: view.getUint8(38),
    timeSure: view.getUint8(39) / 255,
    jpeg: new Blob([new Uint8Array(buffer, HEADER_BYTES, buffer.byteLength - HEADER_BYTES - second)], { type: "image/jpeg" }),
    between: second ? new Blob([new Uint8Array(buffer, buffer.byteLength - second)], { type: "image/jpeg" }) : null,
  };
}

export class DreamSocket {
  /** `attach` sets `on`, an object of handlers: picture(picture), elsewhere(picture), around(picture), message(json), open(), lost(sentence). */
  constructor() {
    this.on = null;
    this.missed = []; // messages from before there was a page to show them
    this.delay = 200;
    this.ready = false; // the dream has greeted this connection
    this.waiting = []; // sentences for when it has
    this.token = takeToken();
    this.invitation = takeInvitation();
    if (this.invitation) this.token = null; // a dream that this tab had stays where it is for a while
    this.over = ""; // the sentence after which nothing is asked any more
    window.addEventListener("hashchange", () => location.hash.startsWith("#join=") && location.reload());
    window.addEventListener("pagehide", () => this.token && sessionStorage.setItem(TOKEN, this.token));
    window.addEventListener("pageshow", (event) => event.persisted && takeToken());
    this.connect();
  }

  attach(on) {
    this.on = on;
    for (const message of this.missed.splice(0)) this.tell(message);
    if (this.over) on.lost(t(this.over));
  }

  connect() {
    const url = new URL("dream", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    url.search = "";
    if (this.token) url.searchParams.set("resume", this.token);
    if (this.invitation) url.searchParams.set("join", this.invitation);
    url.searchParams.set("browser", browserName());
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = (event) => this.lose(event);
  }

  receive(data) {
    if (data instanceof ArrayBuffer) {
      const picture = decodePicture(data);
      if (picture.elsewhere) return this.on?.elsewhere(picture);
      if (picture.around) return this.on?.around(picture);
      this.send({ type: "seen", index: picture.index, branch: picture.branch });
      this.on?.picture(picture);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "hello") {
      this.delay = 200;
      this.token = message.token;
      this.hello = message;
      this.ready = true;
      for (const sentence of this.waiting.splice(0)) this.send(sentence);
    }
    if (message.type === "note") this.said = message.text;
    if (message.type === "ping") this.send({ type: "pong" });
    if (message.type === "state") this.state = message;
    this.tell(message);
  }

  tell(message) {
    if (!this.on) {
      this.missed.push(message);
      return;
    }
    if (message.type === "hello") this.on.open();
    this.on.message(message);
  }

  /** Keeps what a page that is drawn anew has to know. */
  detach() {
    this.on = null;
    this.missed = [this.hello, this.state].filter(Boolean);
  }

  lose(event) {
    this.ready = false;
    if (event.code === REFUSED) {
      this.over = this.said;
      this.on?.lost(t(this.over));
      return;
    }
    this.on?.lost(event.reason ? t(event.reason) : t("The connection to the dream is lost; trying again …"));
    if (event.code === TAKEN) this.token = null;
    if (event.code === 1008 || event.code === TAKEN) return; // asking again will not help
    setTimeout(() => this.connect(), this.delay);
    this.delay = Math.min(this.delay * 2, 5000);
  }

  /** Whether it was sent; sentences wait until the dream is ready. */
  send(message) {
    if (!this.ready || this.socket.readyState !== WebSocket.OPEN) {
      const waits = message.type === "say" && !message.branch && this.waiting.length < MOST_WAITING;
      if (waits) this.waiting.push(message);
      return waits;
    }
    this.socket.send(JSON.stringify(message));
    return true;
  }
}
