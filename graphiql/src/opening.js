// What the page opens with: tabs for the main jobs, which work as they are on the demo data of `promolink dev`.

export const HEADERS = `{
  // An API key or a customer's token, typed in one tab for all. (\`promolink dev\` wants none.)
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
    query: `# What is known of codes, and who holds them.
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
    query: `# A customer's promotions, the newest first.
query Wallet($customerId: Long!, $after: String) {
  customerPromotions(customerId: $customerId, first: 20, after: $after) {
    nodes {
      code
      promotionName
      mode
      state
      redeemableFrom
      validTill
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
    query: `# Uses a promotion: link the code first.
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
];

// GraphiQL takes the first tab's variables from a setting of their own, which would win over what was left in the tabs by
// whoever was here before.
export const firstVariables = localStorage.getItem("graphiql:tabState") ? undefined : TABS[0].variables;

/** Whether the settings say to keep headers in the browser. They don't at first. */
export const keepsHeaders = localStorage.getItem("graphiql:shouldPersistHeaders") === "true";
