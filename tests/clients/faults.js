// Random changes to a parsed document. Most make it invalid, but not all.

import {
  getNamedType,
  isInputType,
  isLeafType,
  Kind,
  parse,
  parseType,
  parseValue,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from "graphql";

import { Values } from "./values.js";

const SELECTIONS = [Kind.FIELD, Kind.FRAGMENT_SPREAD, Kind.INLINE_FRAGMENT];
const DEFINITIONS = [Kind.OPERATION_DEFINITION, Kind.FRAGMENT_DEFINITION];
const VALUES = [Kind.INT, Kind.FLOAT, Kind.STRING, Kind.BOOLEAN, Kind.NULL, Kind.ENUM, Kind.LIST, Kind.OBJECT, Kind.VARIABLE];

/** Nodes that can be removed or duplicated. */
const PARTS = {
  definition: DEFINITIONS,
  variable: [Kind.VARIABLE_DEFINITION],
  selection: SELECTIONS,
  argument: [Kind.ARGUMENT],
  directive: [Kind.DIRECTIVE],
  "input field": [Kind.OBJECT_FIELD],
};

const LITERALS = [
  ...["1", "0", "-1", "2147483647", "2147483648", "-2147483649", "99999999999999999999", "1.0", "1e2", "-0", "1e400"],
  ...["true", "null", "DISCOUNT", "NOPE", "ADMIN", '"DISCOUNT"', '"1"', '"""x"""', "{}", '{ code: "x" mode: DISCOUNT }'],
  ...["[]", "[null]", "[1]", '["a"]', '[["a"]]', '["a" "b"]', "[DISCOUNT]", "{ a: { b: [1 {}] } }", "{ id: null }"],
];

const ADDED_INPUT_FIELDS = ["nope: 1", 'name: "x"', "mode: DISCOUNT", "active: $nope", "id: 1"];

const ADDED_DIRECTIVES = [
  ...["@skip(if: true)", "@include(if: false)", "@skip", "@skip(if: null)", '@include(if: "true")', "@skip(if: true nope: 1)"],
  ...["@deprecated", '@specifiedBy(url: "x")', "@access(role: ADMIN)", "@oneOf", "@nope", "@nope(a: { b: $b })", "@defer"],
];

const ADDED_DEFINITIONS = [
  ...["{ __typename }", "query { __typename }", "query a { __typename }", "mutation M { __typename }"],
  ...["subscription { __typename }", "subscription S { campaigns }"],
  ...["fragment F on Query { __typename }", "fragment F on Int { id }", "fragment a1 on Promotion { id }"],
  ...["type T { a: Int }", "extend type Query { a: Int }", "interface I { a: Int }", "union U = Campaign", "scalar S"],
  ...["input I { a: Int }", "enum E { A }", "directive @d on FIELD", "schema { query: Query }", "extend schema @nope"],
];

/** All faults, by name. Each returns whether the document had a node that it applies to. */
const FAULTS = {
  "other field": at([Kind.FIELD], ({ node, schema, random }) => (node.name = named(random.pick(fieldNames(schema))))),
  "other alias": at([Kind.FIELD], ({ node, find, random }) => {
    node.alias = named(responseKey(random.pick(find([Kind.FIELD])).node));
  }),
  "response key of a neighbour": at([Kind.SELECTION_SET], ({ node, random }) => {
    const [first, second] = random.shuffle(neighbours(node));
    if (second) second.alias = named(responseKey(first));
  }),
  "response key in two types": at([Kind.OPERATION_DEFINITION], ({ node, schema, random }) => {
    const types = random.several(2, 2, () => random.pick(schema.getType("_Entity").getTypes()));
    const fragments = types.map((type) => `... on ${type} { ${keyed(type, random, 3)} }`);
    node.selectionSet.selections.push(...selections(`_entities(representations: []) { ${fragments.join(" ")} }`));
  }),
  "field again, changed": at([Kind.FIELD], repeat),
  "selection moved": at([Kind.SELECTION_SET], ({ node, find, random }) => {
    node.selections.push(structuredClone(random.pick(find(SELECTIONS)).node));
  }),
  "selection set added": at([Kind.FIELD], ({ node }) => (node.selectionSet ??= selectionSet(selections("id")))),
  "selection set left out": at([Kind.FIELD], ({ node }) => delete node.selectionSet),
  "spread added": at([Kind.SELECTION_SET], ({ node, find, random }) => {
    const defined = find([Kind.FRAGMENT_DEFINITION]).map((place) => place.node.name.value);
    node.selections.push(...selections(`...${random.pick(["nope", ...defined, ...defined])}`));
  }),
  "inline fragment added": at([Kind.SELECTION_SET], ({ node, schema, random }) => {
    const [fragment] = selections(`... on ${random.pick(typeNames(schema))} { __typename }`);
    if (random.chance(0.5)) fragment.selectionSet.selections = structuredClone(node.selections);
    node.selections.push(fragment);
  }),
  "other type condition": at([Kind.FRAGMENT_DEFINITION, Kind.INLINE_FRAGMENT], ({ node, schema, random }) => {
    node.typeCondition = parseType(random.pick(typeNames(schema)));
  }),
  "other fragment name": at([Kind.FRAGMENT_DEFINITION], ({ node }) => (node.name = named("a1"))),
  "argument added": at([Kind.FIELD, Kind.DIRECTIVE], ({ node, random }) => {
    node.arguments.push(...selections(`a(${random.pick(["first", "if", "id", "nope"])}: 1)`)[0].arguments);
  }),
  "other argument name": at([Kind.ARGUMENT], ({ node, random }) => {
    node.name = named(random.pick(["first", "if", "id", "nope"]));
  }),
  "arguments in other order": at([Kind.FIELD], ({ node, random }) => (node.arguments = random.shuffle(node.arguments))),
  "other value": at(VALUES, ({ node, schema, random }) => {
    const types = Object.values(schema.getTypeMap()).filter(isInputType);
    become(node, parseValue(random.chance(0.7) ? random.pick(LITERALS) : new Values(schema, random).any(random.pick(types))));
  }),
  "variable for a value": at(VALUES, ({ node, find, random }) => {
    const defined = find([Kind.VARIABLE_DEFINITION]).map((place) => print(place.node.variable));
    become(node, parseValue(random.pick(["$nope", ...defined, ...defined])));
  }),
  "list for a value": at(VALUES, ({ node }) => become(node, { kind: Kind.LIST, values: [{ ...node }] })),
  "item added": at([Kind.LIST], ({ node, random }) => node.values.push(parseValue(random.pick(LITERALS)))),
  "item left out": at([Kind.LIST], ({ node }) => node.values.pop()),
  "input field added": at([Kind.OBJECT], ({ node, random }) => {
    node.fields.push(...parseValue(`{ ${random.pick(ADDED_INPUT_FIELDS)} }`).fields);
  }),
  "other input field": at([Kind.OBJECT_FIELD], ({ node, random }) => (node.name = named(random.pick(["id", "code", "nope"])))),
  "input fields in other order": at([Kind.OBJECT], ({ node, random }) => (node.fields = random.shuffle(node.fields))),
  "directive added": at([...SELECTIONS, ...DEFINITIONS, Kind.VARIABLE_DEFINITION], ({ node, random }) => {
    node.directives.push(...selections(`a ${random.pick(ADDED_DIRECTIVES)}`)[0].directives);
  }),
  "variable added": at([Kind.OPERATION_DEFINITION], ({ node, schema, random }) => {
    const [operation] = definitions(`query ($added: ${random.pick(typeNames(schema))}) { a }`);
    node.variableDefinitions.push(...operation.variableDefinitions);
  }),
  "other type of a variable": at([Kind.VARIABLE_DEFINITION], ({ node, schema, random }) => {
    const name = random.pick(typeNames(schema));
    node.type = parseType(random.pick([name, `${name}!`, `[${name}]`, `[${name}!]!`]));
  }),
  "other wrapping of a variable's type": at([Kind.VARIABLE_DEFINITION], ({ node, random }) => {
    const type = print(node.type);
    const nullable = type.replace(/!$/, "");
    const item = type.replace(/^\[(.*)\]!?$/, "$1");
    const others = [nullable, `${nullable}!`, `[${type}]`, `[${nullable}]!`, item, type.replaceAll("!", "")];
    node.type = parseType(random.pick(others.filter((other) => other !== type)));
  }),
  "other default value": at([Kind.VARIABLE_DEFINITION], ({ node, random }) => {
    node.defaultValue = parseValue(random.pick(LITERALS));
  }),
  "default value left out": at([Kind.VARIABLE_DEFINITION], ({ node }) => delete node.defaultValue),
  "other operation type": at([Kind.OPERATION_DEFINITION], ({ node, random }) => {
    node.operation = random.pick(["query", "mutation", "subscription"]);
  }),
  "operation name left out": at([Kind.OPERATION_DEFINITION], ({ node }) => delete node.name),
  "definition added": at([Kind.DOCUMENT], ({ node, random }) => {
    node.definitions.push(...definitions(random.pick(ADDED_DEFINITIONS)));
  }),
};
for (const [name, kinds] of Object.entries(PARTS)) {
  FAULTS[`${name} left out`] = at(kinds, ({ node, list }) => list.splice(list.indexOf(node), 1));
  FAULTS[`${name} twice`] = at(kinds, ({ node, list }) => list.push(structuredClone(node)));
}

/** The faults that make a field differ from another with the same response key. */
const DIFFERENCES = [
  ...["other field", "other alias", "other value", "variable for a value", "list for a value", "item added", "item left out"],
  ...["argument left out", "input field left out", "selection left out", "directive left out"],
  ...["arguments in other order", "input fields in other order"],
];

/** Applies a random fault to a document. Returns its name. */
export function spoil(document, schema, random, faults = Object.keys(FAULTS)) {
  return random.shuffle(faults).find((fault) => FAULTS[fault](document, schema, random));
}

/** Creates a fault that changes a random node of these kinds. */
function at(kinds, change) {
  return (root, schema, random) => {
    const find = (kinds) => places(root, schema, kinds);
    const place = random.pick(find(kinds));
    if (place) change({ ...place, root, schema, random, find });
    return place !== undefined;
  };
}

/** The nodes of these kinds, each with the list that contains it and its parent type. */
function places(root, schema, kinds) {
  const found = [];
  const types = new TypeInfo(schema);
  const visitor = {
    enter(node, key, parent) {
      // The name in a variable definition is not a value.
      const isFound = kinds.includes(node.kind) && key !== "variable";
      if (isFound) found.push({ node, list: parent, type: types.getParentType() });
    },
  };
  visit(root, visitWithTypeInfo(types, visitor));
  return found;
}

/** Repeats a field with a fault in the copy, next to it or in a fragment. */
function repeat({ node, list, root, type, schema, random }) {
  const set = selectionSet([structuredClone(node)]);
  spoil(set, schema, random, DIFFERENCES);
  const fragment = random.pick(["", "...", `... on ${type}`, "... on _Entity", "...added"]);
  if (!fragment) list.push(...set.selections);
  else if (fragment !== "...added") list.push({ ...selections(`${fragment} { a }`)[0], selectionSet: set });
  else {
    list.push(...selections(fragment));
    root.definitions.push({ ...definitions(`fragment added on ${type} { a }`)[0], selectionSet: set });
  }
}

/** The fields of a selection set, including those in inline fragments. */
function neighbours({ selections }) {
  return selections.flatMap((selection) => {
    if (selection.kind === Kind.INLINE_FRAGMENT) return neighbours(selection.selectionSet);
    return selection.kind === Kind.FIELD ? [selection] : [];
  });
}

/** A field of a type, with the same response key at each level. */
function keyed(type, random, depth) {
  if (depth === 0) return "k: __typename";
  const field = random.pick(Object.values(type.getFields()));
  const below = getNamedType(field.type);
  const first = field.args.some(({ name }) => name === "first") ? `(first: ${random.pick([1, 2])})` : "";
  return `k: ${field.name}${first} ${isLeafType(below) ? "" : `{ ${keyed(below, random, depth - 1)} }`}`;
}

function fieldNames(schema) {
  const names = Object.values(schema.getTypeMap()).flatMap((type) => Object.keys(type.getFields?.() ?? {}));
  return ["nope", "__schema", "__type", ...new Set(names)];
}

function typeNames(schema) {
  return ["Nope", ...Object.keys(schema.getTypeMap())];
}

function responseKey(field) {
  return (field.alias ?? field.name).value;
}

function named(value) {
  return { kind: Kind.NAME, value };
}

function selectionSet(selections) {
  return { kind: Kind.SELECTION_SET, selections };
}

function selections(text) {
  return definitions(`{ ${text} }`)[0].selectionSet.selections;
}

function definitions(text) {
  return parse(text, { noLocation: true }).definitions;
}

/** Replaces a node by another. */
function become(node, other) {
  for (const key of Object.keys(node)) delete node[key];
  Object.assign(node, other);
}
