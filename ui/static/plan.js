// The plan as chips that fill, one a step; and the sentence under the text box. All text is set as text, never as markup.

import { said, t } from "./i18n.js";
import { make } from "./icons.js";
import { planWords } from "./words.js";

const SPOKEN = { pending: "waiting", running: "under way", done: "done", timed_out: "timed out", cancelled: "cancelled" };

export function showPlan(list, steps) {
  list.dataset.empty = t("Nothing is planned; the car follows the road.");
  while (list.children.length > steps.length) list.lastChild.remove();
  steps.forEach((step, position) => {
    const chip = list.children[position] ?? list.appendChild(make("li", {}, make("i"), make("span"), make("small")));
    const [, words, late] = chip.children;
    const text = planWords(step.line, step.text);
    if (words.textContent !== text) words.textContent = text;
    late.textContent = step.state === "timed_out" ? t("timed out") : step.state === "pending" && /^in /.test(step.reason) ? step.reason.slice(3) : "";
    chip.title = step.reason ? `${step.line}: ${step.reason}` : step.line;
    chip.className = `chip ${step.state}`;
    chip.dataset.state = step.state;
    chip.style.setProperty("--share", step.share);
    const spoken = `${text}: ${t(SPOKEN[step.state] ?? step.state)}`;
    if (chip.getAttribute("aria-label") !== spoken) chip.setAttribute("aria-label", spoken);
  });
}

export class Note {
  /** A refusal, a question, an error, or news. */
  constructor(element) {
    this.element = element;
    this.timer = 0;
  }

  say(sentence, kind = "news", seconds = 9) {
    clearTimeout(this.timer);
    this.element.textContent = said(sentence);
    this.element.className = `note ${kind}`;
    if (sentence && seconds) this.timer = setTimeout(() => this.say("", "news", 0), seconds * 1000);
  }

  /** Asks a question with a button for each choice ([line, words]) and one for "neither"; it stays until answered. */
  ask(sentence, choices, chosen, neither) {
    this.say(sentence, "question", 0);
    const button = (words, pressed) => {
      const element = make("button", { type: "button", className: "choice", textContent: words });
      element.addEventListener("click", () => {
        this.say("");
        pressed();
      });
      return element;
    };
    this.element.append(" ", ...choices.map(([line, words]) => button(planWords(line, words), () => chosen(line))), button(t("neither"), neither));
  }
}
