// Steps of the plan language in Chinese; English comes from the server.

import { EVENTS } from "./events.js";
import { lang } from "./i18n.js";

const NAMES = {
  follow: "沿路行駛", left: "左轉", right: "右轉", straight: "直行", lane_left: "換到左車道", lane_right: "換到右車道", stop: "停車", go: "起步", faster: "加速", slower: "減速",
  clear: "放晴", rain: "雨", snow: "雪", fog: "霧", dawn: "黎明", day: "白天", dusk: "黃昏", night: "夜晚",
  ...Object.fromEntries(EVENTS.map((one) => [one.event, one.words_zh])),
};
const LEVELS = { 1: "小", 2: "", 3: "大" };
const SUDDEN = { 1: ",輕微", 3: ",突然" };

function step(text) {
  const [, name, args = "", when = "", seconds = ""] = /^([a-z_]+)(?:\(([^)]*)\))?(?:@([^~]+))?(?:~([\d.]+))?$/.exec(text) ?? [];
  if (!name) return text;
  const values = args.split(",");
  let said = NAMES[name] ?? name;
  if (name === "speed") said = `${values[0]} km/h`;
  else if (["rain", "snow", "fog"].includes(name)) said = `${LEVELS[values[0]] ?? ""}${NAMES[name]}`;
  else for (const one of values) {
    if (one === "left") said += "(左)";
    else if (one === "right") said += "(右)";
    else said += SUDDEN[one] ?? "";
  }
  if (when.startsWith("+")) said = `${when.slice(1)} 秒後${said}`;
  else if (when === "junction") said = `路口${said}`;
  return seconds ? `${said},${seconds} 秒` : said;
}

/** `line`: one step or a whole plan; `english`: its words. */
export function planWords(line, english) {
  return lang() === "zh" ? line.split(";").map(step).join(",然後") : english;
}
