// Random literals for the types of a schema.

import {
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  parseValue,
  typeFromAST,
  valueFromASTUntyped,
} from "graphql";

export const STRINGS = [
  ...["", "welcome", "SUMMER-0001", "é", "a\nb", "\t", "\u{1F600}", '"', '"""', "\\", "{ # }", "Query", "Campaign"],
];

/** Literals of each scalar. Most integers are small, because they may be page sizes. */
const LITERALS = {
  Int: ["1", "2", "1", "2", "0", "-1", "2147483647", "-2147483648"],
  Float: ["1", "-0.5", "1e3", "1.25E-3"],
  String: STRINGS.map((string) => JSON.stringify(string)),
  Boolean: ["true", "false"],
  ID: ["42", "-1", '"42"', '"00000000-0000-0000-0000-000000000000"', "9999999999999999999"],
  Long: ["42", "42", "9007199254740991", '"42"', "1.0"],
  Timestamp: ["0", "1700000000000", "1e12"],
  JSON: ["{}", "{ a: [1, \"b\"] }", "[]", "1.5", "\"text\"", "true"],
};

/** Random values for the variables of an operation. */
export function makeVariables(schema, random, operation) {
  const values = new Values(schema, random);
  const entries = operation.variableDefinitions.map(({ variable, type }) => {
    const literal = values.any(typeFromAST(schema, type));
    return [variable.name.value, valueFromASTUntyped(parseValue(literal))];
  });
  return Object.fromEntries(entries);
}

/** Generates values. Some are or contain variables, if there is a function that creates a variable of a type. */
export class Values {
  #schema;
  #random;
  #variable;

  constructor(schema, random, variable) {
    this.#schema = schema;
    this.#random = random;
    this.#variable = variable;
  }

  any(type) {
    const random = this.#random;
    if (this.#variable && random.chance(0.25)) return this.#variable(type);
    return !isNonNullType(type) && random.chance(0.1) ? "null" : this.present(type);
  }

  /** A value that is neither null nor a variable. */
  present(type) {
    const random = this.#random;
    const present = getNullableType(type);
    if (isListType(present)) return this.#list(present.ofType);
    if (isInputObjectType(present)) return this.#object(Object.values(present.getFields()));
    if (isEnumType(present)) return random.pick(present.getValues()).name;
    return present.name === "_Any" ? this.#representation() : random.pick(LITERALS[present.name]);
  }

  #list(itemType) {
    const random = this.#random;
    // A single item is coerced to a list.
    if (random.chance(0.2)) return this.present(itemType);
    return `[${random.several(0, 2, () => this.any(itemType)).join(" ")}]`;
  }

  #object(fields) {
    const random = this.#random;
    const given = random.shuffle(fields).filter((field) => isRequiredInputField(field) || random.chance(0.3));
    return `{ ${given.map(({ name, type }) => `${name}: ${this.any(type)}`).join(" ")} }`;
  }

  /** The representation of an entity, as gateways send it. */
  #representation() {
    const type = this.#random.pick(["Campaign", "Customer", "Promotion"]);
    return `{ __typename: "${type}" id: ${this.any(this.#schema.getType("ID"))} }`;
  }
}
