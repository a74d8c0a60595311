// A real browser: Debian's Chromium.

import { mkdir } from "node:fs/promises";

import { chromium } from "playwright-core";

const CHROMIUM = process.env.PROMOLINK_CHROMIUM ?? "/usr/bin/chromium";

// Without these, Chromium looks for updates, and requires a sandbox that containers do not permit.
const ARGUMENTS = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
  "--no-sandbox",
];

/** The directory for screenshots, for people to look at. */
const SCREENSHOTS = new URL("../../target/screenshots/", import.meta.url).pathname;

export async function browse() {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

/** Opens GraphiQL in a new browser profile. `wrong` collects errors and requests to other hosts. */
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

/** Presses the play button. Returns the response to the operation with this name. */
export async function play(page, operation = "Link") {
  // For a moment after a change of tabs, GraphiQL sends the operation name of the previous tab.
  for (;;) {
    const answered = page.waitForResponse((response) => response.url().endsWith("/graphql"));
    await page.locator(".graphiql-execute-button").click();
    const response = await answered;
    if (response.request().postDataJSON().operationName === operation) return response.json();
    await page.waitForTimeout(100);
  }
}

/** Replaces the text of an editor. */
export async function type(page, editor, text) {
  await page.locator(`${editor} .view-lines:visible`).click();
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.insertText(text);
  // The editor closed a bracket that the text closes as well.
  await page.keyboard.press("ControlOrMeta+Shift+End");
  await page.keyboard.press("Delete");
}

export async function screenshot(page, name) {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png` });
}
