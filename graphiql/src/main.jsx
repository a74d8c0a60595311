// The page: GraphiQL, with an explorer to build operations by clicking, and nothing that it would have to fetch from
// elsewhere.

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
import { HEADERS, TABS, firstVariables, keepsHeaders } from "./opening.js";

/** How long nothing is typed before the schema is asked for again, in milliseconds. */
const PAUSE = 600;

/** Asks for the schema again when the headers were changed, for as long as it is not there. */
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

createRoot(document.getElementById("page")).render(
  <GraphiQL
    defaultHeaders={HEADERS}
    defaultTabs={TABS}
    fetcher={fetcher}
    initialVariables={firstVariables}
    inputValueDeprecation
    plugins={[EXPLORER, HISTORY_PLUGIN]}
    schemaDescription
    shouldPersistHeaders={keepsHeaders}
    showPersistHeadersSettings
  >
    <GraphiQL.Logo>Promolink</GraphiQL.Logo>
    <SchemaForCredential />
  </GraphiQL>,
);
