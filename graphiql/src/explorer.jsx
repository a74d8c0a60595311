// The explorer, a plugin that builds operations by clicking. It hides the fields that only gateways use.

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { useGraphiQL } from "@graphiql/react";
import { GraphQLObjectType, GraphQLSchema } from "graphql";
import { useMemo } from "react";

/** The fields that Apollo Federation adds to Query. */
const FEDERATION = ["_entities", "_service"];

function withoutFederation(schema) {
  const { query, types, ...config } = schema.toConfig();
  const { fields, ...type } = query.toConfig();
  const kept = Object.entries(fields).filter(([name]) => !FEDERATION.includes(name));
  return new GraphQLSchema({
    ...config,
    query: new GraphQLObjectType({ ...type, fields: Object.fromEntries(kept) }),
    types: types.filter((type) => type !== query),
  });
}

function Explorer() {
  const schema = useGraphiQL((state) => state.schema);
  const shown = useMemo(() => schema && withoutFederation(schema), [schema]);
  return explorerPlugin({ schema: shown }).content();
}

export const EXPLORER = { ...explorerPlugin(), content: Explorer };
