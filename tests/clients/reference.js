// The verdict of graphql-js, the reference implementation, on a document.

import { readFile } from "node:fs/promises";

import {
  __Directive,
  __Schema,
  assertValidSchema,
  buildSchema,
  GraphQLError,
  isObjectType,
  Kind,
  parse,
  recommendedRules,
  specifiedRules,
  TypeNameMetaFieldDef,
  validate,
  visit,
} from "graphql";

/** The definitions for gateways that the executed schema has in addition to schema.graphql. */
const FEDERATION = `
  extend type Query { _entities(representations: [_Any!]!): [_Entity]! }
  scalar _Any
  union _Entity = Campaign | Customer | Promotion`;

/** The specification's rules, without graphql-js's own recommendations, which limit introspection. */
const RULES = [...specifiedRules.filter((rule) => !recommendedRules.includes(rule)), operationTypeExists];

/** The schema, with what graphql-js 16 needs to follow the specification of September 2025. */
export async function readSchema() {
  const schema = buildSchema((await readFile(new URL("../../schema.graphql", import.meta.url), "utf8")) + FEDERATION);
  assertValidSchema(schema);
  // Deprecating directives is part of a later draft.
  delete __Directive.getFields().isDeprecated;
  delete __Directive.getFields().deprecationReason;
  __Schema.getFields().directives.args = [];
  // Without this, the type of __typename is not compared with the types of other fields (5.3.2).
  const objects = Object.values(schema.getTypeMap()).filter(isObjectType);
  objects.forEach((type) => (type.getFields().__typename = TypeNameMetaFieldDef));
  return schema;
}

/**
 * Returns the errors of a document and, if it parses, its first operation. Block strings become strings: graphql-js
 * considers the two different arguments, even with the same value (5.3.2).
 */
export function judge(schema, text) {
  try {
    const document = visit(parse(text), { StringValue: (node) => ({ ...node, block: false }) });
    const operation = document.definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    return { errors: validate(schema, document, RULES).map(({ message }) => message), operation };
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    return { errors: [error.message] };
  }
}

/** The schema supports the type of each operation (5.2.1.1), for which graphql-js 16 has no rule. */
function operationTypeExists(context) {
  return {
    OperationDefinition(node) {
      if (context.getSchema().getRootType(node.operation)) return;
      context.reportError(new GraphQLError(`The schema has no ${node.operation} operations.`, { nodes: node }));
    },
  };
}
