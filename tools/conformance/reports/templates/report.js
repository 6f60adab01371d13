"use strict";
// Filters, and cells of Table 9-10 that lead to their cases. Without it everything is there, only unfiltered.
(() => {
  const cases = [...document.querySelectorAll(".case")];
  const groups = [...document.querySelectorAll(".group")];
  const chips = [...document.querySelectorAll(".chip[data-filter]")];
  const byId = (id) => document.getElementById(id);
  const search = byId("text"), section = byId("section"), cellChip = byId("cell"), clear = byId("clear");
  const tree = document.querySelector(".tree");
  let cell = "";
  document.body.classList.add("scripted");

  const pressed = (name) =>
    chips.filter((chip) => chip.dataset.filter === name && chip.ariaPressed === "true").map((chip) => chip.dataset.value);

  function apply() {
    const wanted = { outcome: pressed("outcome"), level: pressed("level"), role: pressed("role") };
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const each of cases) {
      const data = each.dataset;
      const fits = Object.entries(wanted).every(([name, values]) => !values.length || values.includes(data[name]))
        && (!section.value || data.section === section.value)
        && (!cell || data.cell === cell)
        && words.every((word) => data.text.includes(word));
      each.hidden = !fits;
      shown += fits;
    }
    for (const group of groups) {
      group.hidden = !group.querySelector(".case:not([hidden])");
      const link = tree.querySelector(`[data-group="${CSS.escape(group.id)}"]`);
      if (link) link.hidden = group.hidden;
    }
    for (const chapter of tree.querySelectorAll(".chapter")) chapter.hidden = !chapter.querySelector("a:not([hidden])");
    const filtered = shown !== cases.length;
    byId("shown").textContent = filtered ? `${shown} of ${cases.length} cases` : "";
    byId("none").hidden = shown > 0 || !cases.length;
    clear.hidden = !filtered;
    cellChip.hidden = !cell;
    cellChip.textContent = cell ? `${cell.replace(" ", " in ")}  ✕` : "";
    for (const each of document.querySelectorAll("a.cell")) each.classList.toggle("chosen", each.dataset.cell === cell);
  }

  function reset() {
    for (const chip of chips) chip.ariaPressed = "false";
    search.value = section.value = cell = "";
  }

  for (const chip of chips) chip.addEventListener("click", () => {
    chip.ariaPressed = String(chip.ariaPressed !== "true");
    apply();
  });
  search.addEventListener("input", apply);
  section.addEventListener("change", apply);
  cellChip.addEventListener("click", () => { cell = ""; apply(); });
  clear.addEventListener("click", () => { reset(); apply(); });

  for (const each of document.querySelectorAll("a.cell")) each.addEventListener("click", (event) => {
    event.preventDefault();
    reset();
    cell = each.dataset.cell;
    apply();
    const found = cases.filter((one) => !one.hidden);
    for (const one of found) one.open = true;
    found[0]?.scrollIntoView({ block: "start" });
  });

  function follow() {
    const target = byId(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("[hidden]") || target.hidden) { reset(); apply(); }
    if (target.matches("details")) target.open = true;
    target.scrollIntoView({ block: "start" });
  }
  addEventListener("hashchange", follow);
  addEventListener("beforeprint", () => cases.forEach((each) => { each.open = !each.hidden; }));
  if (matchMedia("(max-width: 900px)").matches) tree.open = false;
  apply();
  follow();
})();
