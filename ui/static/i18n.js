// The page is written in English and translated to Chinese. `t` returns a sentence in the chosen language.

import { SAID, ZH } from "./zh.js";

const KEY = "lucidrive-language";
const listeners = new Set();

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

let language = stored() ?? (navigator.language?.toLowerCase().startsWith("zh") ? "zh" : "en");

export const lang = () => language;
export const t = (english) => (language === "zh" && ZH[english]) || english;

/** A sentence from the server in the chosen language. */
export function said(sentence) {
  if (language !== "zh") return sentence;
  const entry = SAID.find(([shape]) => shape.test(sentence));
  return entry ? sentence.replace(entry[0], entry[1]) : ZH[sentence] ?? sentence;
}

/** Calls `redraw` now and whenever the language changes; returns a function that ends that. */
export function onLanguage(redraw) {
  listeners.add(redraw);
  redraw();
  return () => listeners.delete(redraw);
}

/** Puts other words into an element that is marked for translation. */
export function relabel(element, english) {
  element.dataset.en = english;
  element.textContent = t(english);
}

const ATTRIBUTES = { "data-t-label": "aria-label", "data-t-title": "title", "data-t-placeholder": "placeholder" };

/** Translates all that is marked below `root`. */
export function translate(root = document) {
  for (const element of root.querySelectorAll("[data-t]")) {
    element.dataset.en ??= element.textContent;
    element.textContent = t(element.dataset.en);
  }
  for (const [mark, attribute] of Object.entries(ATTRIBUTES)) {
    for (const element of root.querySelectorAll(`[${mark}]`)) {
      const name = `en-${attribute}`;
      if (!element.hasAttribute(name)) element.setAttribute(name, element.getAttribute(attribute) ?? "");
      element.setAttribute(attribute, t(element.getAttribute(name)));
    }
  }
}

function mark() {
  document.documentElement.lang = language === "zh" ? "zh-Hant" : "en";
  document.documentElement.dataset.lang = language;
  for (const button of document.querySelectorAll("[data-language]")) {
    button.firstElementChild.textContent = language === "zh" ? "En" : "中";
    button.setAttribute("aria-label", language === "zh" ? "English" : "中文");
    button.lang = language === "zh" ? "en" : "zh-Hant";
  }
  for (const tab of document.querySelectorAll('.tab-container button[role="tab"]')) {
    tab.dataset.en ??= tab.textContent.trim(); // shown by the style sheet: the text itself is Gradio's
    tab.dataset.label = t(tab.dataset.en);
    tab.setAttribute("aria-label", tab.dataset.label);
  }
}

export function refresh() {
  mark();
  translate();
  for (const redraw of listeners) redraw();
}

export function choose(next) {
  language = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // private mode: the choice lasts until reload
  }
  refresh();
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-language]")) choose(language === "zh" ? "en" : "zh");
});
