// Driving keys: W A S D, the arrows, space, the buttons that show them, and a gamepad. Everything is let go on blur.

const CODES = {
  KeyW: "up", ArrowUp: "up", KeyS: "down", ArrowDown: "down", Space: "down",
  KeyA: "left", ArrowLeft: "left", KeyD: "right", ArrowRight: "right",
};
const REPEAT_MS = 500; // held keys are told again, so that the server can let go when a page has died
const DEAD_ZONE = 0.3;

export const typing = (element) => !!element?.closest?.('input:not([type="range"]), textarea, select, [contenteditable], [role="tab"]');
const pressable = (element) => !!element?.closest?.("button, a, summary, video, [role=option]");

export class Keys {
  /** Calls `changed(names)` with the names held (up, down, left, right) whenever they change. `legends`: elements with [data-key] buttons. */
  constructor(legends, changed) {
    this.legends = legends;
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
    for (const button of this.buttons()) {
      listen(button, "pointerdown", (event) => {
        button.setPointerCapture(event.pointerId);
        this.hold(`pointer${event.pointerId}`, button.dataset.key);
      });
      for (const type of ["pointerup", "pointercancel", "lostpointercapture"])
        listen(button, type, (event) => this.release(`pointer${event.pointerId}`));
    }
    this.timer = setInterval(() => this.held.size && this.changed(this.names()), REPEAT_MS);
    listen(window, "gamepadconnected", () => this.watchPads());
    if ([...(navigator.getGamepads?.() ?? [])].some(Boolean)) this.watchPads();
  }

  buttons() {
    return this.legends.flatMap((legend) => [...legend.querySelectorAll("[data-key]")]);
  }

  names() {
    return [...new Set(this.held.values())].sort();
  }

  down(event) {
    const name = CODES[event.code];
    if (!name || !this.visible() || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    if (event.code === "Space" && pressable(event.target)) return; // it presses that button
    event.preventDefault(); // the arrows would scroll
    if (!event.repeat) this.hold(event.code, name);
  }

  visible() {
    return !!this.legends[0].closest(".lucid").offsetParent;
  }

  hold(source, name) {
    if (this.held.get(source) === name) return;
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
    for (const button of this.buttons()) button.classList.toggle("held", names.includes(button.dataset.key));
    this.changed(names);
  }

  /** The left stick or the cross steers, the shoulder buttons or the stick's other axis give gas and brake. */
  watchPads() {
    if (this.watching) return;
    this.watching = true;
    const look = () => {
      if (this.abort.signal.aborted) return;
      const pad = [...navigator.getGamepads()].find(Boolean);
      if (!pad) {
        this.watching = false;
        return;
      }
      const on = (index) => pad.buttons[index]?.value > DEAD_ZONE;
      this.pad("padLeft", "left", pad.axes[0] < -DEAD_ZONE || on(14));
      this.pad("padRight", "right", pad.axes[0] > DEAD_ZONE || on(15));
      this.pad("padUp", "up", on(7) || on(0) || on(12));
      this.pad("padDown", "down", on(6) || on(1) || on(13));
      requestAnimationFrame(look);
    };
    look();
  }

  pad(source, name, down) {
    if (down && document.hasFocus()) this.hold(source, name);
    else this.release(source);
  }

  close() {
    this.abort.abort();
    clearInterval(this.timer);
  }
}
