// Sends what the page asks for to the server that it came from.

// The credential that was typed last, in whichever tab: all tabs use it. It is not kept anywhere else.
let credential = "";

/** The headers to send, from those in the editor. A credential may be typed with or without "Bearer". */
function headersOf(typed) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  for (const [name, value] of Object.entries(typed ?? {})) {
    if (name.toLowerCase() === "authorization") credential = String(value).trim() || credential;
    else headers[name] = String(value);
  }
  if (credential) headers.authorization = credential.includes(" ") ? credential : `Bearer ${credential}`;
  return headers;
}

export async function fetcher(params, { headers } = {}) {
  const response = await fetch("graphql", {
    method: "POST",
    headers: headersOf(headers),
    body: JSON.stringify(params),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`HTTP ${response.status}: ${text}`);
  }
}
