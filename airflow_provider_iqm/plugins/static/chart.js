/** A line chart of a series: axes, limits, failed runs, and the value under the pointer or the keyboard's cursor. */

import { element, svg } from "./dom.js";
import { formatMoment, formatTick } from "./format.js";
import { linearScale, nearestIndex, niceTicks, timeTicks } from "./scale.js";

const HEIGHT = 190;
const MARGIN = { top: 12, right: 14, bottom: 26, left: 56 };
const PIXELS_PER_TICK = 110;
const MOST_DOTS = 40;

/**
 * @typedef {object} Point
 * @property {number} time
 * @property {number} value
 * @property {number|null} floor The lowest allowed value.
 */

/**
 * Draw a chart that follows the width of its container.
 *
 * @param {object} options
 * @param {string} options.title
 * @param {Point[]} options.points Oldest first.
 * @param {number[]} options.failures The times of failed runs.
 * @param {(value: number) => string} options.format Formats a value.
 * @param {(value: number) => string} options.formatAxis Formats a tick of the value axis.
 */
export function drawChart({ title, points, failures, format, formatAxis }) {
  const hasFloor = points.some((point) => point.floor !== null);
  const legend = element(
    "span.legend",
    {},
    hasFloor ? element("span.legend-floor", {}, "Limit") : null,
    failures.length ? element("span.legend-failure", {}, "Failed run") : null,
  );
  const figure = element("figure.chart", {}, element("figcaption", {}, element("h3", {}, title), legend));
  if (!points.length) {
    figure.append(element("p.no-values", {}, "IQM hasn't reported any values."));
    return figure;
  }
  const tooltip = element("output.tooltip", { hidden: true, "aria-live": "polite" });
  const plot = element("div.plot", {}, tooltip);
  figure.append(plot);
  let drawn = null;
  new ResizeObserver(() => {
    const width = Math.floor(plot.clientWidth);
    if (!width || drawn?.width === width) return;
    drawn?.node.remove();
    drawn = { width, node: drawPlot({ title, points, failures, format, formatAxis, width, tooltip }) };
    plot.prepend(drawn.node);
  }).observe(plot);
  return figure;
}

function drawPlot({ title, points, failures, format, formatAxis, width, tooltip }) {
  const times = [...points.map((point) => point.time), ...failures];
  const values = points.flatMap(({ value, floor }) => (floor === null ? [value] : [value, floor]));
  const [start, end] = [Math.min(...times), Math.max(...times)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  // Neither the values nor the limit lie on the axis.
  const ticks = niceTicks(Math.max(0, low - (high - low) / 20), high, 4);
  const x = linearScale([start, end], [MARGIN.left, width - MARGIN.right]);
  const y = linearScale([ticks[0], ticks.at(-1)], [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const dotted = points.length <= MOST_DOTS ? points : [];
  const cursor = svg("g.cursor", { visibility: "hidden" }, svg("line"), svg("circle", { r: 4.5 }));
  const latest = format(points.at(-1).value);
  const summary = `${title}: ${points.length} values, the latest is ${latest}. Use the arrow keys.`;
  const node = svg(
    "svg",
    { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, tabindex: 0, role: "img", "aria-label": summary },
    ...ticks.map((tick) => drawValueTick(y(tick), formatAxis(tick), width)),
    ...drawTimeTicks(timeTicks(start, end, Math.max(2, Math.floor(width / PIXELS_PER_TICK))), x),
    ...failures.map((time) => drawFailure(x(time))),
    svg("path.floor", { d: floorPath(points, x, y) }),
    svg("polyline.line", { points: points.map(({ time, value }) => `${x(time)},${y(value)}`).join(" ") }),
    ...dotted.map(({ time, value }) => svg("circle.dot", { cx: x(time), cy: y(value), r: 2.5 })),
    cursor,
  );
  addCursor(node, { points, x, y, cursor, tooltip, format, width });
  return node;
}

function drawValueTick(y, text, width) {
  return svg(
    "g.tick",
    {},
    svg("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
    svg("text", { x: MARGIN.left - 8, y, dy: "0.32em", "text-anchor": "end" }, text),
  );
}

function drawTimeTicks(ticks, x) {
  const last = ticks.length - 1;
  const labels = ticks.map((tick) => formatTick(tick, ticks[last] - ticks[0]));
  return ticks.map((tick, index) => {
    // The outer labels stay inside the chart.
    const anchor = last === 0 ? "middle" : index === 0 ? "start" : index === last ? "end" : "middle";
    const text = labels[index] === labels[index - 1] ? "" : labels[index];
    return svg("g.tick", {}, svg("text", { x: x(tick), y: HEIGHT - 8, "text-anchor": anchor }, text));
  });
}

function drawFailure(x) {
  const y = HEIGHT - MARGIN.bottom;
  return svg("path.failure", { d: `M${x - 3.5},${y - 3.5}l7,7m0,-7l-7,7` });
}

/** A line through the limits, with gaps where a run had none. */
function floorPath(points, x, y) {
  if (points.length === 1 && points[0].floor !== null) return `M${x(points[0].time) - 20},${y(points[0].floor)}h40`;
  return points
    .map(({ time, floor }, index) => {
      if (floor === null) return "";
      const continued = index > 0 && points[index - 1].floor !== null;
      return `${continued ? "L" : "M"}${x(time)},${y(floor)}`;
    })
    .join("");
}

function addCursor(node, { points, x, y, cursor, tooltip, format, width }) {
  const positions = points.map((point) => x(point.time));
  let current = points.length - 1;
  const show = (index) => {
    current = Math.min(points.length - 1, Math.max(0, index));
    const { time, value, floor } = points[current];
    const [left, top] = [positions[current], y(value)];
    const [line, circle] = cursor.children;
    for (const [name, position] of Object.entries({ x1: left, x2: left, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom })) {
      line.setAttribute(name, position);
    }
    circle.setAttribute("cx", left);
    circle.setAttribute("cy", top);
    cursor.setAttribute("visibility", "visible");
    tooltip.replaceChildren(
      element("strong", {}, format(value)),
      element("span", {}, formatMoment(time)),
      floor === null ? "" : element("span", {}, `Limit ${format(floor)}`),
    );
    tooltip.hidden = false;
    tooltip.style.left = `${Math.min(Math.max(left, 70), width - 70)}px`;
    tooltip.style.top = `${top}px`;
    tooltip.classList.toggle("below", top < 70);
  };
  const hide = () => {
    cursor.setAttribute("visibility", "hidden");
    tooltip.hidden = true;
  };
  const move = { ArrowLeft: () => current - 1, ArrowRight: () => current + 1, Home: () => 0, End: () => points.length };
  node.addEventListener("pointermove", (event) => show(nearestIndex(positions, event.offsetX)));
  node.addEventListener("pointerleave", hide);
  node.addEventListener("focus", () => show(current));
  node.addEventListener("blur", hide);
  node.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    if (!(event.key in move)) return;
    event.preventDefault();
    show(move[event.key]());
  });
}
