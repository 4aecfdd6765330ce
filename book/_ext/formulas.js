// One formula a line comes in (JSON), its HTML or KaTeX's complaint goes out on a line.
// Ends by itself when its input is closed, so a stopped build leaves nothing running.
const katex = require(process.argv[2]);

function reply({ latex, displayMode }) {
  try {
    const options = { displayMode, throwOnError: true, strict: "ignore" };
    return { html: katex.renderToString(latex, options) };
  } catch (error) {
    return { error: error.message };
  }
}

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => process.stdout.write(JSON.stringify(reply(JSON.parse(line))) + "\n"));
