// The spelling of documents: the same tokens in other words, and faults of syntax.

import { Lexer, Source, TokenKind } from "graphql";

/** What may stand between tokens. */
const GAPS = [" ", "\n", "\t", "\r\n", "\r", ",", " , ,\n", "\ufeff", "#\n", '# } " """ \\ é\u{1F600}\u0007\n', "#\r"];

/** Tokens, and what resembles one. */
const PIECES = [
  ..."{}()[]:=!|@$&".split(""),
  ...["...", "..", ".", "a", "on", "null", "true", "query", "fragment", "$a", "@skip", "1", '"x"', '"""x"""', '""', '""""'],
];

/** No name may start with any of these, and nothing else either. */
const CHARACTERS = ["\u0000", "\u0007", "\u00a0", "\u2028", "é", "\u{1F600}", "%", ";", "?", "'", "`", "\\", "/", "-", "+", "*", "<", "~", '"', "#", "_", "0"];

const NUMBERS = [
  ...["01", "-01", "00", "0x1", "1a", "1_000", "1.", ".5", "-", "--1", "+1", "1e", "1e+", "1.e1", "1.5.2", "1..2", "1e1.5", "0b1", "- 1"],
  ...["0", "-0", "1e5", "1E-3", "-1.5e+3", "0.0", "0e0", "1.0a", "1$a", "1_", "NaN", "Infinity"],
];

const STRINGS = [
  ...['"a', "'a'", '"a\nb"', '"a\rb"', '"\\x"', '"\\u12"', '"\\u{110000}"', '"\\u{}"', '"\\u{41"', '"\\uD800"', '"\\uDE00\\uD83D"', '"\\u{D83D}\\u{DE00}"'],
  ...['"\\u00GG"', '"\\', '"""a', '"""a"', '"""\\"""', '"""\\u12"""', '"""a""""', '"\\u{FFFFFFFFFF}"', '"\\u{00000041}"', '"\\uD83D\\uDE00"', '"\\/"', '"\\a"', '"\\0"', '"\u0007"'],
];

const WORDS = ["on", "true", "false", "null", "query", "mutation", "subscription", "fragment", "type", "extend", "_", "__typename", "é"];

/** The faults of syntax, by what they are. Each answers with the changed tokens, or with none if there is no place for it. */
export const SYNTAX_FAULTS = {
  "token left out": (tokens, random) => tokens.toSpliced(random.below(tokens.length), 1),
  "token twice": (tokens, random) => insert(tokens, random, random.pick(tokens)),
  "token added": (tokens, random) => insert(tokens, random, random.pick(PIECES)),
  "token replaced": (tokens, random) => tokens.with(random.below(tokens.length), random.pick([...tokens, ...PIECES])),
  "tokens swapped": (tokens, random) => {
    const index = random.below(tokens.length - 1);
    return tokens.toSpliced(index, 2, tokens[index + 1], tokens[index]);
  },
  "word replaced": (tokens, random) => replace(tokens, random, /^\w/, WORDS),
  "number replaced": (tokens, random) => replace(tokens, random, /^[-\d]/, NUMBERS),
  "string replaced": (tokens, random) => replace(tokens, random, /^"/, STRINGS),
  "brackets emptied": (tokens, random) => {
    const start = random.pick(indices(tokens, /^[{([]$/));
    let depth = 0;
    const end = tokens.findIndex((token, index) => index >= start && (depth += nesting(token)) === 0);
    return tokens.toSpliced(start + 1, end - start - 1);
  },
  "text cut": (tokens, random) => tokens.slice(0, random.below(tokens.length)),
  "character added": (tokens, random) => {
    const index = random.below(tokens.length);
    const characters = [...tokens[index]];
    characters.splice(random.below(characters.length + 1), 0, random.pick(CHARACTERS));
    return tokens.with(index, characters.join(""));
  },
};

/** The tokens of a text, their strings maybe in another spelling. */
export function tokensOf(text, random) {
  const style = random.below(4);
  const lexer = new Lexer(new Source(text));
  const tokens = [];
  while (lexer.advance().kind !== TokenKind.EOF) {
    const { kind, start, end, value } = lexer.token;
    // The same style in all of the document: graphql-js holds a string and a block string to be different values.
    const isSpelled = kind === TokenKind.STRING && style < 2;
    tokens.push(isSpelled ? [string, blockString][style](value, random) : text.slice(start, end));
  }
  return tokens;
}

/** A text with these tokens: plain, with as little as possible between them, or with all that may be there. */
export function join(tokens, random) {
  const gap = random.pick([() => " ", () => " ", necessaryGap, () => random.several(1, 2, () => random.pick(GAPS)).join("")]);
  return tokens.map((token, index) => (index ? gap(tokens[index - 1], token) : "") + token).join("");
}

function necessaryGap(left, right) {
  return /[\w"]$/.test(left) && /^[\w".-]/.test(right) ? " " : "";
}

function string(value, random) {
  const character = (character) => {
    const point = character.codePointAt(0).toString(16);
    const units = character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    const plain = JSON.stringify(character).slice(1, -1);
    return random.pick([plain, plain, plain, units.join(""), `\\u{${point}}`, `\\u{${point.padStart(8, "0").toUpperCase()}}`]);
  };
  return `"${[...value].map(character).join("")}"`;
}

function blockString(value) {
  return `"""\n${value.replaceAll('"""', '\\"""')}\n"""`;
}

function insert(tokens, random, token) {
  return tokens.toSpliced(random.below(tokens.length + 1), 0, token);
}

function replace(tokens, random, pattern, others) {
  const places = indices(tokens, pattern);
  return places.length ? tokens.with(random.pick(places), random.pick(others)) : undefined;
}

function indices(tokens, pattern) {
  return [...tokens.keys()].filter((index) => pattern.test(tokens[index]));
}

function nesting(token) {
  if (/^[{([]$/.test(token)) return 1;
  return /^[})\]]$/.test(token) ? -1 : 0;
}
