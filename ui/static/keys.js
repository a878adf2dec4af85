// Driving keys: W A S D, the arrows and the buttons that show them. Everything is let go on blur.

const CODES = {
  KeyW: "up", ArrowUp: "up", KeyS: "down", ArrowDown: "down",
  KeyA: "left", ArrowLeft: "left", KeyD: "right", ArrowRight: "right",
};
const REPEAT_MS = 500; // held keys are told again, so that the server can let go when a page has died

const typing = (element) => !!element?.closest?.("input, textarea, select, [contenteditable], [role=tab]");

export class Keys {
  /** Calls `changed(names)` with the names held (up, down, left, right), whenever they change. */
  constructor(legend, changed) {
    this.legend = legend;
    this.changed = changed;
    this.held = new Map(); // what holds it (a key code, a pointer) -> name
    this.abort = new AbortController();
    const listen = (target, type, handler) => target.addEventListener(type, handler, { signal: this.abort.signal });

    listen(window, "keydown", (event) => this.down(event));
    listen(window, "keyup", (event) => this.release(event.code));
    listen(window, "blur", () => this.releaseAll());
    listen(window, "pagehide", () => this.releaseAll());
    listen(document, "visibilitychange", () => document.hidden && this.releaseAll());
    listen(document, "focusin", (event) => typing(event.target) && this.releaseAll());
    for (const button of legend.querySelectorAll("[data-key]")) {
      listen(button, "pointerdown", (event) => {
        button.setPointerCapture(event.pointerId);
        this.hold(`pointer${event.pointerId}`, button.dataset.key);
      });
      for (const type of ["pointerup", "pointercancel", "lostpointercapture"])
        listen(button, type, (event) => this.release(`pointer${event.pointerId}`));
    }
    this.timer = setInterval(() => this.held.size && this.changed(this.names()), REPEAT_MS);
  }

  names() {
    return [...new Set(this.held.values())].sort();
  }

  down(event) {
    const name = CODES[event.code];
    if (!name || !this.legend.offsetParent || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    event.preventDefault(); // the arrows would scroll
    if (!event.repeat) this.hold(event.code, name);
  }

  hold(source, name) {
    this.held.set(source, name);
    this.tell();
  }

  release(source) {
    if (this.held.delete(source)) this.tell();
  }

  releaseAll() {
    if (!this.held.size) return;
    this.held.clear();
    this.tell();
  }

  tell() {
    const names = this.names();
    for (const button of this.legend.querySelectorAll("[data-key]"))
      button.classList.toggle("held", names.includes(button.dataset.key));
    this.changed(names);
  }

  close() {
    this.abort.abort();
    clearInterval(this.timer);
  }
}
