// The one connection to the dream: JSON up and down, pictures down as binary. Protocol: see ui/messages.py.

import { t } from "./i18n.js";

const HEADER_BYTES = 44;
const TOKEN = "lucidrive-dream";

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
    lane: view.getUint8(18),
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
  /** `on`, given later by `attach`, is an object of handlers: picture(picture), message(json), open(), lost(sentence). */
  constructor() {
    this.on = null;
    this.missed = []; // messages from before there was a page to show them
    this.delay = 200;
    this.connect();
  }

  attach(on) {
    this.on = on;
    for (const message of this.missed.splice(0)) this.tell(message);
  }

  connect() {
    const url = new URL("dream", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    url.search = "";
    const token = sessionStorage.getItem(TOKEN);
    if (token) url.searchParams.set("resume", token);
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = (event) => this.lose(event);
  }

  receive(data) {
    if (data instanceof ArrayBuffer) {
      const picture = decodePicture(data);
      this.send({ type: "seen", index: picture.index, lane: picture.lane });
      this.on?.picture(picture);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "hello") {
      this.delay = 200;
      sessionStorage.setItem(TOKEN, message.token);
      this.hello = message;
    }
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

  /** What a page that is drawn anew has to know. */
  detach() {
    this.on = null;
    this.missed = [this.hello, this.state].filter(Boolean);
  }

  lose(event) {
    this.on?.lost(event.reason || t("The connection to the dream is lost; trying again …"));
    if (event.code === 1008) return; // refused: asking again will not help
    setTimeout(() => this.connect(), this.delay);
    this.delay = Math.min(this.delay * 2, 5000);
  }

  send(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }
}
