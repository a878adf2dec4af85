// Steps of the plan language in Chinese; English comes from the server.

import { lang } from "./i18n.js";

const NAMES = {
  follow: "沿路行駛", left: "左轉", right: "右轉", straight: "直行", lane_left: "換到左車道", lane_right: "換到右車道", stop: "停車", go: "起步", faster: "加速", slower: "減速",
  clear: "放晴", rain: "雨", snow: "雪", fog: "霧", dawn: "黎明", day: "白天", dusk: "黃昏", night: "夜晚",
  ped_cross: "行人穿越", cyclist: "自行車", cut_in: "車輛切入", animal: "動物", hard_brake: "前車急煞", stalled: "拋錨車", debris: "散落物", oncoming: "逆向來車", emergency: "緊急車輛", road_work: "道路施工",
};
const LEVELS = { 1: "小", 2: "", 3: "大" };
const SUDDEN = { 1: ",輕微", 3: ",突然" };

function step(text) {
  const [, name, args = "", when = "", seconds = ""] = /^([a-z_]+)(?:\(([^)]*)\))?(?:@([^~]+))?(?:~([\d.]+))?$/.exec(text) ?? [];
  if (!name) return text;
  const given = args.split(",");
  let said = NAMES[name] ?? name;
  if (name === "speed") said = `${given[0]} km/h`;
  else if (["rain", "snow", "fog"].includes(name)) said = `${LEVELS[given[0]] ?? ""}${NAMES[name]}`;
  else for (const one of given) {
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
