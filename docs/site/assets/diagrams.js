// Draws the Mermaid diagrams of a page, in the colours that the page has, and anew when those change.
import { mermaid } from "./mermaid/index.js";

// Pixels that a diagram keeps where the page is narrower, so that it can be read; then it is scrolled.
const NARROWEST = 600;
const body = document.body;
let drawn = 0;

// What cannot be drawn is shown as it is written.
async function draw(element, source) {
  try {
    const { svg } = await mermaid.render(`diagram-${drawn++}`, source);
    element.innerHTML = svg;
    const drawing = element.firstElementChild;
    drawing.style.minWidth = `${Math.min(drawing.viewBox.baseVal.width, NARROWEST)}px`;
  } catch (error) {
    console.error(error);
    element.textContent = source;
  }
}

async function drawAll(diagrams) {
  const dark = body.getAttribute("data-md-color-scheme") === "slate";
  mermaid.initialize({
    startOnLoad: false,
    theme: dark ? "dark" : "neutral",
    fontFamily: "inherit",
    themeVariables: { fontSize: "14px" },
  });
  for (const [element, source] of diagrams) await draw(element, source);
}

const diagrams = [...document.querySelectorAll("pre.diagram")].map((pre) => {
  const figure = document.createElement("div");
  figure.className = "diagram";
  figure.setAttribute("role", "img");
  figure.setAttribute("aria-label", pre.textContent);
  const source = pre.textContent;
  pre.replaceWith(figure);
  return [figure, source];
});

if (diagrams.length) {
  await drawAll(diagrams);
  new MutationObserver(() => drawAll(diagrams)).observe(body, {
    attributes: true,
    attributeFilter: ["data-md-color-scheme"],
  });
}
