// The Memory tab: who holds how much of the budget, live.

import { t } from "./i18n.js";
import { make } from "./icons.js";

const EVERY_MS = 2000;

const size = (bytes) => (bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(2)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`);
const row = (...cells) => make("tr", {}, ...cells.map((text) => make("td", { textContent: text })));

function swatched(row, kind) {
  row.firstChild.prepend(make("i", { className: "swatch", dataset: { kind: String(kind) } }));
  return row;
}

function bar(box, memory) {
  const owners = [...new Set(memory.held.map((one) => one.owner))];
  const parts = owners.map((owner, number) => [owner, memory.held.filter((one) => one.owner === owner).reduce((sum, one) => sum + one.size, 0), String(number % 4)]);
  const used = parts.reduce((sum, [, bytes]) => sum + bytes, 0);
  const foreign = Math.max(0, memory.capacity - used - memory.room);
  parts.push(["other programs", foreign, "other"], ["free", memory.room, "room"]);
  const visible = parts.filter(([, bytes]) => bytes > 0);
  box.replaceChildren(...visible.map(([name, bytes, kind]) => {
    const part = make("i", { title: `${t(name)}: ${size(bytes)}`, dataset: { kind } }, bytes / memory.capacity > 0.09 ? `${t(name)} ${size(bytes)}` : "");
    part.style.flex = `${bytes} 0 0`;
    return part;
  }));
  box.setAttribute("aria-label", visible.map(([name, bytes]) => `${t(name)} ${size(bytes)}`).join(", "));
}

function draw(root, memory) {
  const find = (id) => root.querySelector(`#lr-${id}`);
  bar(find("bar"), memory);
  const lent = memory.held.reduce((sum, one) => sum + one.size, 0);
  find("sums").replaceChildren(...[["budget", memory.capacity], ["lent", lent], ["left", memory.room], ["resident", memory.resident]].map(([name, bytes]) => make("span", {}, `${t(name)} `, make("b", { textContent: size(bytes) }))));
  const owners = [...new Set(memory.held.map((one) => one.owner))];
  find("held").replaceChildren(...memory.held.map((one) => swatched(row(t(one.owner), size(one.size), t(one.committed ? "there" : "reserved")), owners.indexOf(one.owner) % 4)));
  find("plan-items").replaceChildren(...memory.plan.map(([part, bytes, source]) => row(t(part), size(bytes), t(source))));
  find("ladder").replaceChildren(...memory.ladder.map((rung) => make("li", { className: rung.taken ? "taken" : "" }, t(rung.name), make("small", { textContent: rung.taken ? t("taken") : rung.change || t("nothing lower here") }))));
  find("brain").textContent = memory.brain ? `${t("The language model")}: ${memory.brain}` : "";
}

async function look() {
  const root = document.getElementById("lucidrive-memory");
  if (!root?.offsetParent || document.hidden) return;
  try {
    const answer = await fetch("memory.json");
    if (answer.ok) draw(root, await answer.json());
  } catch {
    // the server is gone; the Drive tab says so
  }
}

setInterval(look, EVERY_MS);
document.addEventListener("click", (event) => event.target.closest?.('[role="tab"], [data-language]') && setTimeout(look, 50));
