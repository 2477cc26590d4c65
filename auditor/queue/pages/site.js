// Sorting and filtering of the queue's table. The state is in the address, after #, so that a view can be sent and
// the way back works. Nothing is requested, and nothing is written as HTML.
"use strict";
(() => {
  const table = document.getElementById("queue");
  const form = document.getElementById("filters");
  if (!table || !form) return;
  const body = table.tBodies[0];
  const shown = document.getElementById("shown");
  const none = document.getElementById("none");
  const more = document.getElementById("more");
  const VERDICTS = ["violation", "disputed", "inconclusive", "clean"];
  const CLASSES = ["score", "evidence", "budget", "paperwork", ""];
  const number = (text) => (text === "" ? null : Number(text));
  const rows = [...body.rows].map((element, position) => {
    const data = element.dataset;
    const [verdict, kind = ""] = data.verdict.split(" ");
    return {
      element, position, data,
      text: element.textContent.toLowerCase(),
      rules: data.rules.split(","),
      author: element.querySelector(".author").textContent.toLowerCase(),
      gravity: VERDICTS.indexOf(verdict) * 10 + CLASSES.indexOf(kind),
      bpb: number(data.bpb), gain: number(data.gain), p: number(data.p),
    };
  });
  const KEYS = {
    "": (row) => Number(row.data.pr), gravity: (row) => row.gravity, rule: (row) => row.rules[0] || null,
    bpb: (row) => row.bpb, gain: (row) => row.gain, p: (row) => row.p, day: (row) => row.data.day || null,
    author: (row) => row.author, track: (row) => row.data.track, said: (row) => (row.data.said === "nothing" ? null : row.data.said),
  };

  const state = () => {
    const kept = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value !== "") kept.set(name, value);
    return kept;
  };
  const fits = (row, want) => {
    const has = (name) => want.get(name);
    const words = (has("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.every((word) => row.text.includes(word))) return false;
    if (has("verdict") && row.data.verdict !== has("verdict")) return false;
    if (has("rule") && !row.rules.includes(has("rule"))) return false;
    if (has("track") && row.data.track !== has("track")) return false;
    if (has("said") && row.data.said !== has("said")) return false;
    if (has("bar") && row.data.bar !== has("bar")) return false;
    if (has("low") && !(row.bpb !== null && row.bpb >= Number(has("low")))) return false;
    if (has("high") && !(row.bpb !== null && row.bpb <= Number(has("high")))) return false;
    if (has("from") && !(row.data.day && row.data.day >= has("from"))) return false;
    return !(has("to") && !(row.data.day && row.data.day <= has("to")));
  };
  const PAGE = 150; // rows that are laid out at a time; a phone takes long over two thousand
  let fitting = rows.map((row) => row.element);
  let laid = 0;
  const lay = (number) => {
    const next = fitting.slice(laid, laid + number);
    laid += next.length;
    body.append(...next);
    more.hidden = laid >= fitting.length;
  };
  let order = "";
  let sorted = rows;
  const apply = () => {
    const want = state();
    const sort = want.get("sort") || "";
    const down = want.get("down") ? -1 : 1;
    if (order !== `${sort} ${down}`) {
      order = `${sort} ${down}`;
      const key = KEYS[sort] || KEYS[""];
      sorted = rows.map((row) => [key(row), row]).sort(([a, one], [b, two]) => {
        if (a === null || b === null) return (a === null) - (b === null) || one.position - two.position;
        return (a < b ? -1 : a > b ? 1 : 0) * down || one.position - two.position;
      }).map(([, row]) => row);
    }
    fitting = sorted.filter((row) => fits(row, want)).map((row) => row.element);
    const count = fitting.length;
    body.replaceChildren();
    laid = 0;
    lay(PAGE);
    const all = `${rows.length} pull request${rows.length === 1 ? "" : "s"}`;
    shown.textContent = count === rows.length ? all : `${count} of ${all}`;
    none.hidden = count > 0;
    for (const head of table.tHead.rows[0].cells) {
      if (head.dataset.sort === undefined) continue;
      const here = head.dataset.sort === sort;
      if (here) head.setAttribute("aria-sort", down === 1 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  };
  const read = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const field of form.elements) {
      if (!field.name) continue;
      field.value = given.get(field.name) || "";
      if (field.value !== (given.get(field.name) || "")) field.value = "";
    }
    apply();
  };
  const write = (replace) => {
    const text = state().toString();
    const address = text ? `#${text}` : location.pathname.split("/").pop() + location.search;
    if (location.hash.slice(1) !== text) history[replace ? "replaceState" : "pushState"](null, "", text ? address : "#");
    apply();
  };
  let timer = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    const typed = event.target.tagName === "INPUT";
    timer = setTimeout(() => write(typed), typed ? 120 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => write(false)));
  addEventListener("popstate", read);
  addEventListener("hashchange", read);
  for (const head of table.tHead.rows[0].cells) {
    if (head.dataset.sort === undefined) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      const same = form.elements.sort.value === head.dataset.sort;
      form.elements.down.value = same && !form.elements.down.value ? "1" : "";
      form.elements.sort.value = head.dataset.sort;
      write(false);
    });
    head.replaceChildren(button);
  }
  more.addEventListener("click", () => lay(PAGE));
  new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && lay(PAGE), { rootMargin: "600px" }).observe(more);
  addEventListener("beforeprint", () => lay(fitting.length));
  form.hidden = false;
  read();
})();
