/** The limits that a task's arguments set for its audiences. */

/**
 * The lowest value that each audience of a series was allowed to have; null without a limit.
 *
 * @param {object[]} audiences Oldest first.
 */
export function matchRateFloors(audiences) {
  return floors(audiences, "matchRate", "min_match_rate", (before, { max_match_rate_drop: drop }) =>
    isNumber(drop) ? before - drop : null,
  );
}

/** The same for the number of records. */
export function recordFloors(audiences) {
  return floors(audiences, "records", "min_records", (before, { max_records_drop: drop }) =>
    isNumber(drop) ? before * (1 - drop / 100) : null,
  );
}

function floors(audiences, value, minimum, fromBefore) {
  let before = null;
  return audiences.map((audience) => {
    const candidates = [audience.limits[minimum], before === null ? null : fromBefore(before, audience.limits)];
    before = audience[value] ?? before;
    const set = candidates.filter(isNumber);
    return set.length ? Math.max(0, ...set) : null;
  });
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}
