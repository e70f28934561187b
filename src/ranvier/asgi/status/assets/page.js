"use strict";
// Loads status.json every two seconds and draws it. All text is inserted as text, never as HTML.
(() => {
  const INTERVAL = 2000, TIMEOUT = 8000, MAX_DELAY = 15000, FIRST_ROWS = 50, MAX_ROWS = 500;
  const ROOT = location.pathname.replace(/\/?$/, "/");  // also when mounted without a trailing slash
  const SVG = "http://www.w3.org/2000/svg";
  const WORDS = { half_open: "half-open", quiet: "not used yet", keyless: "no key" };
  const COLOURS = { well: "#2c6e54", strained: "#c98500", trouble: "#c8291f", unknown: "#7a828a" };
  const SORTS = ["all", "failed", "slow", "rescued", "good", "abandoned", "keyless", "not_allowed", "spend_limit"];
  const $ = (id) => document.getElementById(id);

  const state = {
    facts: null, search: "", rows: FIRST_ROWS, sort: "all", paused: false, token: null, receivedAt: 0, failures: 0,
    request: null, timer: null, processes: [],
  };

  // --- making elements -------------------------------------------------------------------------

  const put = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
  };
  const make = (tag, attributes, ...children) => put(document.createElement(tag), attributes, children);
  const draw = (tag, attributes, ...children) => put(document.createElementNS(SVG, tag), attributes, children);
  const mark = (name, more = "") => draw("svg", { class: `mark ${name} ${more}`, "aria-hidden": "true" },
    draw("use", { href: `#${name}` }));
  const setText = (element, words) => { if (element.textContent !== words) element.textContent = words; };

  // Reuses the elements of items that are still present, so that none loses the focus or closes.
  const keyed = (parent, items, keyOf, create, update) => {
    const old = new Map();
    for (const child of [...parent.children]) {
      if (old.has(child.dataset.key)) child.remove();  // custom keys of circuits may look the same
      else old.set(child.dataset.key, child);
    }
    items.forEach((item, place) => {
      const key = keyOf(item);
      let child = old.get(key);
      if (child) old.delete(key);
      else (child = create(item)).dataset.key = key;
      update(child, item);
      if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
    });
    for (const child of old.values()) child.remove();
  };

  // --- formatting numbers ----------------------------------------------------------------------

  const seconds = (value) => {
    if (value === null || value === undefined) return "\u2013";
    if (value < 0.0995) return `${(value * 1000).toFixed(0)} ms`;
    if (value < 9.95) return `${value.toFixed(value < 0.995 ? 2 : 1)} s`;
    if (value < 119.5) return `${value.toFixed(0)} s`;
    return value < 7200 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
  };
  const count = (value) => value.toLocaleString("en");
  const rate = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2));
  const share = (good, bad) => {
    if (good + bad === 0) return "\u2013";
    const part = good / (good + bad);  // never shown as 100 % if anything has failed
    return bad && part > 0.999 ? "99.9 %" : `${(part * 100).toFixed(bad && good ? 1 : 0)} %`;
  };
  const word = (kind) => (WORDS[kind] ?? kind).replaceAll("_", " ");

  // --- drawing ---------------------------------------------------------------------------------

  // Successes are above the line and failures below it, so that they differ without colours, too.
  const spark = ({ succeeded, failed }, what) => {
    const pair = (line) => line.filter((_, i) => i % 2 === 0).map((n, i) => n + (line[2 * i + 1] ?? 0));
    const up = pair(succeeded), down = pair(failed), most = Math.max(4, ...up, ...down);
    const low = Math.max(...down) > 0 ? 12 : 2, high = 32 - low;
    const bars = (line, height, turn) => line.map((n, i) => {
      if (!n) return "";
      const tall = Math.max(1.2, (n / most) * height);
      return `M${i * 2} ${high}h1.5v${(turn * tall).toFixed(1)}h-1.5z`;
    }).join("");
    const good = succeeded.reduce((a, b) => a + b, 0), bad = failed.reduce((a, b) => a + b, 0);
    const label = `${what} of the last two minutes: ${good} succeeded, ${bad} failed`;
    return draw("svg", { class: "spark", viewBox: "0 0 120 32", preserveAspectRatio: "none", role: "img", "aria-label": label },
      draw("path", { class: "up", d: bars(up, high - 1, -1) }),
      draw("path", { class: "down", d: bars(down, low - 1, 1) }),
      draw("line", { class: "axis", x1: 0, x2: 120, y1: high, y2: high }));
  };

  // A logarithmic scale from 10 ms to 100 s, the same for all providers.
  const range = (times) => {
    if (times.p50 === null) return null;
    const at = (value) => Math.min(100, Math.max(0, (Math.log10(value) + 2) * 25));
    return draw("svg", { class: "range", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      draw("line", { class: "rail", x1: 0, x2: 100, y1: 5, y2: 5 }),
      draw("line", { class: "span", x1: at(times.p50), x2: Math.max(at(times.p99), at(times.p50) + 1), y1: 5, y2: 5 }),
      draw("rect", { x: at(times.p50) - 0.8, y: 1, width: 1.6, height: 8 }),
      draw("rect", { x: at(times.p95) - 0.4, y: 2, width: 0.8, height: 6 }));
  };

  const shares = (states) => {
    const all = Object.values(states).reduce((a, b) => a + b, 0);
    if (!all) return make("span", { class: "nothing" }, "none yet");
    let x = 0;
    const parts = ["open", "isolated", "half_open", "closed"].filter((name) => states[name]);
    const bar = draw("svg", { viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" }, parts.map((name) => {
      const width = Math.max(2, (states[name] / all) * 100);
      const part = draw("rect", { class: name, x, y: 0, width, height: 4 });
      x += width;
      return part;
    }));
    bar.setAttribute("viewBox", `0 0 ${x} 4`);
    const words = parts.map((name) => make("span", { class: name === "closed" ? "nothing" : name },
      `${count(states[name])} ${word(name)} `));
    return make("div", {}, make("div", { class: "shares" }, bar), make("div", { class: "detail" }, words));
  };

  const timeline = (story) => {
    const whole = Math.max(story.seconds, 0.001), at = (value) => Math.max(0, Math.min(100, (value / whole) * 100));
    const waits = story.waits.map((wait) =>
      draw("line", { class: "wait", x1: at(wait.began), x2: at(wait.began + wait.seconds), y1: 8, y2: 8 }));
    const attempts = story.attempts.map((each) => {
      const good = each.outcome === "succeeded", lost = ["abandoned", "hedge_lost"].includes(each.outcome);
      const sort = good ? "succeeded" : lost ? "abandoned" : "failed";
      return draw("rect", { class: sort, x: at(each.began), y: sort === "failed" ? 5 : 2, height: sort === "failed" ? 6 : 12,
        width: Math.max(0.8, at(each.seconds) - 0.3) });
    });
    const label = story.attempts.map((each) => `${each.target} ${word(each.outcome)} after ${seconds(each.seconds)}`).join(", then ");
    return draw("svg", { class: "bar", viewBox: "0 0 100 16", preserveAspectRatio: "none", role: "img",
      "aria-label": label || "nothing was sent" }, waits, attempts);
  };

  // --- the parts of the page -------------------------------------------------------------------

  const showVerdict = (level, headline, findings) => {
    $("head").dataset.level = level;
    $("icon").setAttribute("href", `#${level}`);
    setText($("headline"), headline);
    keyed($("findings"), findings, (each) => each.level + each.text,
      (each) => make("li", {}, mark(each.level, each.level), make("span", {}, each.text)), () => {});
    const shape = { well: "\u2713", strained: "\u25b2", trouble: "\u2716", unknown: "?" }[level];
    setText(document.querySelector("title"), `${shape} ${headline} \u2013 ranvier`);
    const icon = `<svg xmlns="${SVG}" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${COLOURS[level]}"/></svg>`;
    document.querySelector("link[rel=icon]").setAttribute("href", `data:image/svg+xml,${encodeURIComponent(icon)}`);
  };

  const headlineOf = (facts) => {
    const worst = facts.findings.filter((each) => each.level === facts.level);
    if (facts.level === "well") return facts.state === "open" ? "All is well" : `The pipeline is ${facts.state}`;
    const more = worst.length > 1 ? `, and ${worst.length - 1} more` : "";
    return `${facts.level === "trouble" ? "Trouble" : "Strained"}: ${worst[0].text}${more}`;
  };

  const tile = (level, name, value, note, drawing) =>
    make("div", { class: `${level ?? ""} ${drawing ? "wide" : ""}` },
      make("dt", {}, level ? mark(level, level) : null, name), make("dd", {}, value),
      note ? make("dd", { class: "note" }, note) : null, drawing ? make("dd", {}, drawing) : null);

  const showTiles = ({ calls, providers }) => {
    const all = (what) => providers.reduce((sum, each) => sum + each[what], 0);
    const kinds = Object.entries(calls.failures).map(([kind, n]) => `${n} ${word(kind)}`).join(", ");
    $("tiles").replaceChildren(
      tile(null, "Calls per second", rate(calls.rate), null, spark(calls.series, "Calls")),
      tile(calls.failed ? (calls.failed >= 5 && calls.failed / (calls.failed + calls.succeeded) >= 0.05 ? "trouble" : "strained") : null,
        "Success", share(calls.succeeded, calls.failed), [kinds || `${count(calls.succeeded)} calls`, calls.keyless ? `${count(calls.keyless)} without a key` : ""].filter(Boolean).join("; ")),
      tile(null, "Latency p50", seconds(calls.seconds.p50), `p95\u00a0${seconds(calls.seconds.p95)}, p99\u00a0${seconds(calls.seconds.p99)}`.replaceAll(/(\d) (m?s|min|h)/g, "$1\u00a0$2")),
      tile(null, "Rescued", count(calls.rescued), `${count(all("retries"))} retries, ${count(all("hedges"))} hedges, ${count(all("fallbacks"))} fallbacks`),
      tile(null, "Rejected", count(all("rejections")), "by an open circuit or a closed gate"),
      tile(all("interrupted") ? "strained" : null, "Broken streams", count(all("interrupted")), `${count(calls.abandoned)} calls abandoned`),
      tile(null, "In flight", count(calls.running + calls.streams), `${count(calls.streams)} of them streams`));
  };

  const CELLS = ["Attempts", "Per second", "Success", "p50, p95, p99", "First token", "In flight", "Retries", "Hedges",
    "Fell back", "Rejected", "Circuits"];
  const withheld = (sent, kept) => [count(sent), kept ? make("div", { class: "kinds" }, `${count(kept)} withheld`) : null];
  const TENANT_CELLS = ["calls", "failed", "fallbacks", "rejections", "missing_keys"];
  const showProviders = (facts) => keyed($("providers").tBodies[0], facts.providers, (each) => each.name,
    () => make("tr"), (row, each) => {
      const used = each.succeeded + each.failed + each.abandoned + each.running > 0;
      const sort = each.level !== "well" ? each.level : used ? "well" : "quiet";
      const kinds = Object.entries(each.failures).map(([kind, n]) => `${n} ${word(kind)}`).join(", ");
      const times = each.seconds;
      const contents = [
        spark(each.series, "Attempts"), rate(each.rate),
        [share(each.succeeded, each.failed), kinds ? make("div", { class: "failed kinds" }, kinds) : null],
        times.p50 === null ? "\u2013" : [range(times), make("div", { class: "detail" }, [times.p50, times.p95, times.p99].map(seconds).join(" \u00b7 "))],
        seconds(each.first_token.p50), count(each.running), withheld(each.retries, each.retries_withheld),
        withheld(each.hedges, each.hedges_withheld), count(each.fallbacks), count(each.rejections),
        shares(each.circuits),
      ];
      row.className = each.level;
      const name = make("th", { scope: "row" }, make("div", { class: "name" }, each.name),
        make("div", { class: `state ${sort}` }, mark(sort === "quiet" ? "unknown" : sort), word(sort)));
      row.replaceChildren(name, ...contents.map((content, i) => make("td",
        { "data-label": CELLS[i], class: [1, 2, 4, 5, 6, 7, 8, 9].includes(i) ? "number" : "" }, content)));
    });

  const showCircuits = (facts) => {
    const seen = facts.circuits;
    $("circuits").hidden = seen === null;
    if (seen === null) return;
    const rest = seen.rows.length < seen.matching ? `, ${count(seen.rows.length)} shown` : "";
    const found = seen.search ? `${count(seen.matching)} found among ` : "";
    setText($("circuits-count"), `${found}${count(seen.total)}, ${count(seen.troubled)} not closed${rest}`);
    $("more").hidden = seen.rows.length >= seen.matching || state.rows === MAX_ROWS;
    keyed($("circuits").querySelector("tbody"), seen.rows, (each) => JSON.stringify([each.tenant, each.provider, each.more]),
      circuitRow, (row, each) => {
        const sort = each.state === "closed" && each.failures ? "failing" : each.state;
        row.className = { open: "trouble", half_open: "strained", isolated: "isolated" }[each.state] ?? "";
        const [badge, , , failures, running, opens, probe, acts] = row.children;
        if (badge.dataset.sort !== sort) {
          badge.dataset.sort = sort;
          badge.replaceChildren(make("span", { class: `state ${sort}` }, mark(sort), word(sort)));
        }
        setText(failures, count(each.failures));
        setText(running, count(each.in_flight));
        setText(opens, each.opens ? `${count(each.opens)}\u00d7` : "\u2013");
        setText(probe, each.retry_after === null ? "\u2013" : each.retry_after === 0 ? "now" : `in ${seconds(each.retry_after)}`);
        const [reset, isolate] = acts.children;
        if (reset) { reset.hidden = sort === "closed"; isolate.hidden = each.state === "isolated"; }
      });
  };

  const circuitRow = (each) => {
    const cell = (words, sort) => make("td", { class: sort }, words);
    const acts = [button("Reset", each, "reset"), button("Isolate", each, "isolate")];
    return make("tr", {}, make("td"), cell(each.tenant || "all tenants", "name"), cell([each.provider, ...each.more].join(" "), "name provider"),
      cell("", "number"), cell("", "number rare"), cell("", "number rare"), cell("", "number"), make("td", { class: "acts" }, acts));
  };

  // Isolating a circuit, which rejects all its calls, takes two presses within four seconds.
  const button = (words, each, action) => {
    const made = make("button", { type: "button", "aria-label": `${words} ${each.tenant || "all tenants"} at ${each.provider}` }, words);
    const restore = () => { made.classList.remove("confirm"); setText(made, words); };
    made.addEventListener("click", () => {
      if (action === "isolate" && !made.classList.contains("confirm")) {
        made.classList.add("confirm");
        setText(made, "Reject all calls?");
        setTimeout(restore, 4000);
        return;
      }
      restore();
      operate(action, each);
    });
    return made;
  };

  // Whose numbers are shown: those of all workers that share a store, or of this one, where only it knows them.
  const showWhose = ({ service }) => {
    const alone = service?.reachable ? "of this worker" : "of this worker: the store cannot be reached";
    const many = service && service.summed < service.live ? `${count(service.summed)} of ${count(service.live)}` : count(service?.live ?? 0);
    const workers = service?.live === 1 ? "worker" : "workers";
    const whose = !service ? "" : `, ${service.summed ? `of ${many} ${workers}` : alone}`;
    for (const each of document.querySelectorAll(".whose")) setText(each, whose);
    for (const each of document.querySelectorAll(".own")) each.hidden = !service;
  };

  // The workers that share a store, and who of them made it so that something is not well.
  const showService = ({ service }) => {
    $("service").hidden = !service;
    if ($("service").hidden) return;
    const reach = service.reachable ? `${count(service.live)} live` : "the store cannot be reached: this worker decides alone";
    setText($("service-count"), `${reach}; this is ${service.worker || "none of them"}`);
    keyed($("workers").querySelector("tbody"), service.workers, (each) => each.worker,
      (each) => make("tr", {}, make("td", {}, each.worker), make("td", { class: "name" }, each.host), make("td", { class: "number" }, each.pid),
        make("td", { class: "rare" }, each.version), make("td", { class: "number" })),
      (row, each) => setText(row.children[4], `${seconds(each.silent_for)} ago`));
    keyed($("troubles").querySelector("tbody"), service.troubles, (each) => JSON.stringify([each.kind, each.what, each.state, each.by]),
      (each) => make("tr", {}, make("td", {}, word(each.state)), make("td", { class: "name" }, `${each.kind} ${each.what}`), make("td", {}, each.by),
        make("td", { class: "name" }, each.host ? `${each.host}, process ${each.pid}` : "a worker that is gone"), make("td", { class: "number" })),
      (row, each) => setText(row.children[4], each.retry_after === null ? "\u2013" : each.retry_after === 0 ? "now" : `in ${seconds(each.retry_after)}`));
  };

  // Whether most tenants fail at a model or an endpoint, by a vote of each.
  const showShared = ({ shared_circuits: seen }) => {
    $("shared").hidden = seen === null || !seen.total;
    if ($("shared").hidden) return;
    const rest = seen.rows.length < seen.total ? `, ${count(seen.rows.length)} shown` : "";
    setText($("shared-count"), `${count(seen.total)}, ${count(seen.troubled)} not closed${rest}`);
    keyed($("shared").querySelector("tbody"), seen.rows, (each) => JSON.stringify([each.target, each.model, each.keys]),
      (each) => make("tr", {}, make("td"), make("td", { class: "name" }, each.target),
        make("td", {}, each.keys === "tenants" ? "tenants' own" : "your own"), ["number", "rare", "number rare", "number"].map((sort) => make("td", { class: sort }))),
      (row, each) => {
        row.className = each.state === "open" && each.mode === "enforced" ? "trouble" : each.state === "closed" ? "" : "strained";
        const [badge, , , failing, mode, rejected, probe] = row.children;
        if (badge.dataset.sort !== each.state) {
          badge.dataset.sort = each.state;
          badge.replaceChildren(make("span", { class: `state ${each.state}` }, mark(each.state), word(each.state)));
        }
        setText(failing, `${count(each.failing)} of ${count(each.active)}`);
        setText(mode, each.mode);
        setText(rejected, count(each.rejected));
        setText(probe, each.retry_after === null ? "\u2013" : each.retry_after === 0 ? "now" : `in ${seconds(each.retry_after)}`);
      });
  };

  // The tenants with failed calls come first, then the busiest.
  const showTenants = ({ tenants }) => {
    const found = state.search ? `${count(tenants.matching)} found among ` : "";
    const rest = tenants.rows.length < tenants.matching ? `, ${count(tenants.rows.length)} shown` : "";
    setText($("tenants-count"), `${found}${count(tenants.total)} in the last minute, ${count(tenants.failing)} with failed calls${rest}`);
    keyed($("tenants").querySelector("tbody"), tenants.rows, (each) => each.tenant,
      (each) => make("tr", {}, make("th", { scope: "row", class: "name" }, each.tenant), TENANT_CELLS.map(() => make("td", { class: "number" }))),
      (row, each) => {
        row.className = each.failed ? "trouble" : "";
        TENANT_CELLS.forEach((field, i) => setText(row.children[i + 1], each[field] ? count(each[field]) : "\u2013"));
      });
  };

  const showChanges = (facts) => {
    keyed($("keys"), facts.keys, (each) => JSON.stringify([each.provider, each.model, each.key]),
      (each) => make("li", {}, make("span", { class: "state strained" }, mark("strained"), "throttled"), make("span", { class: "name" })),
      (item, each) => setText(item.lastChild, `a key of ${each.provider}${each.model ? `, model ${each.model},` : ","} for ${seconds(each.seconds)}: ${word(each.reason)}`
        + (each.waiting ? `, ${count(each.waiting)} calls waiting` : "")));
    if (!facts.changes.length) {
      $("changes").replaceChildren(make("li", { class: "nothing" }, "No events yet."));
      return;
    }
    let alike = 0, last = "";
    keyed($("changes"), facts.changes, (each) => {
      const key = JSON.stringify([each.tenant, each.provider, each.text, Math.round((facts.at - each.ago) * 10)]);
      alike = key === last ? alike + 1 : 0;
      last = key;
      return key + alike;
    }, (each) => make("li", {}, make("span", { class: "ago" }), make("span", { class: "name" },
      make("b", {}, each.provider), ` ${each.tenant || "all tenants"}: ${each.text}`)),
    (item, each) => setText(item.firstChild, seconds(each.ago)));
  };

  const showStories = (facts) => {
    const wanted = facts.stories.filter((each) => state.sort === "all" || each.sort === state.sort);
    if (!wanted.length) {
      $("stories").replaceChildren(make("li", { class: "nothing" }, "None yet."));
      return;
    }
    keyed($("stories"), wanted, (each) => `${facts.process.id} ${each.number}`, (each) => {
      const symbol = { failed: "trouble", slow: "strained", rescued: "half_open", good: "closed", abandoned: "unknown", keyless: "unknown", not_allowed: "unknown", spend_limit: "unknown" }[each.sort];
      const route = each.attempts.map((attempt) => attempt.target.split("/")[0]).filter((name, i, all) => name !== all[i - 1]);
      const outcome = each.sort === "failed" ? `: ${word(each.outcome)}` : "";
      return make("li", {}, make("details", {}, make("summary", {},
        make("span", { class: `state ${each.sort}` }, mark(symbol), word(each.sort)),
        make("span", { class: "number" }, seconds(each.seconds)),
        make("span", { class: "name" }, each.tenant),
        make("span", { class: "name route" }, `${route.join(" \u2192 ") || "nothing was sent"}${outcome}`),
        timeline(each), make("span", { class: "ago" })), make("pre", {}, each.text)));
    }, (item, each) => setText(item.querySelector(".ago"), `${seconds(each.ago)} ago`));
  };

  const showSorts = (facts) => {
    keyed($("sorts"), SORTS, (sort) => sort, (sort) => {
      const made = make("button", { type: "button", "aria-pressed": "false" });
      made.addEventListener("click", () => { state.sort = sort; show(state.facts); });
      return made;
    }, (made, sort) => {
      const many = facts.stories.filter((each) => sort === "all" || each.sort === sort).length;
      setText(made, `${word(sort)} ${many}`);
      made.setAttribute("aria-pressed", String(state.sort === sort));
    });
  };

  const show = (facts) => {
    showVerdict(facts.level, headlineOf(facts), facts.findings);
    $("unlock").hidden = !facts.operable || facts.circuits === null;
    for (const part of [showWhose, showTiles, showProviders, showShared, showCircuits, showService, showTenants, showChanges, showSorts, showStories]) part(facts);
    showAge();
  };

  const showAge = () => {
    if (!state.facts) return;
    const { process, service } = state.facts;
    const since = service?.summed ? "" : `, counting for ${seconds(process.up)}`;
    const others = new Set(state.processes).size > 1 ? `, one of ${new Set(state.processes).size} processes behind this address` : "";
    const age = (Date.now() - state.receivedAt) / 1000;
    setText($("about"), `${state.paused ? "paused, " : ""}${age < 3 ? "now" : `${seconds(age)} ago`}; process ${process.number}${others}${since}`);
  };

  // --- requests --------------------------------------------------------------------------------

  const refresh = async () => {
    clearTimeout(state.timer);
    state.request?.abort();
    const request = state.request = new AbortController();
    const timeout = setTimeout(() => request.abort("late"), TIMEOUT);
    try {
      const query = new URLSearchParams({ search: state.search, rows: state.rows });
      const answer = await fetch(`${ROOT}status.json?${query}`, { signal: request.signal, cache: "no-store" });
      if (!answer.ok) throw new Error(`The server answered with status ${answer.status}`);
      const facts = await answer.json();
      if (request !== state.request) return;
      received(facts);
    } catch (error) {
      if (request !== state.request) return;  // a newer request has replaced this one
      requestFailed(error);
    } finally {
      clearTimeout(timeout);
    }
    if (!state.paused && !document.hidden) state.timer = setTimeout(refresh, Math.min(INTERVAL * 2 ** Math.min(state.failures, 3), MAX_DELAY));
  };

  const received = (facts) => {
    if (state.failures) setText($("notice"), "The server answers again.");
    facts.at = Date.now() / 1000;
    Object.assign(state, { facts, receivedAt: Date.now(), failures: 0 });
    state.processes = [...state.processes, facts.process.id].slice(-20);
    document.body.classList.remove("stale");
    show(facts);
  };

  const requestFailed = (error) => {
    state.failures += 1;
    document.body.classList.add("stale");
    showVerdict("unknown", "The server does not answer", []);
    const why = error instanceof Error ? error.message : "The request timed out";
    const shown = state.receivedAt ? `The page shows data from ${seconds((Date.now() - state.receivedAt) / 1000)} ago` : "There is no data yet";
    setText($("notice"), `${why}. ${shown}. Retrying.`);
    showAge();
  };

  const operate = async (action, each) => {
    const body = JSON.stringify({ tenant: each.tenant || null, provider: each.provider, more: each.more, process: state.facts.process.id });
    const headers = { authorization: `Bearer ${state.token}`, "content-type": "application/json" };
    try {
      const answer = await fetch(`${ROOT}circuits/${action}`, { method: "POST", headers, body });
      const result = await answer.json();
      if (answer.status === 401) lock();
      setText($("notice"), answer.ok ? `${each.tenant || "all tenants"} at ${each.provider}: the circuit is ${word(result.state)}.` : result.message);
    } catch (error) {
      setText($("notice"), `The result of the command is unknown: ${error.message}`);
    }
    refresh();
  };

  const lock = () => {
    state.token = null;
    $("circuits").classList.remove("unlocked");
    setText($("unlock"), "Operate\u2026");
  };

  // --- user input ------------------------------------------------------------------------------

  $("pause").addEventListener("click", () => {
    state.paused = !state.paused;
    $("pause").setAttribute("aria-pressed", String(state.paused));
    if (state.paused) { clearTimeout(state.timer); showAge(); } else refresh();
  });
  $("unlock").addEventListener("click", () => {
    if (state.token) { lock(); return; }
    $("token-form").hidden = !$("token-form").hidden;
    $("unlock").setAttribute("aria-expanded", String(!$("token-form").hidden));
    if (!$("token-form").hidden) $("token").focus();
  });
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    state.token = $("token").value.trim();  // kept only in this page's memory
    $("token").value = "";
    $("token-form").hidden = true;
    $("unlock").setAttribute("aria-expanded", "false");
    if (!state.token) return;
    $("circuits").classList.add("unlocked");
    setText($("unlock"), "Lock");
    $("unlock").focus();
  });
  let typing = null;
  $("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { state.search = $("search").value.trim(); refresh(); }, 250);
  });
  $("more").addEventListener("click", () => { state.rows = MAX_ROWS; $("search").focus(); refresh(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !state.paused) refresh(); });
  setInterval(showAge, 1000);
  refresh();
})();
