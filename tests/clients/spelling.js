// Random spellings of a document: the same tokens with other whitespace and escapes, and syntax errors.

import { Lexer, Source, TokenKind } from "graphql";

/** Ignored tokens, which may separate others. */
const GAPS = [" ", "\n", "\t", "\r\n", "\r", ",", " , ,\n", "\ufeff", "#\n", '# } " """ \\ é\u{1F600}\u0007\n', "#\r"];

/** Valid tokens, and text that resembles one. */
const PIECES = [
  ...["{", "}", "(", ")", "[", "]", ":", "=", "!", "|", "@", "$", "&", "...", "..", "."],
  ...["a", "on", "null", "true", "query", "fragment", "$a", "@skip", "1", '"x"', '"""x"""', '""', '""""'],
];

const CHARACTERS = [
  ...["\u0000", "\u0007", "\u00a0", "\u2028", "é", "\u{1F600}", "%", ";", "?", "'", "`", "\\", "/", "-", "+", "*", "<", "~"],
  ...['"', "#", "_", "0"],
];

const NUMBERS = [
  ...["01", "-01", "00", "0x1", "0b1", "1a", "1_000", "1.", ".5", "-", "--1", "+1", "- 1", "1e", "1e+", "1.e1", "1..2"],
  ...["1.5.2", "1e1.5", "1.0a", "1$a", "NaN", "0", "-0", "1e5", "1E-3", "-1.5e+3", "0.0", "0e0"],
];

const STRINGS = [
  ...['"a', "'a'", '"a\nb"', '"\rb"', '"\u0007"', '"""a', '"""a"', '"""\\"""', '"""a""""', '"""\\u12"""'],
  ...['"\\', '"\\x"', '"\\a"', '"\\0"', '"\\/"', '"\\u12"', '"\\u00GG"', '"\\u{}"', '"\\u{41"', '"\\u{000041}"'],
  ...['"\\u{110000}"', '"\\u{FFFFFFFFFF}"', '"\\uD800"', '"\\uDE00\\uD83D"', '"\\uD83D\\uDE00"', '"\\u{D83D}\\u{DE00}"'],
];

const STRING_PIECES = [
  ...['"', '"""', "\\", "\\\\", '\\"', '\\"""', "\n", "\r", "\\n", "\\u", "\\uD83D", "\\uDE00", "\\u{41}", "0041", "D83D"],
  ...["{", "}", "a", " ", "#", "\u{1F600}", "\u2028"],
];

const WORDS = [
  ...["on", "true", "false", "null", "query", "mutation", "subscription", "fragment", "type", "extend"],
  ...["_", "__typename", "é"],
];

/** All syntax errors, by name. Each returns the changed tokens, or undefined if it applies to none. */
const FAULTS = {
  "token left out": (tokens, random) => tokens.toSpliced(random.below(tokens.length), 1),
  "token twice": (tokens, random) => insert(tokens, random, random.pick(tokens)),
  "token added": (tokens, random) => insert(tokens, random, random.pick(PIECES)),
  "token replaced": (tokens, random) => tokens.with(random.below(tokens.length), random.pick([...tokens, ...PIECES])),
  "tokens swapped": (tokens, random) => {
    const index = random.below(tokens.length - 1);
    return tokens.toSpliced(index, 2, tokens[index + 1], tokens[index]);
  },
  "word replaced": (tokens, random) => replace(tokens, random, /^\w/, random.pick(WORDS)),
  "number replaced": (tokens, random) => replace(tokens, random, /^[-\d]/, random.pick(NUMBERS)),
  "string replaced": (tokens, random) => replace(tokens, random, /^"/, random.pick(STRINGS)),
  "string of pieces": (tokens, random) => {
    const quote = random.pick(['"', '"', '"""']);
    const content = random.several(1, 6, () => random.pick(STRING_PIECES)).join("");
    return replace(tokens, random, /^"/, quote + content + quote);
  },
  "string added": (tokens, random) => {
    const index = random.pick(indices(tokens, /^(query|mutation|subscription|fragment|on|\$|\{|\))$/));
    return tokens.toSpliced(index, 0, '"x"');
  },
  "brackets emptied": (tokens, random) => {
    const start = random.pick(indices(tokens, /^[{([]$/));
    let depth = 0;
    const length = tokens.slice(start).findIndex((token) => (depth += nesting(token)) === 0);
    return tokens.toSpliced(start + 1, length - 1);
  },
  "text cut": (tokens, random) => tokens.slice(0, random.below(tokens.length)),
  "character added": (tokens, random) => {
    const index = random.below(tokens.length);
    const characters = [...tokens[index]];
    const changed = characters.toSpliced(random.below(characters.length + 1), 0, random.pick(CHARACTERS));
    return tokens.with(index, changed.join(""));
  },
};

/** Tokens with a random syntax error, and its name. */
export function misspell(tokens, random) {
  const changes = random.shuffle(Object.entries(FAULTS)).map(([fault, change]) => ({ fault, tokens: change(tokens, random) }));
  return changes.find((change) => change.tokens);
}

/** The tokens of a text, with strings spelled differently. */
export function tokensOf(text, random) {
  const lexer = new Lexer(new Source(text));
  const tokens = [];
  while (lexer.advance().kind !== TokenKind.EOF) {
    const { kind, start, end, value } = lexer.token;
    const spell = kind === TokenKind.STRING && random.pick([undefined, string, blockString]);
    tokens.push(spell ? spell(value, random) : text.slice(start, end));
  }
  return tokens;
}

/** A text with these tokens, separated plainly, minimally, or by random ignored tokens. */
export function join(tokens, random) {
  const gap = random.pick([
    () => " ",
    () => " ",
    (left, right) => (/[\w"]$/.test(left) && /^[\w".-]/.test(right) ? " " : ""),
    () => random.several(1, 2, () => random.pick(GAPS)).join(""),
  ]);
  return tokens.map((token, index) => (index ? gap(tokens[index - 1], token) : "") + token).join("");
}

/** A string, with some characters as escapes. */
function string(value, random) {
  const spell = (character) => {
    const point = character.codePointAt(0).toString(16);
    const units = character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    const plain = JSON.stringify(character).slice(1, -1);
    const padded = point.toUpperCase().padStart(6, "0");
    return random.pick([plain, plain, plain, units.join(""), `\\u{${point}}`, `\\u{${padded}}`]);
  };
  return `"${[...value].map(spell).join("")}"`;
}

function blockString(value) {
  return `"""\n${value.replaceAll('"""', '\\"""')}\n"""`;
}

function insert(tokens, random, token) {
  return tokens.toSpliced(random.below(tokens.length + 1), 0, token);
}

/** Replaces one of the tokens that a pattern matches. */
function replace(tokens, random, pattern, other) {
  const places = indices(tokens, pattern);
  return places.length ? tokens.with(random.pick(places), other) : undefined;
}

function indices(tokens, pattern) {
  return [...tokens.keys()].filter((index) => pattern.test(tokens[index]));
}

function nesting(token) {
  if (/^[{([]$/.test(token)) return 1;
  return /^[})\]]$/.test(token) ? -1 : 0;
}
