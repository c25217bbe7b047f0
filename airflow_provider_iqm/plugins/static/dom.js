/** Creates elements. Text is always a text node, so what others wrote can't become markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Create an element.
 *
 * @param {string} tag The tag; classes can follow after dots, as in `span.badge`.
 * @param {object} attributes Attributes; `true` sets one without a value, and `false` or null leaves it out.
 * @param {...(Node|string|null)} children
 */
export function element(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElement(name), classes, attributes, children);
}

/** Create an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElementNS(SVG, name), classes, attributes, children);
}

function fill(node, classes, attributes, children) {
  if (classes.length) node.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
