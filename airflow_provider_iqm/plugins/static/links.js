/** Links to Airflow's UI and to IQM. */

import { element } from "./dom.js";

const AIRFLOW = new URL("../", import.meta.url);

/** The page of a Dag run. */
export function runUrl({ dagId, runId }) {
  return new URL(`dags/${encodeURIComponent(dagId)}/runs/${encodeURIComponent(runId)}`, AIRFLOW).href;
}

/** The page of a task instance, which opens with its log. */
export function logUrl(source) {
  const mapped = source.mapIndex >= 0 ? `/mapped/${source.mapIndex}` : "";
  return `${runUrl(source)}/tasks/${encodeURIComponent(source.taskId)}${mapped}`;
}

/** The links of a row, or of one of its runs. */
export function linksOf(source, audience, name) {
  const links = [];
  if (source) {
    links.push(element("a", { href: runUrl(source), "aria-label": `Dag run of ${name}` }, "Run"));
    links.push(element("a", { href: logUrl(source), "aria-label": `Task log of ${name}` }, "Log"));
  }
  if (audience?.url) {
    const newTab = { target: "_blank", rel: "noopener noreferrer" };
    links.push(element("a", { href: audience.url, "aria-label": `${name} in IQM`, ...newTab }, "IQM"));
  }
  return element("span.links", {}, ...links);
}
