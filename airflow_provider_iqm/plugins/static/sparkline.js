/** Small charts without axes. */

import { svg } from "./dom.js";
import { linearScale } from "./scale.js";

const WIDTH = 64;
const HEIGHT = 20;
const MARGIN = 3;

/** The most values of a sparkline. */
export const SPARKLINE_RUNS = 30;

/**
 * Draw values as a line that ends in a dot; null if there are fewer than two.
 *
 * @param {(number|null)[]} values Oldest first; null where a value isn't known.
 * @param {string} label What screen readers say.
 */
export function drawSparkline(values, label) {
  const shown = values.slice(-SPARKLINE_RUNS);
  const known = shown.filter((value) => value !== null);
  if (known.length < 2) return null;
  const x = linearScale([0, shown.length - 1], [MARGIN, WIDTH - MARGIN]);
  const y = linearScale([Math.min(...known), Math.max(...known)], [HEIGHT - MARGIN, MARGIN]);
  const points = shown
    .map((value, index) => (value === null ? null : [x(index), y(value)]))
    .filter((point) => point !== null);
  const [lastX, lastY] = points.at(-1);
  return svg(
    "svg.sparkline",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": label },
    svg("polyline", { points: points.map((point) => point.map((each) => each.toFixed(1)).join(",")).join(" ") }),
    svg("circle", { cx: lastX.toFixed(1), cy: lastY.toFixed(1), r: 2 }),
  );
}
