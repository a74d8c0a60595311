// Stands for Rover while a page is tried: composes a supergraph from its configuration, by the library that Rover uses.

import { readFileSync } from "node:fs";

import { composeServices } from "@apollo/composition";
import { parse } from "graphql";
import { parse as parseYaml } from "yaml";

const [supergraph, compose, flag, file] = process.argv.slice(2);
if (`${supergraph} ${compose} ${flag}` !== "supergraph compose --config") throw new Error("no page runs this command");
const { subgraphs } = parseYaml(readFileSync(file, "utf8"));
const services = Object.entries(subgraphs).map(([name, { routing_url, schema }]) => ({
  name,
  url: routing_url,
  typeDefs: parse(readFileSync(schema.file, "utf8")),
}));
const { errors, supergraphSdl } = composeServices(services);
if (errors) throw new Error(errors.join("\n"));
console.log(supergraphSdl);
