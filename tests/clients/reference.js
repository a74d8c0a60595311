// What graphql-js, the reference implementation, says of a document.

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

/** What the schema that is executed has besides schema.graphql, for gateways. */
const FEDERATION = `
  extend type Query { _entities(representations: [_Any!]!): [_Entity]! }
  scalar _Any
  union _Entity = Campaign | Customer | Promotion`;

/** The rules of the specification. The recommended ones, which limit introspection, are graphql-js's own. */
const RULES = [...specifiedRules.filter((rule) => !recommendedRules.includes(rule)), operationTypeExists];

/** The schema, with what graphql-js 16 needs to follow the specification of September 2025. */
export async function readSchema() {
  const schema = buildSchema((await readFile(new URL("../../schema.graphql", import.meta.url), "utf8")) + FEDERATION);
  assertValidSchema(schema);
  // Deprecated directives are of a later draft.
  delete __Directive.getFields().isDeprecated;
  delete __Directive.getFields().deprecationReason;
  __Schema.getFields().directives.args = [];
  // Without this, the type of __typename is not compared with the types of other fields (5.3.2).
  const objects = Object.values(schema.getTypeMap()).filter(isObjectType);
  objects.forEach((type) => (type.getFields().__typename = TypeNameMetaFieldDef));
  return schema;
}

/**
 * What is wrong with a document, and its first operation, if it can be read. Block strings become strings: graphql-js
 * takes the two for different arguments, even with the same value (5.3.2).
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

/** The schema has operations of the type (5.2.1.1): graphql-js 16 has no such rule. */
function operationTypeExists(context) {
  return {
    OperationDefinition(node) {
      if (context.getSchema().getRootType(node.operation)) return;
      context.reportError(new GraphQLError(`The schema has no ${node.operation} operations.`, { nodes: node }));
    },
  };
}
