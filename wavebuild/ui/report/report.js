"use strict";
// The page is whole without this: it adds a panel, a search, zoom and keys. It makes no markup out of texts.
(() => {
  const $ = (id) => document.getElementById(id);
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const canvas = $("canvas"), drawing = $("drawing"), panel = $("panel"), search = $("search");
  document.documentElement.classList.add("script");
  for (const each of all("[role=search], .tools")) each.hidden = false;

  // A step in the panel: whatever links to it changes the hash, and the hash says what is shown.
  let opener = null;
  const boxes = drawing ? all("a", drawing) : [];
  const arrows = drawing ? all("path[data-from]", drawing) : [];

  const shown = () => {
    const place = $(location.hash.slice(1));
    return place && place.dataset.name !== undefined ? place : null;
  };
  const show = () => {
    const place = shown();
    pick(place ? "#" + place.id : "");
    if (!place) { panel.hidden = true; return; }
    $("panel-title").textContent = place.dataset.name;
    $("panel-body").replaceChildren(...place.cloneNode(true).childNodes);
    panel.hidden = false;
    panel.scrollTop = 0;
    panel.focus({ preventScroll: true });
  };
  const pick = (href) => {
    let found = false;
    for (const box of boxes) {
      const is = href !== "" && box.getAttribute("href") === href;
      box.classList.toggle("picked", is);
      found ||= is;
    }
    for (const arrow of arrows) {
      arrow.classList.toggle("near", found && (arrow.dataset.from === href || arrow.dataset.to === href));
    }
    if (drawing) drawing.classList.toggle("chosen", found);
  };
  const close = () => {
    if (panel.hidden) return;
    history.replaceState(null, "", "#");
    show();
    if (opener && opener.isConnected) opener.focus({ preventScroll: true });
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    if (!panel.contains(link)) opener = link;
    if (link.getAttribute("href") === location.hash) show();
  });
  addEventListener("hashchange", show);
  $("panel-close").addEventListener("click", close);

  // Zoom: the box scrolls by itself, so that touch, wheel and arrow keys move it; the drawing gets another size.
  if (drawing) {
    const width = drawing.width.baseVal.value, height = drawing.height.baseVal.value;
    let scale = 1;
    const zoom = (to, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
      to = Math.min(4, Math.max(0.05, to));
      const left = (canvas.scrollLeft + x) / scale, top = (canvas.scrollTop + y) / scale;
      scale = to;
      drawing.setAttribute("width", width * scale);
      drawing.setAttribute("height", height * scale);
      canvas.scrollLeft = left * scale - x;
      canvas.scrollTop = top * scale - y;
    };
    const fitting = () => Math.min(canvas.clientWidth / width, Math.max(innerHeight * 0.7, 300) / height);
    const reveal = (box) => {
      const at = box.getBoundingClientRect(), frame = canvas.getBoundingClientRect();
      canvas.scrollLeft += at.left + at.width / 2 - frame.left - frame.width / 2;
      canvas.scrollTop += at.top + at.height / 2 - frame.top - frame.height / 2;
    };
    const ways = { in: () => zoom(scale * 1.3), out: () => zoom(scale / 1.3), fit: () => zoom(fitting()), full: () => zoom(1) };
    for (const button of all("[data-zoom]")) button.addEventListener("click", () => ways[button.dataset.zoom]());
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const frame = canvas.getBoundingClientRect();
      zoom(scale * Math.exp(-event.deltaY * 0.004), event.clientX - frame.left, event.clientY - frame.top);
    }, { passive: false });

    let held = null, moved = false;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button !== 0) return;
      held = { x: event.clientX, y: event.clientY, left: canvas.scrollLeft, top: canvas.scrollTop };
      moved = false;
    });
    addEventListener("pointermove", (event) => {
      if (!held) return;
      const x = event.clientX - held.x, y = event.clientY - held.y;
      if (!moved && Math.hypot(x, y) < 4) return;
      moved = true;
      canvas.classList.add("held");
      canvas.scrollLeft = held.left - x;
      canvas.scrollTop = held.top - y;
    });
    addEventListener("pointerup", () => { held = null; canvas.classList.remove("held"); });
    canvas.addEventListener("click", (event) => { if (moved) event.preventDefault(); moved = false; }, true);
    canvas.addEventListener("dragstart", (event) => event.preventDefault());

    let pinch = null;
    const spread = (touches) => Math.hypot(touches[0].clientX - touches[1].clientX, touches[0].clientY - touches[1].clientY);
    canvas.addEventListener("touchmove", (event) => {
      if (event.touches.length !== 2) return;
      event.preventDefault();
      const frame = canvas.getBoundingClientRect(), now = spread(event.touches);
      const x = (event.touches[0].clientX + event.touches[1].clientX) / 2 - frame.left;
      const y = (event.touches[0].clientY + event.touches[1].clientY) / 2 - frame.top;
      if (pinch) zoom(scale * now / pinch, x, y);
      pinch = now;
    }, { passive: false });
    canvas.addEventListener("touchend", () => { pinch = null; });

    // One stop for the tab key in the whole graph; arrow keys go on from there, by what is drawn next to it.
    let stop = null;
    const stand = (box) => {
      if (stop) stop.setAttribute("tabindex", "-1");
      stop = box;
      stop.setAttribute("tabindex", "0");
    };
    for (const box of boxes) {
      box.setAttribute("tabindex", "-1");
      box.setAttribute("aria-label", all("text", box).map((line) => line.textContent).join(", "));
    }
    if (boxes.length) stand(boxes.find((box) => box.classList.contains("failed")) || boxes[0]);
    const aims = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    drawing.addEventListener("keydown", (event) => {
      const aim = aims[event.key], from = event.target.closest("a");
      if (!aim || !from || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const here = from.getBBox();
      let best = null, least = Infinity;
      for (const box of boxes) {
        const there = box.getBBox();
        const x = there.x + there.width / 2 - here.x - here.width / 2, y = there.y + there.height / 2 - here.y - here.height / 2;
        const along = x * aim[0] + y * aim[1], across = Math.abs(x * aim[1]) + Math.abs(y * aim[0]);
        if (box === from || along <= 1) continue;
        const far = along + 2.5 * across;
        if (far < least) { least = far; best = box; }
      }
      if (best) { stand(best); best.focus({ preventScroll: true }); reveal(best); }
    });
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "+" || event.key === "=") ways.in();
      else if (event.key === "-") ways.out();
      else if (event.key === "0") ways.fit();
      else return;
      event.preventDefault();
    });

    const wanted = fitting();
    zoom(wanted >= 1 ? 1 : Math.max(wanted, 0.55));
    const first = boxes.find((box) => box.classList.contains("failed"));
    if (first && wanted < 0.55) reveal(first); else canvas.scrollLeft = 0;
    drawing.dataset.ready = "yes";
  }

  // The bars of the timeline are one stop, too.
  const bars = all(".gantt a");
  bars.forEach((bar, at) => bar.setAttribute("tabindex", at ? "-1" : "0"));
  if (bars.length) {
    bars[0].closest("svg.gantt").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const at = bars.indexOf(event.target.closest("a"));
      if (!step || at < 0 || !bars[at + step]) return;
      event.preventDefault();
      bars[at].setAttribute("tabindex", "-1");
      bars[at + step].setAttribute("tabindex", "0");
      bars[at + step].focus();
    });
  }

  // Search: rows, groups and boxes that have all the words.
  const rows = all("table.steps tbody tr").map((row) => {
    const link = row.querySelector("a"), sign = row.closest("details.group").querySelector(".badge").textContent;
    return { row, text: row.textContent.toLowerCase(), href: link.getAttribute("href"), name: link.textContent, sign };
  });
  const parts = all("details.part"), groups = all("details.group");
  const opened = new Map([...parts, ...groups].map((each) => [each, each.open]));
  const LISTED = 8;
  const list = $("hits");
  const members = new Map();  // of a box that stands for many steps: where each of them is told of
  for (const place of all("[data-members]")) {
    const found = [];
    for (const range of place.dataset.members.split(" ")) {
      const [from, to] = range.split("-").map(Number);
      for (let at = from; at <= (to ?? from); at++) found.push("#s" + at);
    }
    members.set("#" + place.id, found);
  }
  const offer = (found) => {
    list.replaceChildren(...found.map((each) => {
      const line = document.createElement("li"), link = document.createElement("a"), note = document.createElement("span");
      link.href = each.href;
      note.textContent = each.sign;
      link.append(each.name, note);
      line.append(link);
      return line;
    }));
    list.hidden = found.length === 0;
  };
  let first = null;
  const find = () => {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (text) => asked.every((word) => text.includes(word));
    const hits = new Set(), offered = [];
    for (const each of rows) {
      const hit = fits(each.text);
      if (each.row.hidden === hit) each.row.hidden = !hit;
      if (!hit) continue;
      hits.add(each.href);
      if (offered.length < LISTED) offered.push(each);
    }
    first = offered.length ? offered[0].href : null;
    offer(asked.length ? offered : []);
    for (const each of [...parts, ...groups]) {
      const inside = asked.length ? all("tbody tr:not([hidden])", each).length : 0;
      each.hidden = asked.length > 0 && inside === 0;
      each.open = asked.length ? inside > 0 && hits.size <= 200 || opened.get(each) : opened.get(each);
      const note = each.querySelector(":scope > summary .hits");
      if (note) note.textContent = asked.length ? `${inside} found` : "";
    }
    for (const box of boxes) {
      const href = box.getAttribute("href");
      const is = hits.has(href) || (members.get(href) || []).some((each) => hits.has(each));
      box.classList.toggle("hit", asked.length > 0 && is);
    }
    if (drawing) drawing.classList.toggle("searching", asked.length > 0);
    $("found").textContent = asked.length ? `${hits.size} of ${rows.length} found` : "";
  };
  search.addEventListener("input", find);
  search.addEventListener("focus", () => { list.hidden = !list.firstChild; });
  list.addEventListener("click", () => { list.hidden = true; });
  list.addEventListener("keydown", (event) => {
    const links = all("a", list), step = { ArrowDown: 1, ArrowUp: -1, Escape: -links.length }[event.key];
    if (!step) return;
    event.stopPropagation();
    event.preventDefault();
    (links[links.indexOf(event.target) + step] || search).focus();
  });
  document.addEventListener("focusin", (event) => { if (!event.target.closest(".search")) list.hidden = true; });
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest(".search")) list.hidden = true; });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && first) { opener = search; list.hidden = true; location.hash = first; }
    if (event.key === "ArrowDown" && list.firstChild && !list.hidden) { event.preventDefault(); list.querySelector("a").focus(); }
    if (event.key === "Escape" && search.value) { search.value = ""; find(); event.stopPropagation(); }
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea");
    if (event.key === "Escape") close();
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); search.focus(); search.select(); }
  });
  show();
})();
