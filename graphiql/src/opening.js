// The tabs that the page opens with, one for each main task. They work as they are on the demo data of `promolink dev`.

export const HEADERS = `{
  // An API key or a customer token. All tabs use it. (\`promolink dev\` requires none.)
  "authorization": ""
}
`;

const asText = (variables) => JSON.stringify(variables, null, 2);

export const TABS = [
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
    query: `# Whether a customer can link a code, and what the promotion would be. Nothing changes.
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
query Codes($codes: [String!]!, $mode: PromotionMode!) {
  promotionCodes(codes: $codes, mode: $mode) {
    code
    revoked
    maxLinks
    linkCount
    campaign {
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
query Wallet($customerId: Long!, $after: String) {
  customerPromotions(customerId: $customerId, first: 20, after: $after) {
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
    query: `# Creates a campaign. Then add codes to it: generatePromotionCodes or importPromotionCodes, with its id.
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
    query: `# Every change, the newest first: who changed what, and when.
query History($filter: EventFilter) {
  events(first: 20, order: NEWEST_FIRST, filter: $filter) {
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
export const firstVariables = localStorage.getItem("graphiql:tabState") ? undefined : TABS[0].variables;

/** Whether GraphiQL's settings say to keep headers in the browser. By default they don't. */
export const keepsHeaders = localStorage.getItem("graphiql:shouldPersistHeaders") === "true";
