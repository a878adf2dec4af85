// Gradio's own parts cannot be marked for translation, so every text below `WORDS` is translated.

import { onLanguage, said } from "./i18n.js";

const WORDS = ".lr-words, .card > button"; // of a card its title alone: what it says stays English
const known = new WeakMap(); // a text node or a field: what Gradio wrote last, and what it was turned into

/** `key`: the property that holds the text. */
function turn(holder, key) {
  const now = holder[key];
  const [before, ours] = known.get(holder) ?? [];
  const english = now === ours ? before : now;
  const bare = english.trim();
  const next = bare ? english.replace(bare, () => said(bare)) : english;
  known.set(holder, [english, next]);
  if (next !== now) holder[key] = next;
}

function turnAll(root) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) if (!texts.currentNode.parentElement.closest("style")) turn(texts.currentNode, "data");
  for (const field of root.querySelectorAll("[placeholder]")) turn(field, "placeholder");
}

function changed(records) {
  const roots = new Set();
  for (const { target, addedNodes } of records) {
    const element = target.closest ? target : target.parentElement;
    const root = element?.closest(WORDS);
    if (root) roots.add(root);
    else for (const node of addedNodes) for (const inner of node.querySelectorAll?.(WORDS) ?? []) roots.add(inner);
  }
  roots.forEach(turnAll);
}

new MutationObserver(changed).observe(document.documentElement, { childList: true, subtree: true, characterData: true });
onLanguage(() => document.querySelectorAll(WORDS).forEach(turnAll));
