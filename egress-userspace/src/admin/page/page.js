"use strict";
// Shows what the admin API tells. Names come from clients that may be hostile: every value becomes text by
// `textContent`, never markup, and the page's policy lets no other script run.
(() => {
  const INTERVAL = 2000; // From one look to the next, in ms.
  const DEADLINE = 5000; // For the answers to one look, in ms.
  const POINTS = 60; // Of a sparkline: two minutes.
  const ROWS = 50; // Of each table: what one reads.
  const CUT = 200; // Characters of a value; longer ones end in an ellipsis and are whole in the title.
  const WORDS = new Map([
    ["PassthroughCluster", "let through without a service"],
    ["BlackHoleCluster", "denied"],
    ["unknown", "ended before it was known where they went"],
  ]);

  const SVG = "http://www.w3.org/2000/svg"; // A name, not an address that is asked.

  const $ = (id) => document.getElementById(id);
  const number = (value) => (Number.isFinite(value) ? value : 0);
  const list = (value) => (Array.isArray(value) ? value : []);

  // What has no picture, or turns the direction of writing, is shown by its number.
  const printable = (value) =>
    String(value).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

  function write(node, value) {
    const whole = printable(value);
    const text = whole.length > CUT ? `${whole.slice(0, CUT)}…` : whole;
    if (node.textContent !== text) node.textContent = text;
    if (whole.length > CUT) node.title = whole;
    else node.removeAttribute("title");
  }

  function make(name, className, value) {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (value !== undefined) write(node, value);
    return node;
  }

  function scaled(value) {
    const units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let unit = 0;
    while (value >= 999.5 && unit < units.length - 1) {
      value /= 1000;
      unit += 1;
    }
    const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    return `${value.toFixed(digits)} ${units[unit]}`;
  }
  const bytes = (value) => scaled(number(value));
  const rate = (value) => (value === undefined ? "–" : `${scaled(value)}/s`);
  const few = (value) => (value === undefined ? "–" : `${value.toFixed(value < 10 && value > 0 ? 1 : 0)}/s`);

  function age(ms) {
    const s = Math.floor(number(ms) / 1000);
    if (s < 1) return `${number(ms)} ms`;
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} m ${s % 60} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
    return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  }
  // RFC 3339 to the second; without the day if it is today's.
  function moment(text) {
    const [day, time] = String(text ?? "").split("T");
    if (!time) return day;
    const clock = time.slice(0, 8);
    return day === new Date().toISOString().slice(0, 10) ? clock : `${day} ${clock}`;
  }
  const destination = (each) => {
    if (each.address === undefined) return "";
    const host = String(each.address).includes(":") ? `[${each.address}]` : each.address;
    return each.port === undefined ? host : `${host}:${each.port}`;
  };

  // A table whose rows are known again by their key, so that focus and selection outlast an update.
  class Table {
    constructor(id, columns, first, empty) {
      this.node = $(id);
      this.columns = columns;
      this.sort = { column: columns.findIndex((column) => column.title === first), descending: true };
      this.empty = empty;
      this.rows = new Map();
      this.items = [];
      const head = make("tr");
      this.heads = columns.map((column, index) => {
        const cell = make("th", column.className);
        cell.scope = "col";
        if (column.by) {
          const button = make("button", "", column.title);
          button.type = "button";
          button.addEventListener("click", () => this.sortBy(index));
          cell.append(button);
        } else write(cell, column.title);
        head.append(cell);
        return cell;
      });
      const top = make("thead");
      top.append(head);
      this.body = make("tbody");
      this.node.append(top, this.body);
    }

    sortBy(index) {
      const again = this.sort.column === index;
      const text = typeof this.columns[index].by(this.items[0]?.[1] ?? {}) === "string";
      this.sort = { column: index, descending: again ? !this.sort.descending : !text };
      this.show(this.items);
    }

    // `items` are pairs of a key and a value.
    show(items) {
      this.items = items;
      const { column, descending } = this.sort;
      const by = this.columns[column].by;
      const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
      const sorted = [...items].sort(([aKey, a], [bKey, b]) => {
        const first = order(by(a), by(b));
        return (descending ? -first : first) || order(aKey, bKey);
      });
      this.heads.forEach((head, index) => {
        if (index === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
        const mark = index === column ? (descending ? " ▼" : " ▲") : "";
        write(head.firstElementChild ?? head, this.columns[index].title + mark);
      });
      const keys = new Set(items.map(([key]) => key));
      for (const [key, row] of this.rows) {
        if (!keys.has(key)) {
          row.node.remove();
          this.rows.delete(key);
        }
      }
      this.nothing?.remove();
      sorted.slice(0, ROWS).forEach(([key, item], place) => {
        let row = this.rows.get(key);
        if (!row) {
          row = { node: make("tr") };
          row.fill = this.columns.map((each) => {
            const cell = make("td", each.className);
            row.node.append(cell);
            return each.cell(cell);
          });
          this.rows.set(key, row);
        }
        row.fill.forEach((fill) => fill(item));
        if (this.body.children[place] !== row.node) this.body.insertBefore(row.node, this.body.children[place] ?? null);
      });
      while (this.body.children.length > ROWS) {
        const last = this.body.lastElementChild;
        for (const [key, row] of this.rows) if (row.node === last) this.rows.delete(key);
        last.remove();
      }
      if (items.length === 0) {
        const cell = make("td", "faint", this.empty);
        cell.colSpan = this.columns.length;
        this.nothing = make("tr");
        this.nothing.append(cell);
        this.body.append(this.nothing);
      }
    }
  }

  // Columns: what is in a cell, and what it is sorted by.
  const plain = (read) => (cell) => (item) => write(cell, read(item) ?? "");
  const numbers = (title, by, show) => ({ title, className: "number", by: (item) => by(item) ?? -1, cell: plain((item) => show(by(item))) });
  // A name from outside, and below it smaller words about it.
  const name = (title, read, below = () => "", className = "") => ({
    title,
    className,
    by: (item) => String(read(item) ?? ""),
    cell: (cell) => {
      const [text, small] = [make("bdi"), make("div", "faint small")];
      cell.append(text, small);
      return (item) => {
        write(text, read(item) ?? "–");
        write(small, below(item) ?? "");
      };
    },
  });

  const sparkline = (cell) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${POINTS - 1} 20`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(SVG, "polyline");
    svg.append(line);
    cell.append(svg);
    return ({ history }) => {
      const most = Math.max(1, ...history);
      const from = POINTS - history.length;
      line.setAttribute("points", history.map((value, i) => `${from + i},${(19 - (18 * value) / most).toFixed(1)}`).join(" "));
    };
  };

  const allowing = (cell) => {
    const [button, details, pre] = [make("button", "", "Copy"), make("details"), make("pre")];
    button.type = "button";
    details.append(make("summary", "", "TOML"), pre);
    cell.append(button, details);
    let toml = "";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(toml);
        write(button, "Copied");
        write($("said"), "The TOML is copied");
      } catch {
        // Without the browser's leave it is selected for the keyboard to copy.
        details.open = true;
        getSelection().selectAllChildren(pre);
        write(button, "Press Ctrl-C");
        write($("said"), "The TOML is selected: press Control C");
      }
      setTimeout(() => write(button, "Copy"), INTERVAL);
    });
    return (item) => {
      toml = String(item.allow ?? "");
      cell.firstChild.hidden = details.hidden = toml === "";
      const lines = toml.split("\n").map(printable).join("\n");
      if (pre.textContent !== lines) pre.textContent = lines;
      button.setAttribute("aria-label", printable(`Copy the TOML that allows ${item.name ?? destination(item)}`));
    };
  };

  const services = new Table("services", [
    name("Service", (s) => s.service, (s) => WORDS.get(s.service)),
    numbers("Live", (s) => number(s.live), String),
    { title: "Last 2 minutes", cell: sparkline },
    numbers("Down/s", (s) => s.down, rate),
    numbers("Up/s", (s) => s.up, rate),
    numbers("Down", (s) => number(s.sent_bytes), bytes),
    numbers("Up", (s) => number(s.received_bytes), bytes),
    numbers("Opened", (s) => number(s.opened), String),
    numbers("Failed", (s) => number(s.failed), String),
  ], "Down", "No service has carried anything yet.");

  const denials = new Table("denials", [
    numbers("Count", (d) => number(d.count), String),
    numbers("Rate", (d) => d.rate, few),
    name("Wanted", (d) => d.name ?? destination(d), (d) => [d.name && destination(d), d.protocol].filter(Boolean).join(" ")),
    name("Reason", (d) => d.reason, (d) => d.meaning),
    name("Caller", (d) => d.exe, (d) => d.cgroup),
    name("Verdict", (d) => d.verdict, (d) => [d.service, d.rule].filter(Boolean).join(" "), "whole"),
    { title: "Last", className: "whole", by: (d) => String(d.last ?? ""), cell: plain((d) => moment(d.last)) },
    { title: "What would allow it", cell: allowing },
  ], "Count", "Nothing was denied.");

  const live = new Table("live", [
    name("To", (c) => c.name ?? c.dst, (c) => [c.name && c.dst, c.protocol].filter(Boolean).join(" ")),
    name("Service", (c) => c.service, (c) => c.rule),
    name("Caller", (c) => c.caller?.exe ?? c.caller?.pid, (c) => c.caller?.pod ?? c.caller?.cgroup),
    numbers("Age", (c) => number(c.age_ms), age),
    numbers("Down/s", (c) => c.down, rate),
    numbers("Up/s", (c) => c.up, rate),
    numbers("Down", (c) => number(c.bytes_sent), bytes),
    numbers("Up", (c) => number(c.bytes_received), bytes),
  ], "Down", "No connection lives.");

  // Pairs of names and values that stay in their places.
  function pairs(node, all) {
    while (node.children.length > all.length) node.lastElementChild.remove();
    all.forEach(([title, value], place) => {
      let pair = node.children[place];
      if (!pair) {
        pair = make("div");
        pair.append(make("dt"), make("dd"));
        node.append(pair);
      }
      write(pair.firstElementChild, title);
      write(pair.lastElementChild, value);
    });
  }

  // Alerts are read out: they change only when what they say does.
  let alerted = "";
  function alert(all) {
    const text = JSON.stringify(all);
    if (text === alerted) return;
    alerted = text;
    $("alerts").replaceChildren(...all.map(([title, more]) => {
      const box = make("div", "alert", title);
      if (more) {
        const pre = make("pre");
        pre.textContent = String(more).split("\n").map(printable).join("\n");
        box.append(pre);
      }
      return box;
    }));
  }

  function mark(id, text, kind) {
    write($(id), text);
    $(id).className = `mark ${kind}`;
    $(id).hidden = false;
  }

  let before; // The last look.
  const history = new Map(); // Of bytes in a second, by service.

  // How much each of `now` has grown in a second since the last look; undefined where that can't be told.
  function growth(at, now, earlier, key, fields) {
    const old = new Map(list(earlier).map((each) => [key(each), each]));
    const seconds = before ? (at - before.at) / 1000 : 0;
    return list(now).map((each) => {
      const last = old.get(key(each));
      const grown = {};
      for (const [to, from, isNew] of fields) {
        const base = last ? number(last[from]) : isNew(each, seconds) ? 0 : undefined;
        const more = base === undefined ? undefined : number(each[from]) - base;
        grown[to] = seconds > 0 && more >= 0 ? more / seconds : undefined;
      }
      return [key(each), { ...each, ...grown }];
    });
  }

  function showServices(look) {
    const always = () => true;
    const rows = growth(look.at, look.services.services, before?.services.services, (s) => String(s.service), [
      ["down", "sent_bytes", always],
      ["up", "received_bytes", always],
    ]);
    let [down, up] = [undefined, undefined];
    for (const [key, row] of rows) {
      const points = history.get(key) ?? [];
      if (row.down !== undefined || row.up !== undefined) {
        down = (down ?? 0) + (row.down ?? 0);
        up = (up ?? 0) + (row.up ?? 0);
        points.push((row.down ?? 0) + (row.up ?? 0));
      }
      row.history = points.slice(-POINTS);
      history.set(key, row.history);
    }
    const known = new Set(rows.map(([key]) => key));
    for (const key of history.keys()) if (!known.has(key)) history.delete(key);
    services.show(rows);
    write($("services-note"), rows.length > ROWS ? `The first ${ROWS} of ${rows.length}.` : "");
    write($("down"), rate(down));
    write($("up"), rate(up));
  }

  function showDenials({ at, denied }) {
    const key = (d) => JSON.stringify([d.name, d.address, d.port, d.protocol, d.reason, d.verdict, d.service, d.cgroup, d.exe]);
    const all = growth(at, denied.denied, before?.denied.denied, key, [["rate", "count", () => true]]);
    denials.show(all);
    write($("denied"), number(denied.total));
    const notes = [];
    if (all.length > ROWS) notes.push(`The first ${ROWS} of ${all.length} rows.`);
    if (number(denied.evicted) > 0) notes.push(`${denied.evicted} rarer rows have made way for others.`);
    write($("denials-note"), notes.join(" "));
  }

  function showConnections({ at, connections }) {
    const recent = (c, seconds) => number(c.age_ms) <= seconds * 1000;
    const rows = growth(at, connections.connections, before?.connections.connections, (c) => number(c.id), [
      ["down", "bytes_sent", recent],
      ["up", "bytes_received", recent],
    ]);
    live.show(rows);
    const total = number(connections.total);
    write($("live-note"), total > rows.length ? `The ${rows.length} with the most bytes, of ${total}.` : "");
  }

  function showStatus({ status }) {
    mark("readiness", status.readiness ?? "?", status.readiness === "ready" ? "good" : "");
    mark("mode", status.mode ?? "?", status.mode === "enforce" ? "good" : "");
    write($("facts"), `version ${status.version}, process ${status.pid}, since ${moment(status.started)}`);
    const places = status.connections ?? {};
    write($("connections"), `${number(places.now)} of ${number(places.limit)}`);
    write($("accepted"), number(places.accepted));
    const lacking = status.kernel?.lacking;
    write($("kernel"), !status.kernel ? "It can't be looked at."
      : !Array.isArray(lacking) ? "Whether all programs are attached is not known: they are not pinned."
      : lacking.length > 0 ? `NOT attached: ${lacking.join(", ")}` : "All programs are attached.");
    pairs($("counters"), Object.entries(status.kernel?.counters ?? {}));
    const reload = status.last_reload;
    pairs($("policy"), [
      ["Generation", number(status.policy_generation)],
      ["Services", number(status.services)],
      ["File", status.config ?? "–"],
      ["Last reload", reload ? `${reload.outcome} at ${moment(reload.at)}` : "none since the start"],
      ["Log level", status.log_level ?? "–"],
    ]);
    const wrong = [];
    // Why is told over the socket alone: it shows lines of the configuration.
    if (reload?.outcome === "refused") wrong.push([`The last reload was refused at ${moment(reload.at)}. The policy before it stays in force.`, reload.error ?? "egress status, on the node, says why."]);
    if (list(lacking).length > 0) wrong.push([`Programs are not attached in the kernel, and what they would judge is not judged: ${lacking.join(", ")}`]);
    return wrong;
  }

  async function ask(path) {
    const signal = AbortSignal.timeout(DEADLINE);
    const answer = await fetch(path, { signal, cache: "no-store", credentials: "omit", redirect: "error" });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }

  async function take() {
    const [status, all, connections, denied] = await Promise.all([
      ask("/v1/status"),
      ask("/v1/services"),
      ask(`/v1/connections?limit=${ROWS}&sort=bytes`),
      ask("/v1/denied?limit=1024"),
    ]);
    return { at: performance.now(), status, services: all, connections, denied };
  }

  let [held, looking, lost] = [false, false, undefined];
  async function look() {
    if (looking || held || document.hidden) return;
    looking = true;
    try {
      const now = await take();
      const same = before && before.status.pid === now.status.pid && before.status.started === now.status.started;
      if (!same) {
        before = undefined;
        history.clear();
      }
      const wrong = showStatus(now);
      showServices(now);
      showDenials(now);
      showConnections(now);
      before = now;
      lost = undefined;
      alert(wrong);
      document.body.classList.remove("stale");
      write($("updated"), `updated ${new Date().toISOString().slice(11, 19)} UTC`);
      document.body.dataset.looks = String(Number(document.body.dataset.looks ?? 0) + 1);
    } catch (error) {
      lost ??= new Date().toISOString().slice(11, 19);
      mark("readiness", "no answer", "bad");
      alert([[`The gateway has not answered since ${lost} UTC. What is below may be out of date; it is asked again every 2 seconds.`, error.message]]);
      document.body.classList.add("stale");
    } finally {
      looking = false;
    }
  }

  $("hold").addEventListener("click", () => {
    held = !held;
    $("hold").setAttribute("aria-pressed", String(held));
    look();
  });
  document.addEventListener("visibilitychange", look);
  setInterval(look, INTERVAL);
  look();
})();
