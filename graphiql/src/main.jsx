// The page: GraphiQL with an explorer. Everything is bundled, so that the page loads nothing from other servers.

import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./page.css";

import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { useEffect } from "react";
import { createRoot } from "react-dom/client";

import { EXPLORER } from "./explorer.jsx";
import { fetcher } from "./fetcher.js";
import { HEADERS, firstVariables, keepsHeaders, needsCredential, tabs } from "./opening.js";

/** How long the headers must stay unchanged before the schema is fetched again, in milliseconds. */
const PAUSE = 600;

/** Until the schema is loaded, fetches it again whenever the headers change. */
function SchemaForCredential() {
  const { headerEditor, schema } = useGraphiQL(({ headerEditor, schema }) => ({ headerEditor, schema }));
  const { introspect } = useGraphiQLActions();
  useEffect(() => {
    if (schema || !headerEditor) return;
    let timer;
    const watched = headerEditor.onDidChangeModelContent(() => {
      clearTimeout(timer);
      timer = setTimeout(introspect, PAUSE);
    });
    return () => {
      clearTimeout(timer);
      watched.dispose();
    };
  }, [headerEditor, introspect, schema]);
}

/** Wraps long lines, as GraphiQL does in the response. */
function LongLines() {
  const editors = useGraphiQL((state) => [state.queryEditor, state.variableEditor, state.headerEditor]);
  useEffect(() => {
    for (const editor of editors) editor?.updateOptions({ wordWrap: "on" });
  }, [editors]);
}

createRoot(document.getElementById("page")).render(
  <GraphiQL
    defaultEditorToolsVisibility={needsCredential ? "headers" : "variables"}
    defaultHeaders={HEADERS}
    defaultTabs={tabs}
    fetcher={fetcher}
    initialVariables={firstVariables}
    inputValueDeprecation
    plugins={[EXPLORER, HISTORY_PLUGIN]}
    schemaDescription
    shouldPersistHeaders={keepsHeaders}
    showPersistHeadersSettings
  >
    <GraphiQL.Logo>Promolink</GraphiQL.Logo>
    <LongLines />
    <SchemaForCredential />
  </GraphiQL>,
);
