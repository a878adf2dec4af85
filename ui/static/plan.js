// The plan as chips, one a step. All text is set as text, never as markup.

const SPOKEN = { pending: "waiting", running: "under way", done: "done", timed_out: "timed out", cancelled: "cancelled" };

export function showPlan(list, steps) {
  while (list.children.length > steps.length) list.lastChild.remove();
  steps.forEach((step, position) => {
    const chip = list.children[position] ?? list.appendChild(document.createElement("li"));
    if (chip.textContent !== step.text) chip.textContent = step.text;
    chip.title = step.reason ? `${step.line}: ${step.reason}` : step.line;
    chip.className = `chip ${step.state}`;
    chip.dataset.state = step.state;
    chip.setAttribute("aria-label", `${step.text}: ${SPOKEN[step.state] ?? step.state}${step.reason ? `, ${step.reason}` : ""}`);
  });
}

export class Note {
  /** The sentence under the text box: a refusal, a question, an error, or news. */
  constructor(element) {
    this.element = element;
    this.timer = 0;
  }

  say(sentence, kind = "news", seconds = 9) {
    clearTimeout(this.timer);
    this.element.textContent = sentence;
    this.element.className = `note ${kind}`;
    if (sentence && seconds) this.timer = setTimeout(() => this.say("", "news", 0), seconds * 1000);
  }

  /** A question that is answered by a press: [line, words] of every choice, and "neither". It stays until it is answered. */
  ask(sentence, choices, chosen, neither) {
    this.say(`${sentence} `, "question", 0);
    const button = (words, pressed) => {
      const made = Object.assign(document.createElement("button"), { type: "button", className: "choice", textContent: words });
      made.addEventListener("click", () => {
        this.say("");
        pressed();
      });
      return made;
    };
    this.element.append(...choices.map(([line, words]) => button(words, () => chosen(line))), button("neither", neither));
  }
}
