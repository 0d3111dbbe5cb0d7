"use strict";
(() => {
  const nodes = JSON.parse(document.getElementById("nodes").textContent);
  const stage = document.getElementById("stage");
  const picture = stage.querySelector("svg");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const details = document.getElementById("details");
  const shapes = [...picture.querySelectorAll(".node")];
  const links = [...picture.querySelectorAll(".link")];
  const size = { width: picture.width.baseVal.value, height: picture.height.baseVal.value };
  const view = { x: 0, y: 0, scale: 1 };
  let chosen = -1;

  const show = () => {
    picture.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  };

  const fit = () => {
    const { clientWidth: width, clientHeight: height } = stage;
    view.scale = Math.min(1, width / size.width, height / size.height);
    view.x = (width - size.width * view.scale) / 2;
    view.y = (height - size.height * view.scale) / 2;
    show();
  };

  const zoom = (factor, x, y) => {
    const scale = Math.min(4, Math.max(0.02, view.scale * factor));
    view.x = x - ((x - view.x) * scale) / view.scale;
    view.y = y - ((y - view.y) * scale) / view.scale;
    view.scale = scale;
    show();
  };

  const center = (shape) => {
    const box = shape.getBoundingClientRect();
    const frame = stage.getBoundingClientRect();
    view.x += frame.x + frame.width / 2 - (box.x + box.width / 2);
    view.y += frame.y + frame.height / 2 - (box.y + box.height / 2);
    show();
  };

  const element = (name, text) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const choose = (number) => {
    chosen = number;
    shapes.forEach((shape, other) => shape.classList.toggle("chosen", other === number));
    links.forEach(({ dataset, classList }) => {
      classList.toggle("chosen", Number(dataset.from) === number || Number(dataset.to) === number);
    });
    const node = nodes[number];
    details.hidden = !node;
    if (!node) return;
    details.replaceChildren(element("h2", `${node.id} ${node.class}`));
    const says = [node.title, node.status, node.mark].filter(Boolean).join(" · ");
    if (says) details.append(element("p", says));
    if (node.changes.length > 0) {
      const list = element("ul");
      list.append(...node.changes.map((line) => element("li", line)));
      details.append(list);
    }
    const inputs = element("dl");
    for (const [name, value] of node.inputs) {
      inputs.append(element("dt", name), element("dd", value === null ? source(number, name) : value));
    }
    details.append(inputs);
  };

  const source = (number, name) => {
    const link = links.find(
      ({ dataset, classList }) =>
        Number(dataset.to) === number && dataset.input === name && !classList.contains("removed"),
    );
    const from = link && nodes[Number(link.dataset.from)];
    return from ? `← ${from.id} ${from.class}` : "linked to nothing";
  };

  const look = () => {
    const words = search.value.trim().toLowerCase();
    const matches = (node) =>
      [node.id, node.class, node.title ?? "", ...node.inputs.map(([name, value]) => `${name} ${value ?? ""}`)]
        .join(" ")
        .toLowerCase()
        .includes(words);
    const hits = words === "" ? [] : nodes.flatMap((node, number) => (matches(node) ? [number] : []));
    shapes.forEach((shape, number) => shape.classList.toggle("faded", words !== "" && !hits.includes(number)));
    found.textContent = words === "" ? "" : `${hits.length} found`;
    return hits;
  };

  let start = null;
  stage.addEventListener("pointerdown", (event) => {
    start = { x: event.clientX - view.x, y: event.clientY - view.y, moved: false, target: event.target };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = [event.clientX - start.x, event.clientY - start.y];
    start.moved ||= Math.hypot(x - view.x, y - view.y) > 3;
    if (!start.moved) return;
    stage.classList.add("moving");
    view.x = x;
    view.y = y;
    show();
  });
  stage.addEventListener("pointerup", () => {
    if (start && !start.moved) {
      const shape = start.target.closest(".node");
      choose(shape ? Number(shape.dataset.node) : -1);
    }
    start = null;
    stage.classList.remove("moving");
  });
  stage.addEventListener("pointercancel", () => {
    start = null;
    stage.classList.remove("moving");
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const frame = stage.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 500), event.clientX - frame.x, event.clientY - frame.y);
    },
    { passive: false },
  );
  stage.addEventListener("keydown", (event) => {
    const step = 60;
    const middle = [stage.clientWidth / 2, stage.clientHeight / 2];
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.key in moves) {
      view.x += moves[event.key][0];
      view.y += moves[event.key][1];
      show();
    } else if (event.key === "+" || event.key === "=") zoom(1.2, ...middle);
    else if (event.key === "-") zoom(1 / 1.2, ...middle);
    else if (event.key === "0") fit();
    else if (event.key === "Escape") choose(-1);
    else return;
    event.preventDefault();
  });
  search.addEventListener("input", look);
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const hits = look();
    if (hits.length === 0) return;
    const next = hits.find((number) => number > chosen) ?? hits[0];
    if (view.scale < 0.6) zoom(0.8 / view.scale, stage.clientWidth / 2, stage.clientHeight / 2);
    choose(next);
    center(shapes[next]);
  });
  document.getElementById("fit").addEventListener("click", fit);
  window.addEventListener("resize", show);
  fit();
})();
