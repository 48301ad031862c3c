// The page in headless Chromium, as a reader uses it: a receipt is dropped on it, and its verdict is the one of the command line.
//
//   node browser.mjs PAGE GOOD ALTERED OTHER_MODEL
//
// PAGE is verify.html, GOOD a receipt with GOOD.txt beside it (what `ciro verify` printed), ALTERED the same with a byte changed, and
// OTHER_MODEL a model id that is not GOOD's. The driver is spoken to in plain HTTP (WebDriver), so nothing is installed for it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [page, good, altered, otherModel] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "ciro-page-"));
const driver = spawn("chromedriver", ["--port=0"], { stdio: ["ignore", "pipe", "inherit"] });

const port = await new Promise((found, failed) => {
  let said = "";
  driver.stdout.on("data", (bytes) => {
    said += bytes;
    const match = said.match(/successfully on port (\d+)/);
    if (match) found(match[1]);
  });
  driver.on("exit", (code) => failed(new Error(`chromedriver ended with ${code}: ${said}`)));
});

async function command(method, path, body) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) });
  const { value } = await answer.json();
  if (!answer.ok) throw new Error(`${path}: ${value.message}`);
  return value;
}

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

async function main() {
  const args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", `--user-data-dir=${profile}`];
  const options = { "goog:chromeOptions": { binary: process.env.CHROMIUM ?? "/usr/bin/chromium", args }, "goog:loggingPrefs": { browser: "ALL" } };
  const { sessionId } = await command("POST", "/session", { capabilities: { alwaysMatch: options } });
  const at = (path) => `/session/${sessionId}${path}`;
  const run = (script, ...args) => command("POST", at("/execute/sync"), { script, args });
  const find = async (id) => (await command("POST", at("/element"), { using: "css selector", value: `#${id}` }))[ELEMENT];
  const type = async (id, text) => command("POST", at(`/element/${await find(id)}/value`), { text });
  const wait = async (what, script) => {
    for (let tries = 0; tries < 600; tries++) {
      const found = await run(script);
      if (found) return found;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`waited in vain for ${what}`);
  };
  const verdict = async () => {
    await wait("a verdict", "const v = document.getElementById('verdict'); return !v.hidden && !v.textContent.startsWith('checking');");
    return run("const v = document.getElementById('verdict'); return { valid: v.dataset.valid, headline: v.textContent, text: document.getElementById('text').textContent };");
  };

  await command("POST", at("/url"), { url: pathToFileURL(resolve(page)).href });
  await wait("the module", "return !document.getElementById('file').disabled;");

  // What Content-Security-Policy is for: the page cannot tell anybody.
  const leak = await command("POST", at("/execute/async"), {
    script: "const done = arguments[0]; fetch('http://127.0.0.1:9/').then(() => done('sent'), (error) => done(String(error)));", args: [],
  });
  assert.notEqual(leak, "sent");
  assert.match((await command("POST", at("/se/log"), { type: "browser" })).map((entry) => entry.message).join("\n"), /Content Security Policy/);

  await type("file", resolve(good));
  const shown = await verdict();
  const [headline, ...rest] = readFileSync(`${good}.txt`, "utf8").trimEnd().split("\n");
  assert.equal(shown.valid, "true");
  assert.equal(shown.headline.replace(/ \(checked in \d+ ms\)$/, ""), headline);
  assert.equal(shown.text, rest.join("\n").trim());
  console.log(shown.headline);

  // The verdict changes with the pin, and says why.
  await type("model", otherModel);
  await run("document.getElementById('model').dispatchEvent(new Event('change'));");
  const pinned = await verdict();
  assert.deepEqual([pinned.valid, pinned.text], ["false", ""]);
  assert.match(pinned.headline, /another model/);
  await run("document.getElementById('model').value = '';");

  await type("file", resolve(altered));
  const refused = await wait("a refusal", "const v = document.getElementById('verdict'); return v.textContent.startsWith('invalid receipt') && v.textContent;");
  assert.equal(await run("return document.getElementById('verdict').dataset.valid;"), "false");
  console.log(refused);
  await command("DELETE", at(""));
}

try {
  await main();
} finally {
  driver.kill();
  rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
}
