// Calls the API without any client, and fills an organisation.

export async function call(server, key, query, variables) {
  const response = await fetch(server.url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

/** Creates a campaign with these codes, each for one customer. */
export async function makeCodes(server, key, codes) {
  const validTill = Date.now() + 86_400_000;
  const made = await call(server, key, "mutation($input: CreateCampaignInput!) { createCampaign(input: $input) { id } }", {
    input: { name: "Spring", mode: "DISCOUNT", validTill },
  });
  const campaignId = made.data.createCampaign.id;
  const importing = "mutation($input: ImportPromotionCodesInput!) { importPromotionCodes(input: $input) { imported } }";
  const imported = await call(server, key, importing, { input: { campaignId, codes } });
  if (imported.data?.importPromotionCodes.imported !== codes.length) throw new Error(JSON.stringify(imported));
}
