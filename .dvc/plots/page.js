// Makes one document of the plots that DVC puts into the page, each for itself: sections, results
// first; what is the same in several revisions once; wrong test images marked on the map.
"use strict";
(() => {
  const SECTIONS = {
    evaluate: "Results on the test images",
    cross_validation: "Results of the cross-validation",
    decide: "Decisions",
    explain: "Why",
    train: "Training",
    explore: "The images",
    label_errors: "Labels",
  };
  const OTHERS = "Other plots";
  // The order within a section; what is not named here follows.
  const ORDER = [
    "headline_scores", "confusion_matrix", "label_scores", "mistakes", "predictions", "losses",
    "reliability", "precision_recall", "decisions", "coverage", "loss", "accuracy", "macro_f1", "learning_rate", "images_per_label",
    "embedding_map", "examples", "label_errors", "near_duplicates", "similar_pairs",
  ];
  const EQUAL = " = ";
  const EMBED = {
    renderer: "svg",
    logLevel: window.vega.Error,
    actions: { export: true, source: false, compiled: false, editor: false },
  };

  const draw = window.vegaEmbed;
  const specs = new Map();
  // DVC's scripts call this for each plot: it is drawn when all are known.
  window.vegaEmbed = (target, spec) => specs.set(target.slice(1), spec);

  const rowsOf = (id) => specs.get(id)?.data?.values ?? [];

  function element(tag, text = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  }

  // Stage and name of a plot, from the id that DVC makes of its path.
  function placeOf(id) {
    const stages = Object.keys(SECTIONS).join("|");
    const found = id.match(`plots_(${stages})_(?:(?:custom|images)_)?(.*)_(json|png|csv)$`);
    // The folder of its pictures, which DVC names as long as there are none.
    const folder = id.match(`plots_(${stages})_images$`);
    if (folder) return { section: SECTIONS[folder[1]], stage: folder[1], name: "images" };
    if (!found) return { section: OTHERS, stage: "", name: id };
    const [, stage, file, kind] = found;
    // The table of predictions is drawn as their losses; a picture has the name too.
    return { section: SECTIONS[stage], stage, name: kind === "csv" ? "losses" : file };
  }

  function rankOf(name) {
    const rank = ORDER.indexOf(name);
    return rank < 0 ? ORDER.length : rank;
  }

  // Items of equal content as one, under the names of all their revisions.
  function merge(items, contentOf) {
    const merged = new Map();
    for (const [rev, item] of items) {
      const content = contentOf(rev, item);
      merged.set(content, { item, revs: [...(merged.get(content)?.revs ?? []), rev] });
    }
    return [...merged.values()].map(({ item, revs }) => [revs.join(EQUAL), item]);
  }

  function mergeRows(rows) {
    const byRevision = new Map();
    for (const { rev, ...row } of rows) {
      if (!byRevision.has(rev)) byRevision.set(rev, []);
      byRevision.get(rev).push(row);
    }
    return merge(byRevision, (_, ofRevision) => JSON.stringify(ofRevision)).flatMap(
      ([rev, ofRevision]) => ofRevision.map((row) => ({ ...row, rev })),
    );
  }

  // What only evaluate knows is added to the points of explore's map.
  function markMistakes(points, mistakes) {
    const predicted = new Map(mistakes.map((row) => [`${row.rev}\n${row.path}`, row.predicted]));
    for (const point of points) {
      const wrong = predicted.get(`${point.rev}\n${point.path}`);
      if (point.split === "test" && wrong !== undefined) point.predicted = wrong;
    }
  }

  // Draws a plot; panels that do not fit beside each other go below each other.
  async function drawPlot(plot, spec) {
    const container = plot.appendChild(element("div"));
    const title = spec.title?.text ?? spec.title;
    // What a screen reader calls it.
    await draw(container, { description: [title].flat().join(" "), ...spec }, EMBED);
    const width = container.querySelector("svg").viewBox.baseVal.width;
    if (spec.columns > 1 && width > plot.parentElement.clientWidth) {
      container.remove();
      await drawPlot(plot, { ...spec, columns: spec.columns - 1 });
    }
  }

  const titleOf = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

  async function fillPlot(plot, name, spec, revisions) {
    const rows = spec.data?.values ?? [];
    const heading = plot.appendChild(element("h3", titleOf(name)));
    if (rows.length > 0) {
      // The chart has a title of its own.
      heading.className = "heard";
      await drawPlot(plot, { ...spec, data: { values: mergeRows(rows) } });
    }
    sayWithout(plot, revisions, new Set(rows.map((row) => row.rev)));
  }

  function sayWithout(plot, revisions, found) {
    const without = revisions.filter((rev) => !found.has(rev));
    if (without.length > 0) plot.append(element("p", `Nothing to show of: ${without.join(", ")}`));
  }

  function fillPictures(plot, name, pictures, revisions, checksumOf) {
    const title = titleOf(name);
    plot.append(element("h3", title));
    const row = plot.appendChild(element("div"));
    row.className = "pictures";
    const merged = merge(pictures, (rev) => checksumOf(rev) ?? rev);
    for (const [rev, source] of merged) {
      const figure = row.appendChild(element("figure"));
      if (revisions.length > 1) figure.append(element("figcaption", rev));
      const image = figure.appendChild(element("img"));
      image.src = source;
      image.alt = `${title}: ${rev}`;
    }
    sayWithout(plot, revisions, pictures);
  }

  async function arrange() {
    const all = [...document.querySelectorAll("body > div[id]")].map((div) => {
      const images = [...div.querySelectorAll("img")].map((image) => [
        image.previousElementSibling.textContent,
        image.getAttribute("src"),
      ]);
      div.remove();
      return { id: div.id, pictures: new Map(images), ...placeOf(div.id) };
    });
    // Of a stage that has not run in any revision, DVC names the plots all the same.
    const isThere = ({ id, pictures }) => pictures.size > 0 || rowsOf(id).length > 0;
    const ran = new Set(all.filter(isThere).map(({ stage }) => stage));
    const plots = all.filter(({ stage }) => stage === "" || ran.has(stage));
    const rowsNamed = (stage, name) =>
      plots
        .filter((plot) => plot.stage === stage && plot.name === name)
        .flatMap(({ id }) => rowsOf(id));
    markMistakes(rowsNamed("explore", "embedding_map"), rowsNamed("evaluate", "mistakes"));
    const checksums = new Map(
      plots
        .filter((plot) => plot.name === "pictures")
        .flatMap(({ id, stage }) =>
          rowsOf(id).map((row) => [`${row.rev}\n${stage}\n${row.picture}`, row.sha256]),
        ),
    );
    const named = plots.flatMap(({ id, pictures }) => [
      ...rowsOf(id).map((row) => row.rev),
      ...pictures.keys(),
    ]);
    const revisions = [...new Set(named)];

    document.title = `Waste classifier: ${revisions.join(" and ")}`;
    const header = document.body.appendChild(element("header"));
    header.append(element("h1", "Waste classifier"));
    const several = revisions.length > 1;
    header.append(
      element("p", `${several ? "Revisions compared" : "Revision"}: ${revisions.join(", ")}`),
    );
    if (several) {
      const same = revisions.slice(0, 2).join(EQUAL);
      header.append(element("p", `What is the same in several is shown once, as of "${same}".`));
    }
    const links = header.appendChild(element("nav"));

    const waiting = [];
    for (const [number, title] of [...Object.values(SECTIONS), OTHERS].entries()) {
      const here = plots
        .filter((plot) => plot.section === title && plot.name !== "pictures")
        .sort((one, other) => rankOf(one.name) - rankOf(other.name));
      if (here.length === 0) continue;
      const section = document.body.appendChild(element("section"));
      section.id = `section-${number}`;
      section.append(element("h2", title));
      const link = links.appendChild(element("a", title));
      link.href = `#${section.id}`;
      for (const { id, name, stage, pictures } of here) {
        const plot = section.appendChild(element("div"));
        plot.className = "plot";
        plot.id = id;
        if (pictures.size > 0) {
          const checksumOf = (rev) => checksums.get(`${rev}\n${stage}\n${name}.png`);
          fillPictures(plot, name, pictures, revisions, checksumOf);
        } else {
          waiting.push(
            fillPlot(plot, name, specs.get(id), revisions).catch((error) => {
              plot.append(element("p", `Cannot be drawn: ${error.message}`));
              throw error;
            }),
          );
        }
      }
    }
    await Promise.all(waiting);
    document.body.dataset.complete = "yes";
  }

  document.addEventListener("DOMContentLoaded", arrange);
})();
