// How an app links codes, with types that graphql-codegen's client preset generates from schema.graphql.

import { graphql } from "./gql/index.js";
import type { LinkMutation, LinkPromotionCodeInput } from "./gql/graphql.js";

const LINK = graphql(`
  mutation Link($input: LinkPromotionCodeInput!) {
    linkPromotionCode(input: $input) {
      id orgId promotionId promotionName code customerId active createdOn validTill mode redeemableFrom
    }
  }
`);

interface Failure {
  /** An ErrorCode of the schema. */
  code: string;
  retryable: boolean;
  field?: string;
}

export interface Client {
  url: string;
  credential: string;
}

export async function linkPromotionCode(client: Client, input: LinkPromotionCodeInput) {
  const response = await fetch(client.url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${client.credential}` },
    body: JSON.stringify({ documentId: LINK.__meta__?.hash, variables: { input } }),
  });
  const { data, errors } = (await response.json()) as {
    data?: LinkMutation;
    errors?: { message: string; extensions: Failure }[];
  };
  if (errors?.[0]) throw Object.assign(new Error(errors[0].message), errors[0].extensions);
  return data?.linkPromotionCode ?? null;
}
