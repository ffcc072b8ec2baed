/* GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
   SPDX-License-Identifier: GPL-3.0-or-later

   Shows the data of the page. All texts of images are put in as text nodes, never as markup. Only one page of the list is
   in the document at a time, because a browser takes a second to lay out 5,000 rows. Drift is there as a whole. */
"use strict";
(() => {
  const PAGE = 100;
  const MOST = 200; // rows of the other tables
  const DAY = 86400000;
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);

  // What nobody sees, or what changes the order of the letters around it, is shown by its number.
  const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\u00a0\u115f\u1160\u2000-\u200a\u202f\u205f\u2800\u3000\u3164\uffa0]|^ +| +$/gu;
  const numbered = (text) => Array.from(text, (letter) =>
    "U+" + letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")).join(" ");

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "click") element.addEventListener("click", value);
      else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // A text that somebody else has written, isolated from the texts around it.
  function foreign(text) {
    if (text === null || text === undefined || text === "") return make("span", { class: "soft" }, "(none)");
    const shown = make("bdi");
    let end = 0;
    for (const found of String(text).matchAll(UNSEEN)) {
      shown.append(text.slice(end, found.index), make("span", { class: "code" }, numbered(found[0])));
      end = found.index + found[0].length;
    }
    shown.append(String(text).slice(end));
    return shown;
  }
  // The same for places that hold only text.
  const plain = (text) => (text === null || text === undefined || text === "" ? "(none)" :
    "\u2068" + String(text).replace(UNSEEN, (found) => "\u27e8" + numbered(found) + "\u27e9") + "\u2069");

  const whole = new Intl.NumberFormat("en");
  const count = (number, noun) => whole.format(number) + " " + noun + (number === 1 ? "" : "s");
  function bytes(number) {
    if (number === null || number === undefined) return "";
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = 0;
    for (; number >= 1024 && unit < units.length - 1; unit++) number /= 1024;
    return number.toLocaleString("en", { maximumFractionDigits: unit && number < 100 ? 1 : 0 }) + " " + units[unit];
  }
  const seconds = (text) => String(text).replace("T", " ").replace("Z", " UTC");

  // The images, with what is counted and compared.
  const now = data.time ? Date.parse(data.time) : Date.now();
  const AGES = [["up to 7 days", 7], ["8 to 30 days", 30], ["31 to 90 days", 90], ["91 days to 1 year", 365],
    ["1 to 2 years", 730], ["more than 2 years", Infinity]];
  // Two projects can have one name, and the name of a project can be the id of another: then the id is shown, too.
  const uses = new Map();
  const use = (text) => uses.set(text, (uses.get(text) || 0) + 1);
  for (const id of new Set(data.images.map((row) => row[data.columns.indexOf("owner")]))) {
    use(id);
    if (Object.hasOwn(data.projects, id) && data.projects[id] !== id) use(data.projects[id]);
  }
  function ownerName(id) {
    if (!Object.hasOwn(data.projects, id)) return id;
    const name = data.projects[id];
    return uses.get(name) > 1 ? name + " (" + id + ")" : name;
  }
  // Failures first: nobody knows what they would have been.
  const NOT_COMPARED = ["failed", "not_begun"];
  const entries = data.drift ? [...data.drift.entries] : [];
  const isCompared = (entry) => !NOT_COMPARED.includes(entry.action);
  entries.sort((one, other) => isCompared(one) - isCompared(other)); // stable
  const drift = new Map();
  for (const entry of entries) for (const id of entry.ids) drift.set(id, [...(drift.get(id) || []), entry]);
  const images = data.images.map((row) => {
    const image = Object.fromEntries(data.columns.map((column, at) => [column, row[at]]));
    const created = Date.parse(image.created_at);
    image.days = Number.isNaN(created) ? null : Math.max(0, Math.floor((now - created) / DAY));
    image.age = image.days === null ? "(none)" : AGES.find(([, most]) => image.days <= most)[0];
    image.ownerName = ownerName(image.owner);
    image.drift = drift.get(image.id) || [];
    image.differs = image.drift.some(isCompared);
    image.text = [image.name, image.id, image.hash, image.status, image.visibility, image.owner, image.ownerName,
      image.disk_format, ...image.tags].join("\n").toLowerCase();
    return image;
  });
  const groups = new Map();
  for (const image of images) {
    if (!image.hash) continue;
    if (!groups.has(image.hash)) groups.set(image.hash, []);
    groups.get(image.hash).push(image);
  }
  const duplicates = [...groups.values()].filter((group) => group.length > 1)
    .sort((one, other) => spare(other) - spare(one));
  for (const group of duplicates) for (const image of group) image.copies = group.length;
  function spare(group) { return (group.length - 1) * (group[0].size || 0); }
  const sizeOf = (list) => list.reduce((sum, image) => sum + (image.size || 0), 0);
  const retired = images.filter((image) => image.retired);
  // Drift of images that the list does not have: they are not created yet, or not among those that were listed.
  const listed = new Map(images.map((image) => [image.id, image]));
  const inList = (entry) => entry.ids.some((id) => listed.has(id));

  // What is shown: the filters, the order and the page of the list.
  const state = { only: "", column: "name", down: false, page: 0, found: images };
  const ONLY = {
    duplicates: (image) => image.copies, retired: (image) => image.retired, hidden: (image) => image.hidden,
    drift: (image) => image.differs, "not active": (image) => image.status !== "active",
  };
  const SELECTS = { status: "status", visibility: "visibility", owner: "owner", age: "age" };
  const COLUMNS = [
    ["name", "Name"], ["status", "Status"], ["visibility", "Visibility"], ["ownerName", "Owner"],
    ["size", "Size"], ["days", "Age"], ["hash", "Hash"],
  ];

  const collator = new Intl.Collator("en", { numeric: true });
  const orders = {};
  // The place of each image in this order; computed once, so that a sort compares numbers. Images without a value have none.
  function order(column) {
    if (!orders[column]) {
      const compare = column === "hash" ? (one, other) => (one < other ? -1 : one > other ? 1 : 0)
        : column === "size" || column === "days" ? (one, other) => one - other : collator.compare;
      const sorted = images.filter((image) => image[column] !== null && image[column] !== undefined && image[column] !== "");
      sorted.sort((one, other) => compare(one[column], other[column])); // stable
      orders[column] = new Map(sorted.map((image, place) => [image, place]));
    }
    return orders[column];
  }

  function find() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = Object.entries(SELECTS).map(([id, column]) => [column, byId(id).value]).filter(([, value]) => value);
    const only = ONLY[state.only] || (() => true);
    // A whole id means this image, and not one that has the id as a tag.
    const one = words.length === 1 ? listed.get(words[0]) : null;
    const places = order(state.column);
    const sign = state.down ? -1 : 1;
    state.found = images.filter((image) => only(image)
      && chosen.every(([column, value]) => "=" + image[column] === value)
      && (one ? image === one : words.every((word) => image.text.includes(word))));
    const last = state.found.filter((image) => !places.has(image));
    const sorted = state.found.filter((image) => places.has(image));
    state.found = [...sorted.sort((one, other) => sign * (places.get(one) - places.get(other))), ...last];
  }

  function row(image) {
    const cell = (label, attributes, ...content) => make("td", { role: "cell", "data-label": label, ...attributes }, ...content);
    const badge = (shown, text, kind) => (shown ? make("span", { class: "badge " + (kind || "") }, text) : null);
    const details = make("details", {}, make("summary", {}, foreign(image.name), badge(image.retired, "retired"),
      badge(image.replaces, "prepared"), badge(image.hidden, "hidden"), badge(image.protected, "protected"),
      badge(image.copies, image.copies + " copies"), badge(image.differs, "drift", "warn")));
    details.addEventListener("toggle", () => { if (details.open && details.childElementCount === 1) details.append(all(image)); });
    return make("tr", { role: "row" },
      cell("Name", { class: "name" }, details),
      cell("Status", { class: "short" }, foreign(image.status)),
      cell("Visibility", { class: "short" }, foreign(image.visibility)),
      cell("Owner", {}, foreign(image.ownerName)),
      cell("Size", { class: "number" }, bytes(image.size)),
      cell("Age", { class: "number" }, image.days === null ? "" : count(image.days, "day")),
      cell("Hash", { class: "short" }, image.hash ? make("code", { title: plain(image.hash) }, foreign(image.hash.split(":").pop().slice(0, 12))) : ""));
  }

  function all(image) {
    const list = make("dl");
    const add = (label, value) => { if (value !== null && value !== undefined && value !== "") list.append(make("dt", {}, label), make("dd", {}, value)); };
    for (const [label, column] of [["Id", "id"], ["Owner", "owner"], ["Hash", "hash"], ["Disk format", "disk_format"]]) {
      if (image[column]) add(label, foreign(image[column]));
    }
    add("Size", image.size === null ? null : whole.format(image.size) + " bytes");
    add("Minimum", [image.min_disk ? image.min_disk + " GB disk" : "", image.min_ram ? image.min_ram + " MB memory" : ""].filter(Boolean).join(", "));
    if (image.tags.length) add("Tags", make("span", {}, ...image.tags.flatMap((tag) => [foreign(tag), " "])));
    add("Created", image.created_at && foreign(seconds(image.created_at)));
    add("Updated", image.updated_at && foreign(seconds(image.updated_at)));
    if (image.retired) add("Retired from", foreign(image.retired));
    if (image.replaces) add("Prepared to replace", foreign(image.replaces));
    for (const entry of image.drift) add("Drift", changes(entry));
    return list;
  }
  const changes = (entry) => make("ul", { class: "plain" }, make("li", {}, foreign(entry.name), ": ", foreign(entry.action)), ...entry.lines.map((line) => make("li", {}, foreign(line))));

  function show(everything) {
    const pages = Math.max(1, Math.ceil(state.found.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const from = everything ? 0 : state.page * PAGE;
    const list = everything ? state.found : state.found.slice(from, from + PAGE);
    const body = make("tbody", { role: "rowgroup" }, ...list.map(row));
    const table = byId("images");
    table.tBodies.length ? table.tBodies[0].replaceWith(body) : table.append(body);
    byId("shown").textContent = (state.found.length === images.length ? "All of " : whole.format(state.found.length) + " of ")
      + count(images.length, "image") + ", " + bytes(sizeOf(state.found));
    for (const header of table.tHead.rows[0].cells) {
      const sorted = header.dataset.column === state.column;
      sorted ? header.setAttribute("aria-sort", state.down ? "descending" : "ascending") : header.removeAttribute("aria-sort");
    }
    byId("sort").value = state.column + (state.down ? " down" : "");
    for (const tile of byId("tiles").children) tile.setAttribute("aria-pressed", String(tile.dataset.only === state.only));
    byId("previous").disabled = state.page === 0;
    byId("next").disabled = state.page >= pages - 1;
    byId("at").textContent = "Page " + (state.page + 1) + " of " + whole.format(pages);
    byId("pages").hidden = pages === 1;
  }
  function update() { state.page = 0; find(); show(); }
  function only(what) { state.only = state.only === what ? "" : what; update(); }
  function sortBy(column, down) { state.column = column; state.down = down; update(); }
  function turn(by) { state.page += by; show(); byId("list").scrollIntoView(); }
  function search(text) { byId("filters").reset(); byId("search").value = text; state.only = ""; update(); byId("list").scrollIntoView(); byId("list").focus(); }

  // Totals, each with a bar: the charts of the page.
  function tally(column) {
    const sums = new Map();
    for (const image of images) {
      const sum = sums.get(image[column]) || { value: image[column], images: 0, size: 0, active: 0, first: image };
      sum.images += 1; sum.size += image.size || 0; sum.active += image.status === "active";
      sums.set(image[column], sum);
    }
    return [...sums.values()];
  }
  function bar(part, most) {
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    picture.setAttribute("viewBox", "0 0 100 10");
    picture.setAttribute("preserveAspectRatio", "none");
    picture.setAttribute("aria-hidden", "true");
    rect.setAttribute("width", most ? Math.max(part ? 0.5 : 0, 100 * part / most).toFixed(2) : 0);
    rect.setAttribute("height", 10);
    picture.append(rect);
    return picture;
  }
  function totals(title, select, sums, label, measure, measureName) {
    const most = sums.reduce((least, sum) => Math.max(least, sum[measure]), 0);
    const others = sums.slice(MOST);
    const rest = (key) => others.reduce((all, sum) => all + sum[key], 0);
    const choose = (value) => () => { byId(select).value = "=" + value; update(); byId("list").scrollIntoView(); byId(select).focus(); };
    const rows = sums.slice(0, MOST).map((sum) => make("tr", {},
      make("th", { scope: "row" }, make("button", { class: "link", type: "button", click: choose(sum.value) }, foreign(label(sum.value)))),
      make("td", { class: "number" }, whole.format(sum.images)),
      make("td", { class: "number" }, bytes(sum.size)),
      make("td", { class: "chart" }, bar(sum[measure], most))));
    const heads = ["Images", "Size"].map((head) => make("th", { scope: "col", class: "number" }, head));
    const head = make("thead", {}, make("tr", {}, make("th", { scope: "col" }, title[3].toUpperCase() + title.slice(4)), ...heads, make("th", { scope: "col" }, measureName)));
    return make("section", {}, make("h2", {}, title), make("div", { class: "scroll", tabindex: sums.length > 10 ? 0 : null }, make("table", {}, head, make("tbody", {}, ...rows))),
      others.length ? make("p", {}, "And " + whole.format(others.length) + " more, with " + count(rest("images"), "image") + ", " + bytes(rest("size")) + ".") : null);
  }

  function section(id, title, about, heads, rows, most = MOST) {
    const left = rows.length - most;
    return make("section", { id }, make("h2", {}, title), make("p", { class: "soft" }, about), rows.length ? make("table", { class: "cards", role: "table" },
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads.map((head) => make("th", { role: "columnheader", scope: "col" }, head)))),
      make("tbody", { role: "rowgroup" }, ...rows.slice(0, most).map((cells) => make("tr", { role: "row" }, ...cells().map((content, at) =>
        make("td", { role: "cell", "data-label": heads[at], class: at ? null : "name" }, content)))))) : null,
      left > 0 ? make("p", {}, "And " + whole.format(left) + " more: filter the list above.") : null);
  }
  function driftSentence() {
    const failures = entries.filter((entry) => !isCompared(entry)).length;
    const left = entries.filter((entry) => entry.action === "not pruned").length;
    const differing = entries.length - failures - left;
    return [count(differing, "image") + (differing === 1 ? " differs" : " differ") + " from what is declared (" + count(data.drift.declared, "image") + "). This is what a run would do.",
      failures ? count(failures, "image") + " could not be compared." : "", left ? count(left, "image") + (left === 1 ? " is" : " are") + " not declared any more, and cannot be pruned." : ""].filter(Boolean).join(" ");
  }
  const named = (image) => make("button", { class: "link", type: "button", click: () => search(image.id) }, foreign(image.name));
  function sections() {
    const made = [];
    if (data.drift) {
      const { error } = data.drift;
      if (error) made.push(make("section", {}, make("h2", {}, "Drift"), make("p", { class: "note" }, foreign(error))));
      // All of it: the list does not have the images that are not there yet.
      else made.push(section("drift", "Drift", driftSentence(), ["Name", "Action", "Changes"], entries.map((entry) => () => [
        inList(entry) ? named({ id: entry.ids.find((id) => listed.has(id)), name: entry.name }) : foreign(entry.name), foreign(entry.action),
        make("ul", { class: "plain" }, ...entry.lines.map((line) => make("li", {}, foreign(line))))]), Infinity));
    }
    made.push(section("duplicates", "Duplicates", duplicates.length ? count(duplicates.length, "file") + " stored more than once." : "No two images have the same hash.",
      ["Images and owners", "Number", "Size of each", "Hash"], duplicates.map((group) => () => [
        make("ul", { class: "plain" }, ...group.slice(0, 10).map((image) => make("li", {}, named(image), " ", make("span", { class: "soft" }, foreign(image.ownerName)))), group.length > 10 ? make("li", {}, "and " + (group.length - 10) + " more") : null),
        whole.format(group.length), bytes(group[0].size),
        make("button", { class: "link", type: "button", click: () => search(group[0].hash) }, make("code", {}, foreign(group[0].hash.slice(0, 19))))])));
    made.push(section("retired", "Retired", retired.length ? count(retired.length, "image") + ", " + bytes(sizeOf(retired)) + ", marked as retired by rotation." : "No image is marked as retired by rotation.",
      ["Retired from", "Name now", "Owner", "Status", "Size", "Created"], [...retired].sort((one, other) => collator.compare(one.retired, other.retired) || one.days - other.days)
        .map((image) => () => [foreign(image.retired), named(image), foreign(image.ownerName), foreign(image.status), bytes(image.size), foreign(image.created_at && seconds(image.created_at))])));
    byId("more").append(...made);
  }

  function build() {
    document.title = data.title;
    byId("title").append(foreign(data.title));
    byId("about").append(count(images.length, "image") + ", " + bytes(sizeOf(images)), data.time ? ", as of " : "", data.time ? foreign(seconds(data.time)) : "");
    const tile = (what, title, about) => make("button", { type: "button", "data-only": what, click: () => only(what) }, make("strong", {}, title), about);
    const some = (what) => images.filter(ONLY[what]);
    byId("tiles").append(
      tile("", whole.format(images.length), "images, " + bytes(sizeOf(images))),
      tile("not active", whole.format(some("not active").length), "not active"),
      tile("hidden", whole.format(some("hidden").length), "hidden, " + bytes(sizeOf(some("hidden")))),
      tile("retired", whole.format(retired.length), "retired, " + bytes(sizeOf(retired))),
      tile("duplicates", whole.format(some("duplicates").length), "duplicates, " + bytes(duplicates.reduce((sum, group) => sum + spare(group), 0)) + " to save"));
    if (data.drift && !data.drift.error) {
      const unlisted = entries.filter((entry) => isCompared(entry) && !inList(entry)).length;
      byId("tiles").append(tile("drift", whole.format(some("drift").length + unlisted), "drift from what is declared" + (unlisted ? ", " + whole.format(unlisted) + " not in the list" : "")));
    }
    const owners = tally("owner").sort((one, other) => other.size - one.size || other.images - one.images);
    const statuses = tally("status").sort((one, other) => other.images - one.images);
    const labels = [...AGES.map(([label]) => label), "(none)"];
    const ages = tally("age").sort((one, other) => labels.indexOf(one.value) - labels.indexOf(other.value));
    byId("totals").append(
      totals("By owner", "owner", owners, ownerName, "size", "Size"),
      totals("By age", "age", ages, (age) => age, "images", "Images"),
      totals("By status", "status", statuses, (status) => status, "images", "Images"));
    const visibilities = tally("visibility").sort((one, other) => other.images - one.images);
    for (const [id, sums] of [["status", statuses], ["visibility", visibilities], ["owner", owners], ["age", ages]]) {
      const label = id === "owner" ? ownerName : (value) => value;
      byId(id).append(make("option", { value: "" }, "all"), ...sums.map((sum) => make("option", { value: "=" + sum.value }, plain(label(sum.value)))));
      byId(id).addEventListener("change", update);
    }
    const table = byId("images");
    table.className = "cards";
    table.append(make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...COLUMNS.map(([column, title]) =>
      make("th", { role: "columnheader", scope: "col", "data-column": column, class: ["size", "days"].includes(column) ? "number" : null },
        make("button", { type: "button", click: () => sortBy(column, state.column === column && !state.down) }, title))))));
    for (const [column, title] of COLUMNS) {
      byId("sort").append(make("option", { value: column }, title), make("option", { value: column + " down" }, title + ", descending"));
    }
    byId("sort").addEventListener("change", () => { const [column, down] = byId("sort").value.split(" "); sortBy(column, Boolean(down)); });
    byId("pages").append(make("button", { type: "button", id: "previous", click: () => turn(-1) }, "Previous"),
      make("span", { id: "at" }), make("button", { type: "button", id: "next", click: () => turn(1) }, "Next"));
    byId("search").addEventListener("input", update);
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filters").addEventListener("reset", () => { state.only = ""; state.column = "name"; state.down = false; setTimeout(update); });
    addEventListener("beforeprint", () => show(true));
    addEventListener("afterprint", () => show());
    sections();
    update();
  }
  build();
})();
