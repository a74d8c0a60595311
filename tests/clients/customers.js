// A subgraph that owns customers and their names.

import http from "node:http";
import { once } from "node:events";

import { buildSubgraphSchema } from "@apollo/subgraph";
import { createHandler } from "graphql-http/lib/use/http";
import { parse } from "graphql";

export const CUSTOMERS_SDL = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@shareable"])

  type Query {
    customer(id: ID!): Customer
    customers(first: Int = 100): [Customer!]!
  }

  type Customer @key(fields: "id") {
    id: ID!
    name: String!
  }

  "Types of the same names as this graph's or common ones, as graphs have."
  type PageInfo @shareable {
    hasNextPage: Boolean!
    endCursor: String
  }

  enum Role {
    OWNER
    GUEST
  }
`;

const customer = (id) => ({ id: String(id), name: `Customer ${id}` });

const resolvers = {
  Query: {
    customer: (_, { id }) => customer(id),
    customers: (_, { first }) => Array.from({ length: first }, (_, index) => customer(index + 1)),
  },
  Customer: { __resolveReference: ({ id }) => customer(id) },
};

/** Serves the subgraph on a free port. */
export async function serveCustomers() {
  const schema = buildSubgraphSchema({ typeDefs: parse(CUSTOMERS_SDL), resolvers });
  const server = http.createServer(createHandler({ schema }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() };
}
