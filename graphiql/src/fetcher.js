// Sends operations to the server that the page came from.

// The credential last typed in any tab. All tabs use it, and it is stored nowhere else.
let credential = "";

/** Returns the headers to send for those in the editor. "Bearer" before a credential is optional. */
function headersOf(typed) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  for (const [name, value] of Object.entries(typed ?? {})) {
    if (name.toLowerCase() === "authorization") credential = String(value).trim() || credential;
    else headers[name] = String(value);
  }
  if (credential) headers.authorization = credential.includes(" ") ? credential : `Bearer ${credential}`;
  return headers;
}

export async function fetcher(params, { headers, signal } = {}) {
  const response = await fetch("graphql", {
    method: "POST",
    signal,
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
