// What differs between futures: their speeds over time, and their paths seen from above.

import { line } from "./score.js";

const DT = 0.1; // s

/** A path from the frame at which the futures part: x ahead, y to the left, in metres. */
export class Trail {
  constructor() {
    this.points = [];
  }

  add(picture) {
    const last = this.points.at(-1);
    if (last && picture.index <= last.index) return;
    const gap = last ? picture.index - last.index : 0;
    const heading = (last?.heading ?? 0) + picture.yawRate * DT * gap;
    const way = picture.speed * DT * gap;
    this.points.push({
      index: picture.index,
      speed: picture.speed,
      heading,
      x: (last?.x ?? 0) + way * Math.cos(heading),
      y: (last?.y ?? 0) + way * Math.sin(heading),
    });
    if (this.points.length > 3000) this.points = this.points.filter((_, number) => number % 2 === 0);
  }
}

function pen(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const drawing = canvas.getContext("2d");
  drawing.scale(scale, scale);
  return [drawing, width, height];
}

export function drawSpeeds(canvas, trails, colours, quiet) {
  const [drawing, width, height] = pen(canvas);
  const all = trails.flatMap((trail) => trail.points);
  if (!all.length) return;
  const first = Math.min(...trails.map((trail) => trail.points[0]?.index ?? Infinity));
  const last = Math.max(first + 30, all.reduce((most, point) => Math.max(most, point.index), 0));
  const top = Math.max(40, all.reduce((most, point) => Math.max(most, point.speed * 3.6), 0) + 5);
  drawing.fillStyle = drawing.strokeStyle = quiet;
  drawing.font = "11px system-ui, sans-serif";
  for (let kmh = 0; kmh <= top; kmh += 20) {
    const y = height - 2 - (kmh / top) * (height - 10);
    drawing.globalAlpha = 0.25;
    drawing.fillRect(24, y, width - 24, 1);
    drawing.globalAlpha = 1;
    drawing.fillText(String(kmh), 0, Math.min(height - 1, y + 4));
  }
  trails.forEach((trail, number) => line(drawing, trail.points, (index) => 24 + ((index - first) / (last - first)) * (width - 26), (point) => height - 2 - ((point.speed * 3.6) / top) * (height - 10), colours[number]));
}

export function drawPaths(canvas, trails, colours) {
  const [drawing, width, height] = pen(canvas);
  const all = trails.flatMap((trail) => trail.points);
  if (!all.length) return;
  const far = Math.max(10, ...all.map((point) => point.x)) - Math.min(0, ...all.map((point) => point.x));
  const wide = Math.max(4, ...all.map((point) => Math.abs(point.y)));
  const scale = Math.min((width - 12) / far, (height - 10) / (2 * wide));
  trails.forEach((trail, number) => {
    drawing.beginPath();
    for (const point of trail.points) drawing.lineTo(6 + point.x * scale, height / 2 - point.y * scale);
    drawing.strokeStyle = colours[number];
    drawing.lineWidth = 2;
    drawing.stroke();
    const end = trail.points.at(-1);
    if (!end) return;
    drawing.beginPath();
    drawing.arc(6 + end.x * scale, height / 2 - end.y * scale, 3, 0, 7);
    drawing.fillStyle = colours[number];
    drawing.fill();
  });
}

/** The largest difference of speed (km/h) and place (m) between any two at the same frame. */
export function apart(trails) {
  const most = { speed: 0, place: 0 };
  const frames = new Map();
  for (const trail of trails) for (const point of trail.points) frames.set(point.index, [...(frames.get(point.index) ?? []), point]);
  for (const points of frames.values())
    for (const one of points)
      for (const other of points) {
        most.speed = Math.max(most.speed, (one.speed - other.speed) * 3.6);
        most.place = Math.max(most.place, Math.hypot(one.x - other.x, one.y - other.y));
      }
  return most;
}
