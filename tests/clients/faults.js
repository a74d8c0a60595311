// Faults of documents: each is a random change of a parsed document, after which most documents are invalid, but not all.

import { getNamedType, isInputType, isLeafType, Kind, parse, parseType, parseValue, print, TypeInfo, visit, visitWithTypeInfo } from "graphql";

import { makeValue } from "./documents.js";

/** What can be left out, and what can be there twice. */
const PARTS = {
  definition: [Kind.FRAGMENT_DEFINITION, Kind.OPERATION_DEFINITION],
  variable: [Kind.VARIABLE_DEFINITION],
  selection: [Kind.FIELD, Kind.FRAGMENT_SPREAD, Kind.INLINE_FRAGMENT],
  argument: [Kind.ARGUMENT],
  directive: [Kind.DIRECTIVE],
  "input field": [Kind.OBJECT_FIELD],
};

const VALUES = [Kind.INT, Kind.FLOAT, Kind.STRING, Kind.BOOLEAN, Kind.NULL, Kind.ENUM, Kind.LIST, Kind.OBJECT, Kind.VARIABLE];

const LITERALS = [
  // prettier-ignore
  ...["1", "0", "-1", "2147483647", "2147483648", "-2147483649", "99999999999999999999", "1.0", "1e2", "-0", "1e400"],
  ...["true", "null", "DISCOUNT", "NOPE", "ADMIN", '"DISCOUNT"', '"1"', '"""x"""', "{}", '{ code: "x" mode: DISCOUNT }'],
  ...["[]", "[null]", "[1]", '["a"]', '[["a"]]', '["a" "b"]', "[DISCOUNT]", "{ a: { b: [1 {}] } }", "{ id: null }"],
];

const DIRECTIVES = [
  ...["@skip(if: true)", "@include(if: false)", "@skip", "@skip(if: null)", '@include(if: "true")', "@skip(if: true unless: 1)"],
  ...["@deprecated", '@specifiedBy(url: "x")', "@access(role: ADMIN)", "@oneOf", "@nope", "@nope(a: { b: $b })", "@defer"],
];

const DEFINITIONS = [
  ...["type T { a: Int }", "extend type Query { a: Int }", "scalar S", "enum E { A }", "directive @d on FIELD", "interface I { a: Int }"],
  ...["schema { query: Query }", "input I { a: Int }", "union U = Campaign", "extend schema @nope"],
  ...["{ __typename }", "query { __typename }", "query a0 { __typename }", "subscription S { __typename }", "subscription { campaigns }"],
  ...["fragment F on Query { __typename }", "fragment a0 on Promotion { id }", "fragment a1 on Nope { id }", "fragment F on Int { id }"],
];

/** Every fault, by what it is. Each answers whether the document has a place for it. */
export const FAULTS = {
  "other field": at([Kind.FIELD], ({ node, random, schema }) => (node.name = named(random.pick(fieldNames(schema))))),
  "other alias": at([Kind.FIELD], ({ node, root, random }) => (node.alias = named(responseKey(random.pick(find(root, [Kind.FIELD])).node)))),
  "selection set added": at([Kind.FIELD], ({ node }) => (node.selectionSet ??= selections("id"))),
  "selection set left out": at([Kind.FIELD], ({ node }) => delete node.selectionSet),
  "selection moved": at([Kind.SELECTION_SET], ({ node, root, random }) => {
    node.selections.push(structuredClone(random.pick(find(root, PARTS.selection)).node));
  }),
  "response key of neighbours": at([Kind.SELECTION_SET], ({ node, random }) => {
    const [first, second] = random.shuffle(neighbours(node));
    if (second) second.alias = named(responseKey(first));
  }),
  "field again, changed": at([Kind.FIELD], again),
  "response key in two types": at([Kind.OPERATION_DEFINITION], ({ node, random, schema }) => {
    const fragment = () => random.pick(schema.getType("_Entity").getTypes());
    const selected = [fragment(), fragment()].map((type) => `... on ${type} { ${keyed(type, random, 3)} }`);
    node.selectionSet.selections.push(...selections(`_entities(representations: []) { ${selected.join(" ")} }`).selections);
  }),
  "other argument name": at([Kind.ARGUMENT], ({ node, random }) => (node.name = named(random.pick(["first", "if", "id", "nope"])))),
  "argument added": at([Kind.FIELD, Kind.DIRECTIVE], ({ node, random }) => {
    node.arguments.push(...selections(`a(${random.pick(["first", "if", "id", "nope"])}: 1)`).selections[0].arguments);
  }),
  "other order": at([Kind.FIELD, Kind.OBJECT], ({ node, random }) => {
    if (node.kind === Kind.FIELD) node.arguments = random.shuffle(node.arguments);
    else node.fields = random.shuffle(node.fields);
  }),
  "other value": at(VALUES, ({ node, random, schema }) => {
    const types = Object.values(schema.getTypeMap()).filter(isInputType);
    become(node, parseValue(random.chance(0.7) ? random.pick(LITERALS) : makeValue(schema, random, random.pick(types))));
  }),
  "variable as value": at(VALUES, ({ node, root, random }) => {
    const defined = find(root, [Kind.VARIABLE_DEFINITION]).map((place) => print(place.node.variable));
    become(node, parseValue(random.pick(["$nope", ...defined, ...defined])));
  }),
  "value in a list": at(VALUES, ({ node }) => become(node, { kind: Kind.LIST, values: [{ ...node }] })),
  "item added": at([Kind.LIST], ({ node, random }) => node.values.push(parseValue(random.pick(LITERALS)))),
  "item left out": at([Kind.LIST], ({ node }) => node.values.pop()),
  "other input field": at([Kind.OBJECT_FIELD], ({ node, random }) => (node.name = named(random.pick(["id", "code", "nope"])))),
  "input field added": at([Kind.OBJECT], ({ node, random }) => {
    const text = random.pick(["{ nope: 1 }", '{ name: "x" }', "{ mode: DISCOUNT }", "{ active: $nope }", "{ id: 1 }"]);
    node.fields.push(...parseValue(text).fields);
  }),
  "directive added": at([...PARTS.selection, ...PARTS.definition, ...PARTS.variable], ({ node, random }) => {
    node.directives.push(...selections(`a ${random.pick(DIRECTIVES)}`).selections[0].directives);
  }),
  "spread added": at([Kind.SELECTION_SET], ({ node, root, random }) => {
    const defined = find(root, [Kind.FRAGMENT_DEFINITION]).map((place) => place.node.name.value);
    node.selections.push(...selections(`...${random.pick(["nope", ...defined, ...defined])}`).selections);
  }),
  "fragment added": at([Kind.SELECTION_SET], ({ node, random, schema }) => {
    const fragment = selections(`... on ${random.pick(typeNames(schema))} { __typename }`).selections[0];
    if (random.chance(0.5)) fragment.selectionSet.selections = structuredClone(node.selections);
    node.selections.push(fragment);
  }),
  "other type condition": at([Kind.FRAGMENT_DEFINITION, Kind.INLINE_FRAGMENT], ({ node, random, schema }) => {
    node.typeCondition = parseType(random.pick(typeNames(schema)));
  }),
  "fragment renamed": at([Kind.FRAGMENT_DEFINITION], ({ node }) => (node.name = named("a0"))),
  "other variable type": at([Kind.VARIABLE_DEFINITION], ({ node, random, schema }) => {
    const name = random.pick(typeNames(schema));
    node.type = parseType(random.pick([name, `${name}!`, `[${name}]`, `[${name}!]!`]));
  }),
  "other wrapping of a variable's type": at([Kind.VARIABLE_DEFINITION], ({ node, random }) => {
    const type = print(node.type);
    const nullable = type.replace(/!$/, "");
    const others = [nullable, `${nullable}!`, `[${type}]`, `[${nullable}]!`, type.replace(/^\[(.*)\]!?$/, "$1"), type.replaceAll("!", "")];
    node.type = parseType(random.pick(others.filter((other) => other !== type)));
  }),
  "default value left out": at([Kind.VARIABLE_DEFINITION], ({ node }) => delete node.defaultValue),
  "other default value": at([Kind.VARIABLE_DEFINITION], ({ node, random }) => (node.defaultValue = parseValue(random.pick(LITERALS)))),
  "variable added": at([Kind.OPERATION_DEFINITION], ({ node, random, schema }) => {
    const text = `query ($added: ${random.pick(typeNames(schema))}) { a }`;
    node.variableDefinitions.push(...parse(text, { noLocation: true }).definitions[0].variableDefinitions);
  }),
  "other operation type": at([Kind.OPERATION_DEFINITION], ({ node, random }) => {
    node.operation = random.pick(["query", "mutation", "subscription"]);
  }),
  "operation name left out": at([Kind.OPERATION_DEFINITION], ({ node }) => delete node.name),
  "definition added": at([Kind.DOCUMENT], ({ node, random }) => {
    node.definitions.push(...parse(random.pick(DEFINITIONS), { noLocation: true }).definitions);
  }),
  ...Object.fromEntries(Object.entries(PARTS).flatMap(([name, kinds]) => [
    [`${name} left out`, at(kinds, ({ node, list }) => list.splice(list.indexOf(node), 1))],
    [`${name} twice`, at(kinds, ({ node, list }) => list.push(structuredClone(node)))],
  ])),
};

/** The faults that can make a field differ from a copy of it. */
const CHANGES = [
  ...["other field", "other alias", "other order", "other value", "variable as value", "value in a list", "item added"],
  ...["item left out", "argument left out", "input field left out", "selection left out", "directive left out"],
];

/** A fault of some kinds of node. */
function at(kinds, change) {
  return (root, schema, random) => {
    const place = random.pick(find(root, kinds, schema));
    if (place) change({ ...place, root, schema, random });
    return place !== undefined;
  };
}

/** The nodes of some kinds, each with the list that it is in and the type that it selects from. */
function find(root, kinds, schema) {
  const places = [];
  const visitor = {
    enter(node, key, parent) {
      // The variable of a variable definition is not a value.
      if (kinds.includes(node.kind) && key !== "variable") places.push({ node, list: parent, type: types?.getParentType() });
    },
  };
  const types = schema && new TypeInfo(schema);
  visit(root, types ? visitWithTypeInfo(types, visitor) : visitor);
  return places;
}

/** Repeats a field with another fault in it, maybe in a fragment. */
function again({ node, list, root, type, schema, random }) {
  const copy = structuredClone(node);
  const changed = { kind: Kind.SELECTION_SET, selections: [copy] };
  random.shuffle(CHANGES).find((name) => FAULTS[name](changed, schema, random));
  const fragment = random.pick(["", "... ", `... on ${type} `, "...added", "... on _Entity "]);
  if (!fragment) list.push(...changed.selections);
  else if (fragment === "...added") {
    list.push(...selections(fragment).selections);
    root.definitions.push({ kind: Kind.FRAGMENT_DEFINITION, name: named("added"), typeCondition: parseType(String(type)), directives: [], selectionSet: changed });
  } else list.push({ ...selections(`${fragment} { a }`).selections[0], selectionSet: changed });
}

/** The fields of a selection set, those of its inline fragments too. */
function neighbours(set) {
  return set.selections.flatMap((selection) => {
    if (selection.kind === Kind.INLINE_FRAGMENT) return neighbours(selection.selectionSet);
    return selection.kind === Kind.FIELD ? [selection] : [];
  });
}

/** A field of a type with one response key, all the way down. */
function keyed(type, random, depth) {
  if (depth === 0) return "k: __typename";
  const field = random.pick(Object.values(type.getFields()));
  const below = getNamedType(field.type);
  const first = field.args.some(({ name }) => name === "first") ? `(first: ${random.pick([1, 2])})` : "";
  return `k: ${field.name}${first} ${isLeafType(below) ? "" : `{ ${keyed(below, random, depth - 1)} }`}`;
}

function fieldNames(schema) {
  const fields = Object.values(schema.getTypeMap()).flatMap((type) => Object.keys(type.getFields?.() ?? {}));
  return [...new Set(fields), "__typename", "__schema", "__type", "nope"];
}

function typeNames(schema) {
  return [...Object.keys(schema.getTypeMap()), "Nope"];
}

function responseKey(field) {
  return (field.alias ?? field.name).value;
}

function named(value) {
  return { kind: Kind.NAME, value };
}

function selections(text) {
  return parse(`{ ${text} }`, { noLocation: true }).definitions[0].selectionSet;
}

/** Turns a node into another one. */
function become(node, other) {
  for (const key of Object.keys(node)) delete node[key];
  Object.assign(node, other);
}
