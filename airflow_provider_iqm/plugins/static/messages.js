/** What the page says when there are no rows. */

import { element } from "./dom.js";

const EXAMPLE = `SqlToMatchedAudienceOperator(
    …,
    wait_for_ready=True,
    outlets=[matched_audience_asset("Customers")],
)`;

/** No task has uploaded an audience yet. */
export function drawEmpty() {
  return element(
    "div.message",
    {},
    element("h2", {}, "No audiences yet"),
    element("p", {}, "An audience is listed here after its first upload. With an asset, Airflow keeps its history:"),
    element("pre", {}, element("code", {}, EXAMPLE)),
  );
}

/** No audience matches the filters. */
export function drawNoMatch(onReset) {
  const button = element("button", { type: "button" }, "Clear filters");
  button.addEventListener("click", onReset);
  return element("div.message", {}, element("h2", {}, "No matching audiences"), button);
}

/** Airflow's API refused, or didn't respond. */
export function drawFailure(error, onRetry) {
  const [title, text] = explain(error);
  const button = element("button", { type: "button" }, "Retry");
  button.addEventListener("click", onRetry);
  return element("div.message", { role: "alert" }, element("h2", {}, title), element("p", {}, text), button);
}

function explain({ status, message }) {
  switch (status) {
    case 401:
      return ["You aren't signed in", "Sign in to Airflow, then open this page again."];
    case 403:
      return [
        "You don't have permission to see audiences",
        "Audiences are Airflow assets. Ask an administrator for a role that can read assets and Dag runs.",
      ];
    default:
      return ["Audiences can't be loaded", `${message}.`];
  }
}
