// A real browser: Debian's Chromium.

import { mkdir } from "node:fs/promises";

import { chromium } from "playwright-core";

const CHROMIUM = process.env.PROMOLINK_CHROMIUM ?? "/usr/bin/chromium";

// What it would otherwise do of itself: ask its maker for updates, and keep a sandbox that containers don't allow.
const ARGUMENTS = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
  "--no-sandbox",
];

/** Where screenshots go, for people to look at. */
const SCREENSHOTS = new URL("../../target/screenshots/", import.meta.url).pathname;

export async function browse() {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

/** Opens GraphiQL in a browser that was never there before, and notes what should not happen. */
export async function openGraphiql(browser, origin, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => message.type() === "error" && wrong.push(`logged: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`thrown: ${error}`));
  page.on("requestfailed", (request) => wrong.push(`failed: ${request.url()}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !["data:", "blob:"].includes(url.protocol)) wrong.push(`asked elsewhere: ${url}`);
  });
  await page.exposeFunction("noteViolation", (what) => wrong.push(`against the policy: ${what}`));
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      window.noteViolation(`${event.violatedDirective} ${event.blockedURI}`),
    ),
  );
  return { page, wrong };
}

/** Presses the play button, and answers with the response to the operation of this name. */
export async function play(page, operation = "Link") {
  // For a moment after another tab was chosen, GraphiQL sends the name of the one before.
  for (;;) {
    const answered = page.waitForResponse((response) => response.url().endsWith("/graphql"));
    await page.locator(".graphiql-execute-button").click();
    const response = await answered;
    if (response.request().postDataJSON().operationName === operation) return response.json();
    await page.waitForTimeout(100);
  }
}

/** Replaces what an editor has. */
export async function type(page, editor, text) {
  await page.locator(`${editor} .view-lines:visible`).click();
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.insertText(text);
  // The editor has closed a bracket that the text closes too.
  await page.keyboard.press("ControlOrMeta+Shift+End");
  await page.keyboard.press("Delete");
}

export async function screenshot(page, name) {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png` });
}
