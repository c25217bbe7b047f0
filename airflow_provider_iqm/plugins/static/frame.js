/**
 * The frame of Airflow's UI around this page.
 *
 * It is sandboxed: links can't leave it, and not every release allows downloads. The document around it has the same
 * origin, so links are followed and files are saved there.
 */

/** The document around this one; null if the page was opened on its own. */
export function parentDocument() {
  try {
    return parent === window ? null : parent.document;
  } catch {
    return null;
  }
}

/** Have links open in Airflow's window, or in a new tab if they lead elsewhere. */
export function openLinksOutside() {
  if (!parentDocument()) return;
  const open = (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.button > 1) return;
    event.preventDefault();
    const newTab = link.target === "_blank" || event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey;
    clickOutside({ href: link.href, target: newTab ? "_blank" : "_self", rel: "noopener noreferrer" });
  };
  document.addEventListener("click", open);
  document.addEventListener("auxclick", open);
}

/** Save text as a file. */
export function download(text, name, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  clickOutside({ href: url, download: name });
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function clickOutside(properties) {
  const link = (parentDocument() ?? document).createElement("a");
  Object.assign(link, properties);
  link.click();
}
