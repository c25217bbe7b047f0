/** An audience's status as a badge. */

import { element } from "./dom.js";
import { UNKNOWN } from "./format.js";

const KINDS = { Ready: "success", Failed: "failed", Rejected: "failed", Deleted: "failed" };

/** Return a badge, or a dash if the status isn't known. */
export function drawStatus(status) {
  if (!status) return element("span.unknown", {}, UNKNOWN);
  return element(`span.badge.${KINDS[status] ?? "pending"}`, {}, status);
}
