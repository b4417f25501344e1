// Texts that stand out from their ground by less than 4.5 to 1, on the page and in drawings.
() => {
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const linear = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    const [red, green, blue] = parts(colour).map(linear);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratio = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor, alpha = parts(colour)[3];
      if (alpha === undefined || alpha > 0.99) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const low = [];
  const check = (element, one, other) => {
    if (ratio(one, other) < 4.5) low.push(`${ratio(one, other).toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
  };
  for (const element of document.querySelectorAll("body *:not(svg *)")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (own && element.checkVisibility()) check(element, getComputedStyle(element).color, behind(element));
  }
  for (const text of document.querySelectorAll(".drawing a text, .gantt a text")) {
    const box = text.closest("a").querySelector(".step");
    check(text, getComputedStyle(text).fill, getComputedStyle(box).fill);
  }
  return low;
}
