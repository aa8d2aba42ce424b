// Draws the plots in the colours of the reader's scheme, and finds rows in tables.
(() => {
  "use strict";
  // Blue, orange, green and purple after Okabe and Ito, set for each ground; lines also differ in dash and mark.
  const LIGHT = {
    loop: "#0067b1", random: "#c45100", static: "#66717f", drift: "#a63d84", promoted: "#00805e",
    decided: "#2f3b48", ink: "#1c2733", quiet: "#5a6675", grid: "#e4e8ed", card: "#ffffff",
  };
  const DARK = {
    loop: "#5cb3f2", random: "#f0924a", static: "#9aa7b5", drift: "#dd8cc0", promoted: "#3fbf96",
    decided: "#cdd6df", ink: "#e4e9ef", quiet: "#9aa7b5", grid: "#2e3742", card: "#1a2027",
  };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function color(written, palette) {
    const [name, opacity] = written.slice(1).split("/");
    const full = palette[name];
    if (!opacity) return full;
    const part = (from) => parseInt(full.slice(from, from + 2), 16);
    return `rgba(${part(1)}, ${part(3)}, ${part(5)}, ${opacity})`;
  }

  function colored(value, palette) {
    if (typeof value === "string") return /^@[a-z]+(\/[\d.]+)?$/.test(value) ? color(value, palette) : value;
    if (Array.isArray(value)) return value.map((each) => colored(each, palette));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, colored(each, palette)]));
  }

  function draw(palette) {
    for (const script of document.querySelectorAll("script[data-plot]")) {
      const place = document.getElementById(script.dataset.plot);
      const spec = JSON.parse(script.textContent);
      if (place.clientWidth < 620) {
        spec.layout.margin = { ...spec.layout.margin, l: 48, r: 12 };
        spec.layout.annotations = (spec.layout.annotations || []).filter((each) => each.name !== "aside");
      }
      const layout = {
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: palette.ink },
        hoverlabel: { bgcolor: palette.card, bordercolor: palette.grid, align: "left",
          font: { color: palette.ink, size: 13 } },
        modebar: { bgcolor: "rgba(0,0,0,0)", color: palette.static, activecolor: palette.loop },
        ...spec.layout,
      };
      const config = {
        responsive: true, displaylogo: false, displayModeBar: "hover",
        modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
        toImageButtonOptions: { filename: script.dataset.plot },
      };
      Plotly.react(place, colored(spec.data, palette), colored(layout, palette), config);
    }
  }

  const scheme = () => (dark.matches ? DARK : LIGHT);
  draw(scheme());
  dark.addEventListener("change", () => draw(scheme()));

  const opened = [];
  window.addEventListener("beforeprint", () => {
    draw(LIGHT);
    for (const each of document.querySelectorAll("details:not([open])")) {
      each.open = true;
      opened.push(each);
    }
  });
  window.addEventListener("afterprint", () => {
    while (opened.length) opened.pop().open = false;
    draw(scheme());
  });

  for (const input of document.querySelectorAll("input[data-finds]")) {
    const rows = [...document.querySelectorAll(`#${input.dataset.finds} tbody tr`)];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      rows.forEach((row, index) => { row.hidden = !texts[index].includes(wanted); });
    });
  }
})();
