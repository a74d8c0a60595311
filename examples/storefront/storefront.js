// A real app takes both from the shopper's session. CUSTOMER_ID must equal the customer's number in the token.
// `promolink dev --as customer:42` ignores the token.
const CUSTOMER_ID = 42;
const TOKEN = "TOKEN";

const CLOCK_DIFFERENCE = 60_000; // milliseconds by which the clocks of the browser and the server may differ
const API = document.querySelector("meta[name=promolink]").content;

const OFFER = "offer { title description termsUrl imageUrl }";
const WALLET = `query($customerId: Long!, $after: String) {
  customerPromotions(customerId: $customerId, active: true, first: 20, after: $after) {
    nodes { code promotionName state validTill redeemableFrom ${OFFER} } pageInfo { hasNextPage endCursor }
  }
}`;
const CHECK = `query($input: LinkPromotionCodeInput!) {
  checkPromotionCode(input: $input) { error { code } code promotion { id } promotionName validTill redeemableFrom ${OFFER} }
}`;
const LINK = "mutation($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id } }";

const SENTENCES = {
  CODE_NOT_USABLE: "This code can't be used. Check the spelling, or try another code.",
  INVALID_INPUT: "Enter a code of 1 to 64 characters.",
  RATE_LIMITED: "Too many attempts. Please wait before you try again.",
  UNAUTHENTICATED: "Please sign in again.",
  FORBIDDEN: "Please sign in again.",
  NETWORK: "We can't reach the shop. Check your connection and try again.",
};

async function request(query, variables) {
  const response = await fetch(API, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw errors[0].extensions;
  return Object.values(data)[0];
}

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter(Boolean));
  return made;
};
const date = (timestamp) => new Date(timestamp).toLocaleDateString(undefined, { dateStyle: "long" });
const find = (selector) => document.querySelector(selector);
const [form, status, offer, wallet, more] = ["form", "#status", "#offer", "#wallet", "#more"].map(find);

/** The text of offers is set as text, so HTML in it is shown, not executed. */
function describe({ code, promotionName, state, validTill, redeemableFrom, offer }) {
  const title = offer?.title ?? promotionName;
  const isLater = redeemableFrom > Date.now() + CLOCK_DIFFERENCE;
  const dates = isLater ? `From ${date(redeemableFrom)} to ${date(validTill)}` : `Until ${date(validTill)}`;
  return [
    offer?.imageUrl && element("img", { src: offer.imageUrl, alt: title }),
    element("h2", { textContent: title }),
    offer?.description && element("p", { textContent: offer.description }),
    element("p", { textContent: [code, dates, state === "REDEEMED" && "Used"].filter(Boolean).join(" · ") }),
    offer?.termsUrl && element("p", {}, element("a", { href: offer.termsUrl, textContent: "Terms" })),
  ].filter(Boolean);
}

async function showWallet(after) {
  const { nodes, pageInfo } = await request(WALLET, { customerId: CUSTOMER_ID, after });
  const items = nodes.map((promotion) => element("li", {}, ...describe(promotion)));
  if (after) wallet.append(...items);
  else wallet.replaceChildren(...items);
  more.hidden = !pageInfo.hasNextPage;
  more.onclick = () => attempt(() => showWallet(pageInfo.endCursor));
}

async function checkCode(input) {
  const { error, promotion, ...rest } = await request(CHECK, { input });
  if (error) throw error;
  if (promotion) return "You already have this promotion.";
  const add = element("button", { textContent: "Add to my promotions", onclick: () => attempt(() => linkCode(input)) });
  offer.replaceChildren(...describe(rest), add);
  offer.hidden = false;
  return "This code is valid.";
}

async function linkCode(input) {
  await request(LINK, { input });
  offer.hidden = true;
  form.reset();
  form.elements.code.focus();
  await showWallet();
  return "The promotion was added.";
}

/** Runs one action at a time, and says how it ended. */
async function attempt(action) {
  if (document.body.ariaBusy === "true") return;
  document.body.ariaBusy = "true";
  status.textContent = "";
  try {
    status.textContent = (await action()) ?? "";
  } catch ({ code = "NETWORK" }) {
    status.textContent = SENTENCES[code] ?? "Something went wrong. Please try again later.";
  } finally {
    document.body.ariaBusy = "false";
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  offer.hidden = true;
  const { code, mode } = Object.fromEntries(new FormData(form));
  attempt(() => checkCode({ customerId: CUSTOMER_ID, code, mode }));
});
attempt(() => showWallet());
