// The tabs that the page opens with, one for each main task. They work as they are on the demo data of `promolink dev`.

import { fetcher } from "./fetcher.js";

export const HEADERS = `{
  // Type a service or admin key or a customer token:
  // "authorization": "Bearer plk_..."
  // All tabs use it. \`promolink dev\` requires none.
  "authorization": ""
}
`;

/** Whether GraphiQL's settings say to keep headers in the browser. By default they don't. */
export const keepsHeaders = localStorage.getItem("graphiql:shouldPersistHeaders") === "true";

// Finds a campaign of the demo data. Its id differs between databases. If this fails, GraphiQL shows the cause when it
// asks for the schema.
const FIND = { query: '{ promotionCodes(codes: "SUMMER-0001", mode: DISCOUNT) { campaign { id version } } }' };
const { data, errors } = await fetcher(FIND, { signal: AbortSignal.timeout(5_000) }).catch(() => ({}));

/** Whether the user has to type a credential. Headers that the browser keeps already contain one. */
export const needsCredential = !keepsHeaders && errors?.[0].extensions?.code === "UNAUTHENTICATED";

const campaign = data?.promotionCodes?.[0]?.campaign;

const asText = (variables) => JSON.stringify(variables, null, 2);

export const tabs = [
  {
    query: `# Press play. Then try another customer or code.
mutation Link($input: LinkPromotionCodeInput!) {
  linkPromotionCode(input: $input) {
    id
    orgId
    promotionId
    promotionName
    code
    customerId
    active
    createdOn
    validTill
    mode
    redeemableFrom
  }
}
`,
    variables: asText({ input: { customerId: 42, code: "SUMMER-0001", mode: "DISCOUNT" } }),
  },
  {
    query: `# Whether a customer can link a code, and what
# the promotion would be. Nothing changes.
query Check($input: LinkPromotionCodeInput!) {
  checkPromotionCode(input: $input) {
    linkable
    error {
      code
      message
    }
    promotionName
    validTill
    offer {
      title
      description
      benefit {
        kind
        percentOff
        amount {
          minorUnits
          currency
        }
      }
    }
  }
}
`,
    variables: asText({ input: { customerId: 42, code: "WELCOME", mode: "DISCOUNT" } }),
  },
  {
    query: `# Codes, their campaigns and their holders.
query Codes(
  $codes: [String!]!
  $mode: PromotionMode!
) {
  promotionCodes(codes: $codes, mode: $mode) {
    code
    revoked
    maxLinks
    linkCount
    campaign {
      id
      name
      active
      validTill
    }
    promotions(first: 5) {
      nodes {
        customerId
        state
      }
    }
  }
}
`,
    variables: asText({ codes: ["summer-0001", "WELCOME", "NO-SUCH-CODE"], mode: "DISCOUNT" }),
  },
  {
    query: `# A customer's promotions, newest first.
query Wallet(
  $customerId: Long!
  $after: String
) {
  customerPromotions(
    customerId: $customerId
    first: 20
    after: $after
  ) {
    nodes {
      code
      promotionName
      mode
      state
      redeemableFrom
      validTill
      offer {
        title
        termsUrl
      }
      redemptions {
        nodes {
          transactionId
          redeemedOn
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
    variables: asText({ customerId: 42 }),
  },
  {
    query: `# Redeems a promotion. Link the code first.
mutation Redeem($input: RedeemPromotionInput!) {
  redeemPromotion(input: $input) {
    id
    transactionId
    redeemedOn
    promotion {
      code
      state
    }
  }
}
`,
    variables: asText({
      input: { customerId: 42, code: "SUMMER-0001", mode: "DISCOUNT", transactionId: "order-1" },
    }),
  },
  {
    query: `# Creates a campaign. Then copy its id to the
# variables of the tab Generate, to add codes.
mutation Campaign($input: CreateCampaignInput!) {
  createCampaign(input: $input) {
    id
    name
    version
    offer {
      title
    }
  }
}
`,
    variables: asText({
      input: {
        name: "Spring sale",
        mode: "DISCOUNT",
        validTill: "2099-12-31T23:59:59Z",
        maxLinksPerCustomer: 1,
        offer: {
          title: "5 euros off",
          benefit: { kind: "AMOUNT_OFF", amount: { minorUnits: 500, currency: "EUR" } },
        },
      },
    }),
  },
  {
    query: `# Adds codes to a campaign. The tabs Campaign and
# Codes show the ids of campaigns.
mutation Generate(
  $input: GeneratePromotionCodesInput!
) {
  generatePromotionCodes(input: $input) {
    campaign {
      name
    }
    codes
  }
}
`,
    variables: asText({
      input: {
        campaignId: campaign?.id ?? "id of a campaign",
        count: 5,
        pattern: "SALE-######",
        maxLinks: 1,
      },
    }),
  },
  {
    query: `# Replaces the whole offer of a campaign. Fails
# with CONFLICT if its version has changed.
mutation Change($input: UpdateCampaignInput!) {
  updateCampaign(input: $input) {
    id
    version
    offer {
      title
      description
      benefit {
        kind
        percentOff
      }
      termsUrl
    }
  }
}
`,
    variables: asText({
      input: {
        id: campaign?.id ?? "id of a campaign",
        expectedVersion: campaign?.version ?? 1,
        offer: {
          title: "25 % off the summer collection",
          description: "Valid for one order within 30 days after you add the code.",
          benefit: { kind: "PERCENT_OFF", percentOff: 25 },
          termsUrl: "https://shop.example.com/terms",
        },
        reason: "Request of the shops",
      },
    }),
  },
  {
    query: `# Every change, the newest first: who changed
# what, and when.
query History($filter: EventFilter) {
  events(
    first: 20
    order: NEWEST_FIRST
    filter: $filter
  ) {
    nodes {
      position
      type
      occurredOn
      actor {
        kind
        name
      }
      data
    }
  }
}
`,
    variables: asText({ filter: { types: [] } }),
  },
];

// GraphiQL takes the variables of the first tab from a separate setting, which would override the tabs that it restores
// from the last visit.
export const firstVariables = localStorage.getItem("graphiql:tabState") ? undefined : tabs[0].variables;
