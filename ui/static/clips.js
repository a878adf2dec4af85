// The Clips tab below its form: the orders; the chosen one's clips, filters and datasets.

import { ask, el } from "./dom.js";
import { Film } from "./film.js";
import { onLanguage } from "./i18n.js";

const EACH = 2000; // ms between looks at the orders
const BUSY = 700; // the same while something is being made that somebody waits for
const FILTERS = { outcome: "Outcome", event: "Event", weather: "Weather", time: "Time of day" };

class Clips {
  constructor(root, orders, welcome) {
    Object.assign(this, { root, orders, welcome, chosen: null, films: new Map(), filters: {}, summary: "" });
    this.note = el("p", { className: "said", role: "status" });
    this.head = el("div", { className: "head" });
    this.grid = el("div", { className: "lr-clips" });
    root.replaceChildren(this.note, this.head, this.grid);
    this.observer = new IntersectionObserver((entries) => entries.filter((one) => one.isIntersecting).forEach(({ target }) => target.film.appear()));
    this.abort = new AbortController();
    document.addEventListener("click", (event) => this.clicked(event), { signal: this.abort.signal });
    document.addEventListener("change", ({ target }) => target.dataset?.rig !== undefined && this.fits(), { signal: this.abort.signal });
    this.ended = onLanguage(() => this.films.forEach((film) => film.words()));
    fetch("factory/formats.json").then(async (answer) => {
      this.formats = await answer.json();
      this.poll();
    });
  }

  /** Clicks on the tab's buttons. */
  async clicked({ target }) {
    if (target.closest?.("#lr-order-said, #lr-order-matrix")) this.expects = true; // Gradio places the order
    const example = target.closest?.("[data-example]")?.dataset.example;
    if (example) {
      const { number, error } = await ask(`factory/examples/${example}`);
      this.say(error);
      if (number) this.choose(number);
    }
  }

  say(error = "") {
    this.note.textContent = error;
  }

  choose(number) {
    if (number === this.chosen) return;
    for (const film of this.films.values()) film.close();
    this.films.clear();
    this.grid.replaceChildren();
    this.head.replaceChildren();
    Object.assign(this, { chosen: number, version: null, filters: {} });
    this.poll();
  }

  async poll() {
    clearTimeout(this.timer);
    if (this.abort.signal.aborted) return;
    try {
      if (this.orders.offsetParent && !document.hidden) await this.look();
    } catch {
      // the server is gone; the Drive tab says so
    }
    const busy = [...this.films.values()].some((film) => film.busy) || this.order?.exports.some((one) => ["waiting", "making"].includes(one.state));
    this.timer = setTimeout(() => this.poll(), busy ? BUSY : EACH);
  }

  async look() {
    const orders = await (await fetch("factory/orders.json")).json();
    const newest = orders[0]?.number ?? null;
    this.welcome.hidden = newest !== null;
    if ((this.expects && newest !== this.newest) || this.chosen === null) {
      this.expects = false;
      this.newest = newest;
      if (newest !== null && newest !== this.chosen) return this.choose(newest);
    }
    this.newest = newest;
    this.list(orders);
    const chosen = orders.find((one) => one.number === this.chosen);
    if (!chosen || `${chosen.version} ${chosen.state}` === this.version) return;
    this.order = await (await fetch(`factory/${this.chosen}/order.json`)).json();
    if (this.order.number !== this.chosen) return;
    this.version = `${this.order.version} ${this.order.state}`;
    this.fill();
  }

  list(orders) {
    const summary = JSON.stringify([orders, this.chosen]);
    if (summary === this.summary) return;
    this.summary = summary;
    const rows = orders.map(({ number, what, state, told: progress, open }) => {
      const pick = el("button", { type: "button", className: "pick", ariaPressed: String(number === this.chosen) }, el("span", { className: `state ${state}` }, state), el("span", { className: "what" }, `${number}  ${what}`), el("small", {}, progress));
      pick.addEventListener("click", () => this.choose(number));
      const cancel = el("button", { type: "button", className: "cancel" }, "Cancel it");
      cancel.addEventListener("click", async () => {
        this.say((await ask(`factory/${number}/cancel`)).error);
        this.poll();
      });
      return el("li", {}, pick, ...(open ? [cancel] : []));
    });
    this.orders.replaceChildren(...(rows.length ? rows : [el("li", { className: "none" }, "Nothing is ordered yet.")]));
  }

  fill() {
    const { clips } = this.order;
    for (const card of clips) {
      const known = this.films.get(card.stem);
      if (known) known.update(card);
      else {
        const film = new Film(`factory/${this.chosen}/${card.stem}`, card, this.observer);
        film.update(card);
        this.films.set(card.stem, film);
        const after = [...this.grid.children].find((one) => card.accepted && one.dataset.outcome === "rejected");
        this.grid.insertBefore(film.element, after ?? null);
      }
    }
    this.top();
  }

  /** Above the clips: filters and downloads. */
  top() {
    const { clips, exports } = this.order;
    const summary = JSON.stringify([clips.length, exports, clips.map((one) => one.accepted)]);
    if (summary === this.head.dataset.summary || !clips.length) return this.filter();
    const choice = this.download && [this.download.format.value, this.download.rig.value];
    this.head.dataset.summary = summary;
    this.count = el("span", { className: "count" });
    this.head.replaceChildren(el("div", { className: "filters" }, ...Object.entries(FILTERS).map(([name, words]) => this.choice(name, words)), this.count), this.datasets(exports));
    if (choice) [this.download.format.value, this.download.rig.value] = choice;
    this.fits();
    this.filter();
  }

  choice(name, words) {
    const values = [...new Set(this.order.clips.map((card) => (name === "outcome" ? (card.accepted ? "accepted" : "rejected") : card[name])))].sort();
    const select = el("select", {}, el("option", { value: "" }, "all"), ...values.map((value) => el("option", { value }, value)));
    select.value = values.includes(this.filters[name]) ? this.filters[name] : "";
    select.dataset.filter = name;
    select.addEventListener("change", () => {
      this.filters[name] = select.value;
      this.filter();
    });
    return el("label", {}, el("span", {}, words), select);
  }

  filter() {
    if (!this.count) return;
    let visible = 0;
    for (const { element } of this.films.values()) {
      element.hidden = Object.entries(this.filters).some(([name, value]) => value && element.dataset[name] !== value);
      visible += Number(!element.hidden);
    }
    this.count.textContent = `${visible} of ${this.films.size} clips`;
  }

  datasets(exports) {
    const format = el("select", { ariaLabel: "Format" }, ...this.formats.map(({ name, title }) => el("option", { value: name }, title)));
    format.value = this.formats.find((one) => !one.missing && !one.rigs.front)?.name ?? this.formats[0].name;
    const rig = el("select", { ariaLabel: "Cameras" }, ...Object.entries({ front: "one camera ahead", surround: "six cameras around", stereo: "a level pair" }).map(([value, words]) => el("option", { value }, words)));
    format.dataset.rig = rig.dataset.rig = "";
    const make = el("button", { type: "button", id: "lr-export" }, "Make a dataset");
    const why = el("p", { className: "why" });
    make.addEventListener("click", async () => {
      const { error } = await ask(`factory/${this.chosen}/export?to=${format.value}&cameras=${rig.value}`);
      why.textContent = error ?? "";
      this.version = null;
      this.poll();
    });
    this.download = { format, rig, make, why };
    const rows = exports.map((one) => {
      const name = `${one.format}, ${one.rig}: `;
      if (one.state === "ready") return el("li", {}, name, el("a", { href: `factory/${this.chosen}/${one.file}`, download: "" }, "download"));
      return el("li", {}, name, el("span", { className: one.state === "failed" ? "why" : "making" }, one.state === "failed" ? one.told : `being made … ${one.told}`));
    });
    const all = el("a", { href: `factory/${this.chosen}/all.zip`, download: "" }, `All of order ${this.chosen} as a zip`);
    return el("div", { className: "datasets" }, el("div", { className: "line" }, all, el("span", {}, "or with labels, as"), format, rig, make), why, el("ul", {}, ...rows));
  }

  /** Whether the chosen dataset is available; if not, why. */
  fits() {
    if (!this.download) return;
    const { format, rig, make, why } = this.download;
    const chosen = this.formats.find((one) => one.name === format.value);
    why.textContent = chosen.missing || chosen.rigs[rig.value] || "";
    make.disabled = why.textContent !== "";
  }

  close() {
    this.abort.abort();
    clearTimeout(this.timer);
    this.observer.disconnect();
    this.ended();
    for (const film of this.films.values()) film.close();
  }
}

// Gradio draws its components when it is ready, and may draw them again.
let mounted = null;
let tab = null;
function follow() {
  const parts = ["lr-clips", "lr-orders", "lr-welcome"].map((id) => document.getElementById(id));
  if (parts[0] === mounted || parts.includes(null)) return;
  tab?.close();
  mounted = parts[0];
  tab = new Clips(...parts);
}
new MutationObserver(follow).observe(document.documentElement, { childList: true, subtree: true });
follow();
