// Sliders without a kernel: a figure's frames were drawn when the site was built, and are fetched when it comes into
// view. In a figure with many controls one slider moves at a time: the others go back to where they began.
for (const figure of document.querySelectorAll(".course-frames")) {
  const spec = JSON.parse(figure.querySelector("script").textContent), still = figure.querySelector("img");
  const at = [...spec.start], handles = [];
  let data = null, loading = null;

  const load = () => loading ??= fetch(figure.dataset.src).then(reply => reply.json()).then(found => {
    data = found;
    const stage = document.createElement("div"), over = document.createElement("div");
    stage.className = "course-stage";
    stage.style.aspectRatio = `${data.width} / ${data.height}`;
    stage.style.maxWidth = `${data.width}px`;
    stage.setAttribute("role", "img");
    stage.setAttribute("aria-label", spec.alt);
    if (data.background) stage.style.backgroundImage = `url(${data.background})`;
    over.className = "course-over";
    over.setAttribute("aria-hidden", "true");
    stage.append(over);
    still.replaceWith(stage);
    draw();
  });

  function draw() {
    handles.forEach((handle, k) => handle.show(at[k]));
    if (!data) return;
    const frame = data.frames[at.join(",")], over = figure.querySelector(".course-over");
    over.innerHTML = typeof frame === "string" ? `<img src="${frame}" alt="">` : frame.map(i => data.pieces[i]).join("");
    figure.dataset.at = at.join(",");
  }

  function moved(k, place) {
    at[k] = place;
    if (spec.star && typeof spec.values[k][0] === "number")
      spec.values.forEach((values, i) => { if (i !== k && typeof values[0] === "number") at[i] = spec.start[i]; });
    load();
    draw();
  }

  const controls = document.createElement("div");
  controls.className = "course-controls";
  spec.values.forEach((values, k) => {
    const label = document.createElement("label"), name = document.createElement("span");
    name.textContent = spec.names[k];
    label.append(name);
    if (spec.choices[k]) {
      const list = document.createElement("select");
      values.forEach((value, i) => list.add(new Option(value, i)));
      list.addEventListener("change", () => moved(k, +list.value));
      handles.push({ show: place => { list.value = place; } });
      label.append(list);
    } else {
      const slider = document.createElement("input"), box = document.createElement("input");
      Object.assign(slider, { type: "range", min: 0, max: values.length - 1, step: 1 });
      Object.assign(box, { type: "number", step: "any" });
      box.setAttribute("aria-label", spec.names[k] + ", as a number");
      slider.addEventListener("input", () => moved(k, +slider.value));
      box.addEventListener("change", () => {  // a typed number goes to the nearest one that is drawn
        const distance = value => Math.abs(value - box.valueAsNumber);
        moved(k, values.reduce((best, value, i) => distance(value) < distance(values[best]) ? i : best, 0));
      });
      handles.push({ show: place => {
        slider.value = place;
        slider.setAttribute("aria-valuetext", values[place]);
        box.value = values[place];
      } });
      label.append(slider, box);
    }
    controls.append(label);
  });
  if (spec.star) {
    const note = document.createElement("p");
    note.textContent = "On this page one slider moves at a time, and the others go back. In Jupyter they move freely.";
    controls.append(note);
  }
  figure.prepend(controls);
  draw();
  new IntersectionObserver((seen, observer) => {
    if (seen.some(entry => entry.isIntersecting)) { observer.disconnect(); load(); }
  }, { rootMargin: "300px" }).observe(figure);
}
