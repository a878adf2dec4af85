// The one connection to the dream: JSON up and down, pictures down as binary. Protocol: see ui/stream.py.

const HEADER_BYTES = 28;
const TOKEN = "lucidrive-dream";

export function decodePicture(buffer) {
  const view = new DataView(buffer);
  return {
    index: view.getUint32(0, true),
    speed: view.getFloat32(4, true), // m/s
    steer: view.getFloat32(8, true), // [-1, 1], left positive
    accel: view.getFloat32(12, true),
    command: view.getUint8(16),
    byKeys: (view.getUint8(17) & 1) !== 0,
    eventSeen: (view.getUint8(17) & 2) !== 0,
    seenSpeed: view.getFloat32(20, true), // m/s
    seenJunction: view.getFloat32(24, true), // m
    jpeg: new Blob([new Uint8Array(buffer, HEADER_BYTES)], { type: "image/jpeg" }),
  };
}

export class DreamSocket {
  /** `on` is an object of handlers: picture(picture), message(json), open(), lost(sentence). */
  constructor(on) {
    this.on = on;
    this.closed = false;
    this.delay = 500;
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const url = new URL("dream", location.href);
    url.protocol = scheme;
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
      this.send({ type: "seen", index: picture.index });
      this.on.picture(picture);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "hello") {
      this.delay = 500;
      sessionStorage.setItem(TOKEN, message.token);
      this.on.open();
    }
    this.on.message(message);
  }

  lose(event) {
    if (this.closed) return;
    this.on.lost(event.reason || "The connection to the dream is lost; trying again …");
    if (event.code === 1008) return; // refused: asking again will not help
    setTimeout(() => this.closed || this.connect(), this.delay);
    this.delay = Math.min(this.delay * 2, 5000);
  }

  send(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  close() {
    this.closed = true;
    this.socket.close();
  }
}
