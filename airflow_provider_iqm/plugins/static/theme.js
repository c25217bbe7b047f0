/** The color mode of Airflow's UI, which shows this page in a frame. */

import { parentDocument } from "./frame.js";

const system = matchMedia("(prefers-color-scheme: dark)");

/** Apply the color mode, now and whenever it changes. */
export function followTheme() {
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  const root = parentDocument()?.documentElement;
  if (root) new MutationObserver(apply).observe(root, { attributes: true, attributeFilter: ["class"] });
}

function apply() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
}

function isDark() {
  const classes = parentDocument()?.documentElement.classList;
  if (classes?.contains("dark")) return true;
  if (classes?.contains("light")) return false;
  const stored = localStorage.getItem("theme");
  return stored === "dark" || (stored !== "light" && system.matches);
}
