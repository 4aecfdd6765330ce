// The first picture of each table of the lab, for a page without scripts and for paper. Loads
// the page's own scripts as a page does; gives {table: [[width, height, label, svg], ...]}.
const { readFileSync } = require("fs");
const { runInThisContext } = require("vm");

for (const script of process.argv.slice(2)) runInThisContext(readFileSync(script, "utf8"));

const WIDTH = 360;
const stills = Object.values(lab)
  .filter((part) => part.panels)
  .map(({ name, defaults, panels, stillWidth = WIDTH }) => [
    name,
    panels.map((panel) => {
      const { f, label, still } = panel(defaults, stillWidth);
      return [f.width, f.height, label, still];
    }),
  ]);
process.stdout.write(JSON.stringify(Object.fromEntries(stills)));
