// The sentence box: history, suggestions, and what the brain is doing.

import { lang, t } from "./i18n.js";
import { make } from "./icons.js";

const HISTORY = "lucidrive-said";
const MOST = 30;
let draft = ""; // what is typed and not sent outlives a panel that is drawn anew
const IDEAS = {
  en: ["turn left at the next junction, then stop", "make it rain, then night", "in five seconds a kid runs out from the right", "slow to 20 and let someone cut in from the left", "heavy snow for ten seconds", "change to the left lane and go faster", "an ambulance comes towards us at dusk", "the car in front slams on its brakes"],
  zh: ["下個路口左轉,然後停車", "下雨,然後變成晚上", "五秒後有小孩從右邊衝出來", "減速到 20,讓一台車從左邊切進來", "下大雪十秒", "換到左車道並加速", "前方有行人", "前車急煞"],
};

function past() {
  try {
    return JSON.parse(localStorage.getItem(HISTORY) ?? "[]").filter((one) => typeof one === "string").slice(0, MOST);
  } catch {
    return [];
  }
}

export class Talk {
  /** `say(text)` sends a sentence; returns whether that was possible. */
  constructor(root, say) {
    const find = (id) => root.querySelector(`#lr-${id}`);
    this.input = find("text");
    const early = window.lucidriveEarly;
    draft ||= this.input.value || early.draft;
    early.draft = "";
    this.input.value = draft;
    this.list = find("suggest");
    this.reading = find("reading");
    this.readingText = find("reading-text");
    this.root = root;
    this.picked = -1;
    find("form").dataset.ready = "yes";
    find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.input.value;
      if (!say(text)) return;
      this.remember(text.trim());
      this.input.value = draft = "";
      this.close();
    });
    for (const text of early.sent.splice(0)) if (say(text)) this.remember(text.trim());
    this.input.addEventListener("focus", () => this.open());
    this.input.addEventListener("input", () => {
      draft = this.input.value;
      this.open();
    });
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.input.addEventListener("keydown", (event) => this.key(event));
  }

  remember(text) {
    if (!text) return;
    try {
      localStorage.setItem(HISTORY, JSON.stringify([text, ...past().filter((one) => one !== text)].slice(0, MOST)));
    } catch {
      // private mode: no history
    }
  }

  open() {
    const typed = this.input.value.trim().toLowerCase();
    const own = past().map((text) => [text, "↺"]);
    const ideas = IDEAS[lang()].filter((text) => !past().includes(text)).map((text) => [text, ""]);
    const fits = [...own.slice(0, typed ? MOST : 3), ...ideas].filter(([text]) => text.toLowerCase().includes(typed) && text.toLowerCase() !== typed);
    this.list.replaceChildren(...fits.slice(0, 7).map(([text, mark], number) => {
      const item = make("li", { id: `lr-idea-${number}` }, make("span", { textContent: text }), make("small", { textContent: mark }));
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      item.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        this.take(text);
      });
      return item;
    }));
    this.picked = -1;
    this.list.hidden = !fits.length;
    this.input.setAttribute("aria-expanded", String(!!fits.length));
    this.input.removeAttribute("aria-activedescendant");
  }

  take(text) {
    this.input.value = text;
    this.close();
  }

  close() {
    this.list.hidden = true;
    this.picked = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.key === "Escape") this.close();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (this.list.hidden) this.open();
      const items = [...this.list.children];
      if (!items.length) return;
      this.picked = (this.picked + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length;
      items.forEach((item, number) => item.setAttribute("aria-selected", String(number === this.picked)));
      this.input.setAttribute("aria-activedescendant", items[this.picked].id);
      this.input.value = items[this.picked].firstChild.textContent;
    }
  }

  /** Shows what the brain is reading. */
  state(state) {
    this.root.classList.toggle("thinking", state.thinking);
    this.reading.hidden = !state.thinking;
    const more = state.waiting ? ` · ${state.waiting} ${t("more waiting")}` : "";
    const text = `${t("reading")} ${state.reading ? `“${state.reading}”` : "…"}${more}`;
    if (this.readingText.textContent !== text) this.readingText.textContent = text;
  }
}
