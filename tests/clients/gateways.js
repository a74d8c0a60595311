// Gateways that execute a supergraph in this process. Both forward the header authorization, as docs/federation.md says.

import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { createGatewayRuntime } from "@graphql-hive/gateway-runtime";

/** Apollo Gateway. */
export async function startApollo(supergraphSdl) {
  const buildService = ({ url }) =>
    new RemoteGraphQLDataSource({
      url,
      willSendRequest({ request, context }) {
        if (context.authorization) request.http.headers.set("authorization", context.authorization);
      },
    });
  const server = new ApolloServer({ gateway: new ApolloGateway({ supergraphSdl, buildService }) });
  await server.start();
  return {
    async ask(authorization, query, variables) {
      const { body } = await server.executeOperation({ query, variables }, { contextValue: { authorization } });
      return body.singleResult;
    },
    stop: () => server.stop(),
  };
}

/** Hive Gateway. Of an operation, it permits an estimated cost of at most `maxCost`. */
export async function startHive(supergraphSdl, maxCost = Infinity) {
  const gateway = createGatewayRuntime({
    supergraph: supergraphSdl,
    logging: false,
    demandControl: { maxCost, includeExtensionMetadata: true },
    propagateHeaders: {
      fromClientToSubgraphs({ request }) {
        return { authorization: request.headers.get("authorization") ?? undefined };
      },
    },
  });
  return {
    async ask(authorization, query, variables) {
      const headers = { "content-type": "application/json", ...(authorization && { authorization }) };
      const body = JSON.stringify({ query, variables });
      return (await gateway.fetch("http://gateway.example/graphql", { method: "POST", headers, body })).json();
    },
    stop: () => gateway[Symbol.asyncDispose](),
  };
}
