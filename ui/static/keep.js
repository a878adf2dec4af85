// What this tab has saved: played here, downloaded from here.

import { onLanguage, t } from "./i18n.js";
import { icon, make } from "./icons.js";

const WORDS = { clip: "last minute", drive: "whole drive", dream: "dream" };

export class Keep {
  constructor(root, send) {
    this.find = (id) => root.querySelector(`#lr-${id}`);
    this.player = this.find("player");
    this.kept = [];
    for (const [button, type] of [["save", "save_clip"], ["save-all", "save_drive"], ["keep", "save_dream"]])
      this.find(button).addEventListener("click", () => send({ type }) && this.say("Saving …"));
    this.abandon = onLanguage(() => this.draw());
  }

  say(sentence) {
    this.find("clip").textContent = t(sentence);
  }

  all(kept) {
    this.kept = kept;
    this.draw();
  }

  add(kept) {
    this.kept.push(kept);
    this.draw();
    this.find("clip").replaceChildren(`${this.words(kept)}: `, this.link(kept.file, kept.kind === "dream" ? "file" : "video"), ...(kept.labels ? [" · ", this.link(kept.labels, "labels")] : []));
  }

  words(kept) {
    return `${t(WORDS[kept.kind])}${kept.seconds ? `, ${kept.seconds.toFixed(1)} s` : ""}`;
  }

  link(href, text) {
    return make("a", { href, textContent: t(text), download: "" });
  }

  draw() {
    this.find("none").hidden = this.kept.length > 0;
    this.find("kept").replaceChildren(...[...this.kept].reverse().map((kept) => {
      const name = kept.file.split("/").at(-1);
      const links = make("small", {}, this.link(kept.file, kept.kind === "dream" ? "file" : "video"), ...(kept.labels ? [" · ", this.link(kept.labels, "labels")] : []));
      const row = make("li", {}, make("span", { title: name }, this.words(kept), links));
      if (kept.kind !== "dream") {
        const play = make("button", { type: "button", title: t("Play") }, icon("play"));
        play.setAttribute("aria-label", `${t("Play")}: ${name}`);
        play.addEventListener("click", () => this.play(kept));
        row.append(play);
      }
      return row;
    }));
  }

  play(kept) {
    this.player.hidden = false;
    this.player.src = kept.file;
    this.player.play().catch(() => {}); // a browser may want a press on the player itself
  }

  close() {
    this.abandon();
  }
}
