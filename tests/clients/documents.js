// Random valid documents for a schema, as text.

import {
  doTypesOverlap,
  getNamedType,
  getNullableType,
  isCompositeType,
  isLeafType,
  isNonNullType,
  isRequiredArgument,
  isUnionType,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
} from "graphql";

import { STRINGS, Values } from "./values.js";

/** The maximum nesting of selection sets, not counting fragments. */
const DEPTH = 3;

/** Names that a lenient parser could mistake for keywords. */
const NAMES = ["on", "query", "fragment", "true", "null", "_", "A1", "type", "input"];

/** A random document. */
export function makeDocument(schema, random) {
  return new Writer(schema, random).document();
}

class Writer {
  #schema;
  #random;
  #values;
  #constants;
  /** Complete fragments, which may be spread. */
  #fragments = [];
  /** The variables of all operations. Their names are unique in the document, because operations share fragments. */
  #variables = [];
  /** The variables that the current operation or fragment uses. */
  #used = new Set();
  /** The field and arguments of each response key. Fields with the same key must be mergeable. */
  #keys = new Map();
  /** The fields with arguments written so far, by type and name. Some are repeated. */
  #written = new Map();

  constructor(schema, random) {
    this.#schema = schema;
    this.#random = random;
    this.#values = new Values(schema, random, (type) => this.#variable(type));
    this.#constants = new Values(schema, random);
  }

  document() {
    const random = this.#random;
    const count = random.pick([1, 1, 1, 1, 2, 3]);
    const isNamed = count > 1 || random.chance(0.5);
    const operations = Array.from({ length: count }, (_, index) => this.#operation(isNamed ? this.#name(index) : ""));
    return random.shuffle([...operations, ...this.#fragments.map(({ text }) => text)]).join("\n");
  }

  #operation(name) {
    const random = this.#random;
    const kind = random.chance(0.1) ? "mutation" : "query";
    const { text, used } = this.#scope(() => this.#set(this.#schema.getRootType(kind), DEPTH));
    if (kind === "query" && !name && !used.size && random.chance(0.7)) return text;
    const variables = used.size ? `(${random.shuffle([...used]).map(({ definition }) => definition).join(" ")})` : "";
    return `${this.#description()}${kind} ${name}${variables} ${text}`;
  }

  /** Runs a function that writes text. Returns the text and the variables that it uses. */
  #scope(write) {
    const outer = this.#used;
    this.#used = new Set();
    const scope = { text: write(), used: this.#used };
    this.#used = outer;
    return scope;
  }

  #use(variables) {
    variables.forEach((variable) => this.#used.add(variable));
  }

  #name(index) {
    return this.#random.pick(this.#random.chance(0.2) ? NAMES : ["a"]) + (index || "");
  }

  #description() {
    return this.#random.chance(0.03) ? `${JSON.stringify(this.#random.pick(STRINGS))} ` : "";
  }

  #set(type, depth) {
    return `{ ${this.#random.several(1, 3, () => this.#selection(type, depth)).join(" ")} }`;
  }

  #selection(type, depth) {
    const random = this.#random;
    const isNested = depth > 0 && random.chance(isUnionType(type) ? 0.9 : 0.2);
    if (!isNested) return this.#field(type, depth);
    if (random.chance(0.5)) return this.#spread(type, depth);
    const condition = isUnionType(type) || random.chance(0.7) ? this.#condition(type) : undefined;
    return `...${condition ? `on ${condition}` : ""}${this.#directives()} ${this.#set(condition ?? type, depth - 1)}`;
  }

  /** A type condition that is possible for objects of a type. */
  #condition(type) {
    const types = Object.values(this.#schema.getTypeMap()).filter(isCompositeType);
    return this.#random.pick(types.filter((other) => doTypesOverlap(this.#schema, type, other)));
  }

  #spread(type, depth) {
    const random = this.#random;
    const known = this.#fragments.filter((fragment) => doTypesOverlap(this.#schema, type, fragment.type));
    const fragment = known.length && random.chance(0.5) ? random.pick(known) : this.#fragment(type, depth);
    this.#use(fragment.used);
    return `...${fragment.name}${this.#directives()}`;
  }

  #fragment(type, depth) {
    const condition = this.#condition(type);
    const { text: set, used } = this.#scope(() => this.#set(condition, depth - 1));
    // "on" is not a valid fragment name.
    const name = this.#name(this.#fragments.length).replace(/^on$/, "On");
    const text = `${this.#description()}fragment ${name} on ${condition} ${set}`;
    const fragment = { name, type: condition, text, used };
    this.#fragments.push(fragment);
    return fragment;
  }

  #field(type, depth) {
    const random = this.#random;
    const fields = isUnionType(type) ? [] : Object.values(type.getFields());
    if (type === this.#schema.getQueryType() && random.chance(0.2)) fields.push(SchemaMetaFieldDef, TypeMetaFieldDef);
    const candidates = fields.filter((field) => depth > 0 || isLeafType(getNamedType(field.type)));
    const field = !candidates.length || random.chance(0.1) ? TypeNameMetaFieldDef : random.pick(candidates);
    const call = this.#key(field.name, this.#call(type, field)) + this.#directives();
    const below = getNamedType(field.type);
    return isLeafType(below) ? call : `${call} ${this.#set(below, depth - 1)}`;
  }

  /** A field with its arguments. */
  #call(type, field) {
    const random = this.#random;
    const name = `${type}.${field.name}`;
    const written = this.#written.get(name) ?? [];
    let call = random.pick(written);
    if (!call || random.chance(0.5)) {
      call = this.#scope(() => field.name + this.#arguments(field.args));
      this.#written.set(name, [...written, call]);
    }
    this.#use(call.used);
    return call.text;
  }

  #arguments(definitions) {
    const random = this.#random;
    const given = random.shuffle(definitions).filter((argument) => isRequiredArgument(argument) || random.chance(0.5));
    const texts = given.map(({ name, type }) => `${name}: ${this.#values.any(type)}`);
    return texts.length ? `(${texts.join(" ")})` : "";
  }

  /** A field with its arguments, and an alias if its name is in use for different arguments. */
  #key(name, call) {
    const isFree = (key) => (this.#keys.get(key) ?? call) === call;
    let key = this.#random.chance(0.8) ? name : this.#random.pick(NAMES);
    for (let number = 2; !isFree(key); number++) key = name + number;
    this.#keys.set(key, call);
    return key === name ? call : `${key}: ${call}`;
  }

  #directives() {
    const random = this.#random;
    if (!random.chance(0.1)) return "";
    const both = random.shuffle(["skip", "include"]);
    const names = random.chance(0.2) ? both : [both[0]];
    return names.map((name) => ` @${name}${this.#arguments(this.#schema.getDirective(name).args)}`).join("");
  }

  /** A variable that is valid at a position of this type. */
  #variable(expected) {
    const random = this.#random;
    const known = this.#variables.filter((variable) => variable.expected === String(expected));
    const variable = known.length && random.chance(0.5) ? random.pick(known) : this.#newVariable(expected);
    this.#use([variable]);
    return variable.text;
  }

  #newVariable(expected) {
    const random = this.#random;
    const nullable = getNullableType(expected);
    const text = `$${this.#name(this.#variables.length)}`;
    // A nullable variable with a non-null default is valid at a non-null position.
    const isNonNull = random.chance(isNonNullType(expected) ? 0.6 : 0.2);
    const needsDefault = isNonNullType(expected) && !isNonNull;
    const constant = isNonNull || needsDefault ? this.#constants.present(nullable) : this.#constants.any(nullable);
    const initial = needsDefault || random.chance(0.3) ? ` = ${constant}` : "";
    const definition = `${this.#description()}${text}: ${nullable}${isNonNull ? "!" : ""}${initial}`;
    const variable = { text, expected: String(expected), definition };
    this.#variables.push(variable);
    return variable;
  }
}
