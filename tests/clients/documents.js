// Random documents that a schema permits, as text.

import {
  doTypesOverlap,
  getNullableType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  isUnionType,
  getNamedType,
  parseValue,
  SchemaMetaFieldDef,
  typeFromAST,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  valueFromASTUntyped,
} from "graphql";

/** Selection sets within each other, fragments aside. */
const DEPTH = 3;

/** Names that a lenient reader could mistake for something else. */
const NAMES = ["on", "query", "fragment", "true", "null", "_", "A1", "type", "input"];

const STRINGS = ["", "welcome", "SUMMER-0001", "é", "a\nb", "\u{1F600}", '"', '"""', "\\", "{ # }", "Query", "Campaign", "\t"];

/** Literals of each scalar. Pages are mostly small. */
const LITERALS = {
  Int: ["1", "2", "1", "2", "0", "-1", "2147483647", "-2147483648"],
  Float: ["1", "-0.5", "1e3", "1.25E-3"],
  Boolean: ["true", "false"],
  ID: ["42", "-1", '"42"', '"00000000-0000-0000-0000-000000000000"', "9999999999999999999"],
  Long: ["42", "42", "9007199254740991", '"42"', "1.0"],
  Timestamp: ["0", "1700000000000", "1e12"],
};

/** A random document. */
export function makeDocument(schema, random) {
  return new Writer(schema, random).document();
}

/** A random value of a type, without variables. */
export function makeValue(schema, random, type) {
  return new Writer(schema, random).value(type, true);
}

/** Values that fit the variables of an operation. */
export function makeVariables(schema, random, operation) {
  const value = ({ type }) => valueFromASTUntyped(parseValue(makeValue(schema, random, typeFromAST(schema, type))));
  return Object.fromEntries(operation.variableDefinitions.map((definition) => [definition.variable.name.value, value(definition)]));
}

class Writer {
  /** Complete fragments: they may be spread. */
  #fragments = [];
  /** The variables of all operations. Their names are those of the document, because operations share fragments. */
  #variables = [];
  /** Those that the operation or fragment uses that is being written. */
  #used = new Set();
  /** The field, with its arguments, that each response key stands for: fields with the same key can be merged. */
  #keys = new Map();
  /** The fields with arguments that have been written, by type and name: some are written again. */
  #written = new Map();

  constructor(schema, random) {
    this.schema = schema;
    this.random = random;
  }

  document() {
    const { random } = this;
    const count = random.pick([1, 1, 1, 1, 2, 3]);
    const isNamed = count > 1 || random.chance(0.5);
    const operations = Array.from({ length: count }, (_, index) => this.#operation(isNamed ? this.#name(index) : ""));
    return random.shuffle([...operations, ...this.#fragments.map(({ text }) => text)]).join("\n");
  }

  /** A value of a type. A constant one has no variables. */
  value(type, constant) {
    const { random } = this;
    if (!constant && random.chance(0.25)) return this.#variable(type);
    if (!isNonNullType(type) && random.chance(0.1)) return "null";
    return this.#present(getNullableType(type), constant);
  }

  #operation(name) {
    const { random } = this;
    const kind = random.chance(0.1) ? "mutation" : "query";
    const { text, used } = this.#scope(() => this.#set(this.schema.getRootType(kind), DEPTH));
    if (kind === "query" && !name && !used.size && random.chance(0.7)) return text;
    const variables = used.size ? `(${random.shuffle([...used]).map(({ definition }) => definition).join(" ")})` : "";
    return `${this.#description()}${kind} ${name}${variables} ${text}`;
  }

  /** What a function writes, and the variables that it uses. */
  #scope(write) {
    const outer = this.#used;
    this.#used = new Set();
    const scope = { text: write(), used: this.#used };
    this.#used = outer;
    return scope;
  }

  #name(index) {
    return this.random.pick(this.random.chance(0.2) ? NAMES : ["a"]) + index;
  }

  #description() {
    return this.random.chance(0.03) ? `${JSON.stringify(this.random.pick(STRINGS))} ` : "";
  }

  #set(type, depth) {
    return `{ ${this.random.several(1, 3, () => this.#selection(type, depth)).join(" ")} }`;
  }

  #selection(type, depth) {
    const { random } = this;
    const isNested = depth > 0 && random.chance(isUnionType(type) ? 0.9 : 0.2);
    if (!isNested) return this.#field(type, depth);
    if (random.chance(0.5)) return this.#spread(type, depth);
    const condition = isUnionType(type) || random.chance(0.7) ? this.#condition(type) : undefined;
    return `...${condition ? `on ${condition}` : ""}${this.#directives()} ${this.#set(condition ?? type, depth - 1)}`;
  }

  /** A type that objects of another type can be of. */
  #condition(type) {
    const types = Object.values(this.schema.getTypeMap()).filter(isCompositeType);
    return this.random.pick(types.filter((other) => doTypesOverlap(this.schema, type, other)));
  }

  #spread(type, depth) {
    const { random } = this;
    const known = this.#fragments.filter((fragment) => doTypesOverlap(this.schema, type, fragment.type));
    const fragment = known.length && random.chance(0.5) ? random.pick(known) : this.#fragment(type, depth);
    fragment.used.forEach((variable) => this.#used.add(variable));
    return `...${fragment.name}${this.#directives()}`;
  }

  #fragment(type, depth) {
    const condition = this.#condition(type);
    const { text: set, used } = this.#scope(() => this.#set(condition, depth - 1));
    const name = this.#name(this.#fragments.length);
    const text = `${this.#description()}fragment ${name} on ${condition} ${set}`;
    const fragment = { name, type: condition, text, used };
    this.#fragments.push(fragment);
    return fragment;
  }

  #field(type, depth) {
    const { random, schema } = this;
    const fields = isUnionType(type) ? [] : Object.values(type.getFields());
    if (type === schema.getQueryType() && random.chance(0.2)) fields.push(SchemaMetaFieldDef, TypeMetaFieldDef);
    const candidates = fields.filter((field) => depth > 0 || isLeafType(getNamedType(field.type)));
    const field = !candidates.length || random.chance(0.1) ? TypeNameMetaFieldDef : random.pick(candidates);
    const call = this.#call(type, field);
    const below = getNamedType(field.type);
    return `${this.#key(field.name, call)}${this.#directives()}${isLeafType(below) ? "" : ` ${this.#set(below, depth - 1)}`}`;
  }

  /** A field with its arguments. */
  #call(type, field) {
    const { random } = this;
    const name = `${type}.${field.name}`;
    const written = this.#written.get(name) ?? [];
    if (written.length && random.chance(0.5)) {
      const { call, used } = random.pick(written);
      used.forEach((variable) => this.#used.add(variable));
      return call;
    }
    const { text: call, used } = this.#scope(() => field.name + this.#arguments(field.args));
    used.forEach((variable) => this.#used.add(variable));
    this.#written.set(name, [...written, { call, used }]);
    return call;
  }

  #arguments(definitions) {
    const { random } = this;
    const given = definitions.filter((definition) => isRequiredArgument(definition) || random.chance(0.5));
    const texts = random.shuffle(given).map(({ name, type }) => `${name}: ${this.value(type, false)}`);
    return texts.length ? `(${texts.join(" ")})` : "";
  }

  /** A field with its arguments, and an alias if its name stands for others already. */
  #key(name, call) {
    const { random } = this;
    const isFree = (key) => (this.#keys.get(key) ?? call) === call;
    let key = random.chance(0.8) ? name : random.pick(NAMES);
    for (let number = 2; !isFree(key); number++) key = name + number;
    this.#keys.set(key, call);
    return key === name ? call : `${key}: ${call}`;
  }

  #directives() {
    const { random } = this;
    if (!random.chance(0.1)) return "";
    const names = random.chance(0.2) ? random.shuffle(["skip", "include"]) : [random.pick(["skip", "include"])];
    return names.map((name) => ` @${name}${this.#arguments(this.schema.getDirective(name).args)}`).join("");
  }

  /** A variable that may stand where a type is expected. */
  #variable(expected) {
    const { random } = this;
    const known = this.#variables.filter((variable) => variable.expected === String(expected));
    const variable = known.length && random.chance(0.5) ? random.pick(known) : this.#newVariable(expected);
    this.#used.add(variable);
    return variable.text;
  }

  #newVariable(expected) {
    const { random } = this;
    const nullable = getNullableType(expected);
    const text = `$${this.#name(this.#variables.length)}`;
    const isRequired = random.chance(isNonNullType(expected) ? 0.6 : 0.2);
    const needsDefault = isNonNullType(expected) && !isRequired;
    const type = isRequired ? `${nullable}!` : String(nullable);
    const constant = isRequired || needsDefault ? this.#present(nullable, true) : this.value(nullable, true);
    const initial = needsDefault || random.chance(0.3) ? ` = ${constant}` : "";
    const variable = { text, expected: String(expected), definition: `${this.#description()}${text}: ${type}${initial}` };
    this.#variables.push(variable);
    return variable;
  }

  /** A value that is not null. */
  #present(type, constant) {
    const { random } = this;
    if (isListType(type)) {
      if (random.chance(0.2)) return this.#present(getNullableType(type.ofType), constant);
      return `[${random.several(0, 2, () => this.value(type.ofType, constant)).join(" ")}]`;
    }
    if (isInputObjectType(type)) return this.#object(type, constant);
    if (isEnumType(type)) return random.pick(type.getValues()).name;
    if (type.name === "_Any") return this.#representation(constant);
    return random.pick(LITERALS[type.name] ?? STRINGS.map((string) => JSON.stringify(string)));
  }

  #object(type, constant) {
    const { random } = this;
    const given = Object.values(type.getFields()).filter((field) => isRequiredInputField(field) || random.chance(0.3));
    return `{ ${random.shuffle(given).map((field) => `${field.name}: ${this.value(field.type, constant)}`).join(" ")} }`;
  }

  /** The key of an entity, as gateways send it. */
  #representation(constant) {
    const type = this.random.pick(["Campaign", "Customer", "Promotion"]);
    return `{ __typename: "${type}" id: ${this.value(this.schema.getType("ID"), constant)} }`;
  }
}
