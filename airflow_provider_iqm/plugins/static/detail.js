/** What a row shows when it is open: charts, and the runs below. */

import { drawChart } from "./chart.js";
import { element } from "./dom.js";
import { loadError } from "./failures.js";
import * as format from "./format.js";
import { matchRateFloors, recordFloors } from "./limits.js";
import { linksOf } from "./links.js";
import { drawStatus } from "./status.js";

const COLUMNS = ["When", "Status", "Audience", "Records", "Match rate", "Reach", "Data cost", "Campaigns", ""];

/** @param {import("./series.js").Series} series */
export function drawDetail(series) {
  const failures = series.failures.map((failure) => failure.time);
  return element(
    "div.detail",
    {},
    element(
      "div.charts",
      {},
      drawChart({
        title: "Match rate",
        points: pointsOf(series.audiences, "matchRate", matchRateFloors(series.audiences)),
        failures,
        format: format.formatPercent,
        formatAxis: (value) => `${format.formatCompact(value)} %`,
      }),
      drawChart({
        title: "Records",
        points: pointsOf(series.audiences, "records", recordFloors(series.audiences)),
        failures,
        format: format.formatInteger,
        formatAxis: format.formatCompact,
      }),
    ),
    drawRuns(series),
  );
}

function pointsOf(audiences, value, floors) {
  return audiences
    .map((audience, index) => ({ time: audience.created, value: audience[value], floor: floors[index] }))
    .filter((point) => point.value !== null);
}

function drawRuns(series) {
  const runs = [
    ...series.audiences.map((audience) => ({ time: audience.updated, draw: () => drawAudience(audience) })),
    ...series.failures.map((failure) => ({ time: failure.time, draw: () => drawFailure(failure) })),
  ].sort((a, b) => b.time - a.time);
  return element(
    "div.runs",
    { tabindex: 0, role: "region", "aria-label": `Runs of ${series.name}` },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...COLUMNS.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...runs.map((run) => run.draw())),
    ),
  );
}

function drawAudience(audience) {
  const cells = {
    When: format.formatMoment(audience.updated),
    Status: drawStatus(audience.status),
    Audience: element("span", { title: audience.name }, String(audience.audienceId)),
    Records: format.formatInteger(audience.records),
    "Match rate": format.formatPercent(audience.matchRate),
    Reach: format.formatInteger(audience.reach),
    "Data cost": format.formatCost(audience.cost),
    Campaigns: describeCampaigns(audience.campaigns),
    Links: linksOf(audience.source, audience, `audience ${audience.audienceId}`),
  };
  return element(
    "tr",
    {},
    ...Object.entries(cells).map(([label, value]) => element("td", { "data-label": label }, value)),
  );
}

function drawFailure(failure) {
  return element(
    "tr.failed",
    {},
    element("td", { "data-label": "When" }, format.formatMoment(failure.time)),
    element("td", { "data-label": "Status" }, drawStatus("Failed")),
    element("td.error-cell", { colspan: COLUMNS.length - 3, "data-label": "Error" }, drawError(failure)),
    element("td", { "data-label": "Links" }, linksOf(failure, null, `failed task ${failure.taskId}`)),
  );
}

/** The first line of a failure's error, as soon as it is loaded. */
export function drawError(failure) {
  const node = element("span.error", {}, "Loading the error…");
  loadError(failure).then((error) => {
    node.textContent = error || `Task ${failure.taskId} failed; the reason is in its log.`;
    node.title = node.textContent;
  });
  return node;
}

/** Campaigns as text; excluded ones are named, because they don't show the audience ads. */
export function describeCampaigns(campaigns) {
  if (!campaigns) return format.UNKNOWN;
  const { included, excluded } = campaigns;
  const parts = [included.length ? included.join(", ") : "", excluded.length ? `excluded: ${excluded.join(", ")}` : ""];
  return parts.filter((part) => part).join("; ") || "none";
}
