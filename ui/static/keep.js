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

  all(files) {
    this.kept = files;
    this.draw();
  }

  add(file) {
    this.kept.push(file);
    this.draw();
    this.find("clip").replaceChildren(`${this.words(file)}: `, this.link(file.file, file.kind === "dream" ? "file" : "video"), ...(file.labels ? [" · ", this.link(file.labels, "labels")] : []));
  }

  words(file) {
    return `${t(WORDS[file.kind])}${file.seconds ? `, ${file.seconds.toFixed(1)} s` : ""}`;
  }

  link(href, text) {
    return make("a", { href, textContent: t(text), download: "" });
  }

  draw() {
    this.find("none").hidden = this.kept.length > 0;
    this.find("kept").replaceChildren(...[...this.kept].reverse().map((file) => {
      const name = file.file.split("/").at(-1);
      const links = make("small", {}, this.link(file.file, file.kind === "dream" ? "file" : "video"), ...(file.labels ? [" · ", this.link(file.labels, "labels")] : []));
      const row = make("li", {}, make("span", { title: name }, this.words(file), links));
      if (file.kind !== "dream") {
        const play = make("button", { type: "button", title: t("Play") }, icon("play"));
        play.setAttribute("aria-label", `${t("Play")}: ${name}`);
        play.addEventListener("click", () => this.play(file));
        row.append(play);
      }
      return row;
    }));
  }

  play(file) {
    this.player.hidden = false;
    this.player.src = file.file;
    this.player.play().catch(() => {}); // a browser may want a press on the player itself
  }

  close() {
    this.abandon();
  }
}
