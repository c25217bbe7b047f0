/** Scales and ticks of charts. */

/** Return a function that maps numbers from one range to another. */
export function linearScale([fromStart, fromEnd], [toStart, toEnd]) {
  const width = fromEnd - fromStart;
  return (value) => (width ? toStart + ((value - fromStart) / width) * (toEnd - toStart) : (toStart + toEnd) / 2);
}

/** Return round values that cover a range, such as 0, 50, 100. */
export function niceTicks(min, max, count) {
  if (min === max) [min, max] = [min - (Math.abs(min) || 1) / 10, max + (Math.abs(max) || 1) / 10];
  const step = niceStep((max - min) / count);
  const first = Math.floor(min / step);
  const last = Math.ceil(max / step);
  // A multiplication for each tick doesn't add up rounding errors.
  return Array.from({ length: last - first + 1 }, (_, index) => round((first + index) * step));
}

/** Return at most `count` times, evenly spaced. */
export function timeTicks(min, max, count) {
  if (min === max || count < 2) return [min];
  return Array.from({ length: count }, (_, index) => min + ((max - min) * index) / (count - 1));
}

/** Return the index of the value nearest to a position; the values are sorted. */
export function nearestIndex(values, position) {
  let best = 0;
  values.forEach((value, index) => {
    if (Math.abs(value - position) < Math.abs(values[best] - position)) best = index;
  });
  return best;
}

function niceStep(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  const factor = [1, 2, 2.5, 5, 10].find((each) => step <= each * power * (1 + 1e-9));
  return factor * power;
}

function round(value) {
  return Number(value.toPrecision(12));
}
